"""The vLLM engine inside the process: equal to transformers, switched in place, proven before it answers."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.cards import Card
from evalkit.errors import UserError
from evalkit.models import Completion, GenerationRequest, examine
from evalkit.models.vllm._rope import fresh_overrides
from evalkit.prompts import PromptTokenizer, TokenIds, chat_format, token_array
from evalkit.rope import LongRope, RopeModel, RopeSetting, parse_rope, rope_setting
from tests.vllm.conftest import MODEL

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

WINDOW = 3072
NEW = 12
BASE = 10000.0
TRAINED = RopeModel(
    BASE, 1024, 32, longrope=LongRope((1.0,) * 16, tuple(1 + pair / 4 for pair in range(16)), 1.19)
)  # needle-tiny, and factors as a model released with LongRoPE has them
SETTINGS = {
    "none": RopeSetting("default", BASE),
    "base": RopeSetting("default", 7.3 * BASE),
    "linear": RopeSetting("linear", BASE, 4.0),
    "yarn": RopeSetting("yarn", BASE, 4.0, 1024),
} | {
    spec: rope_setting(parse_rope(spec), TRAINED, WINDOW)
    for spec in (
        "yarn:4,beta_fast=16,beta_slow=2,attention_factor=1.3", "yarn:4,mscale=0.707,mscale_all_dim=1,truncate=0",
        "dynamic-yarn", "llama3:8", "llama3:4,low_freq_factor=2,high_freq_factor=8", "longrope",
    )
}  # fmt: skip
Load = Callable[..., "ModelAdapter"]


@pytest.fixture(scope="module")
def prompts(tokenizer: PromptTokenizer) -> list[TokenIds]:
    """Prompts in trie order, within and beyond the model's window, with shared stems and an equal pair."""
    draw = np.random.default_rng(5)
    stems = [draw.integers(10, len(tokenizer), length).tolist() for length in (300, 700, 1500, 2600)]
    tails = [draw.integers(10, len(tokenizer), length).tolist() for length in (8, 30, 90)]
    made = [[tokenizer.bos_id or 0, *stem, *tail] for stem in stems for tail in tails]
    return [token_array(ids) for ids in sorted([*made, made[4]])]


@pytest.fixture(scope="module")
def engine(load: Load) -> Iterator[ModelAdapter]:
    """One engine for all tests of this module."""
    model = load("vllm", longest_sequence=WINDOW)
    yield model
    model.close()
    gc.collect()


def requests_for(prompts: Sequence[TokenIds], **fields: Any) -> list[GenerationRequest]:
    values = {"max_new_tokens": NEW} | fields
    return [GenerationRequest(index, ids, **values) for index, ids in enumerate(prompts)]


def texts(completions: Iterator[Completion]) -> list[str]:
    """Answers in the order of the requests."""
    found = sorted(completions, key=lambda completion: completion.index)
    assert [None] * len(found) == [completion.error for completion in found]
    return [completion.text for completion in found]


@pytest.mark.parametrize("name", SETTINGS)
def test_it_answers_as_transformers_does(engine: ModelAdapter, load: Load, prompts: list[TokenIds], name: str) -> None:
    """Under every RoPE setting both engines give the same greedy tokens, within the window and beyond it."""
    expected = texts(load("hf").generate(SETTINGS[name], requests_for(prompts)))

    assert expected == texts(engine.generate(SETTINGS[name], requests_for(prompts)))


def test_settings_make_a_difference(engine: ModelAdapter, prompts: list[TokenIds]) -> None:
    """The tests above are not about four names for the same rotation."""
    answers = [texts(engine.generate(setting, requests_for(prompts))) for setting in SETTINGS.values()]

    assert len(SETTINGS) == len({json.dumps(each) for each in answers})


def test_a_switched_engine_equals_a_fresh_one(
    engine: ModelAdapter, tokenizer: PromptTokenizer, prompts: list[TokenIds], tmp_path: Path
) -> None:
    """Writing the rotary table in place gives, token for token, what an engine started with the setting gives."""
    names = ["base", "linear", *(name for name in SETTINGS if name.startswith(("yarn", "dyn", "llama3:4", "longrope")))]
    work = [[fresh_overrides(SETTINGS[name], WINDOW), [ids.tolist() for ids in prompts]] for name in names]
    (tmp_path / "work.json").write_text(json.dumps(work))
    command = [sys.executable, str(Path(__file__).with_name("fresh_engines.py")), str(MODEL), str(WINDOW), str(NEW)]
    subprocess.run([*command, str(tmp_path / "work.json"), str(tmp_path / "out.json")], check=True, capture_output=True)

    for name, fresh in zip(names, json.loads((tmp_path / "out.json").read_text()), strict=True):
        switched = texts(engine.generate(SETTINGS[name], requests_for(prompts)))
        body = [[token for token in ids if token not in tokenizer.eos_ids] for ids in fresh]
        assert [tokenizer.decode(ids, skip_special=False) for ids in body] == switched


