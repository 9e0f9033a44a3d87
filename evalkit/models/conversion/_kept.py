"""The converted copies that the cache holds: what they are of, what they take, and how they go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import UserError
from evalkit.paths import cache_root
from evalkit.reading import read_json

from ._copy import FACTS, lock_of

__all__ = ["KeptCopy", "copies_root", "kept_copies", "remove_copy"]

_PART = ".part"


@dataclass(frozen=True)
class KeptCopy:
    """A folder among the converted copies."""

    folder: Path
    """Where it is."""
    source: str | None
    """The published folder that it was made from; None where it was never finished."""
    size: int
    """Bytes that it takes; shards that are links into the published folder take none."""


def copies_root() -> Path:
    """The folder of all converted copies."""
    return cache_root().absolute() / "converted"


def kept_copies() -> list[KeptCopy]:
    """Every copy by its name, with those that a killed process left unfinished; `UserError` where none can be read."""
    try:
        return sorted(_found(copies_root()), key=lambda copy: copy.folder.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{copies_root()}: cannot be read ({error.strerror}): correct its permissions") from error


def remove_copy(copy: KeptCopy) -> None:
    """Delete a copy: the next run of its model makes it again. `UserError` where it is written now, or cannot go."""
    import filelock

    name = copy.folder.name
    whole = name.removeprefix(".").rsplit(".", 2)[0] if copy.folder.suffix == _PART else name
    try:
        with filelock.FileLock(lock_of(copy.folder.with_name(whole)), timeout=0):
            shutil.rmtree(copy.folder)
    except filelock.Timeout as error:
        raise UserError(f"{copy.folder}: another process writes it: wait for it") from error
    except OSError as error:
        raise UserError(f"{copy.folder}: cannot be removed ({error.strerror}): correct its permissions") from error


def _found(root: Path) -> Iterator[KeptCopy]:
    for folder in root.iterdir():
        if folder.is_dir() and (not folder.name.startswith(".") or folder.suffix == _PART):
            files = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
            yield KeptCopy(folder, _source(folder), sum(path.stat().st_size for path in files))


def _source(folder: Path) -> str | None:
    try:
        facts = read_json(folder / FACTS)
    except UserError:
        return None
    source = facts.get("source") if isinstance(facts, dict) and folder.suffix != _PART else None
    return source if isinstance(source, str) else None
