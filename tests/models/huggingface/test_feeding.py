"""Models that keep their state otherwise than in a key-value cache answer as transformers' own `generate` does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.cards import load_card
from evalkit.errors import CardError
from evalkit.models import Completion, GenerationRequest, examine
from evalkit.models.huggingface import _prefill as module
from evalkit.models.huggingface._prefix import can_prefill_in_pieces
from evalkit.prompts import ChatFormat, PromptTokenizer, load_tokenizer
from evalkit.rope import RopeSetting
from tests.wild.tokenizers import write_tokenizer

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]
Reference = Callable[..., list[list[int]]]
NEW = 8

_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "initializer_range": 0.4}
_ATTENTION = {"num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 64}
_MAMBA2 = {"num_heads": 4, "n_groups": 1, "state_size": 16, "expand": 2, "head_dim": 16}
_CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "MambaForCausalLM": {**_SIZES, "state_size": 8},
    "Mamba2ForCausalLM": {**_SIZES, **_MAMBA2},
    "FalconMambaForCausalLM": {**_SIZES, "state_size": 8},
    "JambaForCausalLM": {
        **_SIZES, **_ATTENTION, "attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2,
        "num_experts_per_tok": 1, "mamba_d_state": 8, "use_mamba_kernels": False,
    },
    "RwkvForCausalLM": {**_SIZES, "attention_hidden_size": 32, "context_length": 512},
    "RecurrentGemmaForCausalLM": {
        **_SIZES, **_ATTENTION, "num_hidden_layers": 3, "lru_width": 32, "attention_window_size": 16,
    },
    "MiniMaxForCausalLM": {**_SIZES, **_ATTENTION, "head_dim": 16, "num_local_experts": 2, "num_experts_per_tok": 1},
    "OpenAIGPTLMHeadModel": {"n_positions": 512, "n_embd": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.4},
    "XLMWithLMHeadModel": {
        "emb_dim": 32, "n_layers": 2, "n_heads": 2, "init_std": 0.4, "embed_init_std": 0.4, "causal": True,
        "mask_token_id": 5,
    },
}  # fmt: skip
CACHED = {"MambaForCausalLM", "Mamba2ForCausalLM", "FalconMambaForCausalLM", "JambaForCausalLM"}


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Saver of a small random model of a class of transformers, once for each."""
    made: dict[str, Path] = {}

    def save(name: str) -> Path:
        if name not in made:
            made[name] = save_model(name, tmp_path_factory.mktemp("family") / name, _CONFIGURATIONS[name])
        return made[name]

    return save


def save_model(name: str, folder: Path, sizes: dict[str, Any]) -> Path:
    """A random model of that class, with a tokenizer and a context length in its configuration."""
    import torch
    import transformers

    folder.mkdir(parents=True)
    write_tokenizer("bos by processor", folder)
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(3)
    values = {"vocab_size": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    kind = getattr(transformers, name)
    kind(kind.config_class(**values | sizes)).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({"seq_length": 512} | config), "utf-8")
    return folder


def completions(model: HuggingFaceModel, requests: list[GenerationRequest]) -> list[Completion]:
    """Completions in the order of the requests, none of them an error."""
    done = list(model.generate(RopeSetting("native"), requests))
    assert [None] * len(done) == [each.error for each in done]
    return done


def inside(prompts: list[list[int]]) -> list[list[int]]:
    """Prompts within the vocabulary, one of them a single token."""
    return [[9], *([token % 250 + 3 for token in each] for each in prompts[:3])]


@pytest.mark.parametrize("name", sorted(_CONFIGURATIONS))
def test_answers_are_those_of_transformers_own_generate(
    name: str, family: Callable[[str], Path], load: Load, ask: Ask, target: Reference, prompts: list[list[int]]
) -> None:
    """Token for token, in any order, nothing reused; a class whose cache evalkit cannot use says so."""
    folder, asked, notes = family(name), inside(prompts), list[str]()
    tokenizer = load_tokenizer(load_card(folder))
    expected = [
        tokenizer.decode(ids[:-1] if ids[-1] == 1 else ids, skip_special=False) for ids in target(folder, asked, NEW)
    ]

    model = load(folder, note=notes.append)
    found = completions(model, ask(asked, max_new_tokens=NEW))
    turned = completions(model, ask(asked, max_new_tokens=NEW)[::-1])[::-1]

    assert expected == [each.text for each in found] == [each.text for each in turned]
    assert {0} == {each.cached_tokens for each in found}
    assert (name in CACHED) == ("on" == model.engine_info["cache"])
    assert any("no cache and no prefix reuse" in note for note in notes) != (name in CACHED)
    assert any("no prefix reuse" in note for note in notes)


