"""Records of several folders of one run, put into one of them: each step of each draw once, byte for byte."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from evalkit.errors import DataError, RunConflictError
from evalkit.printable import counted

from ._log import LOG, line_at, misfit_refusal, placed_lines, read_record
from ._records import SampleRecord
from ._shards import parts_in
from ._store import RunStore

__all__ = ["Joining", "Misfit", "survey", "unjoined_note"]

Key = tuple[str, int, int]
"""Sample id, step and draw."""

Draw = tuple[str, int]
"""Sample id and draw."""

Misfit = Callable[[SampleRecord], str | None]
"""From a record to why it is of no sample of the folder's run; None where it is of one."""


class _Held(NamedTuple):
    """What must be known of a record to tell whether another one says more."""

    folder: Path
    place: int
    is_answer: bool
    asked: tuple[str, str]
    """Digest of the prompt, and the RoPE setting."""
    sign: bytes
    """Digest of the line."""


@dataclass
class Joining:
    """What joining folders to a run comes to; nothing is written until `write` is called."""

    taken: list[tuple[Path, int]] = field(default_factory=list)
    """Folder and byte of its log of every record that the run lacks."""
    double: int = 0
    """Answers to a step that was answered in a folder before; these are left out."""
    differing: int = 0
    """How many of these say something else."""
    answered: dict[Path, int] = field(default_factory=lambda: defaultdict(int))
    """Folder → first steps that are answered there."""
    held: dict[Path, int] = field(default_factory=dict)
    """Folder → steps that its log has a record of."""
    lacking: int = 0
    """Later steps that follow from one of those and that nobody asked after the answer that counts."""

    def write(self, store: RunStore) -> None:
        """Append what the run lacks to its log. What was stored when this was killed is not taken again."""
        for folder, place in self.taken:
            store.take(line_at(folder, place))

    @property
    def double_note(self) -> str | None:
        """A line that tells of steps that were answered twice; None where there are none."""
        if not self.double:
            return None
        differ = f"{self.differing} of them differ" if self.differing else "none of them differs"
        return f"{counted(self.double, 'step')} answered twice, the first answer counts ({differ})"


def survey(run: Path, sources: Sequence[tuple[Path, Misfit]]) -> Joining:
    """What the logs of `sources`, in this order, have that the run's lacks. Reads only.

    Later steps are taken with the answers that they follow from. Raises `DataError` for a damaged log and for records
    of another run, `RunConflictError` where one step was asked with two prompts.
    """
    joining = Joining()
    there = _latest(run)
    apart, parted = set[Key](), set[Draw]()
    for folder, misfit in sources:
        latest = _latest(folder, misfit)
        joining.held[folder] = len(latest)
        apart |= _join(joining, there, folder, latest, parted)
    joining.lacking = len(apart - there.keys())
    return joining


def unjoined_note(run: Path) -> str | None:
    """A line for readers of a run whose parts hold records that it lacks, or cannot be read; None where all is well."""
    if not (parts := parts_in(run)):
        return None
    try:
        lacking = len(survey(run, [(part, lambda _: None) for part in parts]).taken)
    except (DataError, RunConflictError) as error:
        return f"the parts of {run} are not joined: {error}"
    return f"{counted(lacking, 'record')} in parts of {run} not joined: evalkit merge {run}" if lacking else None


def _latest(folder: Path, misfit: Misfit = lambda _: None) -> dict[Key, _Held]:
    """Key → last record of a log, in the order of their places."""
    latest: dict[Key, _Held] = {}
    for place, line, record in placed_lines(folder):
        if misfit(record):
            raise misfit_refusal(folder, misfit)
        latest.pop(record.key, None)
        asked = (record.prompt_sha256, record.rope)
        sign = hashlib.blake2b(line, digest_size=16).digest()
        latest[record.key] = _Held(folder, place, record.error is None, asked, sign)
    return latest


def _join(
    joining: Joining, there: dict[Key, _Held], folder: Path, latest: dict[Key, _Held], parted: set[Draw]
) -> set[Key]:
    """Take what a folder has and `there` lacks, which is changed; the steps that follow from another answer.

    `parted` are the draws that folders answered differently, to which this one's are added: a step there whose earlier
    one is in another folder may follow from either answer.
    """
    draws, apart = set[Draw](), set[Key]()
    for key, held in latest.items():
        name, step, draw = key
        joining.answered[folder] += held.is_answer and step == 0
        known = there.get(key)
        is_unsure = step > 0 and (name, draw) in parted and (name, step - 1, draw) not in latest
        if is_unsure or (name, draw) in draws:
            apart.add(key)
        elif known is None or (held.is_answer and not known.is_answer):
            joining.taken.append((folder, held.place))
            there[key] = held
        elif held.is_answer and not _is_same(known, held, key):
            joining.double += 1
            if _record(known).text != _record(held).text:
                joining.differing += 1
                draws.add((name, draw))
    parted |= draws
    return apart


def _is_same(known: _Held, held: _Held, key: Key) -> bool:
    """Whether two answers are one record; `RunConflictError` where they answer two prompts."""
    if known.asked != held.asked:
        raise RunConflictError(
            f"{held.folder / LOG}: {key[0]} was answered for another prompt than in {known.folder}: data or libraries "
            "differed between the two, so they are not joined"
        )
    return known.sign == held.sign or _without_digest(known) == _without_digest(held)


def _record(held: _Held) -> SampleRecord:
    return read_record(line_at(held.folder, held.place))


def _without_digest(held: _Held) -> SampleRecord:
    return _record(held).model_copy(update={"identity_digest": ""})
