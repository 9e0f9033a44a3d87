"""Colours: of scores, of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

__all__ = ["GREY", "INK", "NO_DATA", "PALETTES", "Palette", "colours", "is_dark"]

Palette = Literal["published", "colour-blind"]
PALETTES: dict[Palette, tuple[str, ...] | str] = {
    "published": ("#F0496E", "#EBB839", "#0CD79F"),  # OpenCompass, summarizers/needlebench.py: 0, 50, 100
    "colour-blind": "cividis",  # made to look alike with and without colour vision deficiency
}

NO_DATA = "#e4e4e4"
INK, GREY = "#222222", "#555555"


def colours(palette: Palette) -> Colormap:
    """The colour map of scores from 0 to 1."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    chosen = PALETTES[palette]
    if isinstance(chosen, str):
        return matplotlib.colormaps[chosen]
    return LinearSegmentedColormap.from_list(palette, list(chosen))


def is_dark(score: float, palette: Palette) -> bool:
    """Whether black lines would be lost on the colour of a score, 0–100."""
    red, green, blue, _ = colours(palette)(score / 100)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.4  # luma, ITU-R BT.601
