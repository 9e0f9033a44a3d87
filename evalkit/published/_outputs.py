"""The answers that a published number was computed from, where somebody published them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from evalkit.data import MissingFileError, locate, source
from evalkit.errors import DataError
from evalkit.paths import shipped

from ._definition import definition
from ._records import PublishedScore

__all__ = ["PinnedOutputs", "pinned_outputs"]

_FORMATS = {"leval": "leval", "longbench": "longbench", "longbench-v2": "longbench-v2"}
"""Kind of benchmark → format of outputs that its own code writes."""


SHIPPED = "evalkit"
"""What stands for the source of answers that ship with evalkit; the folder is one of its own."""


class PinnedOutputs(NamedTuple):
    """A folder of outputs that can be scored again."""

    folder: Path
    """Where its files lie."""
    format: str
    """Format of `evalkit score --format`; `evalkit` for answers as evalkit keeps them beside scores."""
    protocol: str
    """Protocol that the number was scored under."""


def pinned_outputs(score: PublishedScore) -> PinnedOutputs | None:
    """The outputs behind the number; None where none are named, or not all of them are on this machine.

    Nothing is downloaded: `evalkit data fetch SOURCE` does that. `DataError` for a file that is not the pinned one.
    """
    if not score.outputs:
        return None
    name, _, folder = score.outputs.partition("/")
    if name == SHIPPED:
        return _shipped(score, folder)
    listed = source(name)
    paths = [file.path for file in listed.files if file.path.startswith(f"{folder}/")]
    if not paths:
        raise DataError(f"{score.where}: outputs: the source {name} has no folder {folder!r}")
    try:
        folders = {locate(listed, path, download=False).path.parent for path in paths}
    except MissingFileError:
        return None
    if len(folders) > 1:  # some in EVALKIT_DATA, some in the cache
        return None
    kind = definition(score.benchmark).kind
    if kind not in _FORMATS:
        raise DataError(f"{score.where}: outputs: those of {score.benchmark} cannot be read")
    return PinnedOutputs(folders.pop(), _FORMATS[kind], score.protocol)


def _shipped(score: PublishedScore, folder: str) -> PinnedOutputs:
    """Answers that ship with evalkit, whose file carries its digest."""
    place = shipped(folder)
    if not place.is_dir():
        raise DataError(f"{score.where}: outputs: {folder!r} does not ship with evalkit")
    return PinnedOutputs(place, "evalkit", score.protocol)
