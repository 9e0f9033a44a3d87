"""Memory is told before a model is loaded: refused where it cannot suffice, said where it is tight."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.errors import UserError
from evalkit.models import BackendOptions
from evalkit.models.huggingface import _forecast as module
from evalkit.models.huggingface import _weights
from evalkit.models.huggingface._forecast import Forecast, check_memory, forecast_for
from evalkit.models.huggingface._stored import StoredTensor

from .test_arithmetic import GIB, config

SaveModel = Callable[..., Path]
Load = Callable[..., Any]


def forecast(
    tensors: list[StoredTensor], stored: str = "bfloat16", free: int | None = 60 * GIB, **options: Any
) -> Forecast:
    """The forecast of an 8B model with these tensors."""
    made = config(dtype=f"torch.{stored}", quantization_config=options.pop("quantised", None))
    return forecast_for(made, tensors, [], BackendOptions(device="cpu", longest_sequence=32_768, **options), free)


@pytest.mark.parametrize(
    ("options", "size"),
    [({}, 100), ({"dtype": "float32"}, 200), ({"dtype": "float16"}, 100), ({"quantised": {}, "dtype": "float32"}, 100)],
)
def test_weights_count_as_they_are_loaded(options: dict[str, Any], size: int) -> None:
    """Integers and quantised weights stay as they are stored."""
    found = forecast([StoredTensor("w", "BF16", 60), StoredTensor("w", "F32", 80)], **options)
    quantised = "quantised" in options

    assert (140 if quantised else size) == found.weights
    assert 8 == forecast([StoredTensor("w", "I8", 8)], dtype="float32").weights


def test_files_without_headers_count_by_their_size(tmp_path: Path) -> None:
    """Pickles."""
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(bytes(1234))

    found = forecast_for(config(), [], [path, tmp_path / "missing"], BackendOptions(device="cpu"), None)

    assert 1234 == found.weights


def test_keys_values_and_a_pass_are_those_of_the_longest_sequence() -> None:
    """As the plan counts them."""
    found = forecast([StoredTensor("w", "BF16", 16 * GIB)])

    assert (4 * GIB, 32_768) == (found.cache, found.tokens)
    assert found.activations == 32_768 * module.activation_bytes(config(), 2, 32_768, "sdpa")
    assert found.total == found.weights + found.cache + found.activations


def test_what_cannot_fit_is_refused_with_its_numbers() -> None:
    """In one line, with what to change."""
    asked = BackendOptions(device="cpu", longest_sequence=32_768)
    found = forecast([StoredTensor("w", "BF16", 16 * GIB)])

    with pytest.raises(UserError, match=r"16\.0 GiB of weights, 4\.0 GiB of keys.*32,768.*19\.0 GiB free") as caught:
        check_memory("m", found, asked, 19 * GIB)

    assert 1 == len(str(caught.value).splitlines())
    assert "--max-seq-len" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "weights", "advice"),
    [
        ({"dtype": "float32"}, 40, "--dtype bfloat16"),
        ({"device": "cuda"}, 40, "--device-map auto"),
        ({"batch": 8}, 10, "--batch 1"),
        ({}, 40, "quantised weights"),
    ],
)
def test_the_advice_is_of_what_was_asked_for(options: dict[str, Any], weights: int, advice: str) -> None:
    """Nothing is advised that is so already."""
    asked = BackendOptions(**{"device": "cpu", "longest_sequence": 8192} | options)
    found = Forecast(weights * GIB, 8 * GIB, GIB, 8192, 4 if asked.dtype == "float32" else 2)

    with pytest.raises(UserError) as caught:
        check_memory("m", found, asked, 17 * GIB)

    assert advice in str(caught.value)


def test_a_window_that_is_advised_fits() -> None:
    """By the same numbers."""
    asked, found = BackendOptions(device="cpu", longest_sequence=65_536), Forecast(8 * GIB, 8 * GIB, GIB, 65_536, 2)
    with pytest.raises(UserError) as caught:
        check_memory("m", found, asked, 12 * GIB)
    window = int(str(caught.value).rpartition("--max-seq-len ")[2].split(";")[0])

    notes: list[str] = []
    share = window / found.tokens
    less = Forecast(found.weights, int(share * found.cache), int(share * found.activations), window, 2)
    check_memory("m", less, BackendOptions(device="cpu", note=notes.append), 12 * GIB)

    assert not notes


def test_what_is_tight_is_said_and_what_is_not_known_is_not() -> None:
    """A forecast is arithmetic: other programs come and go."""
    notes: list[str] = []
    asked = BackendOptions(device="cpu", longest_sequence=8192, note=notes.append)
    found = Forecast(8 * GIB, 2 * GIB, GIB, 8192, 2)

    check_memory("m", found, asked, None)
    check_memory("m", found, asked, 20 * GIB)
    assert not notes
    check_memory("m", found, asked, 11 * GIB)

    assert 1 == len(notes)
    assert "memory is tight: 8.0 GiB of weights" in notes[0]


def test_answers_at_once_are_counted_where_a_number_of_them_is_asked_for() -> None:
    """`auto` takes what there is."""
    notes: list[str] = []
    found = Forecast(8 * GIB, 2 * GIB, GIB, 8192, 2)

    check_memory("m", found, BackendOptions(device="cpu", batch=8, note=notes.append), 20 * GIB)

    assert "8 answers at once may take 25.0 GiB" in notes[0]


def test_a_model_that_cannot_fit_is_not_loaded(
    save_model: SaveModel, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal comes before the first tensor."""
    monkeypatch.setattr(_weights, "free_for", lambda _: 1000)

    with pytest.raises(UserError, match="of weights") as caught:
        load(save_model(), longest_sequence=400)

    assert 1 == len(str(caught.value).splitlines())


def test_several_devices_and_the_host_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a map."""
    import torch

    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: SimpleNamespace(type="cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    monkeypatch.setattr(module, "available_memory", {"cuda:0": 3, "cuda:1": 4, "cpu": 50}.__getitem__)

    assert 57 == module.free_for(BackendOptions(device_map="auto"))
