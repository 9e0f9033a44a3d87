"""How nearly vLLM's greedy answers were others: as transformers says it, and as bfloat16 then changes them."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Sequence

import numpy as np
import pytest

from evalkit.cards import Card, load_card
from evalkit.models import BackendOptions, Completion, GenerationRequest, load_model
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeSetting
from evalkit.scores import NEAR_TIE
from tests.vllm.conftest import MODEL

NEW = 24


@pytest.fixture(scope="module")
def penalised(tmp_path_factory: pytest.TempPathFactory) -> Card:
    """The embedded model with a repetition penalty: margins are of the scores after it."""
    folder = tmp_path_factory.mktemp("model") / "penalised"
    shutil.copytree(MODEL, folder, ignore=shutil.ignore_patterns(".*"))
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"repetition_penalty": 1.3}))
    return load_card(folder)


@pytest.fixture(scope="module")
def prompts(tokenizer: PromptTokenizer) -> list[TokenIds]:
    """Tokens drawn by chance, to which the model has no clear answer."""
    draw = np.random.default_rng(11)
    return [
        token_array([tokenizer.bos_id or 0, *draw.integers(10, len(tokenizer), 40 + index).tolist()])
        for index in range(40)
    ]


def answered(
    card: Card, tokenizer: PromptTokenizer, prompts: Sequence[TokenIds], backend: str, dtype: str
) -> list[Completion]:
    """Completions of an engine of its own, in the order of the prompts."""
    model = load_model(backend, card, tokenizer, BackendOptions(dtype=dtype, longest_sequence=256))
    requests = [GenerationRequest(index, ids, NEW) for index, ids in enumerate(prompts)]
    try:
        done = sorted(model.generate(RopeSetting("native"), requests), key=lambda each: each.index)
    finally:
        model.close()
        gc.collect()
    assert [None] * len(prompts) == [each.error for each in done]
    return done


def test_margins_are_those_of_transformers_and_tell_what_bfloat16_changes(
    penalised: Card, tokenizer: PromptTokenizer, prompts: list[TokenIds]
) -> None:
    """After penalties, at the same token; of answers that bfloat16 changes, 95% are fragile in float32."""
    theirs = answered(penalised, tokenizer, prompts, "hf", "float32")
    ours = answered(penalised, tokenizer, prompts, "vllm", "float32")
    rounded = answered(penalised, tokenizer, prompts, "vllm", "bfloat16")

    assert [each.text for each in theirs] == [each.text for each in ours]
    assert [each.margin for each in theirs] == pytest.approx([each.margin for each in ours], abs=1e-4)
    assert [each.margin_token for each in theirs] == [each.margin_token for each in ours]
    flips = [a for a, b in zip(theirs, rounded, strict=True) if a.text != b.text]
    assert 5 <= len(flips)
    assert sum((each.margin or 0.0) < NEAR_TIE for each in flips) >= 0.95 * len(flips)
