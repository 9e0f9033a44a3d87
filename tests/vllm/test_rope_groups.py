"""Several RoPE settings at once in one engine: the same answers as group by group and as transformers, or none."""

from __future__ import annotations

import functools
import gc
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.cards import Card
from evalkit.models import Completion, GenerationRequest, HoldsRotations, RopeGroup
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting
from evalkit.tasks import StopRule

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

WINDOW = 2048
TRAINED = RopeModel(base=10000.0, length=256, dimension=32)  # a quarter of the model's, so that scaling begins early
NEW = 12
SLOTS, BLOCKS = 5, 20
SPECS = ("dynamic:4", "yarn:4", "ntk:4", "linear:2", "llama3:4", "dynamic-yarn")
Load = Callable[..., "ModelAdapter"]


@pytest.fixture(scope="module")
def stem(tokenizer: PromptTokenizer) -> list[int]:
    """What half of the prompts begin with: longer than three blocks of the cache."""
    return np.random.default_rng(7).integers(10, len(tokenizer), 400).tolist()


@pytest.fixture(scope="module")
def prompts(tokenizer: PromptTokenizer, stem: list[int]) -> list[TokenIds]:
    """Prompts in trie order, of mixed lengths."""
    draw = np.random.default_rng(11)
    made = [[*stem, *draw.integers(10, len(tokenizer), length).tolist()] for length in (8, 30, 90, 300, 700, 1500)]
    made += [draw.integers(10, len(tokenizer), length).tolist() for length in (5, 60, 240, 270, 900, 1900)]
    return [token_array(ids) for ids in sorted(made)]


@pytest.fixture(scope="module")
def groups(prompts: list[TokenIds]) -> list[RopeGroup]:
    """All prompts under each spec, as a plan groups them: nearly every one a group of its own under `dynamic`."""
    made: dict[RopeSetting, list[GenerationRequest]] = {}
    for number, spec in enumerate(SPECS):
        for place, ids in enumerate(prompts):
            setting = rope_setting(parse_rope(spec), TRAINED, len(ids) + NEW)
            made.setdefault(setting, []).append(GenerationRequest(number * len(prompts) + place, ids, NEW))
    return [RopeGroup(setting, requests) for setting, requests in made.items()]


@pytest.fixture(scope="module")
def engine(load: Load) -> Iterator[ModelAdapter]:
    """One engine for all tests of this module: fewer slots than settings, prompts in chunks, few blocks for keys."""
    from evalkit.models.vllm import _slots
    from evalkit.models.vllm._environment import import_vllm, prepare_environment

    prepare_environment()
    vllm = import_vllm()
    small = functools.partial(vllm.LLM, max_num_batched_tokens=512, num_gpu_blocks_override=BLOCKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vllm, "LLM", small)
        patch.setattr(_slots, "MOST_SLOTS", SLOTS)
        model = load("vllm", longest_sequence=WINDOW, note=pytest.fail)
        yield model
        model.close()
        gc.collect()


@pytest.fixture(scope="module")
def expected(load: Load, groups: list[RopeGroup]) -> dict[int, str]:
    """What transformers answers, group by group."""
    hf = load("hf")
    return texts(completion for group in groups for completion in hf.generate(*group))


@pytest.fixture(scope="module")
def answered(engine: ModelAdapter, groups: list[RopeGroup]) -> list[Completion]:
    """All groups together, as the engine is started with them."""
    return list(together(engine, groups))


def together(engine: ModelAdapter, groups: list[RopeGroup]) -> Iterator[Completion]:
    """Answers of all groups at once."""
    assert isinstance(engine, HoldsRotations)
    assert all(engine.holds(group.rope) for group in groups)
    return engine.generate_together(groups)


def texts(completions: Any) -> dict[int, str]:
    found = list(completions)
    assert {None} == {completion.error for completion in found}
    answers = {completion.index: completion.text for completion in found}
    assert len(found) == len(answers)
    return answers


def test_together_they_are_answered_as_transformers_does_one_by_one(
    answered: list[Completion], expected: dict[int, str], groups: list[RopeGroup]
) -> None:
    """Every prompt of every group gets the greedy tokens of transformers under its setting."""
    assert len(groups) >= 11
    assert expected == texts(answered)


def test_the_settings_make_a_difference(expected: dict[int, str], prompts: list[TokenIds]) -> None:
    """The test above is not about many names for one rotation."""
    by_spec = [
        tuple(expected[number * len(prompts) + place] for place in range(len(prompts))) for number in range(len(SPECS))
    ]

    assert len(SPECS) == len(set(by_spec))


def test_group_by_group_is_the_same(engine: ModelAdapter, answered: list[Completion], groups: list[RopeGroup]) -> None:
    """The engine with room for many settings answers a group alone as it does among others."""
    assert texts(answered) == texts(completion for group in groups for completion in engine.generate(*group))


def test_the_order_of_groups_and_prompts_changes_nothing(
    engine: ModelAdapter, answered: list[Completion], groups: list[RopeGroup]
) -> None:
    """Groups in another order, and so in other slots and beside others."""
    shuffled = random.Random(3).sample(groups, len(groups))

    assert texts(answered) == texts(together(engine, shuffled))


