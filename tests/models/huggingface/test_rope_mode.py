"""`--rope-mode engine`: what transformers itself makes of a spec, one fresh prompt at a time, whatever came before."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.models import GenerationRequest
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeModel, RopeSetting, engine_setting, parse_rope, rope_setting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]
SaveModel = Callable[..., Path]
Target = Callable[..., list[list[int]]]

WINDOW = 48
MODEL = RopeModel(10000.0, WINDOW, 16)
NEW = 6
WORDS = {
    "dynamic:4": {"rope_type": "dynamic", "factor": 4.0},
    "linear:4": {"rope_type": "linear", "factor": 4.0},
    "yarn:4": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": WINDOW},
    "base:320000": {"rope_type": "default", "rope_theta": 320000.0},
}
"""Spec → what a user of transformers writes into `rope_parameters`."""


def own(spec: str) -> RopeSetting:
    """The setting of a run under `--rope-mode engine`."""
    return engine_setting(parse_rope(spec), MODEL, "hf", 512)


def texts(model: HuggingFaceModel, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> list[str]:
    """Answers in the order of the requests' names, whatever order they were asked in."""
    done = sorted(model.generate(rope, requests), key=lambda each: each.index)
    assert [None] * len(requests) == [each.error for each in done]
    return [each.text for each in done]


def decoded(answers: Sequence[Sequence[int]], tokenizer: PromptTokenizer) -> list[str]:
    """Texts of token lists, cut at the end-of-text token."""
    bodies = [ids[: ids.index(1)] if 1 in ids else ids for ids in map(list, answers)]
    return [tokenizer.decode(ids, skip_special=False) for ids in bodies]


@pytest.mark.parametrize("released", [{}, {"max_position_embeddings": 512}], ids=["window", "longer-table"])
@pytest.mark.parametrize("spec", WORDS)
def test_engine_mode_is_a_model_loaded_with_these_parameters(
    spec: str,
    released: dict[str, Any],
    save_model: SaveModel,
    load: Load,
    ask: Ask,
    target: Target,
    tokenizer: PromptTokenizer,
    prompts: list[list[int]],
) -> None:
    """Token for token what `generate` gives, loaded anew for each prompt, with answers that cross the window."""
    crossing = [[*prompts[-1][:length]] for length in (WINDOW - 3, WINDOW, WINDOW + 1)]
    everything = [*prompts, *crossing]
    parameters = {"rope_theta": 10000.0} | WORDS[spec]
    fresh = save_model(max_position_embeddings=WINDOW, rope_parameters=parameters)
    model = load(save_model(**{"max_position_embeddings": WINDOW} | released))

    expected = decoded(target(fresh, everything, NEW), tokenizer)

    assert expected == texts(model, own(spec), ask(everything, max_new_tokens=NEW))


