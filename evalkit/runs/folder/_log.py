"""The log of a run, `samples.jsonl`: its lines checked as they are read, damage named with the way out."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from evalkit.errors import DataError, one_line, shown
from evalkit.lines import checked_line, is_intact
from evalkit.records import LARGEST_COUNT

from ._records import LedgerRecord, SampleRecord

__all__ = [
    "LOG", "Damage", "Recorded", "cut_torn_line", "has_records", "line_at", "log_lines", "misfit", "misfit_refusal",
    "placed_lines", "placed_records", "read_record", "read_records_of_run", "record_at", "record_line", "recorded",
    "remedy", "torn_line",
]  # fmt: skip

LOG = "samples.jsonl"
"""Where a run folder has its answers."""

_BLOCK = 65536


class Damage(NamedTuple):
    """A line that is no record, or not the one that was written."""

    line: int
    """Number of the line, from 1."""
    reason: str
    """What is wrong with it."""
    id: str | None = None
    """Id of the sample that it told of, where that can still be read."""
    is_foreign: bool = False
    """Whether it is a whole record, of another run or of no sample."""


def remedy(folder: Path) -> str:
    """What to do about a damaged run folder."""
    return f"repair it: evalkit repair {folder}"


def record_line(record: SampleRecord) -> bytes:
    """The record as a line of the log."""
    return checked_line(record.model_dump())


def read_record(line: bytes) -> SampleRecord:
    """The record of a line; `ValueError` saying in one line why it is none, or not the one that was written."""
    if not line.strip():
        raise ValueError("line: empty")
    if not line.strip(b"\0\r\n"):
        raise ValueError("line: zero bytes only, as a power cut leaves them")
    try:
        record = SampleRecord.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ValueError(f"{where or 'line'}: {one_line(problem['msg'], 120)}") from None
    if not is_intact(line):
        raise ValueError("line: does not match its checksum, so it is not what was written")
    _check_counts(record)
    return record


def _check_counts(record: SampleRecord) -> None:
    """Raise `ValueError` for what no run can have written: a prompt without a digest, less than nothing."""
    if len(record.prompt_sha256) != 64 or record.prompt_sha256.strip("0123456789abcdef"):
        raise ValueError(f"prompt_sha256: {record.prompt_sha256[:64]!r} is no SHA-256")
    if not 0 <= record.seconds < math.inf:
        raise ValueError(f"seconds: {record.seconds} cannot be")
    for count in (record.output_tokens, record.cached_tokens, record.prompt_tokens, record.reasoning_tokens):
        if count is not None and not 0 <= count <= LARGEST_COUNT:
            raise ValueError(f"line: {shown(count)} tokens cannot be")
    if record.ledger is not None:
        _check_ledger(record.ledger)


def _check_ledger(ledger: LedgerRecord) -> None:
    """Raise `ValueError` for ranges that are none, or stand in another order than the prompt's."""
    places = [place for span in ledger.kept for place in span]
    counts = (ledger.before, ledger.after, ledger.head, ledger.tail, *places, *ledger.evidence_tokens)
    if (odd := next((count for count in counts if not 0 <= count <= LARGEST_COUNT), None)) is not None:
        raise ValueError(f"ledger: {shown(odd)} tokens cannot be")
    if places != sorted(places):
        raise ValueError(f"ledger.kept: {shown(ledger.kept)} are no ranges in order")


