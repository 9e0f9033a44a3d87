"""The folder of a curve: a manifest, and a log with a line for every window that a pass has measured.

Lines are appended under an operating-system lock and carry checksums. A killed process loses the window it was at; the
same command goes on behind the last line. Each line has a digest of all windows of its document up to its own, so that
a text that changed meanwhile is noticed where it changed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import filelock
from pydantic import Field, ValidationError

from evalkit.errors import DataError, RunConflictError, UserError, one_line
from evalkit.files import json_text, write_text
from evalkit.lines import checked_line, is_intact
from evalkit.records import StoredRecord
from evalkit.runs import cut_torn_line, holds_files, listed, run_lock

from ._passes import Cell, Sums

__all__ = ["LOG", "CurveFolder", "Progress", "WindowRecord"]

MANIFEST = "manifest.json"
LOG = "windows.jsonl"
KIND = "evalkit rope curve"
SCHEMA = 1
FSYNC_SECONDS = 5.0


class WindowRecord(StoredRecord):
    """What one pass over one window found."""

    document: str
    """Name of the document."""
    window: int = Field(ge=0)
    """Which of its windows of that length, from 0."""
    window_length: int = Field(gt=0)
    """Tokens of such windows."""
    text_sha256: str
    """Digest of the token ids of the document's windows of that length up to this one."""
    rope: str
    """RoPE setting that was in force."""
    lengths: tuple[int, ...]
    """Tokens from the beginning of the window."""
    nats: tuple[float, ...]
    """For each length the sum of −ln p of its tokens that count."""
    tokens: tuple[int, ...]
    """For each length the tokens that count."""


@dataclass(slots=True)
class Progress:
    """How far a document is measured in a cell."""

    windows: int = 0
    """Windows done, from the first one without a gap."""
    nats: float = 0.0
    """Sum of their losses."""
    tokens: int = 0
    """Tokens of them that count."""
    digest: str = ""
    """Of their token ids."""

    @property
    def sums(self) -> Sums:
        """The sums as statistics take them."""
        return Sums(self.nats, self.tokens)


