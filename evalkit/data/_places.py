"""Where a source's file may be on this machine, and which digest it must have.

Order: the user's folder, `EVALKIT_WHEELS` (wheels only), `EVALKIT_DATA`, the cache.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from evalkit.data._sources import Source, SourceFile
from evalkit.errors import DataError
from evalkit.files import json_text, replace_text
from evalkit.paths import cache_root, data_root, from_home
from evalkit.reading import read_json

__all__ = ["Place", "cached", "expected_digest", "find", "is_vouched_for", "record_digest"]

Where = Literal["folder", "data", "cache"]


class Place(NamedTuple):
    """A file that exists, and which rule found it."""

    path: Path
    where: Where
    """`folder` = the user's folder, `data` = EVALKIT_DATA or EVALKIT_WHEELS, `cache` = downloaded by evalkit."""


def cached(source: Source, file: SourceFile) -> Path:
    """Where a download of the file goes."""
    return cache_root() / source.folder / file.path


def find(source: Source, file: SourceFile, folder: Path | None = None, *, elsewhere: bool = True) -> Place | None:
    """The first place that has the file, or None; with `elsewhere` False the user's folder is the only one."""
    for place in _candidates(source, file, folder, elsewhere=elsewhere):
        try:
            if place.path.is_file():
                return place
        except OSError as error:
            raise DataError(f"cannot look for {place.path}: {error.strerror}; check its permissions") from error
    return None


def _candidates(source: Source, file: SourceFile, folder: Path | None, *, elsewhere: bool) -> Iterator[Place]:
    wheels = os.environ.get("EVALKIT_WHEELS", "") if source.origin.kind == "wheel" else ""
    if folder is not None:
        _check_folder(folder, f"the data folder of {source.name}")
        yield Place(folder / file.path, "folder")
        yield Place(folder / PurePosixPath(file.path).name, "folder")
        if not elsewhere:
            return
    if wheels:
        yield Place(_check_folder(from_home(Path(wheels)), "EVALKIT_WHEELS") / file.path, "data")
    root = data_root()
    if root is not None:
        yield Place(_check_folder(root, "EVALKIT_DATA") / source.folder / file.path, "data")
    yield Place(cached(source, file), "cache")


def _check_folder(folder: Path, what: str) -> Path:
    """The folder, which must exist: a mistyped one must not be passed over."""
    if not folder.is_dir():
        raise DataError(f"{what} is {folder}, which is not a folder: correct the path")
    return folder


def expected_digest(source: Source, file: SourceFile) -> str | None:
    """The pinned digest, else the one that the first fetch recorded, else None."""
    return file.sha256 or _recorded(source).get(file.path)


def is_vouched_for(source: Source, file: SourceFile) -> bool:
    """Whether the source names the file's digest, or that of the archive it is unpacked from."""
    return file.sha256 is not None or (file.archive is not None and source.file(file.archive).sha256 is not None)


def record_digest(source: Source, file: SourceFile, sha256: str) -> None:
    """From now on the file must have this digest on this machine."""
    replace_text(_record_path(source), json_text({**_recorded(source), file.path: sha256}))


def _record_path(source: Source) -> Path:
    return cache_root() / source.folder / "recorded_digests.json"


def _recorded(source: Source) -> dict[str, str]:
    path = _record_path(source)
    if not path.is_file():
        return {}
    advice = f"delete it and run: evalkit data fetch {source.name}"
    value = read_json(path, advice=advice)
    if not isinstance(value, dict) or not all(isinstance(digest, str) for digest in value.values()):
        raise DataError(f"{path}: not an object from file name to digest: {advice}")
    return value
