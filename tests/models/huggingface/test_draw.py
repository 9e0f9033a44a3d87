"""Drawn tokens: the probabilities of transformers' own warpers, the same token in any batch, order and place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import GenerationConfig
from transformers.generation.utils import GenerationMixin

from evalkit.models import GenerationRequest, Sampling
from evalkit.models._generation import GenerationRules
from evalkit.models.huggingface._choice import best_token, best_tokens
from evalkit.models.huggingface._draw import Draw, perturbed, warped
from evalkit.models.huggingface._processors import Processors
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]
Ask = Callable[..., list[GenerationRequest]]

RULES = [
    Sampling(0.7),
    Sampling(1.0),
    Sampling(1.0, top_k=3),
    Sampling(1.3, top_p=0.8),
    Sampling(0.5, 0.95, 20),
    Sampling(2.0, 0.5, 10**6),
]
NATIVE = RopeSetting("native")


def logits(rows: int = 1, vocabulary: int = 60, seed: int = 0) -> torch.Tensor:
    """Scores as a model gives them."""
    return 2 * torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed))


def reference(sampling: Sampling, scores: torch.Tensor) -> torch.Tensor:
    """What `generate` would draw from, by its own list of processors."""
    config = GenerationConfig(
        do_sample=True, temperature=sampling.temperature, top_p=sampling.top_p or 1.0, top_k=sampling.top_k or 0
    )
    ids = torch.zeros((len(scores), 1), dtype=torch.long)
    chain: Any = GenerationMixin()._get_logits_processor(config, input_ids_seq_length=1, device="cpu")
    return chain(ids, scores)


@pytest.mark.parametrize("sampling", RULES, ids=str)
def test_scores_are_those_of_generate(sampling: Sampling) -> None:
    """To the last digit, in its order: temperature, top-k, top-p."""
    scores = logits(4)

    assert torch.equal(reference(sampling, scores), warped(scores, sampling))


@pytest.mark.parametrize("sampling", RULES, ids=str)
def test_tokens_come_as_often_as_they_are_likely(sampling: Sampling) -> None:
    """Over many draws and places; what the warpers rule out never comes."""
    count, scores = 20_000, logits(seed=1)
    likely = reference(sampling, scores).softmax(-1)[0].double()
    draws = [Draw(sampling.of_draw("ab", number), number % 5) for number in range(count)]

    drawn = perturbed(scores.expand(count, -1), draws).argmax(-1)

    share = torch.bincount(drawn, minlength=60) / count
    error = (likely * (1 - likely) / count).sqrt()
    assert ((share - likely).abs() <= 4.5 * error).all()
    assert not share[likely == 0].any()


def test_a_row_draws_the_same_alone_and_among_others() -> None:
    """Bit for bit, whatever else is in the batch, also under another rule."""
    scores = logits(6, 500)
    draws = [Draw(RULES[number % 2].of_draw("ab", number), number) for number in range(6)]

    together = perturbed(scores, draws)

    for row, draw, found in zip(scores, draws, together, strict=True):
        assert torch.equal(found, perturbed(row[None], [draw])[0])
    assert best_tokens(list(scores), draws) == [
        best_token(row, frozenset(), draw) for row, draw in zip(scores, draws, strict=True)
    ]


def test_noise_is_that_of_split_mix() -> None:
    """The published first words for seed 0 (Vigna's splitmix64.c) start the streams of places 0, 1 and 2."""
    from evalkit.models.huggingface._draw import _start

    found = [_start(Draw(Sampling(1.0), place)) for place in range(3)]

    assert [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F] == found


def test_noise_of_tensors_is_the_whole_numbers_own() -> None:
    """Torch's words wrap around and shift as 64-bit words do."""
    import math

    from evalkit.models.huggingface._draw import FIRST, GAMMA, SECOND, WORD, _noise, _start

    draw = Draw(Sampling(1.0, seed=2**63 - 5), 7)

    def expected(token: int) -> float:
        state = (_start(draw) + (token + 1) * GAMMA) % WORD
        state = (state ^ (state >> 30)) * FIRST % WORD
        state = (state ^ (state >> 27)) * SECOND % WORD
        uniform = (((state ^ (state >> 31)) >> 11) + 0.5) / 2**53
        return -math.log(-math.log(uniform))

    assert [expected(token) for token in range(50)] == pytest.approx(
        _noise([draw], 50, torch.device("cpu"))[0].tolist()
    )


@pytest.mark.parametrize("own", [None, 1.2])
@pytest.mark.parametrize("penalty", [1.3, 0.8, 1.0])
def test_a_penalty_of_the_request_comes_before_the_warpers(penalty: float, own: float | None) -> None:
    """To the last digit, on prompt and answer, in place of the model's own."""
    rules = GenerationRules({} if own is None else {"repetition_penalty": own})
    scores, sampling = logits(1, 40)[0], Sampling(0.7, 0.9, 12, repetition_penalty=penalty)
    prompt, generated = [3, 5, 3, 7], [9, 5]
    config = GenerationConfig(do_sample=True, temperature=0.7, top_p=0.9, top_k=12, repetition_penalty=penalty)
    mixin: Any = GenerationMixin()
    mixin.config = SimpleNamespace(is_encoder_decoder=False)
    chain = mixin._get_logits_processor(config, input_ids_seq_length=4, device="cpu")

    process = Processors(rules, [1], "cpu").start(prompt, 4, sampling.repetition_penalty)
    found = warped(process(scores, generated)[None], sampling)

    assert torch.equal(chain(torch.tensor([prompt + generated]), scores[None]), found)


def test_forbidden_tokens_are_never_drawn() -> None:
    """They are out of reach before temperature and top-k, as `generate` has it."""
    scores = logits(1, 5)[0]
    best = int(scores.argmax())

    found = {best_token(scores, frozenset({best}), Draw(Sampling(1.0, top_k=1), place)).token for place in range(20)}

    assert {int(scores.topk(2).indices[1])} == found


def test_scores_that_are_no_numbers_draw_nothing() -> None:
    """As under greedy decoding: the sample fails."""
    scores = logits(1, 5)[0]
    scores[2] = float("nan")

    with pytest.raises(RuntimeError, match="not finite"):
        best_token(scores, frozenset(), Draw(Sampling(1.0, 0.9, 3), 0))
    assert [None] == best_tokens([scores], [Draw(Sampling(1.0, 0.9, 3), 0)])


def drawn(requests: list[GenerationRequest], sampling: Sampling) -> list[GenerationRequest]:
    """The same requests, each a draw of its own."""
    return [replace(each, sampling=sampling.of_draw(str(each.ids.tolist()), each.index)) for each in requests]


def texts(model: HuggingFaceModel, requests: list[GenerationRequest]) -> list[tuple[str, str]]:
    done = sorted(model.generate(NATIVE, requests), key=lambda each: each.index)
    assert [None] * len(requests) == [each.error for each in done]
    return [(each.text, each.finish_reason) for each in done]


@pytest.mark.parametrize("sampling", [Sampling(1.0), Sampling(0.8, 0.9, 50)], ids=str)
def test_a_model_draws_the_same_in_any_order_and_batch(
    sampling: Sampling, tiny_model: Path, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """In float32: alone, four and nine at once, in trie order, and without prefix reuse; each draw is another text."""
    requests = drawn(ask([*prompts, prompts[0], prompts[0]], max_new_tokens=12), sampling)

    alone = texts(load(tiny_model, batch=1), requests)

    assert alone == texts(load(tiny_model, batch=4), requests)
    assert alone == texts(load(tiny_model, batch=9, is_reusing_prefixes=False), requests)
    assert alone == texts(load(tiny_model, batch=4), sorted(requests, key=lambda each: each.ids.tolist()))
    assert 3 == len({alone[0], alone[-2], alone[-1]})
    assert alone != texts(load(tiny_model, batch=1), ask([*prompts, prompts[0], prompts[0]], max_new_tokens=12))


@pytest.mark.parametrize("batch", [1, 4])
def test_requests_of_one_batch_have_penalties_of_their_own(
    batch: int, save_model: Callable[..., Path], load: Load, ask: Ask, prompts: list[list[int]],
    target: Callable[..., list[list[int]]], tokenizer: PromptTokenizer,
) -> None:  # fmt: skip
    """Each answer is what `generate` says under that penalty; a request without one has the model's."""
    folder = save_model()
    path = folder / "generation_config.json"
    own = json.loads(path.read_text("utf-8"))
    asked = []
    expected = []
    for place, penalty in enumerate([1.7, None, 1.0, 1.2]):
        path.write_text(json.dumps({**own, "repetition_penalty": penalty or 1.4}), "utf-8")
        (ids,) = target(folder, prompts[-1:], 40)
        expected.append(tokenizer.decode(ids[:-1] if ids[-1] == 1 else ids, skip_special=False))
        (request,) = ask(prompts[-1:], max_new_tokens=40)
        asked.append(replace(request, index=place, sampling=Sampling(1.0, top_k=1, repetition_penalty=penalty)))
    path.write_text(json.dumps({**own, "repetition_penalty": 1.4}), "utf-8")

    found = [text for text, _ in texts(load(folder, batch=batch), asked)]

    assert expected == found
    assert 3 <= len(set(found))
