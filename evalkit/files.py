"""Files that are whole or not there: digests, and replacing a file in one step that survives a power cut."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import platform
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from evalkit.errors import ReadOnlyError, UserError
from evalkit.paths import from_home

__all__ = [
    "cannot_write",
    "json_text",
    "keep_aside",
    "partial_of",
    "replace_bytes",
    "replace_text",
    "sha256_of",
    "sweep",
    "sync",
    "sync_folder",
    "user_path",
    "write_text",
]

READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
LONGEST_NAME = 60  # characters of a file's name in that of its unfinished version: file systems take 255 bytes
LONGEST_WRITE = 86_400.0  # seconds after which the unfinished file of an unknown process is nobody's any more


def user_path(text: str | Path) -> Path:
    """The path that a user names, `~` written out; `UserError` for one that the system cannot even look for.

    Whether anything is there is another question.
    """
    path = from_home(Path(text))
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be entered, a NUL
        raise UserError(f"{path}: cannot be looked for ({getattr(error, 'strerror', None) or error})") from error
    return path


def sha256_of(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """The file's bytes are on the disk when this returns."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """The names of the folder's files are on the disk when this returns, where the system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folder, and needs none of this
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # network file systems that sync names alone
            raise
    finally:
        os.close(handle)


def cannot_write(path: Path, error: OSError, what: str = "cannot be written") -> UserError:
    """The refusal of the operating system in one line; `ReadOnlyError` where nothing can be written at all."""
    kind = ReadOnlyError if error.errno in READ_ONLY else UserError
    return kind(f"{path}: {what} ({error.strerror or error}); make room there, or choose another folder")


def write_text(path: Path, text: str) -> None:
    """The file holds the text or is as it was before; `UserError` where the operating system refuses."""
    try:
        replace_text(path, text)
    except OSError as error:
        raise cannot_write(path, error) from error


def replace_text(path: Path, text: str) -> None:
    """As `write_text`, for callers with advice of their own: what the operating system refuses stays an `OSError`."""
    replace_bytes(path, text.encode("utf-8", "backslashreplace"))  # half a surrogate pair, as JSON escapes it too


def replace_bytes(path: Path, content: bytes) -> None:
    """As `replace_text`, for bytes. Processes that write one file at once leave the content of one of them, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    partial = partial_of(path)
    try:
        partial.write_bytes(content)
        sync(partial)  # before the rename, which may reach the disk first: a power cut would leave an empty file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)  # else a power cut may bring the old file back


def partial_of(path: Path) -> Path:
    """A name for the file while it is written: beside it, because only a rename within one file system is one step.

    It says which process writes, so that another one neither takes it nor keeps it for ever.
    """
    return path.with_name(f".{path.name[:LONGEST_NAME]}.{HOST}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part")


def sweep(path: Path) -> None:
    """Remove what killed processes left of the file under the names of `partial_of`."""
    for partial in path.parent.glob(f".{glob.escape(path.name[:LONGEST_NAME])}.*.part"):
        try:
            if _is_abandoned(partial):
                partial.unlink(missing_ok=True)
        except OSError:
            continue  # another process was faster, or the folder lets nobody remove it: it is in nobody's way


def _is_abandoned(partial: Path) -> bool:
    host, _, rest = partial.name.split(".")[-2].partition("-")
    process = rest.partition("-")[0]
    if host == HOST and process.isdigit() and os.name == "posix":
        return not _is_alive(int(process))
    return time.time() - partial.stat().st_mtime > LONGEST_WRITE


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def keep_aside(path: Path) -> Path:
    """A copy of the file under the next free name `NAME.damaged-N`, forced to disk; nothing is ever overwritten."""
    with path.open("rb") as source:
        for target in _free_names(path):
            try:
                stream = target.open("xb")
            except FileExistsError:
                continue
            with stream:
                while block := source.read(1 << 20):
                    stream.write(block)
                stream.flush()
                os.fsync(stream.fileno())
            sync_folder(path.parent)
            return target
    raise AssertionError("names do not run out")


def _free_names(path: Path) -> Iterator[Path]:
    number = 1
    while True:
        yield path.with_name(f"{path.name}.damaged-{number}")
        number += 1


def json_text(value: object) -> str:
    """The value as the JSON of evalkit's own files: readable, Unicode as it is, a newline at the end."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
