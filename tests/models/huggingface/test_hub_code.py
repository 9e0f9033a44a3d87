"""A model folder chooses neither the attention that a run records nor code of the hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.errors import CardError
from evalkit.models import BackendOptions, GenerationRequest
from evalkit.models._folder_code import named_implementations
from evalkit.models.huggingface._hub_code import HubCodeError, no_hub_code, strip_implementations
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]

EVIL = "attacker/evil"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the kernels that transformers fetches: it believes the package kernels to be installed."""
    from transformers import modeling_utils
    from transformers.integrations import hub_kernels

    names: list[str] = []

    def fetch(name: str, **_: Any) -> Any:
        names.append(name)
        raise RuntimeError("fetched")

    for module in (hub_kernels, modeling_utils):
        monkeypatch.setattr(module, "is_kernels_available", lambda *_, **__: True)
    monkeypatch.setattr(hub_kernels, "get_kernel_hub", fetch, raising=False)
    return names


def change(folder: Path, **fields: Any) -> Path:
    """The folder with other fields in its `config.json`."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")
    return folder


def texts(model: HuggingFaceModel, requests: list[GenerationRequest]) -> list[str]:
    """The answers."""
    return [done.text for done in model.generate(RopeSetting("native"), requests)]


@pytest.mark.parametrize(
    "fields",
    [
        {"_attn_implementation": EVIL},
        {"attn_implementation": EVIL},
        {"_attn_implementation_internal": EVIL},
        {"_attn_implementation": f"{EVIL}@main:run"},
        {"_attn_implementation": "flash_attention_2"},
        {"_attn_implementation": "eager"},
        {"_attn_implementation": {"": EVIL, "text_config": EVIL}},
        {"_experts_implementation": "sonicmoe"},
        {"experts_implementation": "no such one"},
        {"use_kernels": True, "kernel_config": {"RMSNorm": f"{EVIL}:Norm"}},
        {"fusion_config": {"patch": True}},
        {"custom_generate": EVIL},
        {"decoders": [{"attn_implementation": EVIL}]},
    ],
    ids=str,
)
def test_what_a_folder_chooses_is_ignored_and_said(
    fields: dict[str, Any], save_model: Callable[..., Path], load: Load, ask: Ask, prompts: list[list[int]],
    fetched: list[str],
) -> None:  # fmt: skip
    """Any spelling, any depth: the answers and the attention are those of a plain folder, and nothing is fetched."""
    expected = texts(load(save_model()), ask(prompts[:2]))
    notes: list[str] = []

    model = load(change(save_model(), **fields), note=notes.append)

    assert (expected, "sdpa", []) == (texts(model, ask(prompts[:2])), model.engine_info["attention"], fetched)
    (note,) = (each for each in notes if "config.json names" in each)
    assert 1 == len(note.splitlines())
    assert any(name in note for name in ("implementation", *fields))


def test_a_choice_that_agrees_is_not_worth_a_word(save_model: Callable[..., Path], load: Load) -> None:
    """Releases of transformers have saved the attention they ran with."""
    notes: list[str] = []

    load(change(save_model(), _attn_implementation="sdpa", _experts_implementation=None), note=notes.append)

    assert [] == notes


def test_a_nested_language_model_is_no_way_around() -> None:
    """The configurations inside a configuration are stripped and named too."""
    from transformers import Gemma3Config

    inner = {"num_hidden_layers": 1, "_attn_implementation": EVIL, "_experts_implementation": "sonicmoe"}
    config = Gemma3Config(text_config=dict(inner), vision_config={"attn_implementation": EVIL})
    named = named_implementations({"text_config": inner}, besides="sdpa")

    strip_implementations(config)

    parts = (config, config.text_config, config.vision_config)
    assert {(None, None)} == {(each._attn_implementation, each._experts_implementation) for each in parts}
    assert [
        "text_config._attn_implementation 'attacker/evil'",
        "text_config._experts_implementation 'sonicmoe'",
    ] == named


def test_layers_that_name_a_kernel_fetch_none(save_model: Callable[..., Path], load: Load, fetched: list[str]) -> None:
    """Settings of single layers are dropped, or the folder is refused in one line."""
    folder = change(save_model(), per_layer_config={"0": {"_attn_implementation": EVIL}})

    try:
        model = load(folder)
        assert {"sdpa"} == {
            each.config._attn_implementation for each in model._model.modules() if hasattr(each, "config")
        }
    except CardError as error:
        assert 1 == len(str(error).splitlines())

    assert [] == fetched


@pytest.mark.parametrize(
    "fields", [{"transformers_weights": "other.safetensors"}, {"configuration_files": ["config.5.0.0.json"]}], ids=str
)
def test_a_configuration_that_hands_over_to_other_files_is_refused(
    fields: dict[str, Any], save_model: Callable[..., Path], load: Load
) -> None:
    """A run's identity covers the files with the usual names."""
    (name,) = fields
    folder = save_model()
    (folder / "config.5.0.0.json").write_text((folder / "config.json").read_text("utf-8"), "utf-8")

    with pytest.raises(CardError, match=f"config.json: {name} names other files") as caught:
        load(change(folder, **fields))

    assert 1 == len(str(caught.value).splitlines())


def test_code_of_the_hub_is_refused_unless_asked_for(fetched: list[str]) -> None:
    """By the kernel's own name, as the flash attention that it stands for, or by --trust-remote-code."""
    from transformers.integrations import hub_kernels

    def ask_for(name: str, **options: Any) -> None:
        with no_hub_code(BackendOptions(**options)):
            hub_kernels.get_kernel(name, version=1)

    for options in ({}, {"attention": "other/kernel"}, {"attention": "flash_attention_2"}):
        with pytest.raises(HubCodeError, match="attacker/evil on the hub is code that is not run unasked"):
            ask_for(EVIL, **options)
    assert [] == fetched

    for options in ({"attention": f"{EVIL}@v1:run"}, {"trust_remote_code": True}):
        with pytest.raises(RuntimeError, match="fetched"):
            ask_for(EVIL, **options)
    with pytest.raises(RuntimeError, match="fetched"):
        ask_for("kernels-community/flash-attn2", attention="flash_attention_2")
    assert [EVIL, EVIL, "kernels-community/flash-attn2"] == fetched


def test_a_kernel_for_a_running_state_is_done_without(fetched: list[str]) -> None:
    """transformers takes a refused kernel for one that is not there."""
    from transformers.integrations import hub_kernels

    with no_hub_code(BackendOptions()):
        assert hub_kernels.lazy_load_kernel("deep-gemm", {}) is None

    assert [] == fetched


def test_the_guard_is_gone_behind_it() -> None:
    """Others in this process fetch as before."""
    from transformers.integrations import hub_kernels

    before = hub_kernels.get_kernel
    with no_hub_code(BackendOptions()):
        assert before is not hub_kernels.get_kernel

    assert before is hub_kernels.get_kernel