def test_shared_stems_are_computed_once(engine: ModelAdapter, tokenizer: PromptTokenizer) -> None:
    """Many questions about few documents cost little more than the distinct tokens, rounded up to blocks."""
    draw = np.random.default_rng(9)
    documents = [draw.integers(10, len(tokenizer), 2000).tolist() for _ in range(4)]
    tails = [draw.integers(10, len(tokenizer), 25).tolist() for _ in range(12)]
    prompts = [token_array(ids) for ids in sorted([*document, *tail] for document in documents for tail in tails)]

    found = list(engine.generate(SETTINGS["none"], requests_for(prompts)))

    block = engine.engine_info["block_size"]
    computed = sum(len(prompts[each.index]) - (each.cached_tokens or 0) for each in found)
    stems = 2000 // block * block  # what follows the last whole block is computed for every question
    unique = len(documents) * (stems + len(tails) * (-(-(2025 - stems) // block) * block))
    assert computed <= 1.15 * unique


def test_answers_come_as_they_are_finished(engine: ModelAdapter, prompts: list[TokenIds]) -> None:
    """The first answers are handed on while others are still being made; leaving early leaves nothing behind."""
    requests = [
        GenerationRequest(index, ids, max_new_tokens=2 if index % 2 else 200) for index, ids in enumerate(prompts * 4)
    ]
    completions = engine.generate(SETTINGS["none"], requests)

    first = next(completions)
    still_running = engine._engine.llm_engine.has_unfinished_requests()  # type: ignore[attr-defined]
    completions.close()  # type: ignore[attr-defined]

    assert first.error is None
    assert still_running
    assert [""] != texts(engine.generate(SETTINGS["none"], requests_for(prompts[:1])))
    assert not engine._engine.llm_engine.has_unfinished_requests()  # type: ignore[attr-defined]


def test_a_stop_string_ends_the_answer(engine: ModelAdapter, load: Load, prompts: list[TokenIds]) -> None:
    """An answer is cut before the stop string, as with transformers."""
    whole = texts(load("hf").generate(SETTINGS["none"], requests_for(prompts)))
    stop = (next(text for text in whole if len(text) > 6)[3:5],)

    expected = texts(load("hf").generate(SETTINGS["none"], requests_for(prompts, stop=stop)))

    assert expected == texts(engine.generate(SETTINGS["none"], requests_for(prompts, stop=stop)))
    assert expected != whole


def test_that_the_rotation_was_compared_is_reported(engine: ModelAdapter, prompts: list[TokenIds]) -> None:
    """The facts of a run say that the rotation found in the engine is the planned one."""
    list(engine.generate(SETTINGS["yarn"], requests_for(prompts[:1])))

    assert engine.engine_info["rope_verified"]


def test_a_rotation_that_is_not_the_planned_one_is_refused(engine: ModelAdapter, card: Card) -> None:
    """An engine whose table holds another base than the plan says does not answer."""
    from evalkit.models.vllm._rotation import check_rotation, put_in_force

    list(engine.generate(SETTINGS["none"], requests_for([token_array([5])])))
    put_in_force(engine._engine, SETTINGS["base"], card)  # type: ignore[attr-defined]

    with pytest.raises(UserError, match="does not rotate as planned"):
        check_rotation(engine._engine, card, SETTINGS["none"])  # type: ignore[attr-defined]
    put_in_force(engine._engine, SETTINGS["none"], card)  # type: ignore[attr-defined]


def test_the_doctor_finds_it_well(engine: ModelAdapter, card: Card, tokenizer: PromptTokenizer) -> None:
    """Every live check that this backend lets anybody see holds."""
    checks = list(examine(engine, card, tokenizer, chat_format(card, tokenizer), 1024))

    unseen = [check.name for check in checks if check.holds is not True]
    assert ["each token is that of a whole pass"] == unseen  # an engine always has its cache
    assert [] == [check for check in checks if check.holds is False]
    assert 8 == len(checks)