class CurveFolder:
    """The one writer of a curve's folder. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.progress: dict[str, dict[Cell, Progress]] = {}
        """Document → cell → how far it is."""
        self._stream: BinaryIO | None = None
        self._synced = time.monotonic()
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        self._check_place()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._exits.enter_context(run_lock(self.folder))
        except filelock.Timeout:
            raise RunConflictError(
                f"{self.folder}: another evalkit process writes here; wait for it, or use --out"
            ) from None
        except OSError as error:
            raise UserError(f"{self.folder}: cannot write results ({error.strerror}); choose another --out") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            with self._stream:
                self._sync(self._stream)
        self._exits.close()

    def open_as(self, identity: Mapping[str, Any], environment: Mapping[str, Any]) -> list[str]:
        """Bind the folder to a curve and read its log; warnings about what changed around it.

        `RunConflictError` names the first field of the identity that differs from the folder's curve.
        """
        earlier = self._manifest()
        warnings: list[str] = []
        if earlier is not None and (self.folder / LOG).is_file():
            self._check_identity(earlier["identity"], identity)
            warnings = [
                f"{name} changed since this curve began: {old} → {environment[name]}"
                for name, old in earlier["environment"].items()
                if environment.get(name, old) != old
            ]
        for record in self._records():
            self._add(record)
        manifest = {"schema": SCHEMA, "kind": KIND, "identity": dict(identity), "environment": dict(environment)}
        write_text(self.folder / MANIFEST, json_text(manifest))
        return warnings

    def append(self, record: WindowRecord) -> None:
        """Store one line. It survives the death of this process as soon as this returns."""
        try:
            stream = self._open()
            stream.write(checked_line(record.model_dump(mode="json")))
            stream.flush()
            if time.monotonic() - self._synced >= FSYNC_SECONDS:
                self._sync(stream)
        except OSError as error:
            raise UserError(
                f"{self.folder / LOG}: cannot store a window ({error.strerror}); finished ones are kept, run again to "
                "go on"
            ) from error
        self._add(record)

    def _add(self, record: WindowRecord) -> None:
        cells = self.progress.setdefault(record.document, {})
        for length, nats, tokens in zip(record.lengths, record.nats, record.tokens, strict=True):
            known = cells.setdefault(Cell(record.window_length, record.rope, length), Progress())
            known.windows += 1
            known.nats += nats
            known.tokens += tokens
            known.digest = record.text_sha256

    def _check_place(self) -> None:
        """Raise `RunConflictError` for a folder that holds other things than a curve."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise RunConflictError(f"{self.folder}: is a file; give --out a folder")
        names = holds_files(self.folder)
        if names and self._manifest() is None:
            if LOG in names:
                raise DataError(
                    f"{self.folder / MANIFEST}: missing or damaged, so nothing says what {LOG} measured; put it back, "
                    "or give --out a new folder"
                )
            raise RunConflictError(
                f"{self.folder}: holds {listed(names)} and is no curve of evalkit, so nothing is written there; give "
                "--out a new or empty folder"
            )

    def _manifest(self) -> dict[str, Any] | None:
        """The manifest of the folder; None where it has none of a curve."""
        try:
            found = json.loads((self.folder / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or found.get("kind") != KIND:
            return None
        parts = (found.get("identity"), found.get("environment"))
        if found.get("schema") != SCHEMA or not all(isinstance(part, dict) for part in parts):
            raise DataError(f"{self.folder / MANIFEST}: of another release of evalkit, or damaged; use another --out")
        return found

    def _check_identity(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for field in dict.fromkeys([*new, *old]):  # the model first: where it is another one, so is much else
            before, now = old.get(field), json.loads(json.dumps(new.get(field)))
            if isinstance(before, dict) and isinstance(now, dict) and before != now:
                part = next(name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name))
                field, before, now = f"{field}.{part}", before.get(part), now.get(part)
            if before != now:
                raise RunConflictError(
                    f"{self.folder}: holds a curve with another {field} ({_short(before)}, now {_short(now)}); give "
                    "this one its own --out"
                )

    def _records(self) -> Iterator[WindowRecord]:
        """The lines of the log in order; a torn last one is left out."""
        path = self.folder / LOG
        if not path.is_file():
            return
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.endswith(b"\n"):
                    record = self._record(line, number)
                    self._check_order(record, number)
                    yield record

    def _record(self, line: bytes, number: int) -> WindowRecord:
        try:
            record = WindowRecord.model_validate_json(line)
        except ValidationError as error:
            problem = one_line(error.errors(include_url=False, include_input=False)[0]["msg"], 120)
            raise self._damage(number, problem) from None
        if not is_intact(line):
            raise self._damage(number, "does not match its checksum, so it is not what was written")
        if not len(record.lengths) == len(record.nats) == len(record.tokens):
            raise self._damage(number, "has not as many sums as lengths")
        return record

    def _check_order(self, record: WindowRecord, number: int) -> None:
        known = self.progress.get(record.document, {})
        for length in record.lengths:
            cell = known.get(Cell(record.window_length, record.rope, length), Progress())
            if cell.windows != record.window:
                raise self._damage(number, f"window {record.window}, and {cell.windows} of them stand before it")

    def _damage(self, number: int, reason: str) -> DataError:
        return DataError(
            f"{self.folder / LOG}:{number}: {reason}; remove this line and all behind it, and the same command "
            "measures them again"
        )

    def _open(self) -> BinaryIO:
        if self._stream is None:
            path = self.folder / LOG
            self._stream = path.open("ab")
            with path.open("r+b") as stream:
                cut_torn_line(stream)
        return self._stream

    def _sync(self, stream: BinaryIO) -> None:
        stream.flush()
        os.fsync(stream.fileno())
        self._synced = time.monotonic()


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