def log_lines(folder: Path) -> Iterator[tuple[int, bytes]]:
    """The complete lines of the log with their numbers, streaming; a torn last line is left out.

    `DataError` where the operating system does not let it be read.
    """
    path = folder / LOG
    if not path.is_file():
        return
    with _opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            if line.endswith(b"\n"):
                yield number, line


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The log, open for reading; what the operating system refuses is a `DataError`."""
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_records_of_run(folder: Path) -> Iterator[SampleRecord]:
    """All records in the order written, streaming; a torn last line is left out."""
    return (record for _, record in placed_records(folder))


def placed_records(folder: Path) -> Iterator[tuple[int, SampleRecord]]:
    """All records with the byte of the log where each begins, as `read_records_of_run` reads them."""
    return ((place, record) for place, _, record in placed_lines(folder))


def placed_lines(folder: Path) -> Iterator[tuple[int, bytes, SampleRecord]]:
    """The same, with the line of each record."""
    place = 0
    for number, line in log_lines(folder):
        try:
            yield place, line, read_record(line)
        except ValueError as error:
            raise DataError(f"{folder / LOG}:{number}: {error}; {remedy(folder)}") from error
        place += len(line)


def has_records(folder: Path) -> bool:
    """Whether the log has a record; without one there is no answer to protect."""
    return next(read_records_of_run(folder), None) is not None


def record_at(folder: Path, place: int) -> SampleRecord:
    """The record that begins at that byte of the log."""
    return read_record(line_at(folder, place))


def line_at(folder: Path, place: int) -> bytes:
    """The line that begins at that byte of the log."""
    with _opened(folder / LOG) as stream:
        stream.seek(place)
        return stream.readline()


class Recorded(NamedTuple):
    """What a run must know of a step that was recorded, some 400 bytes; the record itself stays in the log."""

    id: str
    """Sample id."""
    step: int
    """Step of the sample."""
    attempt: int
    """Number of the attempt."""
    digest: bytes
    """sha256 of the prompt's ids."""
    rope: str
    """RoPE setting that was in force."""
    error: str | None
    """Why there is no answer."""
    identity_digest: str
    """Digest of the identity of the run that asked."""
    place: int
    """Byte of the log where the record begins."""
    draw: int = 0
    """Draw of the sample."""

    @property
    def key(self) -> tuple[str, int, int]:
        """Sample id, step and draw."""
        return self.id, self.step, self.draw

    @property
    def prompt_sha256(self) -> str:
        """The digest in hexadecimal digits, as the log has it."""
        return self.digest.hex()


def recorded(record: SampleRecord, place: int) -> Recorded:
    """What is kept in memory of a record that begins at that byte."""
    digest = bytes.fromhex(record.prompt_sha256)
    shared = sys.intern(record.rope), sys.intern(record.identity_digest)  # the same in all records, or nearly
    return Recorded(
        record.id, record.step, record.attempt, digest, shared[0], record.error, shared[1], place, record.draw
    )


def misfit(
    record: SampleRecord | Recorded,
    benchmark: str,
    tasks: Collection[str],
    steps: int,
    identity_digest: str,
    draws: int = 1,
) -> str | None:
    """Why the record can be of no sample of the run; None where it may be.

    `steps` is how many the protocol asks of a sample, `draws` how many the run draws, `identity_digest` the manifest's.
    """
    _, _, rest = record.id.partition("/")  # samples of a benchmark derived from another may carry the other's name
    task, _, index = rest.partition("/")
    if not index:
        return f"id {record.id[:80]!r} is not benchmark/task/index"
    if task not in tasks:
        return f"id {record.id[:80]!r} is of no task of {benchmark}"
    if record.step >= steps:
        return f"step {record.step} of {record.id[:80]!r}, but the protocol has {steps}"
    if record.draw >= draws:
        return f"draw {record.draw} of {record.id[:80]!r}, but the run draws {draws} a sample"
    if record.identity_digest and identity_digest and record.identity_digest != identity_digest:
        return f"{record.id[:80]!r} was answered for a run with another identity than that of run.json"
    return None


def misfit_refusal(folder: Path, reason_of: Callable[[SampleRecord], str | None]) -> DataError:
    """What to tell of the first record of the log that belongs to no sample, with its line."""
    for number, record in enumerate(read_records_of_run(folder), start=1):
        if reason := reason_of(record):
            return DataError(f"{folder / LOG}:{number}: {reason}; {remedy(folder)}")
    raise AssertionError("no record of the log is a misfit")


def torn_line(folder: Path) -> str | None:
    """A line for the reader of scores where the log ends in a torn line, which is left out; None where it does not."""
    path = folder / LOG
    if not path.is_file() or path.stat().st_size == 0:
        return None
    with _opened(path) as stream:
        stream.seek(-1, os.SEEK_END)
        is_whole = stream.read(1) == b"\n"
    return None if is_whole else f"{path}: its last line is torn and left out; the same `evalkit run` makes it again"


def cut_torn_line(stream: BinaryIO) -> None:
    """Cut a log that is open for reading and writing behind its last complete line."""
    end = position = stream.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - _BLOCK)
        stream.seek(start)
        cut = stream.read(position - start).rfind(b"\n")
        if cut >= 0:
            if start + cut + 1 < end:
                stream.truncate(start + cut + 1)
            return
        position = start
    if end:
        stream.truncate(0)
