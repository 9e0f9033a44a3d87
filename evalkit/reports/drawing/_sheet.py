"""What every figure has: letters, texts at measured places, files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.files import cannot_write, replace_bytes

from ._lettering import Lettering, Look, lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BETWEEN_LINES", "FILE_KINDS", "SMALL", "TINY", "TITLE", "length_names", "lettered", "new_figure", "note", "save",
    "score_axis_end",
]  # fmt: skip

DOTS_PER_INCH = 200
TITLE, SMALL, TINY = Look(13, "bold"), Look(9), Look(8)
BETWEEN_LINES = 1.25  # of the font size, from line to line
FILE_KINDS = (".png", ".svg", ".pdf")
SCORE_ENDS = (10, 20, 40, 60, 80, 100)  # where a score axis may end
STAMPS: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""What would make the same figure another file."""


@contextmanager
def lettered(texts: Iterable[str]) -> Iterator[Lettering]:
    """Everything drawn and saved inside is written in fonts that have these texts' characters."""
    import matplotlib

    letters = lettering(texts)
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns of families without a bold face, which is no news to anybody
    try:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()  # a `matplotlibrc` of the working folder, or the user's, would draw another figure
            matplotlib.rcParams.update({"font.family": list(letters.families), "text.parse_math": False})
            yield letters
    finally:
        log.setLevel(level)


def new_figure(size: tuple[float, float]) -> Figure:
    """An empty figure of that many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=DOTS_PER_INCH)  # not pyplot: no global state, no display


def note(axes: Axes, text: str, corner: tuple[float, float], points: float, **look: Any) -> None:
    """Text at a corner of the axes, moved up by that many points: distances then hold at every figure size."""
    look = {"linespacing": BETWEEN_LINES, **look}
    axes.annotate(text, corner, xycoords="axes fraction", xytext=(0, points), textcoords="offset points", **look)


def score_axis_end(values: Iterable[float], ends: Sequence[int] = SCORE_ENDS) -> int:
    """The first of the ends that no value passes; 100 where all values are 0."""
    highest = max(values, default=0.0)
    return next((end for end in ends if highest <= end), 100) if highest > 0 else 100


def length_names(lengths: Sequence[float]) -> list[str]:
    """Lengths as people say them: `9K` where all are whole thousands, else with their digits."""
    if all(length >= 1000 and length % 1000 == 0 for length in lengths):
        return [f"{length / 1000:.0f}K" for length in lengths]
    return [f"{length:,.0f}" for length in lengths]


def save(figure: Figure, stem: Path) -> list[Path]:
    """PNG and SVG, or the one file that `stem` names by its suffix; the same bytes for the same figure."""
    import matplotlib

    salt = f"evalkit {stem.name}"  # never a bare name: matplotlib reads `none` as None, and ids would be random
    is_file = stem.suffix.lower() in FILE_KINDS
    paths = [stem] if is_file else [stem.with_name(f"{stem.name}{kind}") for kind in (".png", ".svg")]
    with matplotlib.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none", "hatch.linewidth": 0.7}):
        for path in paths:
            kind, image = path.suffix.lower(), BytesIO()
            figure.savefig(
                image, format=kind[1:], bbox_inches="tight", pad_inches=0.12, facecolor="white", metadata=STAMPS[kind]
            )
            try:
                replace_bytes(path, image.getvalue())  # whole or not there, whoever draws the same figure meanwhile
            except OSError as error:
                raise cannot_write(stem.parent, error, "figures cannot be written") from error
    return paths
