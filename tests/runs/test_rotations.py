"""Several RoPE groups at once, where a backend holds several rotations: nothing that a run promises changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import RunStoppedError
from evalkit.models import Completion, GenerationRequest, RopeGroup
from evalkit.prompts import digest_ids
from evalkit.rope import RopeSetting
from evalkit.runs import RunOutcome
from evalkit.runs import read_records_of_run as read

Start = Callable[..., RunOutcome]

ALL = 48
ROPE = {"rope": "dynamic:4", "max_new_tokens": 500, "max_seq_len": 2048}  # on a window of 512: many groups


class Holder:
    """A model that holds every rotation but those that it does not, and answers groups in turns."""

    name, engine_info = "holder", {"device": "none"}

    def __init__(
        self, unheld: Callable[[RopeSetting], bool] = lambda _: False, failing: bool = False, stop_after: int = ALL
    ) -> None:
        self.calls: list[list[str]] = []
        self.left: list[bool] = []
        self._unheld = unheld
        self._failing = failing
        self._open = stop_after

    def holds(self, rope: RopeSetting) -> bool:
        return not self._unheld(rope)

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        self.calls.append([group.rope.key for group in groups])
        turns = [(place, request) for group in groups for place, request in enumerate(group.requests)]
        try:
            for _, request in sorted(turns, key=lambda turn: turn[0]):
                yield self._answer(request)
        finally:
            self.left.append(True)

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        self.calls.append([rope.key])
        yield from map(self._answer, requests)

    def _answer(self, request: GenerationRequest) -> Completion:
        if not self._open:
            raise KeyboardInterrupt
        self._open -= 1
        if self._failing:
            return Completion(request.index, finish_reason="error", error="the kernel gave up")
        return Completion(request.index, text=digest_ids(request.ids)[:8], output_tokens=4, cached_tokens=0)

    def close(self) -> None:
        pass


def answers(folder: Path) -> dict[str, tuple[str | None, str, str | None]]:
    """Text, RoPE group and error of every sample."""
    return {record.id: (record.text, record.rope, record.error) for record in read(folder)}


def test_a_backend_that_holds_rotations_gets_all_groups_at_once(start: Start, new_adapter: Any, bare: Path) -> None:
    """The records are those of a backend that gets one group after the other."""
    holder = Holder()
    start(holder, **ROPE)
    start(new_adapter(), out=bare / "plain", **ROPE)

    (groups,) = holder.calls
    assert len(groups) == len(set(groups)) > 8
    assert answers(bare / "plain") == answers(bare / "run")
    assert set(groups) == {rope for _, rope, _ in answers(bare / "run").values()}


def test_settings_that_it_does_not_hold_are_run_for_themselves(start: Start, bare: Path) -> None:
    """A model's own scaling may follow the length, whatever stands beside it."""
    first = Holder()
    start(first, **ROPE)
    (groups,) = first.calls
    holder = Holder(unheld=lambda rope: rope.key in groups[:2])

    start(holder, out=bare / "split", **ROPE)

    assert [groups[2:], groups[:1], groups[1:2]] == holder.calls
    assert answers(bare / "split") == answers(bare / "run")


def test_a_lone_group_is_an_ordinary_one(start: Start) -> None:
    """One rotation is what every backend holds."""
    holder = Holder()

    start(holder)

    assert [["native"]] == holder.calls


@pytest.mark.parametrize("stop", [0, 1, 17, 47])
def test_interruptions_change_nothing_in_the_end(start: Start, bare: Path, stop: int) -> None:
    """What was answered is kept, the same command answers the rest, and each sample has one record."""
    start(Holder(), out=bare / "calm", **ROPE)
    with pytest.raises(KeyboardInterrupt):
        start(Holder(stop_after=stop), **ROPE)
    assert stop == len(answers(bare / "run"))

    outcome = start(Holder(), **ROPE)

    assert (ALL - stop, stop) == (outcome.finished, outcome.reused)
    assert answers(bare / "calm") == answers(bare / "run")
    assert {1} == set(Counter(record.id for record in read(bare / "run")).values())


def test_a_run_that_stops_ends_what_is_under_way(start: Start) -> None:
    """The generator is closed when the run gives up, not when nobody refers to it."""
    holder = Holder(failing=True)

    with pytest.raises(RunStoppedError, match="5 samples in a row failed alike"):
        start(holder, **ROPE)

    assert [True] == holder.left


def test_answers_that_never_come_are_recorded_as_failed(start: Start, bare: Path) -> None:
    """Of whatever group they are."""

    class Lazy(Holder):
        def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
            yield from super().generate_together([RopeGroup(group.rope, group.requests[:1]) for group in groups])

    outcome = start(Lazy(), **ROPE)

    assert 0 < outcome.failed < ALL
    assert {None, "the backend gave no answer"} == {error for *_, error in answers(bare / "run").values()}
