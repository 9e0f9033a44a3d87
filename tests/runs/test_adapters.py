"""A run with an adapter is a run of its own; what a backend cannot do with one, or with a device map, is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import read_adapter
from evalkit.errors import UserError
from evalkit.runs import RunSettings, Session, open_session, read_manifest, read_records_of_run
from tests.adapters import save_adapter

Command = Callable[..., Any]
Open = Callable[..., Session]
SHAPES = {"model.layers.0.self_attn.q_proj": (32, 32), "model.layers.1.mlp.down_proj": (32, 64)}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter that fits the tiny model."""
    return save_adapter(tmp_path / "lora", SHAPES, size=0.5)


@pytest.fixture
def opened(toy: str, tiny_model: Path, bare: Path) -> Open:  # noqa: ARG001
    """Opener of sessions of the toy benchmark."""

    def go(**settings: Any) -> Session:
        values = {"model": str(tiny_model), "benchmarks": (toy,), "backend": "hf"} | settings
        return open_session(RunSettings(**values))

    return go


def test_digest_and_name_are_in_identity_and_label(opened: Open, adapter: Path) -> None:
    """Only where an adapter is asked for: runs begun before go on."""
    plain, with_it = opened().jobs[0], opened(adapter=str(adapter)).jobs[0]

    assert "adapter" not in plain.identity
    assert read_adapter(adapter).digest == with_it.identity["adapter"]
    assert f"plain+adapter-{read_adapter(adapter).label}" == with_it.label
    assert plain.folder != with_it.folder


def test_the_backend_gets_it(opened: Open, adapter: Path) -> None:
    """Read and checked."""
    options = opened(adapter=str(adapter)).backend_options(longest_sequence=1, note=print)

    assert read_adapter(adapter) == options.adapter


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"adapter": "nowhere"}, "--adapter nowhere: no such folder"),
        ({"adapter": "nowhere", "backend": "toy"}, "--adapter is for --backend hf and vllm"),
        ({"adapter": "nowhere", "base_url": "http://127.0.0.1:9/v1", "backend": "endpoint"}, "--adapter is for"),
        ({"device_map": "auto", "backend": "vllm"}, "tensor_parallel=N"),
        ({"device_map": "auto", "device": "cpu"}, "--device-map and --device both"),
        ({"device_map": "balanced"}, "--device-map balanced: must be auto"),
    ],
)
def test_what_cannot_be_is_one_line(settings: dict[str, Any], problem: str, opened: Open) -> None:
    """Before a model is read."""
    with pytest.raises(UserError, match=problem) as caught:
        opened(**settings)

    assert 1 == len(str(caught.value).splitlines())


def test_a_device_map_without_accelerator_ends_before_the_weights_are_read(
    evalkit: Command, toy: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, exit code 2."""
    import torch

    from evalkit.models import _device_map

    monkeypatch.setattr(_device_map, "has_accelerate", lambda: True)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)

    outcome = evalkit("run", tiny_model, toy, "--backend", "hf", "--device-map", "auto")

    assert "no accelerator" in outcome.last_complaint


@pytest.mark.filterwarnings("default")
def test_a_run_with_an_adapter_answers_otherwise_and_goes_on(
    evalkit: Command, toy: str, tiny_model: Path, adapter: Path, bare: Path
) -> None:
    """From the command line to the records; the same command again asks nothing, another adapter is refused."""
    words = ("run", tiny_model, toy, "--backend", "hf", "--dtype", "float32", "--limit", 2)

    def texts(folder: str, *more: object) -> list[str | None]:
        outcome = evalkit(*words, "--out", folder, *more)
        assert 0 == outcome.code, outcome
        return [record.text for record in read_records_of_run(bare / folder)]

    plain, with_it = texts("plain"), texts("with", "--adapter", adapter)
    again = texts("with", "--adapter", adapter)
    save_adapter(adapter, SHAPES, size=0.4)
    other = evalkit(*words, "--out", "with", "--adapter", adapter)

    assert plain != with_it
    assert again == with_it
    assert "adapter" in read_manifest(bare / "with").identity
    assert 2 == other.code
    assert "adapter" in other.err
