"""Several settings in one rotary table: who has which rows, and positions that are moved for the model alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from evalkit.cards import Card, load_card
from evalkit.errors import UserError
from evalkit.models import GenerationRequest, RopeGroup
from evalkit.models.vllm import _slots
from evalkit.models.vllm._feed import Feed
from evalkit.models.vllm._shift import FIRST_ROW, shift_positions
from evalkit.models.vllm._slots import Slots, slots_for
from evalkit.prompts import token_array
from evalkit.rope import RopeModel, RopeSetting, rotation

WINDOW, DIMENSION = 16, 8
SETTINGS = [RopeSetting("linear", 1e4, float(factor)) for factor in range(1, 6)]
PLANNED = RopeModel(1e4, 512, DIMENSION)


class Runner:
    """As much of vLLM's model runner as computes a batch; the model tells what it sees."""

    uses_mrope = False

    def __init__(self, **batch: tuple[int, int, dict[str, Any] | None]) -> None:
        """Requests by name: their first position, their tokens in this batch, their `extra_args`."""
        tokens = [length for _, length, _ in batch.values()]
        self.positions = torch.cat([torch.arange(start, start + length) for start, length, _ in batch.values()])
        self.positions = torch.cat([self.positions, torch.zeros(3, dtype=torch.int64)])  # a graph's padding
        self.query_start_loc = SimpleNamespace(np=np.cumsum([0, *tokens, 0, 0]))
        self.input_batch = SimpleNamespace(req_ids=list(batch))
        self.requests = {
            name: SimpleNamespace(sampling_params=SimpleNamespace(extra_args=extra))
            for name, (_, _, extra) in batch.items()
        }
        self.seen: list[int] = []

    def _model_forward(self, *, positions: torch.Tensor) -> str:
        assert positions.data_ptr() == self.positions.data_ptr()  # graphs read this buffer and no other
        self.seen = positions.tolist()
        return "hidden"

    def execute(self) -> Any:
        """Run the batch."""
        return self._model_forward(positions=self.positions)


def test_the_model_sees_each_position_in_the_rows_of_its_request() -> None:
    """Chunks of prefill and single tokens of decoding alike; padding stays, and so does what others see."""
    runner = Runner(a=(4, 3, {FIRST_ROW: 32}), b=(7, 1, None), c=(0, 2, {FIRST_ROW: 16}), d=(9, 1, {}))
    before = runner.positions.tolist()
    for _ in range(2):  # asked twice, moved once
        assert shift_positions(SimpleNamespace(model_runner=runner)) is None

    assert "hidden" == runner.execute()

    assert [36, 37, 38, 7, 16, 17, 9, 0, 0, 0] == runner.seen
    assert before == runner.positions.tolist()


def test_positions_are_moved_back_where_the_model_fails() -> None:
    """The engine may go on with the next batch."""
    runner = Runner(a=(4, 3, {FIRST_ROW: 32}))
    before = runner.positions.tolist()
    runner._model_forward = _fails  # type: ignore[method-assign]
    shift_positions(SimpleNamespace(model_runner=runner))

    with pytest.raises(MemoryError):
        runner.execute()

    assert before == runner.positions.tolist()


def _fails(**_: Any) -> None:
    raise MemoryError


def test_a_runner_that_computes_batches_otherwise_is_named() -> None:
    """Nothing is moved in it: vLLM's second runner, and positions of several dimensions."""
    other = SimpleNamespace(input_batch=None, requests={}, query_start_loc=None, uses_mrope=False)
    images = Runner(a=(0, 1, None))
    images.uses_mrope = True

    assert "types.SimpleNamespace has no _model_forward" in str(shift_positions(SimpleNamespace(model_runner=other)))
    assert "several dimensions" in str(shift_positions(SimpleNamespace(model_runner=images)))
    assert images._model_forward == Runner._model_forward.__get__(images)


class Rotary(torch.nn.Module):
    """A rotary embedding as vLLM has it."""

    rotary_dim = DIMENSION

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.register_buffer("cos_sin_cache", torch.zeros(rows, DIMENSION))


class RotaryEmbedding(Rotary):
    """One whose whole effect is its table."""


class Engine:
    """As much of an engine as holds a table."""

    llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=WINDOW))

    def __init__(self, rotary: Rotary, reason: str | None = None) -> None:
        self.model = torch.nn.Sequential(rotary)
        self._reason = reason

    def apply_model(self, function: Callable[[torch.nn.Module], Any]) -> list[Any]:
        """What it gives for the model of the one worker."""
        return [function(self.model)]

    def collective_rpc(self, _: Any) -> list[str | None]:
        """Whether positions are moved."""
        return [self._reason]


