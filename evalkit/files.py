"""Files that are whole or not there: digests, and replacing a file in one step that survives a power cut."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from pathlib import Path

from evalkit.errors import UserError
from evalkit.paths import from_home

__all__ = ["json_text", "replace_text", "sha256_of", "sync", "user_path", "write_text"]


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


def write_text(path: Path, text: str) -> None:
    """The file holds the text or is as it was before; `UserError` where the operating system refuses."""
    try:
        replace_text(path, text)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path}: cannot be written ({reason}); make room there, or choose another folder") from error


def replace_text(path: Path, text: str) -> None:
    """As `write_text`, for callers with advice of their own: what the operating system refuses stays an `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, because only a rename within one file system is one step.
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        partial.write_bytes(text.encode("utf-8"))
        sync(partial)  # before the rename, which may reach the disk first: a power cut would leave an empty file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def json_text(value: object) -> str:
    """The value as the JSON of evalkit's own files: readable, Unicode as it is, a newline at the end."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