def test_blocks_of_keys_are_shared_within_a_group_and_not_between_groups(
    engine: ModelAdapter, prompts: list[TokenIds], stem: list[int]
) -> None:
    """The same prompts under three settings: the first of each group finds nothing that another one left."""
    chosen = [ids for ids in prompts if ids[: len(stem)].tolist() == stem]
    groups = [
        RopeGroup(
            RopeSetting("linear", 1e4, 1.5 + number),
            [GenerationRequest(10 * number + place, ids, NEW) for place, ids in enumerate(chosen)],
        )
        for number in range(3)
    ]

    cached = {each.index: each.cached_tokens for each in together(engine, groups)}

    for number in range(3):
        assert sorted(cached[10 * number + place] for place in range(6)) == [0] + 5 * [384]


def test_a_prompt_that_is_put_back_goes_on_under_its_own_setting(
    engine: ModelAdapter, tokenizer: PromptTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers outgrow the blocks of keys, so that the last ones lose theirs and are computed again."""
    groups = five_groups(tokenizer, 150)
    scheduler = engine._engine.llm_engine.engine_core.engine_core.scheduler  # type: ignore[attr-defined]
    preempt, put_back = scheduler._preempt_request, []

    def count(request: Any, *rest: Any, **more: Any) -> Any:
        put_back.append(request.request_id)
        return preempt(request, *rest, **more)

    monkeypatch.setattr(scheduler, "_preempt_request", count)
    found = texts(together(engine, groups))

    assert put_back
    assert found == texts(completion for group in groups for completion in engine.generate(*group))


def test_leaving_early_leaves_nothing_behind(engine: ModelAdapter, tokenizer: PromptTokenizer) -> None:
    """Slots of prompts that nobody waits for any more are free again."""
    groups = five_groups(tokenizer, 4)
    expected = texts(together(engine, groups))

    for _ in range(2 * SLOTS):
        under_way = together(engine, groups)
        next(under_way)
        under_way.close()  # type: ignore[attr-defined]

    assert expected == texts(together(engine, groups))


def five_groups(tokenizer: PromptTokenizer, new: int) -> list[RopeGroup]:
    """Short prompts, each with an answer of that many tokens."""
    draw = np.random.default_rng(13)
    prompts = [token_array(draw.integers(10, len(tokenizer), 240).tolist()) for _ in range(20)]
    rule = StopRule(min_new_tokens=new)
    return [
        RopeGroup(
            RopeSetting("linear", 1e4, 1 + number / 4),
            [GenerationRequest(place, prompts[place], new, stop_rule=rule) for place in range(number, 20, 5)],
        )
        for number in range(5)
    ]


def nothing_moved(runner: Any, shifted: Any, **inputs: Any) -> Any:
    """An engine that ignores where a request reads the table."""
    assert runner.requests
    return shifted.args[1](**inputs)


def only_prompts_moved(runner: Any, shifted: Any, **inputs: Any) -> Any:
    """One that forgets it as soon as an answer begins."""
    tokens = int(runner.query_start_loc.np[: len(runner.input_batch.req_ids) + 1].max())
    return (shifted if tokens > len(runner.input_batch.req_ids) else shifted.args[1])(**inputs)


def requests_in_another_order(runner: Any, shifted: Any, **inputs: Any) -> Any:
    """One that takes the batch to be ordered otherwise."""
    names = runner.input_batch._req_ids
    names.reverse()
    try:
        return shifted(**inputs)
    finally:
        names.reverse()


def positions_read_elsewhere(runner: Any, shifted: Any, **inputs: Any) -> Any:
    """A model that scales by position what it computes, as some do for long texts."""
    real, seen = runner.model.forward, runner.model.forward

    def scaled(*, positions: Any, **rest: Any) -> Any:
        return real(positions=positions, **rest) * (1 + 0.2 * (positions[:, None] // WINDOW))

    runner.model.forward = scaled
    try:
        return shifted(**inputs)
    finally:
        runner.model.forward = seen


@pytest.mark.parametrize(
    "fault", [None, nothing_moved, only_prompts_moved, requests_in_another_order, positions_read_elsewhere]
)
def test_the_probe_tells_an_engine_that_rotates_otherwise(
    engine: ModelAdapter, answered: list[Completion], card: Card, fault: Callable[..., Any] | None
) -> None:
    """Whatever is done to positions on their way, or with them but to turn by them, no prompt is run so."""
    from evalkit.models.vllm._probe import is_shift_proven

    assert answered
    slots, inner = engine._slots, engine._engine  # type: ignore[attr-defined]
    runner = inner.llm_engine.engine_core.engine_core.model_executor.driver_worker.worker.model_runner
    with pytest.MonkeyPatch.context() as patch:
        if fault is not None:
            patch.setattr(runner, "_model_forward", functools.partial(fault, runner, runner._model_forward))
        is_proven = is_shift_proven(inner, card, RopeSetting("default", 1e4), (SLOTS - 1) * WINDOW)
    slots._held[:] = [None] * len(slots)  # the probe wrote into two of them

    assert is_proven is (fault is None)
