"""The prompts of a plan as columns of plain numbers: some 300 bytes a prompt, whatever is read of it.

A `PlannedPrompt` is one row, made when it is asked for and read from the columns; a plan of a million prompts holds no
million objects.
"""

from __future__ import annotations

import copy
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, overload

from evalkit.prompts import Ledger, Prompt, Range
from evalkit.rope import RopeSetting
from evalkit.tasks import StopRule

__all__ = ["PlannedPrompt", "PromptTable"]

DIGEST_BYTES = 32  # sha256
NO_LEDGER = -1


class _Kind(NamedTuple):
    """What many prompts have in common, held once."""

    benchmark: str
    task: str
    step: int
    max_new_tokens: int
    stop: tuple[str, ...]
    rope: RopeSetting
    stop_rule: StopRule
    draw: int


class _Ledgers:
    """Ledgers as numbers."""

    def __init__(self) -> None:
        self._modes: dict[str, int] = {}
        self._numbers = array("q")
        self._depths = array("d")
        self._ends = array("q")
        self._depth_ends = array("q")
        self.are_truncated = bytearray()
        """1 for each prompt that lost tokens, else 0."""
        self.have_lost_evidence = bytearray()
        """1 for each prompt that lost its needle or gold answer, else 0."""

    def append(self, ledger: Ledger | None) -> None:
        self.are_truncated.append(ledger is not None and ledger.is_truncated)
        self.have_lost_evidence.append(ledger is not None and ledger.evidence_kept is False)
        if ledger is None:
            self._numbers.append(NO_LEDGER)
        else:
            mode = self._modes.setdefault(str(ledger.mode), len(self._modes))
            evidence = 2 if ledger.evidence_kept is None else int(ledger.evidence_kept)
            sizes = (len(ledger.kept), len(ledger.evidence_lost))
            self._numbers.extend((mode, ledger.before, ledger.after, evidence, *sizes))
            for span in ledger.kept:
                self._numbers.extend(span)
            self._numbers.extend(ledger.evidence_lost)
            self._numbers.extend(ledger.evidence_tokens)
            self._depths.extend(ledger.evidence_depths)
        self._ends.append(len(self._numbers))
        self._depth_ends.append(len(self._depths))

    def __getitem__(self, index: int) -> Ledger | None:
        start, depth_start = (ends[index - 1] if index else 0 for ends in (self._ends, self._depth_ends))
        mode, *numbers = self._numbers[start : self._ends[index]]
        if mode == NO_LEDGER:
            return None
        before, after, evidence, kept, lost, *rest = numbers
        spans, rest = rest[: 2 * kept], rest[2 * kept :]
        return Ledger(
            list(self._modes)[mode],
            before,
            after,
            tuple(map(Range, spans[::2], spans[1::2])),
            None if evidence == 2 else bool(evidence),
            tuple(rest[:lost]),
            tuple(rest[lost:]),
            tuple(self._depths[depth_start : self._depth_ends[index]]),
        )