def test_engine_mode_is_no_effective_base(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """The same label means two things: transformers counts the prompt first and each token as it comes."""
    model = load(save_model(max_position_embeddings=WINDOW))
    long = ask([prompts[-1]], max_new_tokens=40)
    tokens = len(long[0].ids) + long[0].max_new_tokens

    ours = texts(model, rope_setting(parse_rope("dynamic:4"), MODEL, tokens), long)

    assert ours != texts(model, own("dynamic:4"), long)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("is_reusing_prefixes", [True, False])
def test_with_the_guards_every_order_gives_the_same_texts(
    batch: int,
    is_reusing_prefixes: bool,
    save_model: SaveModel,
    load: Load,
    ask: Ask,
    prompts: list[list[int]],
) -> None:
    """Whatever is asked for of batches and prefixes: each prompt is computed whole, alone, and from a reset."""
    notes: list[str] = []
    options: dict[str, Any] = {"batch": batch, "is_reusing_prefixes": is_reusing_prefixes, "note": notes.append}
    model = load(save_model(max_position_embeddings=WINDOW), **options)
    requests = ask(prompts, max_new_tokens=NEW)
    shuffled = random.Random(2).sample(requests, len(requests))
    expected = [texts(model, own("dynamic:4"), [request])[0] for request in requests]

    assert expected == texts(model, own("dynamic:4"), requests)
    assert expected == texts(model, own("dynamic:4"), requests[::-1])
    assert expected == texts(model, own("dynamic:4"), shuffled)
    assert {0} == {each.cached_tokens for each in model.generate(own("dynamic:4"), requests)}
    assert 1 == model.engine_info["batch"]
    assert model.engine_info["prefix_reuse"] != "on"
    said = [note for note in notes if "--rope-mode engine" in note]
    assert (batch > 1 or is_reusing_prefixes) == bool(said)


def test_what_an_engine_decides_is_gone_with_the_setting(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Back under an effective base, order is free and prefixes are shared again; the model itself is as it was."""
    model = load(save_model(max_position_embeddings=WINDOW))
    ours, native = rope_setting(parse_rope("ntk:4"), MODEL, 100), RopeSetting("native")
    before = texts(model, native, ask(prompts)), texts(model, ours, ask(prompts))

    texts(model, own("dynamic:4"), ask(prompts))

    assert before == (texts(model, native, ask(prompts)), texts(model, ours, ask(prompts)))
    assert 0 < sum(each.cached_tokens or 0 for each in model.generate(ours, ask(prompts)))


class Own:
    """transformers' own use of `dynamic`, without any guard: what its numbers depend on beside the prompt."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self._load = lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.model = self._load()

    def fresh(self) -> Any:
        """The model as loaded."""
        self.model = self._load()
        return self.model

    def logits(self, ids: Sequence[int], cache: Any = None) -> Any:
        """Logits behind the last token, of a model that may have seen other prompts."""
        import torch

        with torch.inference_mode():
            return self.model(torch.tensor([list(ids)]), past_key_values=cache, use_cache=True).logits[0, -1]


@pytest.fixture(scope="module")
def unguarded(save_model: SaveModel) -> Own:
    """A model that was loaded with dynamic NTK, as a user would."""
    dynamic = {"rope_theta": 10000.0} | WORDS["dynamic:4"]
    return Own(save_model(max_position_embeddings=WINDOW, rope_parameters=dynamic))


@pytest.fixture(scope="module")
def static(save_model: SaveModel) -> Own:
    """The same weights under one base for all prompts, evalkit's way."""
    theta = rope_setting(parse_rope("dynamic:4"), MODEL, 200).base
    return Own(
        save_model(max_position_embeddings=WINDOW, rope_parameters={"rope_type": "default", "rope_theta": theta})
    )


LONG, LONGER = list(range(2, 102)), list(range(5, 185))


def order_moves(peer: Own) -> float:
    """How far logits move where a longer prompt was asked before."""
    peer.fresh()
    alone = peer.logits(LONG)
    peer.logits(LONGER)
    return float((peer.logits(LONG) - alone).abs().max())


def mates_move(peer: Own) -> float:
    """How far logits move where a longer prompt is in the same batch."""
    import torch

    alone = peer.fresh() and peer.logits(LONG)
    rows = torch.tensor([[0] * (len(LONGER) - len(LONG)) + LONG, LONGER])
    mask = torch.ones_like(rows)
    mask[0, : len(LONGER) - len(LONG)] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)  # as `generate` numbers padded rows
    with torch.inference_mode():
        together = peer.fresh()(rows, attention_mask=mask, position_ids=positions).logits[0, -1]
    return float((together - alone).abs().max())


def chunks_move(peer: Own) -> float:
    """How far logits move where the prompt is computed in pieces."""
    from transformers import DynamicCache

    alone = peer.fresh() and peer.logits(LONG)
    peer.fresh()
    cache = DynamicCache()
    for begin in range(0, len(LONG), 40):
        pieces = peer.logits(LONG[begin : begin + 40], cache)
    return float((pieces - alone).abs().max())


def reuse_moves(peer: Own) -> float:
    """How far logits move where another prompt's prefix is taken from a cache."""
    from transformers import DynamicCache

    alone = peer.fresh() and peer.logits(LONG)
    peer.fresh()
    cache = DynamicCache()
    peer.logits([*LONG[:60], *LONGER], cache)
    cache.crop(-len(LONGER))
    return float((peer.logits(LONG[60:], cache) - alone).abs().max())


@pytest.mark.parametrize("move", [order_moves, mates_move, chunks_move, reuse_moves])
def test_transformers_itself_depends_on_more_than_the_prompt(
    move: Callable[[Own], float], unguarded: Own, static: Own
) -> None:
    """Under its `dynamic` the logits of a prompt move by more than 0.1 with order, batch mates, pieces and reuse.

    Under one base, which is what evalkit runs a prompt at, they move by rounding alone.
    """
    assert move(unguarded) > 0.1
    assert move(static) < 1e-4


def test_a_cache_keeps_rotations_that_a_whole_pass_would_not(unguarded: Own) -> None:
    """The answer of `generate` behind a prompt within the window is no text that whole passes would have chosen."""
    import torch

    def answer(*, use_cache: bool) -> list[int]:
        batch = torch.tensor([LONG[: WINDOW - 4]])
        ones = torch.ones_like(batch)
        with torch.inference_mode():
            output = unguarded.fresh().generate(
                batch, attention_mask=ones, max_new_tokens=48, do_sample=False, pad_token_id=1, eos_token_id=None,
                use_cache=use_cache,
            )  # fmt: skip
        ids: list[int] = output[0, batch.shape[1] :].tolist()
        return ids

    assert answer(use_cache=True) != answer(use_cache=False)
