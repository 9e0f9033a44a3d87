"""One-line reasons for what the operating system refuses a download or the cache."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from evalkit.errors import DataError

__all__ = ["writing_errors"]

_ADVICE = {
    errno.ENOSPC: "free some space, or set EVALKIT_CACHE to a folder on another disk",
    errno.EDQUOT: "free some space, or set EVALKIT_CACHE to a folder on another disk",
}
_ELSEWHERE = "set EVALKIT_CACHE to a folder you can write to"


@contextlib.contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """A full disk or a folder that cannot be written becomes a `DataError` that names the path and the way out."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        advice = _ADVICE.get(error.errno or 0, _ELSEWHERE)
        raise DataError(f"cannot write {error.filename or path}: {reason}; {advice}") from error
