"""Repairing a run folder: what is no record of the run is moved out of its log, and nothing is thrown away."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import filelock

from evalkit.errors import DataError, RunConflictError, UserError
from evalkit.files import keep_aside, partial_of, sweep, sync_folder

from ._log import LOG, Damage, read_record
from ._manifest import has_manifest, mend_manifest
from ._records import SampleRecord
from ._shards import SHARDS, only_parts
from ._store import run_lock

__all__ = ["Repair", "repair_run"]

_ID = re.compile(rb'"id": ?"([^"\\]{1,200})"')
_START, _END = b'{"id": "', re.compile(rb', "crc32": "[0-9a-f]{8}"\}')  # quotes in answers are escaped

Key = tuple[str, int, int]
"""Sample id, step and draw."""

Misfit = Callable[[SampleRecord], str | None]
"""From a record to why it is of no sample of the run; None where it is of one."""


@dataclass(frozen=True)
class Repair:
    """What was done to a run folder."""

    manifest: list[str] = field(default_factory=list)
    """A line for each file of the manifest that was made again."""
    dropped: list[Damage] = field(default_factory=list)
    """Lines of the log that are no records of the run, in their order."""
    kept: int = 0
    """Records that are in the log now."""
    saved: int = 0
    """How many of them stood whole inside a damaged line: behind zeros, or joined to another record."""
    original: Path | None = None
    """The log as it was; None where it needed no repair."""
    unchecked: str | None = None
    """Why ids were not held against the benchmark's samples; None where they were."""


def repair_run(folder: Path, misfit: Misfit | None = None) -> Repair:
    """Rebuild a damaged manifest and move damaged lines out of the log; whole records stay byte for byte.

    `misfit` says which whole records belong to no sample. The log as it was is kept beside the new one.
    Raises `RunConflictError` while a run is writing, `DataError` for a folder that no repair makes a run.
    """
    if not has_manifest(folder):
        if only_parts(folder) is not None:
            raise DataError(f"{folder}: only parts of a run so far; repair those: evalkit repair {folder / SHARDS}/*")
        raise DataError(
            f"{folder}: neither run.json nor run.copy.json can be read, so nothing says which run this is; "
            "restore one of them from a backup, or start a new run"
        )
    lock, had_lock = run_lock(folder), (folder / ".lock").exists()
    try:
        with lock:
            repair = _repair(folder, misfit or (lambda _: None))
            if not had_lock:
                Path(lock.lock_file).unlink(missing_ok=True)
            return repair
    except filelock.Timeout:
        raise RunConflictError(f"{folder}: an evalkit process writes here; wait for it") from None
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be repaired ({error.strerror or error}); copy it to where there is room and try there"
        ) from error


def _repair(folder: Path, misfit: Misfit) -> Repair:
    said = mend_manifest(folder)
    log = folder / LOG
    if not log.is_file():
        raise DataError(f"{log}: missing, and nothing makes answers again but the model: restore it, or run again")
    with log.open("rb") as stream:
        verdicts = list(_verdicts(stream, misfit))
    verdicts = list(_without_orphans(verdicts))
    dropped = [verdict for verdict in verdicts if isinstance(verdict, Damage)]
    kept = len(verdicts) - len(dropped)
    if not dropped:
        return Repair(said, kept=kept)
    if not kept and all(damage.is_foreign for damage in dropped):
        raise DataError(
            f"{log}: none of its records is of the run that run.json tells of, so one of the two files is another "
            "run's: put the right one back; nothing was changed"
        )
    original = keep_aside(log)
    saved = _rewrite(log, {damage.line for damage in dropped}, misfit)
    return Repair(said, dropped, kept + saved, saved, original)


def _verdicts(stream: BinaryIO, misfit: Misfit) -> Iterator[Damage | Key]:
    """What is wrong with each line of a log, or which step of which sample it is."""
    for number, line in enumerate(stream, start=1):
        try:
            if not line.endswith(b"\n"):
                raise ValueError("line: torn, the log ends in it")
            record = read_record(line)
        except ValueError as error:
            yield Damage(number, str(error), _id_of(line))
            continue
        reason = misfit(record)
        yield Damage(number, reason, _id_of(line), is_foreign=True) if reason else record.key


def _without_orphans(verdicts: list[Damage | Key]) -> Iterator[Damage | Key]:
    """Later steps of samples that lost an earlier one are damage too: they answer a prompt made of its answer."""
    there = {verdict for verdict in verdicts if not isinstance(verdict, Damage)}
    for number, verdict in enumerate(verdicts, start=1):
        if not isinstance(verdict, Damage):
            name, step, draw = verdict
            if any((name, earlier, draw) not in there for earlier in range(step)):
                yield Damage(number, f"step {step} without the steps before it", name)
                continue
        yield verdict


def _id_of(line: bytes) -> str | None:
    found = _ID.search(line)
    return found.group(1).decode("utf-8", "replace") if found else None


def _whole_records(line: bytes, misfit: Misfit) -> Iterator[bytes]:
    """Records with a checksum that stand whole inside a damaged line."""
    last = 0
    for end in (found.end() for found in _END.finditer(line)):
        part = line[max(line.rfind(_START, last, end), last) : end] + b"\n"
        last = end
        try:
            if part.strip() != line.strip() and not misfit(read_record(part)):
                yield part
        except ValueError:
            continue


def _rewrite(log: Path, dropped: set[int], misfit: Misfit) -> int:
    """Write the log anew in one step, of those lines only the whole records in them; how many these are."""
    sweep(log)
    saved = 0
    partial = partial_of(log)
    try:
        with log.open("rb") as source, partial.open("xb") as target:
            for number, line in enumerate(source, start=1):
                parts = list(_whole_records(line, misfit)) if number in dropped else [line]
                saved += len(parts) if number in dropped else 0
                target.writelines(parts)
            target.flush()
            os.fsync(target.fileno())
        partial.replace(log)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(log.parent)
    return saved
