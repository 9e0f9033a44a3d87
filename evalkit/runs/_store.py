"""One run folder: an append-only log of records under an operating-system lock.

Durability: each record is handed to the operating system as soon as it is finished, so a killed process loses nothing;
it is forced to disk at least every `FSYNC_SECONDS` and when the store closes, so a power cut loses at most those
seconds. `run.json`, without which no record can be read, is forced to disk each time before it takes the old one's
place. A torn last line is dropped when the folder is opened for writing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import filelock
from pydantic import ValidationError

from evalkit.errors import DataError, RunConflictError, UserError
from evalkit.files import write_text
from evalkit.models import backend_name

from ._identity import moved_on_hub
from ._records import Manifest, SampleRecord

__all__ = ["RunStore", "conflict_with", "read_manifest", "read_records_of_run"]

FSYNC_SECONDS = 5.0

NEEDED = (
    ("identity", "data"),
    ("identity", "model"),
    ("identity", "protocol"),
    ("settings", "benchmark"),
    ("settings", "label"),
)
"""What of a manifest scoring relies on."""

UNKNOWN_WHEN_ABSENT = {"rope_model"}
"""Fields of the identity that older runs do not have and no default stands for; the records still tell their RoPE."""

Key = tuple[str, int]
"""Sample id and step."""


class RunStore:
    """The one writer of a run folder. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.latest: dict[Key, SampleRecord] = {}
        self._log = folder / "samples.jsonl"
        self._stream: BinaryIO | None = None
        self._synced = time.monotonic()
        self._lock = filelock.FileLock(folder / ".lock", timeout=0)

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _open(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            _drop_torn_line(self._log)
            self._stream = self._log.open("ab")
        except filelock.Timeout:
            raise RunConflictError(
                f"{self.folder}: another evalkit process writes here; wait for it, or use --out"
            ) from None
        except OSError as error:
            raise UserError(f"{self.folder}: cannot write results ({error.strerror}); choose another --out") from error
        self.latest = {(record.id, record.step): record for record in read_records_of_run(self.folder)}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close()
        except OSError as failure:
            if kind is None:  # else the disk refused before, and that error is on its way to the user
                raise UserError(
                    f"{self._log}: cannot be forced to disk ({failure.strerror}); run again when the disk is well"
                ) from failure
        finally:
            self._lock.release()

    def _close(self) -> None:
        if self._stream is not None:
            with self._stream:
                self._sync()

    def open_as(self, manifest: Manifest) -> list[str]:
        """Bind the folder to a run; warnings about what changed around it.

        A run that ended before its first record has nothing to protect: another may take its folder.
        Raises `RunConflictError` naming the first field of the identity that differs from the folder's run.
        """
        path = self.folder / "run.json"
        warnings: list[str] = []
        if path.is_file() and self.latest:
            earlier = read_manifest(self.folder)
            _check_identity(self.folder, earlier.identity, manifest.identity)
            warnings = _changes(earlier.environment, manifest.environment)
            manifest = _continued(earlier, manifest)
        elif self.latest:
            raise RunConflictError(
                f"{self.folder}: holds records but no run.json that says of which run; restore it, or use another --out"
            )
        write_text(path, manifest.model_dump_json(indent=2) + "\n")
        return warnings

    def note_engine(self, info: dict[str, Any]) -> list[str]:
        """Write into the manifest what the backend really runs with; warnings about what changed on resume."""
        manifest = read_manifest(self.folder)
        earlier = manifest.environment.get("engine") or {}
        environment = {**manifest.environment, "engine": {**earlier, **info}}
        manifest = manifest.model_copy(update={"environment": environment})
        write_text(self.folder / "run.json", manifest.model_dump_json(indent=2) + "\n")
        return _changes(earlier, info)

    def append(self, record: SampleRecord) -> None:
        """Store one record. It survives the death of this process as soon as this returns."""
        if self._stream is None:
            raise ValueError("the store is not open")
        line = json.dumps(record.model_dump(), ensure_ascii=False, allow_nan=False) + "\n"
        try:
            self._stream.write(line.encode("utf-8"))
            self._stream.flush()
            if time.monotonic() - self._synced >= FSYNC_SECONDS:
                self._sync()
        except OSError as error:
            raise UserError(
                f"{self._log}: cannot store a record ({error.strerror}); finished records are kept, run again to go on"
            ) from error
        self.latest[record.id, record.step] = record

    def attempt(self, key: Key) -> int:
        """Number of the next attempt at a step, from 1."""
        return self.latest[key].attempt + 1 if key in self.latest else 1

    def _sync(self) -> None:
        if self._stream is not None:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        self._synced = time.monotonic()


def conflict_with(folder: Path, identity: Mapping[str, Any]) -> str | None:
    """Why a run of that identity could not go on in the folder; None where it could, or where no record is yet.

    Fields that `identity` leaves out (the digest of weights, where they are not at hand) are not compared.
    """
    if not (folder / "run.json").is_file() or next(read_records_of_run(folder), None) is None:
        return None
    earlier = read_manifest(folder).identity
    try:
        _check_identity(
            folder,
            {name: value for name, value in earlier.items() if name in identity or name != "weights"},
            dict(identity),
        )
    except RunConflictError as error:
        return str(error)
    return None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder; `DataError` where there is none or it is damaged."""
    path = folder / "run.json"
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{folder}: not a run folder (run.json: {error.strerror})") from error
    except ValidationError as error:
        raise DataError(f"{path}: damaged ({error.errors()[0]['msg']}); restore it, or start a new run") from error
    for part, name in NEEDED:
        if name not in getattr(manifest, part):
            raise DataError(f"{path}: damaged ({part} lacks {name!r}); restore it, or start a new run")
    return _with_current_names(manifest)


def _with_current_names(manifest: Manifest) -> Manifest:
    """The manifest with its backend by the name that it has today, so that a folder of older days goes on."""
    backend = manifest.identity.get("backend")
    if not isinstance(backend, str):
        return manifest
    return manifest.model_copy(update={"identity": {**manifest.identity, "backend": backend_name(backend)}})


def read_records_of_run(folder: Path) -> Iterator[SampleRecord]:
    """All records in the order written, streaming; a torn last line is left out."""
    path = folder / "samples.jsonl"
    if not path.is_file():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield SampleRecord.model_validate_json(line)
            except ValidationError as error:
                problem = error.errors()[0]
                where = ".".join(str(part) for part in problem["loc"])
                raise DataError(f"{path}:{number}: {where or 'line'}: {problem['msg']}; repair or remove it") from error


def _drop_torn_line(path: Path) -> None:
    """Cut the log behind its last complete line."""
    if not path.is_file() or path.stat().st_size == 0:
        return
    with path.open("r+b") as stream:
        end = position = stream.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - 65536)
            stream.seek(start)
            cut = stream.read(position - start).rfind(b"\n")
            if cut >= 0:
                if start + cut + 1 < end:
                    stream.truncate(start + cut + 1)
                return
            position = start
        stream.truncate(0)


def _check_identity(folder: Path, old: dict[str, object], new: dict[str, object]) -> None:
    for field in sorted(old.keys() | new.keys()):
        before, now = old.get(field), new.get(field)
        if field in UNKNOWN_WHEN_ABSENT and None in (before, now):
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            differing = sorted(key for key in before.keys() & now.keys() if before[key] != now[key])
            if not differing:
                continue  # other files belong to other tasks of the same run
            field, before, now = f"{field}.{differing[0]}", before[differing[0]], now[differing[0]]
        if before != now:
            if (moved := moved_on_hub(str(before), str(now))) is not None:
                raise RunConflictError(f"{folder}: {moved}")
            raise RunConflictError(
                f"{folder}: holds a run with another {field} ({_short(before)}, now {_short(now)}); "
                "give this run its own --out"
            )


def _merged(old: dict[str, object], new: dict[str, object]) -> dict[str, object]:
    """The identity with the data files of every task run so far."""
    return {
        field: {**old[field], **value} if isinstance(value, dict) and isinstance(old.get(field), dict) else value  # type: ignore[dict-item]
        for field, value in new.items()
    }


def _continued(earlier: Manifest, now: Manifest) -> Manifest:
    """The manifest of a run that goes on: with the data files and the engine of every call so far."""
    files = {**(earlier.settings.get("files") or {}), **(now.settings.get("files") or {})}
    engine = earlier.environment.get("engine")
    return now.model_copy(
        update={
            "identity": _merged(earlier.identity, now.identity),
            "settings": {**now.settings, "files": files},
            "environment": {**now.environment, **({"engine": engine} if engine else {})},
        }
    )


def _changes(old: dict[str, object], new: dict[str, object]) -> list[str]:
    return [
        f"{field} changed since this run began: {old[field]} → {new[field]}"
        for field in sorted(old.keys() & new.keys())
        if old[field] != new[field]
    ]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "…"