@pytest.fixture
def card(save_model: Callable[..., Path]) -> Card:
    """Any card."""
    return load_card(save_model())


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables by evalkit's own formula, where no vLLM is installed; a probe that holds."""

    def write(model: Any, parameters: dict[str, Any], rows: range) -> int:
        setting = RopeSetting("linear", parameters["rope_theta"], parameters["factor"])
        angles = torch.arange(len(rows))[:, None] * torch.tensor(rotation(setting, DIMENSION).frequencies)
        model[0].cos_sin_cache[rows.start : rows.stop] = torch.cat((angles.cos(), angles.sin()), dim=-1)
        return 1

    monkeypatch.setattr("evalkit.models.vllm._rotation.write_tables", write)
    monkeypatch.setattr(_slots, "is_shift_proven", lambda *_: True)


def opened(card: Card, count: int) -> tuple[Slots, Engine]:
    engine = Engine(RotaryEmbedding(count * WINDOW))
    slots = Slots(engine, card, PLANNED)
    assert slots.open(SETTINGS[0]) is None
    return slots, engine


def test_each_setting_is_written_into_rows_of_its_own(card: Card) -> None:
    """The first request under a setting has it written, the others find it there."""
    slots, engine = opened(card, 3)

    assert [0, 1, 0, 2, 1] == [slots.enter(SETTINGS[number]) for number in (0, 1, 0, 2, 1)]
    assert [None, {FIRST_ROW: 16}, {FIRST_ROW: 32}] == [slots.extra_args(slot) for slot in range(3)]
    turned = engine.model[0].cos_sin_cache[1::WINDOW, 0]  # fastest pair at position 1: one radian over the factor
    assert [1, 2, 3] == pytest.approx([1 / float(torch.acos(cosine)) for cosine in turned])


def test_a_slot_is_given_away_when_nothing_under_its_setting_is_under_way(card: Card) -> None:
    """Not before: those prompts would go on under another rotation. What is empty is taken first."""
    slots, _ = opened(card, 2)
    for number in (0, 0, 1):
        slots.enter(SETTINGS[number])

    assert slots.enter(SETTINGS[2]) is None
    slots.leave(0)
    assert slots.enter(SETTINGS[2]) is None
    slots.leave(0)
    assert slots.enter(SETTINGS[2]) == 0
    slots.leave(1)
    assert slots.enter(SETTINGS[1]) == 1


def test_requests_wait_for_a_slot_in_their_order(card: Card) -> None:
    """Nothing is lost where more settings are asked for than the engine holds."""
    slots, _ = opened(card, 2)
    groups = [
        RopeGroup(setting, [GenerationRequest(10 * number + each, token_array([3, each]), 4) for each in range(2)])
        for number, setting in enumerate(SETTINGS)
    ]
    feed, under_way, order = Feed(groups, slots), [], []
    for _ in range(100):
        while (fed := feed.next()) is not None:
            under_way.append(fed)
            order.append(fed.request.index)
            assert fed.extra_args == slots.extra_args(fed.slot)
        assert len({fed.rope.key for fed in under_way}) <= 2
        if not under_way:
            break
        feed.finish(under_way.pop(0).slot)

    assert [0, 1, 10, 11, 20, 21, 30, 31, 40, 41] == sorted(order)
    assert order == sorted(order, key=lambda index: index // 10)


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        (Engine(Rotary(64)), "it has Rotary"),
        (Engine(RotaryEmbedding(WINDOW)), "started for one setting"),
        (Engine(RotaryEmbedding(64), "its runner has no hands"), "no hands"),
    ],
)
def test_an_engine_that_cannot_hold_several_says_why(engine: Engine, reason: str, card: Card) -> None:
    """It goes on with one."""
    slots = Slots(engine, card, PLANNED)

    assert reason in str(slots.open(SETTINGS[0]))
    assert 1 == len(slots)


def test_an_engine_that_fails_the_probe_holds_one(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the probe wrote is not taken for a setting in force."""
    monkeypatch.setattr(_slots, "is_shift_proven", lambda *_: False)
    slots = Slots(Engine(RotaryEmbedding(64)), card, PLANNED)
    slots.first = SETTINGS[0]

    assert "probe" in str(slots.open(SETTINGS[0]))
    assert slots.first is None
    assert not slots.is_as_started
    assert 1 == len(slots)


def test_rows_that_hold_another_setting_are_refused(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is read back before a prompt is let in."""
    slots, _ = opened(card, 3)
    monkeypatch.setattr("evalkit.models.vllm._rotation.write_tables", lambda *_, **__: 1)

    with pytest.raises(UserError, match="does not rotate as planned: setting linear"):
        slots.enter(SETTINGS[1])


@pytest.mark.parametrize(
    ("settings", "window", "dimension", "expected"),
    [(5, 4096, 128, 5), (500, 4096, 128, 64), (500, 32768, 128, 16), (500, 2**21, 128, 1), (500, 32768, 64, 32)],
)
def test_slots_are_as_many_as_memory_allows(settings: int, window: int, dimension: int, expected: int) -> None:
    """256 MiB for the table in float32, and no more slots than settings."""
    assert expected == slots_for(settings, window, RopeModel(1e4, 512, dimension))