class PlannedPrompt:
    """One prompt of a plan; its ids are in the plan's spool."""

    __slots__ = ("_table", "index")

    def __init__(self, table: PromptTable, index: int) -> None:
        self._table = table
        self.index = index
        """Index in the plan and in its spool."""

    @property
    def sample_id(self) -> str:
        """Sample id."""
        return self._table.sample_ids[self.index]

    @property
    def benchmark(self) -> str:
        """Benchmark name."""
        return self._kind.benchmark

    @property
    def task(self) -> str:
        """Task name."""
        return self._kind.task

    @property
    def step(self) -> int:
        """Step of the sample."""
        return self._kind.step

    @property
    def draw(self) -> int:
        """Which of the sample's draws it is for, from 0."""
        return self._kind.draw

    @property
    def key(self) -> tuple[str, int, int]:
        """Sample id, step and draw: what a record answers."""
        kind = self._kind
        return self.sample_id, kind.step, kind.draw

    @property
    def tokens(self) -> int:
        """Prompt length, in tokens."""
        return self._table.tokens[self.index]

    @property
    def digest(self) -> str:
        """sha256 of the ids."""
        return self._table.digest(self.index)

    @property
    def ledger(self) -> Ledger | None:
        """What truncation did; None for a failed prompt."""
        return self._table.ledgers[self.index]

    @property
    def is_truncated(self) -> bool:
        """Whether truncation dropped any token; what the ledger says, without reading it."""
        return bool(self._table.ledgers.are_truncated[self.index])

    @property
    def has_lost_evidence(self) -> bool:
        """Whether truncation removed the needle or gold answer; what the ledger says, without reading it."""
        return bool(self._table.ledgers.have_lost_evidence[self.index])

    @property
    def max_new_tokens(self) -> int:
        """Generation limit, in tokens."""
        return self._kind.max_new_tokens

    @property
    def stop(self) -> tuple[str, ...]:
        """Stop strings."""
        return self._kind.stop

    @property
    def rope(self) -> RopeSetting:
        """Setting of the prompt's rope group."""
        return self._kind.rope

    @property
    def error(self) -> str | None:
        """Why it cannot be run."""
        return self._table.errors.get(self.index)

    @property
    def stop_rule(self) -> StopRule:
        """How the answer ends and is read."""
        return self._kind.stop_rule

    @property
    def _kind(self) -> _Kind:
        return self._table.kind(self.index)


class PromptTable(Sequence[PlannedPrompt]):
    """Prompts by index, in the order they were planned."""

    def __init__(self) -> None:
        self.sample_ids: list[str] = []
        """Sample id of each."""
        self.tokens = array("q")
        """Length of each."""
        self.ledgers = _Ledgers()
        """Ledger of each; None for a failed one."""
        self.errors: dict[int, str] = {}
        """Index → why it cannot be run."""
        self._digests = bytearray()
        self._kinds: dict[_Kind, int] = {}
        self._kind_list: list[_Kind] = []
        self._kind_of = array("l")

    def append(self, benchmark: str, prompt: Prompt, rope: RopeSetting) -> None:
        """Add one prompt of a benchmark."""
        limit, rule, draw = prompt.max_new_tokens, prompt.stop_rule, prompt.draw
        self._add(_Kind(benchmark, prompt.task, prompt.step, limit, prompt.stop, rope, rule, draw))
        if prompt.error is not None:
            self.errors[len(self)] = prompt.error
        self.tokens.append(len(prompt.ids))
        self.ledgers.append(prompt.ledger)
        self._digests += bytes.fromhex(prompt.digest)
        self.sample_ids.append(prompt.sample_id)

    def under(self, rope: Callable[[int], RopeSetting]) -> PromptTable:
        """The same prompts under other RoPE settings; all columns but that one are shared."""
        table = copy.copy(self)
        table._kinds, table._kind_list, table._kind_of = {}, [], array("l")
        for index in range(len(self)):
            kind = self.kind(index)
            table._add(kind._replace(rope=rope(self.tokens[index] + kind.max_new_tokens)))
        return table

    def _add(self, kind: _Kind) -> None:
        if kind not in self._kinds:
            self._kinds[kind] = len(self._kinds)
            self._kind_list.append(kind)
        self._kind_of.append(self._kinds[kind])

    def digest(self, index: int) -> str:
        """sha256 of one prompt's ids."""
        return self._digests[DIGEST_BYTES * index : DIGEST_BYTES * (index + 1)].hex()

    def kind(self, index: int) -> _Kind:
        """What one prompt has in common with others."""
        return self._kind_list[self._kind_of[index]]

    def __len__(self) -> int:
        return len(self.sample_ids)

    @overload
    def __getitem__(self, index: int) -> PlannedPrompt: ...

    @overload
    def __getitem__(self, index: slice) -> list[PlannedPrompt]: ...

    def __getitem__(self, index: int | slice) -> PlannedPrompt | list[PlannedPrompt]:
        chosen = range(len(self))[index]
        if isinstance(chosen, range):
            return [PlannedPrompt(self, each) for each in chosen]
        return PlannedPrompt(self, chosen)

    def __iter__(self) -> Iterator[PlannedPrompt]:
        return (PlannedPrompt(self, index) for index in range(len(self)))
