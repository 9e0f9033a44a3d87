"""How nearly greedy answers were others: the same in every way of decoding, and what bfloat16 changes is among them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from evalkit.models import Completion, GenerationRequest, Sampling
from evalkit.rope import RopeSetting
from evalkit.scores import NEAR_TIE

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]
SaveModel = Callable[..., Path]

NEEDLE_TINY = Path(__file__).parents[3] / "model_cards" / "needle-tiny"
NEW = 12


def answered(model: HuggingFaceModel, requests: Sequence[GenerationRequest]) -> list[Completion]:
    """Completions in the order of the requests' indexes."""
    return sorted(model.generate(RopeSetting("native"), requests), key=lambda each: each.index)


def expected(folder: Path, prompt: list[int], penalty: float) -> tuple[float, int]:
    """The smallest gap and its token, by a pass of transformers over the whole text before each token."""
    from transformers import AutoModelForCausalLM, RepetitionPenaltyLogitsProcessor

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    process = RepetitionPenaltyLogitsProcessor(penalty)
    text, gaps = list(prompt), []
    with torch.inference_mode():
        while len(gaps) < NEW and (not gaps or text[-1] != 1):
            scores = process(torch.tensor([text]), model(torch.tensor([text])).logits[:, -1])
            logs, tokens = scores.log_softmax(-1).topk(2)
            gaps.append(float(logs[0, 0] - logs[0, 1]))
            text.append(int(tokens[0, 0]))
    return min(gaps), gaps.index(min(gaps))


@pytest.mark.parametrize("penalty", [1.0, 1.6])
def test_every_way_of_decoding_tells_the_smallest_gap(
    penalty: float, save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Of log-probabilities behind penalties; alone, in a batch, behind a prefix and with each prompt whole."""
    folder = save_model(kind="Llama")
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "repetition_penalty": penalty}))
    theirs = [expected(folder, ids, penalty) for ids in prompts]
    ways: list[dict[str, Any]] = [{"batch": 1}, {"batch": 4}, {"batch": 1, "is_reusing_prefixes": False}]

    for way in ways:
        found = answered(load(folder, **way), ask(prompts, max_new_tokens=NEW))

        assert [margin for margin, _ in theirs] == pytest.approx([each.margin for each in found], abs=1e-4), way
        assert [token for _, token in theirs] == [each.margin_token for each in found], way


def test_drawn_answers_tell_none(load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]]) -> None:
    """Alone and in a batch."""
    for batch in (1, 4):
        found = answered(load(tiny_model, batch=batch), ask(prompts, sampling=Sampling(1.0, seed=3)))

        assert [(None, None)] * len(prompts) == [(each.margin, each.margin_token) for each in found]


def test_an_answer_of_no_tokens_has_no_margin(load: Load, tiny_model: Path, ask: Ask, prompts: list[list[int]]) -> None:
    """A limit of none."""
    (found,) = answered(load(tiny_model, batch=1), ask(prompts[:1], max_new_tokens=0))

    assert (0, None, None) == (found.output_tokens, found.margin, found.margin_token)


@pytest.mark.parametrize("model", ["needle-tiny", "random"])
def test_what_bfloat16_changes_is_fragile(model: str, save_model: SaveModel, load: Load, ask: Ask) -> None:
    """At least 95% of the answers that differ from those in float32, by the margins of that run alone."""
    folder = NEEDLE_TINY if model == "needle-tiny" else save_model(kind="Llama")
    draw = np.random.default_rng(11)
    prompts = [draw.integers(10, 380, 30 + index).tolist() for index in range(40)]

    exact, rounded = (
        answered(load(folder, dtype=dtype), ask(prompts, max_new_tokens=24)) for dtype in ("float32", "bfloat16")
    )

    flips = [a for a, b in zip(exact, rounded, strict=True) if a.text != b.text]
    assert 5 <= len(flips)
    assert sum((each.margin or 0.0) < NEAR_TIE for each in flips) >= 0.95 * len(flips)
    assert [] != [a for a, b in zip(exact, rounded, strict=True) if a.text == b.text]
