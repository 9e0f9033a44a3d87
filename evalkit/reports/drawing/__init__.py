"""What all figures share: letters, colours, texts at measured places, files of the same bytes every time."""

from ._layout import Sheet, Texts, joined, lines_height
from ._lettering import SEPARATOR, Lettering, Look, missing_glyphs, text_width, wrap
from ._marks import MOST_MARKS, Mark, marks
from ._palettes import GREY, INK, NO_DATA, PALETTES, Palette, colours, is_dark
from ._sheet import (
    BETWEEN_LINES,
    FILE_KINDS,
    SMALL,
    TINY,
    TITLE,
    length_names,
    lettered,
    new_figure,
    note,
    save,
    score_axis_end,
)

__all__ = [
    "BETWEEN_LINES",
    "FILE_KINDS",
    "GREY",
    "INK",
    "MOST_MARKS",
    "NO_DATA",
    "PALETTES",
    "SEPARATOR",
    "SMALL",
    "TINY",
    "TITLE",
    "Lettering",
    "Look",
    "Mark",
    "Palette",
    "Sheet",
    "Texts",
    "colours",
    "is_dark",
    "joined",
    "length_names",
    "lettered",
    "lines_height",
    "marks",
    "missing_glyphs",
    "new_figure",
    "note",
    "save",
    "score_axis_end",
    "text_width",
    "wrap",
]
