"""Whether a folder may be written to: nothing of a user's is touched because a command named the wrong folder."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from evalkit.errors import RunConflictError, UserError

from ._log import LOG, read_record
from ._manifest import COPY, MANIFEST, has_manifest
from ._shards import holds_shards_only

__all__ = ["check_place", "holds_files", "listed"]

LONGEST_BLANK = 1 << 20  # bytes of zeros that a file system gives a file whose content a power cut took
OWN = (MANIFEST, COPY, LOG)

_LEFT = re.compile(
    r"\.(DS_Store|localized|directory|lock|gitignore|gitkeep|keep|ipynb_checkpoints|AppleDouble|Trash-.*|Spotlight-.*"
    r"|nfs.*|fuse_hidden.*|snapshot|_.*|.*\.part)|lost\+found|Thumbs\.db|desktop\.ini"
)


def check_place(folder: Path) -> None:
    """Raise `RunConflictError` where the folder holds files and is no run; reads them, writes nothing.

    A run that ended before its first record, one whose manifest is lost but whose log is there, and one of which there
    are parts so far, are runs.
    """
    if not folder.is_dir() or has_manifest(folder):
        return
    names = [name for name in holds_files(folder) if not holds_shards_only(folder / name)]
    if not names or _has_record(folder / LOG):
        return
    if set(names) <= set(OWN) and all(_is_blank(folder / name) for name in names):
        return
    raise RunConflictError(
        f"{folder}: holds {listed(names)} and is no run of evalkit, so nothing is written there; "
        "give --out a new or empty folder"
    )


def holds_files(folder: Path) -> list[str]:
    """Names in a folder, sorted; what file browsers, file systems and evalkit itself leave is passed over.

    Other hidden names count: a home or a new repository may hold nothing else.
    """
    try:
        return sorted(path.name for path in folder.iterdir() if not _LEFT.fullmatch(path.name))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror}); choose another --out") from error


def listed(names: Iterable[str]) -> str:
    """The first few names, for a message."""
    first = list(itertools.islice(names, 3))
    shown = ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in first)
    return shown if len(first) < 3 else f"{shown}…"


def _has_record(log: Path) -> bool:
    """Whether the first line is a record of evalkit's."""
    if not log.is_file():
        return False
    with log.open("rb") as stream:
        try:
            read_record(stream.readline())
        except ValueError:
            return False
    return True


def _is_blank(path: Path) -> bool:
    """Whether there is nothing in it to lose."""
    if not path.is_file():
        return True  # what is no file cannot be overwritten by one: the attempt says why
    return path.stat().st_size <= LONGEST_BLANK and not path.read_bytes().strip(b"\0 \r\n")
