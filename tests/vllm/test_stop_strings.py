"""Answers end at the same token, whether vLLM has a tokenizer to look for stop strings or evalkit looks for them."""

from __future__ import annotations

import dataclasses
import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from evalkit.cards import Card, load_card
from evalkit.models import BackendOptions, Completion, GenerationRequest, load_model
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeSetting
from evalkit.tasks import StopRule
from tests.vllm.conftest import MODEL

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

Ask = Callable[["ModelAdapter", str], list[Completion]]
NATIVE = RopeSetting("native")
ENDS = {
    "none": ((), StopRule()),
    "never": (("never written",), StopRule()),
    "spanning": ((" shows  S", "rgei s"), StopRule()),
    "first": ((" ",), StopRule()),
    "late": (("777", "55555."), StopRule()),
    "token": ((), StopRule(ends_at_token_of="7")),
    "both": (("that b",), StopRule(ends_at_token_of="7")),
    "not before": ((" shows",), StopRule(ends_at_token_of="7", min_new_tokens=4)),
}
"""Stop strings and rules; the embedded model writes ` Sergei shows  Sergei shows …` and `… number 77777.` below."""


@pytest.fixture(scope="module")
def prompts(tokenizer: PromptTokenizer) -> list[TokenIds]:
    """Prompts with a shared stem longer than a block, and others."""
    draw = np.random.default_rng(3)
    stem = draw.integers(10, len(tokenizer), 400).tolist()
    tails = [draw.integers(10, len(tokenizer), length).tolist() for length in (5, 9, 30, 60)]
    others = [draw.integers(10, len(tokenizer), length).tolist() for length in (200, 300, 500)]
    return [token_array(ids) for ids in sorted([*([*stem, *tail] for tail in tails), *others])]


@pytest.fixture(scope="module")
def ask(prompts: list[TokenIds]) -> Ask:
    """What a model answers under one of `ENDS`, without the times."""

    def answer(model: ModelAdapter, name: str) -> list[Completion]:
        stop, rule = ENDS[name]
        requests = [GenerationRequest(index, ids, 24, stop, rule) for index, ids in enumerate(prompts)]
        found = sorted(model.generate(NATIVE, requests), key=lambda completion: completion.index)
        return [dataclasses.replace(completion, seconds=0.0) for completion in found]

    return answer


@pytest.fixture(scope="module")
def expected(card: Card, tokenizer: PromptTokenizer, ask: Ask) -> dict[str, list[Completion]]:
    """What vLLM answers with the tokenizer of the folder."""
    model = load_model("vllm", card, tokenizer, BackendOptions(dtype="float32", longest_sequence=1024))
    found = {name: ask(model, name) for name in ENDS}
    model.close()
    del model
    gc.collect()
    return found


@pytest.fixture(scope="module")
def watched(
    expected: dict[str, list[Completion]],  # noqa: ARG001 - one engine at a time
    tokenizer: PromptTokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ModelAdapter]:
    """The same model from a folder without a tokenizer."""
    folder: Path = tmp_path_factory.mktemp("without") / "model"
    shutil.copytree(MODEL, folder, ignore=shutil.ignore_patterns("tokenizer*", ".*"))
    model = load_model("vllm", load_card(folder), tokenizer, BackendOptions(dtype="float32", longest_sequence=1024))
    yield model
    model.close()
    gc.collect()


@pytest.mark.parametrize("name", ENDS)
def test_answers_end_alike(name: str, watched: ModelAdapter, expected: dict[str, list[Completion]], ask: Ask) -> None:
    """Texts, counts of tokens, reasons and cached tokens are the same, and nothing is left in the engine."""
    found = ask(watched, name)

    assert expected[name] == found
    scheduler = watched._engine.llm_engine.engine_core.engine_core.scheduler  # type: ignore[attr-defined]
    assert (0, 0.0) == (scheduler.get_num_unfinished_requests(), scheduler.kv_cache_manager.usage)


def test_ends_are_not_all_the_same(expected: dict[str, list[Completion]]) -> None:
    """The tests above are about strings that occur: in the first token, across tokens, late."""
    counts = {name: [completion.output_tokens for completion in found] for name, found in expected.items()}

    assert counts["none"] == counts["never"]
    assert [1] * 7 == counts["first"]
    assert 7 == len({tuple(each) for each in counts.values()})
    assert any((completion.cached_tokens or 0) > 0 for completion in expected["late"])


@pytest.mark.parametrize("name", ["spanning", "both", "not before"])
def test_answers_end_as_on_transformers(
    name: str, card: Card, tokenizer: PromptTokenizer, expected: dict[str, list[Completion]], ask: Ask
) -> None:
    """At the same token for the same reason; a least number of tokens holds back ends of text, not stop strings."""
    model = load_model("hf", card, tokenizer, BackendOptions(dtype="float32"))

    found = ask(model, name)

    told = ("text", "finish_reason", "output_tokens")
    assert [[getattr(each, field) for field in told] for each in expected[name]] == [
        [getattr(each, field) for field in told] for each in found
    ]
