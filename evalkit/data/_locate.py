"""A source's file on this machine: found, checked against its digest, downloaded where needed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from evalkit.data._places import Place, expected_digest, find, is_vouched_for
from evalkit.data._sources import Source, SourceFile
from evalkit.data.fetching import Report, count_records, fetch_file
from evalkit.errors import DataError
from evalkit.files import sha256_of

__all__ = ["Located", "MissingFileError", "fetch", "locate"]


class MissingFileError(DataError):
    """A data file is nowhere on this machine and was not to be downloaded."""


class Located(NamedTuple):
    """A file that can be read now."""

    path: Path
    """Where it lies."""
    sha256: str
    """Digest of its bytes."""
    pinned: bool
    """The bytes have the digest that the source names."""
    recorded: bool = False
    """The source names no digest, and the bytes are those of the first download: nobody else vouches for them."""

    @property
    def is_known(self) -> bool:
        """Whether the bytes are what they were meant to be; False for a part, and where no digest is known."""
        return self.pinned or self.recorded


def locate(
    source: Source,
    file_name: str,
    *,
    folder: Path | None = None,
    partial: bool = False,
    download: bool = True,
    elsewhere: bool = True,
    report: Report | None = None,
) -> Located:
    """The file with this local path: from `folder`, `EVALKIT_DATA` or the cache, else downloaded.

    `folder` may hold the file at its local path or directly. With `partial`, a file of the user's own (not of the
    cache) may differ from the pinned one, as a part of it does; it then comes back with `pinned` False. `elsewhere`
    False: what is not in `folder` is missing, wherever else it may be.
    """
    file = source.file(file_name)
    place = find(source, file, folder, elsewhere=elsewhere)
    if place is None and file.archive is not None:
        archive = locate(
            source, file.archive, folder=folder, partial=partial, download=download, elsewhere=elsewhere, report=report
        )
        place = Place(fetch_file(source, file, report, _pinned(source, archive)), "cache")
    if place is None and folder is not None and not elsewhere:
        raise MissingFileError(f"{file.path} is not in {folder}: put it there, or leave --data out to use other copies")
    if place is None and not download:
        raise MissingFileError(
            f"{source.name} file {file.path} is not on this machine: "
            f"run: evalkit data fetch {source.name}, or name the folder that has it with --data"
        )
    return _checked(source, file, place or Place(fetch_file(source, file, report), "cache"), partial=partial)


def fetch(source: Source, report: Report) -> list[Located]:
    """All files of a source, in order; those that are missing are downloaded and verified first."""
    return [locate(source, file.path, report=report) for file in source.files]


def _checked(source: Source, file: SourceFile, place: Place, *, partial: bool) -> Located:
    try:
        found = sha256_of(place.path)
    except OSError as error:
        raise DataError(f"cannot read {place.path}: {error.strerror or error}") from error
    expected = expected_digest(source, file)
    if expected is None and not partial:
        _check_count(source, file, place)
    if expected is None:
        return Located(place.path, found, pinned=False)
    if found in (expected, *file.also):
        is_pinned = is_vouched_for(source, file) or found in file.also
        return Located(place.path, found, pinned=is_pinned, recorded=not is_pinned)
    if partial and place.where != "cache":
        return Located(place.path, found, pinned=False)
    raise DataError(f"{place.path} has sha256 {found}, expected {expected}: {_remedy(source, place)}")


def _pinned(source: Source, archive: Located) -> Path:
    """The archive's path; only the pinned one may fill the cache, which stands for upstream."""
    if archive.is_known:
        return archive.path
    raise DataError(f"{archive.path} is not the archive that {source.name} pins: unpack it, and name its folder")


def _check_count(source: Source, file: SourceFile, place: Place) -> None:
    """Where no digest is known, the number of records tells a part of a file from the whole."""
    if file.records is None:
        return
    records = count_records(place.path)
    if records != file.records:
        raise DataError(f"{place.path} has {records} records, expected {file.records}: {_remedy(source, place)}")


def _remedy(source: Source, place: Place) -> str:
    if place.where == "cache":
        return f"delete it and run: evalkit data fetch {source.name}"
    return f"it is not the file that {source.name} pins; replace or remove it, or use --partial if it is a part of it"
