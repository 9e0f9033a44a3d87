"""The bytes of a file that is whole, and what tells whether it is the same file later."""

from __future__ import annotations

import difflib
import itertools
import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

from evalkit.errors import DataError
from evalkit.printable import amount

__all__ = ["LARGEST", "Stamp", "read_bytes", "stamp_of"]

LARGEST = 64 * 2**20
"""Bytes of a file: more is no document that a model reads."""

TRIES = 5
PAUSE_SECONDS = 0.1
COARSEST_SECONDS = 2.0  # FAT keeps times to two seconds, and no file system in use is coarser
MOST_NAMES = 10_000  # of a folder that are looked at for the nearest one


class Stamp(NamedTuple):
    """What changes when a file is written or replaced."""

    device: int
    inode: int
    size: int
    """Bytes."""
    mtime_ns: int

    @property
    def is_settled(self) -> bool:
        """Whether a later change will show: one within the file system's tick leaves the time what it is."""
        return time.time() - self.mtime_ns / 1e9 > COARSEST_SECONDS


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file as it is now; `DataError` where there is none or it is no plain file."""
    try:
        return _stamp(path, path.stat())
    except (OSError, ValueError) as error:
        raise _cannot_read(path, error) from error


def read_bytes(path: Path) -> tuple[bytes, Stamp]:
    """A file's bytes as they were at one time, and its stamp then.

    `DataError` for a file that is missing, locked, no plain file, larger than `LARGEST`, or written all the time.
    """
    for _ in range(TRIES):
        stamp_of(path)  # before it is opened: opening a pipe waits for ever, opening a device may act on it
        try:
            data, before = _read(path)
        except (OSError, ValueError) as error:
            raise _cannot_read(path, error) from error
        if before == stamp_of(path) and before.size in (len(data), 0):  # files of /proc have no size
            return data, before
        time.sleep(PAUSE_SECONDS)
    raise DataError(f"{path}: is being written; wait until it is whole")


def _read(path: Path) -> tuple[bytes, Stamp]:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        stamp = _stamp(path, os.fstat(stream.fileno()))
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise _too_large(path, max(stamp.size, len(data)))
    return data, stamp


def _stamp(path: Path, found: os.stat_result) -> Stamp:
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path}: is {_kind(found.st_mode)}; name a file with the document's text")
    if found.st_size > LARGEST:
        raise _too_large(path, found.st_size)
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"


def _too_large(path: Path, size: int) -> DataError:
    return DataError(f"{path}: {amount(size)}, a document has at most {amount(LARGEST)}; take a part of it")


def _cannot_read(path: Path, error: OSError | ValueError) -> DataError:
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return DataError(f"{path}: links to {path.readlink()}, which is not there; name a file with text")
        return DataError(f"{path}: no such file{_nearest(path)}")
    reason = getattr(error, "strerror", None) or error  # ValueError: a NUL in the name
    advice = "; let this user read it" if isinstance(error, PermissionError) else ""
    return DataError(f"{path}: cannot be read ({reason}){advice}")


def _nearest(path: Path) -> str:
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST_NAMES)]
    except OSError:
        return f"; there is no folder {path.parent} either"
    found = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {found[0]!r}?" if found else f" in {path.absolute().parent}"
