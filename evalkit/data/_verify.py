"""Whether the files at hand are the pinned ones, one line per file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from evalkit.data._places import Place, Where, expected_digest, find, is_vouched_for
from evalkit.data._sources import Source, SourceFile
from evalkit.data.fetching import count_records
from evalkit.errors import DataError
from evalkit.files import sha256_of

__all__ = ["FileCheck", "FileState", "verify"]

FileState = Literal["ok", "recorded", "missing", "differs", "unpinned"]


class FileCheck(NamedTuple):
    """What is known about one file of a source."""

    source: str
    """Name of the source."""
    file: str
    """Local path of the file."""
    state: FileState
    """`recorded` = as at the first download, where the source names no digest; `unpinned` = no digest is known."""
    path: Path | None
    """Where it was found; None when missing."""
    where: Where | None
    """`folder` = the folder given, `data` = EVALKIT_DATA or EVALKIT_WHEELS, `cache` = downloaded by evalkit."""
    detail: str
    """Why it is not ok; empty when it is."""


def verify(source: Source, *, folder: Path | None = None) -> list[FileCheck]:
    """One check per file, in listing order: digest, size and number of records. Nothing is downloaded."""
    return [_check(source, file, find(source, file, folder)) for file in source.files]


def _check(source: Source, file: SourceFile, place: Place | None) -> FileCheck:
    if place is None:
        return FileCheck(source.name, file.path, "missing", None, None, f"run: evalkit data fetch {source.name}")
    state, detail = _judged(source, file, place.path)
    return FileCheck(source.name, file.path, state, place.path, place.where, detail)


def _judged(source: Source, file: SourceFile, path: Path) -> tuple[FileState, str]:
    expected = expected_digest(source, file)
    try:
        found, size = sha256_of(path), path.stat().st_size
        records = count_records(path) if path.suffix == ".jsonl" else None
    except OSError as error:
        return "differs", f"cannot be read: {error.strerror or error}"
    except DataError as error:
        return "differs", str(error)
    if found in file.also:
        return "ok", ""
    if expected is None:
        state: FileState = "unpinned" if file.records in (None, records) else "differs"
        return state, f"no digest is known; this file has sha256 {found}{_compared(file, size, records)}"
    if found != expected:
        return "differs", f"sha256 {found}, expected {expected}{_compared(file, size, records)}"
    if file.records not in (None, records):
        return "differs", _compared(file, size, records).strip(" ;")
    if is_vouched_for(source, file):
        return "ok", ""
    return "recorded", "as first downloaded; the source names no digest"


def _compared(file: SourceFile, size: int, records: int | None) -> str:
    counts = ((size, file.bytes, "bytes"), (records, file.records, "records"))
    return "".join(
        f"; {found} {unit}, expected {expected}"
        for found, expected, unit in counts
        if None not in (found, expected) and found != expected
    )
