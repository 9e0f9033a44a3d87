"""Digests, atomic writes and one-line reasons for what the operating system refuses."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evalkit.errors import DataError

__all__ = ["sha256_of", "sync", "write_json", "writing_errors"]

_ADVICE = {
    errno.ENOSPC: "free some space, or set EVALKIT_CACHE to a folder on another disk",
    errno.EDQUOT: "free some space, or set EVALKIT_CACHE to a folder on another disk",
}
_ELSEWHERE = "set EVALKIT_CACHE to a folder you can write to"


def sha256_of(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """The file's bytes are on the disk when this returns."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def write_json(path: Path, value: object) -> None:
    """The file holds the value or is as it was before, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, ensure_ascii=False, indent=1)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """A full disk or a folder that cannot be written becomes a `DataError` that names the path and the way out."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        advice = _ADVICE.get(error.errno or 0, _ELSEWHERE)
        raise DataError(f"cannot write {error.filename or path}: {reason}; {advice}") from error
