"""One run folder: an append-only log of records under an operating-system lock.

Durability: each record is handed to the operating system as soon as it is finished, so a killed process loses nothing;
it is forced to disk at least every `FSYNC_SECONDS` and when the store closes, so a power cut loses at most those
seconds. The manifest is forced to disk each time before it takes the old one's place, and so is its copy. Nothing in
the folder is touched before it is known to be a run, and this one; a torn last line is dropped then.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import filelock

from evalkit.errors import RunConflictError, UserError
from evalkit.files import sync_folder

from .._identity import moved_on_hub
from ._log import (
    LOG,
    Recorded,
    cut_torn_line,
    has_records,
    placed_records,
    read_record,
    record_at,
    record_line,
    recorded,
)
from ._manifest import has_manifest, manifest_note, read_manifest, restore_manifest, write_manifest
from ._place import check_place
from ._records import DRAWS, Manifest, SampleRecord
from ._shards import ENDED

__all__ = ["RunStore", "changes", "conflict_with", "continued", "difference", "is_being_written", "run_lock"]

FSYNC_SECONDS = 5.0

UNKNOWN_WHEN_ABSENT = {"rope_model"}
"""Fields of the identity that older runs do not have and no default stands for; the records still tell their RoPE."""

MEANT_WHEN_ABSENT = {"reasoning": "scored"}
"""What runs did that were begun before they said so."""

Key = tuple[str, int, int]
"""Sample id, step and draw."""


LOCK = ".lock"


def run_lock(folder: Path) -> filelock.BaseFileLock:
    """The lock that every writer of a run folder holds; the operating system frees it when its owner dies."""
    return filelock.FileLock(folder / LOCK, timeout=0)


def is_being_written(folder: Path, patience: float = 0) -> bool:
    """Whether a live process writes to a run folder. Changes nothing there.

    `patience`: seconds in which others that only ask the same may come and go.
    """
    if not (folder / LOCK).is_file():
        return False
    lock = run_lock(folder)
    try:
        lock.acquire(timeout=patience)
    except filelock.Timeout:
        return True
    except (OSError, NotImplementedError):  # read-only, or a file system without locks: nobody writes under one
        return False
    lock.release()
    return False


class RunStore:
    """The one writer of a run folder. Use as a context manager.

    `beside` is a folder of the same run that is only read: what is answered there counts here too.
    """

    def __init__(self, folder: Path, beside: Path | None = None) -> None:
        self.folder = folder
        self._beside = beside
        self._others: dict[Key, Recorded] = {}
        self.latest: dict[Key, Recorded] = {}
        """Sample id, step and draw → what its last record says."""
        self._log = folder / LOG
        self._stream: BinaryIO | None = None
        self._synced = time.monotonic()
        self._lock = run_lock(folder)
        self._has_new_lock = False
        self._is_open = False
        self._digest = ""
        self._notes: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _open(self) -> None:
        """Lock the folder and read what is there. Nothing of it is changed but a manifest that must be rebuilt."""
        check_place(self.folder)
        try:
            _make(self.folder)
            self._has_new_lock = not (self.folder / LOCK).exists()
            self._lock.acquire()
        except filelock.Timeout:
            self._has_new_lock = False
            raise RunConflictError(
                f"{self.folder}: another evalkit process writes here; wait for it, or use --out"
            ) from None
        except NotImplementedError as error:  # filelock before 3.20, where the file system has no locks
            raise UserError(f"{self.folder}: its file system has no locks; choose another --out") from error
        except OSError as error:
            raise self._refusal(error) from error
        self.latest = {record.key: recorded(record, place) for place, record in placed_records(self.folder)}
        if self._beside is not None:
            self._others = {record.key: recorded(record, place) for place, record in placed_records(self._beside)}
        self._notes = list(filter(None, [restore_manifest(self.folder), manifest_note(self.folder)]))
        self._is_open = True

    def _refusal(self, error: OSError) -> UserError:
        return UserError(f"{self.folder}: cannot write results ({error.strerror}); choose another --out")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        try:
            self._close()
        except OSError as failure:
            if kind is None:  # else the disk refused before, and that error is on its way to the user
                raise UserError(
                    f"{self._log}: cannot be forced to disk ({failure.strerror}); run again when the disk is well"
                ) from failure
        finally:
            if self._has_new_lock and self._stream is None and self._lock.is_locked:
                (self.folder / LOCK).unlink(missing_ok=True)  # a folder that was refused stays as it was
            self._lock.release()

    def _close(self) -> None:
        if self._stream is not None:
            with self._stream:
                self._sync()

    def open_as(self, manifest: Manifest) -> list[str]:
        """Bind the folder to a run; warnings about it and about what changed around it.

        A run that ended before its first record has nothing to protect: another may take its folder.
        Raises `RunConflictError` naming the first field of the identity that differs from the folder's run.
        """
        warnings, self._notes = self._notes, []
        if self.latest:
            if not has_manifest(self.folder):
                raise RunConflictError(
                    f"{self.folder}: holds records but no run.json that says of which run; "
                    "restore it, or use another --out"
                )
            earlier = read_manifest(self.folder)
            _check_identity(self.folder, earlier.identity, manifest.identity)
            warnings += changes(earlier.environment, manifest.environment)
            manifest = continued(earlier, manifest)
        self._begin()
        self._digest = manifest.identity_digest or _digest(manifest.identity)
        write_manifest(self.folder, manifest.model_copy(update={"identity_digest": self._digest}))
        return warnings

    def note_engine(self, info: dict[str, Any]) -> list[str]:
        """Write into the manifest what the backend really runs with; warnings about what changed on resume."""
        manifest = read_manifest(self.folder)
        earlier = manifest.environment.get("engine") or {}
        environment = {**manifest.environment, "engine": {**earlier, **info}}
        write_manifest(self.folder, manifest.model_copy(update={"environment": environment}))
        return changes(earlier, info)

    def note_settings(self, settings: Mapping[str, Any]) -> None:
        """Write into the manifest what is said anew of the run, outside its identity."""
        manifest = read_manifest(self.folder)
        write_manifest(self.folder, manifest.model_copy(update={"settings": {**manifest.settings, **settings}}))

    def _begin(self) -> BinaryIO:
        """The log, open behind its last complete line."""
        if not self._is_open:
            raise ValueError("the store is not open")
        if self._stream is None:
            try:
                is_new = not self._log.exists()
                self._stream = self._log.open("ab")
                if self._log.is_file():
                    with self._log.open("r+b") as stream:
                        cut_torn_line(stream)
                if is_new:
                    sync_folder(self.folder)
            except OSError as error:
                raise self._refusal(error) from error
        return self._stream

    def append(self, record: SampleRecord) -> None:
        """Store one record. It survives the death of this process as soon as this returns."""
        record = record.model_copy(update={"identity_digest": self._digest})
        self._write(record_line(record), record)

    def take(self, line: bytes) -> None:
        """Store a record that another folder of the same run has: its line as it is, unless its digest is another."""
        record = read_record(line)
        if record.identity_digest in {"", self._digest}:
            self._write(line, record)
        else:
            self.append(record)

    def _write(self, line: bytes, record: SampleRecord) -> None:
        stream = self._begin()
        place = os.fstat(stream.fileno()).st_size  # where lines are appended, whatever was cut since it was opened
        try:
            stream.write(line)
            stream.flush()
            if time.monotonic() - self._synced >= FSYNC_SECONDS:
                self._sync()
        except OSError as error:
            raise UserError(
                f"{self._log}: cannot store a record ({error.strerror}); finished records are kept, run again to go on"
            ) from error
        self.latest[record.key] = recorded(record, place)

    def known(self, key: Key) -> Recorded | None:
        """The last record of a step: an answer of this folder, else the other one's, else a failure."""
        own = self.latest.get(key)
        return own if own is not None and own.error is None else self._others.get(key, own)

    def answer(self, key: Key) -> str | None:
        """The last answer to a step, read from the log that has it; None where there is none."""
        known = self.known(key)
        if known is None or known.error is not None:
            return None
        is_own = self._beside is None or known is self.latest.get(key)
        return record_at(self.folder if is_own else self._beside, known.place).text  # type: ignore[arg-type]

    def attempt(self, key: Key) -> int:
        """Number of the next attempt at a step, from 1."""
        return max((each[key].attempt for each in (self.latest, self._others) if key in each), default=0) + 1

    def _sync(self) -> None:
        if self._stream is not None:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        self._synced = time.monotonic()