@pytest.mark.parametrize("name", ["MambaForCausalLM", "FalconMambaForCausalLM", "JambaForCausalLM"])
def test_a_running_state_is_never_computed_in_pieces(
    name: str, family: Callable[[str], Path], load: Load, ask: Ask, prompts: list[list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """These classes begin their state anew at each pass of several tokens, so a long prompt is one pass."""
    model, requests = load(family(name)), ask(inside(prompts))
    expected = [each.text for each in completions(model, requests)]
    monkeypatch.setattr(module, "ONE_PASS_TOKENS", 8)
    monkeypatch.setattr(module, "MASK_ELEMENTS", 8 * 40)

    assert not can_prefill_in_pieces(model._model)
    assert expected == [each.text for each in completions(model, requests)]


_REFORMER = {
    "hidden_size": 32, "attention_head_size": 16, "num_attention_heads": 2, "feed_forward_size": 64,
    "attn_layers": ["local", "lsh"], "is_decoder": True, "axial_pos_shape": [16, 32],
    "axial_pos_embds_dim": [16, 16], "max_position_embeddings": 512, "num_buckets": 4,
}  # fmt: skip
_XLNET = {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64, "initializer_range": 0.4}


@pytest.mark.parametrize(("name", "sizes"), [("ReformerModelWithLMHead", _REFORMER), ("XLNetLMHeadModel", _XLNET)])
def test_a_class_whose_passes_do_not_agree_is_refused_in_one_line(
    name: str, sizes: dict[str, Any], tmp_path: Path, load: Load
) -> None:
    """Random hashes and memories: there is no greedy answer that both ways of feeding would find."""
    folder = save_model(name, tmp_path / "model", sizes)

    with pytest.raises(CardError, match=f"{name} keeps a state of its own kind") as caught:
        load(folder)

    assert 1 == len(str(caught.value).splitlines())


def test_sizes_that_do_not_fit_are_refused_in_one_line(
    tiny_model: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that cannot compute three tokens answers no prompt."""
    import transformers

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("shape [1, 3]\nis invalid")

    monkeypatch.setattr(transformers.LlamaModel, "forward", broken)

    with pytest.raises(CardError, match=r"cannot compute 3 tokens: shape \[1, 3\] is invalid"):
        load(tiny_model)


def test_a_cache_that_is_swallowed_is_not_used(
    tiny_model: Path, load: Load, ask: Ask, prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class may take the cache by name and drop it: tried at load, found out, and run without one."""
    import transformers

    expected = [each.text for each in completions(load(tiny_model), ask(prompts[:3]))]
    swallow_the_cache(transformers.LlamaModel, monkeypatch)
    notes: list[str] = []

    model = load(tiny_model, note=notes.append)

    assert expected == [each.text for each in completions(model, ask(prompts[:3]))]
    assert any("does not keep its state in the cache" in note for note in notes)


def swallow_the_cache(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a class of transformers compute each pass as if nothing came before."""
    forward = kind.forward

    def forgetful(self: Any, *arguments: Any, **options: Any) -> Any:
        return forward(self, *arguments, **options | {"past_key_values": None, "use_cache": False})

    monkeypatch.setattr(kind, "forward", forgetful)


def test_the_live_check_fails_a_loop_that_forgets(
    tiny_model: Path, load: Load, tokenizer: PromptTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: each token is held against a pass over the whole text without a cache."""
    import transformers

    card, chat = load_card(tiny_model), ChatFormat("none")
    name = "each token is that of a whole pass"
    model = load(tiny_model, batch=1)  # rows would stumble over the missing layers

    def held() -> bool | None:
        return next(each.holds for each in examine(model, card, tokenizer, chat, 256) if each.name == name)

    assert held() is True
    swallow_the_cache(transformers.LlamaModel, monkeypatch)  # after loading, where nothing tries it again
    assert held() is False


def test_the_live_check_tells_a_pass_that_fails(
    tiny_model: Path, load: Load, tokenizer: PromptTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its reason, as a check that does not hold."""
    model = load(tiny_model)

    def fail(_: list[int]) -> Any:
        raise ValueError("no such\nkernel")

    monkeypatch.setattr(model._feeding, "whole", fail)
    checks = examine(model, load_card(tiny_model), tokenizer, ChatFormat("none"), 256)
    check = next(each for each in checks if each.name == "each token is that of a whole pass")

    assert (False, "ValueError: no such kernel") == (check.holds, check.detail)


def test_a_scaling_that_follows_the_length_is_not_held_against_whole_passes(
    save_model: Callable[..., Path], load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """With a cache its earlier keys keep the rotation they had, in `generate` as here."""
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    model = load(save_model(max_position_embeddings=48, rope_parameters=rope))

    assert model.count_departures(ask(prompts[:1])[0]) is None
