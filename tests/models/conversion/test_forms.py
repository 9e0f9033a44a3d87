"""Which folders are taken as they are, which are converted, and which need their own code after all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.cards import load_card
from evalkit.cards.published import Published
from evalkit.errors import CardError
from evalkit.models import BackendOptions
from evalkit.models.conversion import _forms, loadable
from evalkit.models.conversion._forms import form_for
from evalkit.prompts import PromptTokenizer
from tests.models.conversion.checkpoints import CHATGLM, INDEX, LLAMA, chatglm_state, llama_logits, llama_state
from tests.models.conversion.conftest import Publish, answers, greedy_texts

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

TODAY = {key: value for key, value in LLAMA.items() if key != "rope_scaling"}


def test_safetensors_of_a_built_in_class_are_taken_as_they_are(tiny_model: Path, cache: Path) -> None:
    """Nothing is read, written or said."""
    notes: list[str] = []

    found = loadable(load_card(tiny_model), BackendOptions(note=notes.append), "hf")

    assert (str(tiny_model.resolve()), None, False, None) == (
        found.place, found.revision, found.is_converted, found.runs_as
    )  # fmt: skip
    assert not cache.exists()
    assert [] == notes


@pytest.mark.parametrize("is_pickled", [True, False])
def test_the_models_own_code_gets_the_published_folder(is_pickled: bool, publish: Publish, cache: Path) -> None:
    """`--trust-remote-code` converts nothing."""
    folder = publish(INDEX, llama_state(INDEX), is_pickled=is_pickled)

    found = loadable(load_card(folder), BackendOptions(trust_remote_code=True), "hf")

    assert (str(folder), False) == (found.place, found.is_converted)
    assert not cache.exists()


def test_pickled_weights_under_own_code_are_read_by_transformers(
    publish: Publish, load: Callable[..., HuggingFaceModel]
) -> None:
    """A Llama in `.bin` loads with the flag too, without a copy."""
    model = load(publish(TODAY, llama_state(TODAY)), trust_remote_code=True)

    assert "runs_as" not in model.engine_info


def test_own_code_runs_on_pickled_weights_where_it_is_allowed(
    publish: Publish,
    load: Callable[..., HuggingFaceModel],
    prompts: list[list[int]],
    tokenizer: PromptTokenizer,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The class of the repository answers, here one that leaves the head as it is; nothing is converted."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "transformers_modules"]:
        monkeypatch.delitem(sys.modules, name)  # of another test, in another folder
    state = llama_state(INDEX)
    state["lm_head.weight"][::2] *= 3
    folder = publish(INDEX, state)
    (folder / "configuration_index.py").write_text(
        "from transformers import LlamaConfig\nclass IndexConfig(LlamaConfig):\n    model_type = 'index'\n", "utf-8"
    )
    (folder / "modeling_index.py").write_text(
        "from transformers import LlamaForCausalLM\nfrom .configuration_index import IndexConfig\n"
        "class IndexForCausalLM(LlamaForCausalLM):\n    config_class = IndexConfig\n",
        "utf-8",
    )
    wanted = greedy_texts(lambda ids: llama_logits(state, INDEX, ids), prompts, tokenizer.decode)

    model: Any = load(folder, trust_remote_code=True)

    assert wanted == answers(model, prompts)
    assert "transformers_modules" in type(model._model).__module__
    assert not cache.exists()


@pytest.mark.parametrize("kind", ["qwen2", "mistral"])
def test_pickled_weights_of_any_built_in_architecture_become_safetensors(
    kind: str,
    publish: Publish,
    load: Callable[..., HuggingFaceModel],
    prompts: list[list[int]],
    tokenizer: PromptTokenizer,
    cache: Path,
) -> None:
    """Names stay, and loading holds them against the class as ever; both compute as Llama does."""
    import torch

    config = {**TODAY, "architectures": [f"{kind.title()}ForCausalLM"], "model_type": kind, "num_key_value_heads": 4}
    state = llama_state(TODAY)
    if kind == "qwen2":
        biases = {f"model.layers.{n}.self_attn.{x}_proj.bias": torch.ones(64) * 0.1 for n in range(2) for x in "qkv"}
        state |= biases

    wanted = greedy_texts(lambda ids: llama_logits(state, TODAY, ids), prompts, tokenizer.decode)

    model: Any = load(publish(config, state))

    assert wanted == answers(model, prompts)
    assert "runs_as" not in model.engine_info
    assert 1 == len(list(cache.glob("*/model.safetensors.index.json")))
    assert kind == model._model.config.model_type


def test_an_architecture_that_nobody_knows_needs_its_code(publish: Publish) -> None:
    """The name, and the flag."""
    config = {**INDEX, "architectures": ["BaichuanForCausalLM"], "model_type": "baichuan"}
    folder = publish(config, llama_state(INDEX))

    with pytest.raises(CardError, match=r"'BaichuanForCausalLM' is built into no engine.*--trust-remote-code"):
        form_for(folder, config, "hf")


def test_what_the_architecture_cannot_compute_is_said(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the way, and the flag."""
    found = Published("IndexForCausalLM", "llama", {}, obstacles=("alibi true", "logit_scale 2"))
    monkeypatch.setattr(_forms, "read_published", lambda _: found)
    folder = publish(INDEX, llama_state(INDEX))

    with pytest.raises(CardError, match=r"runs as llama but for alibi true; logit_scale 2.*--trust-remote-code"):
        form_for(folder, INDEX, "hf")


def test_quantised_weights_of_another_class_are_refused(publish: Publish) -> None:
    """Their scales have names that no conversion knows."""
    config = {**INDEX, "quantization_config": {"quant_method": "gptq", "bits": 4}}

    with pytest.raises(CardError, match="quantis"):
        form_for(publish(config, llama_state(INDEX)), config, "hf")


def test_values_that_a_configuration_cannot_have_are_said(publish: Publish) -> None:
    """With the field."""
    folder = publish(INDEX, llama_state(INDEX))

    with pytest.raises(CardError, match=r"config\.json: rms_norm_eps"):
        form_for(folder, {**INDEX, "rms_norm_eps": "small"}, "hf")


@pytest.mark.parametrize("is_pickled", [True, False])
def test_an_engine_with_a_class_of_its_own_keeps_the_names(is_pickled: bool, publish: Publish) -> None:
    """vLLM's ChatGLM: published names and configuration, without the map to code."""
    from safetensors import safe_open

    folder = publish(CHATGLM, chatglm_state(CHATGLM), is_pickled=is_pickled)

    found: Any = loadable(load_card(folder), BackendOptions(), "vllm")

    names: set[str] = set()
    for path in found.folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            names |= set(file.keys())
        assert is_pickled != path.is_symlink()
    assert chatglm_state(CHATGLM).keys() == names
    assert found.runs_as is None
    config = (found.folder / "config.json").read_text("utf-8")
    assert "auto_map" not in config
    assert '"model_type": "chatglm"' in config