def _make(folder: Path) -> None:
    """Make the folder, and force the names of all that had to be made to disk."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in new:
        sync_folder(each.parent)


def conflict_with(folder: Path, identity: Mapping[str, Any]) -> str | None:
    """Why a run of that identity could not go on in the folder; None where it could, or where no record is yet.

    Fields that `identity` leaves out (the digest of weights, where they are not at hand) are not compared.
    """
    try:
        check_place(folder)
    except RunConflictError as error:
        return str(error)
    if not has_records(folder):
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


def _check_identity(folder: Path, old: Mapping[str, object], new: Mapping[str, object]) -> None:
    found = difference(old, new)
    if found is None:
        return
    field, before, now = found
    if (moved := moved_on_hub(before, now)) is not None:
        raise RunConflictError(f"{folder}: {moved}")
    raise RunConflictError(
        f"{folder}: holds a run with another {field} ({_short(before)}, now {_short(now)}); give this run its own --out"
    )


def difference(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, str, str] | None:
    """The first field in which an identity is another run's, and both values; None where it is the same run's."""
    for field in sorted(old.keys() | new.keys()):
        before, now = old.get(field), new.get(field)
        if field in UNKNOWN_WHEN_ABSENT and None in (before, now):
            continue
        if before is None and now is not None and now == MEANT_WHEN_ABSENT.get(field):
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            differing = sorted(key for key in before.keys() & now.keys() if before[key] != now[key])
            if not differing:
                continue  # other files belong to other tasks of the same run
            field, before, now = f"{field}.{differing[0]}", before[differing[0]], now[differing[0]]
        if before != now:
            return field, str(before), str(now)
    return None


def _digest(identity: Mapping[str, Any]) -> str:
    """Digest of an identity without its data files, 16 hexadecimal digits."""
    same = {name: value for name, value in identity.items() if name != "data"}
    text = json.dumps(same, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _merged(old: dict[str, object], new: dict[str, object]) -> dict[str, object]:
    """The identity with the data files of every task run so far."""
    return {
        field: {**old[field], **value} if isinstance(value, dict) and isinstance(old.get(field), dict) else value  # type: ignore[dict-item]
        for field, value in new.items()
    }


def continued(earlier: Manifest, now: Manifest) -> Manifest:
    """The manifest of a run that goes on: with the data files and the engine of every call so far."""
    files = {**(earlier.settings.get("files") or {}), **(now.settings.get("files") or {})}
    engine = earlier.environment.get("engine")
    return now.model_copy(
        update={
            "identity": _merged(earlier.identity, now.identity),
            "identity_digest": earlier.identity_digest,
            "settings": {**_ended(earlier), **now.settings, **_most_draws(earlier, now), "files": files},
            "environment": {**now.environment, **({"engine": engine} if engine else {})},
        }
    )


def _most_draws(earlier: Manifest, now: Manifest) -> dict[str, int]:
    """The draws of a sample that any call asked for; nothing where no call asked for several."""
    most = max(earlier.draws, now.draws)
    return {DRAWS: most} if most > 1 else {}


def _ended(earlier: Manifest) -> dict[str, Any]:
    """The prompts of which all later steps were asked, where any call asked them."""
    return {name: value for name, value in earlier.settings.items() if name == ENDED}


_FREE = {"batch", "pass_tokens", "replicas", "replicas_differ"}
"""Of an engine's facts those that follow free memory and how many engines there are, and change no answer's meaning."""


def changes(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """A line for each fact of the environment or an engine that is another one now."""
    return [
        f"{field} changed since this run began: {old[field]} → {new[field]}"
        for field in sorted(old.keys() & new.keys() - _FREE)
        if old[field] != new[field]
    ]


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"
