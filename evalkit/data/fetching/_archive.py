"""One member of a zip file, unpacked as a stream; neither the names nor the sizes that the archive states are trusted.

A member is asked for by name and written where the caller says, so no name inside the archive ever becomes a path. An
archive with a name or link that would lead out of its folder is refused all the same: it is not what upstream made.
"""

from __future__ import annotations

import contextlib
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from evalkit.errors import DataError, one_line
from evalkit.files import sync

__all__ = ["extract_member"]

MEMBERS = 10_000  # LongBench's archive has 35
MEMBER_BYTES = 2**30  # its largest member has under 100 MB
RATIO = 200  # text that repeats itself shrinks some 30-fold; a bomb a thousandfold
_CHUNK_BYTES = 2**20
_ENCRYPTED = 0x1
# What readers of zip files raise for damaged ones, besides errors of the operating system's kind.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, LookupError, OverflowError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


def extract_member(archive: Path, name: str, target: Path) -> None:
    """`target` holds the bytes of the member; `DataError` for an archive that is damaged, hostile, or lacks it."""
    with _opened(archive) as opened:
        _check_names(archive, opened)
        info = _member(archive, opened, name)
        _check_size(archive, info)
        _write(_chunks(archive, opened, info), target)
    sync(target)


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        opened = zipfile.ZipFile(archive)
    except (*_DAMAGE, ValueError) as error:
        raise DataError(f"{archive}: not a zip file ({one_line(error)}): delete it and get it again") from error
    except OSError as error:
        raise DataError(f"cannot read {archive}: {error.strerror or error}") from error
    with opened:
        yield opened


def _check_names(archive: Path, opened: zipfile.ZipFile) -> None:
    infos = opened.infolist()
    if len(infos) > MEMBERS:
        raise _hostile(archive, f"{len(infos)} members")
    seen: set[str] = set()
    for info in infos:
        name = info.orig_filename
        if _leads_out(name):
            raise _hostile(archive, f"a member named {name!r}")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _hostile(archive, f"a link, {name!r}")
        if name in seen:
            raise _hostile(archive, f"two members named {name!r}")
        seen.add(name)


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or not path.parts or any(sign in name for sign in "\\:\0")


def _member(archive: Path, opened: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        info = opened.getinfo(name)
    except KeyError as error:
        raise DataError(f"{archive}: has no member {name}: it is not the archive expected") from error
    if info.flag_bits & _ENCRYPTED:
        raise _hostile(archive, f"{name} encrypted")
    return info


def _check_size(archive: Path, info: zipfile.ZipInfo) -> None:
    if info.file_size > MEMBER_BYTES:
        raise _hostile(archive, f"{info.filename} with {info.file_size} bytes")
    if info.file_size > RATIO * max(info.compress_size, 1):
        raise _hostile(archive, f"{info.filename} shrunk from {info.file_size} to {info.compress_size} bytes")


def _chunks(archive: Path, opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a member; the zip reader stops at the size that was checked."""
    try:
        with opened.open(info) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
    except (*_DAMAGE, OSError, ValueError) as error:  # OSError: a damaged bz2 stream, an offset before the file
        raise DataError(
            f"{archive}: member {info.filename} is damaged ({one_line(error)}): delete it and get it again"
        ) from error


def _write(chunks: Iterable[bytes], target: Path) -> None:
    with target.open("wb") as output:
        output.writelines(chunks)


def _hostile(archive: Path, found: str) -> DataError:
    return DataError(f"{archive}: holds {found}, which no archive of benchmark data does: do not use it")
