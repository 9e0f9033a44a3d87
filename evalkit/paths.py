"""Where evalkit finds what ships with it, and where downloads go.

`benchmarks/`, `model_cards/` and `results/published/` stand at the top of the repository and are packed into the
wheel as `evalkit/_shipped/`. A checkout (editable install) reads them in place.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_root", "data_root", "from_home", "shipped"]

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """The folder `benchmarks`, `model_cards` or `results/published` as installed or as checked out."""
    packed = _PACKAGE / "_shipped" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def from_home(path: Path) -> Path:
    """The path with `~` written out; as it is where nobody knows that user's home, so that it is missed as written."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def data_root() -> Path | None:
    """`EVALKIT_DATA`: a folder of benchmark data that is used before any download; None where unset."""
    value = os.environ.get("EVALKIT_DATA", "")
    return from_home(Path(value)) if value else None


def cache_root() -> Path:
    """`EVALKIT_CACHE`, or `evalkit` in the user's cache folder: downloads and built sets."""
    value = os.environ.get("EVALKIT_CACHE", "")
    if value:
        return from_home(Path(value))
    return Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache") / "evalkit"
