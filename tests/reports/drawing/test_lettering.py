"""Letters of a figure: fonts that have the glyphs, and lines that fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.reports import HeatCell, HeatGrid, draw_heatmap, missing_glyphs
from evalkit.reports.drawing import _lettering
from evalkit.reports.drawing._lettering import Look, lettering, wrap

LOOK = Look(10, "bold")
FAMILIES = ["DejaVu Sans"]
GRID = HeatGrid((HeatCell(1000, 0, 50.0, 4),))


@pytest.fixture
def no_cjk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without any font for Chinese."""
    monkeypatch.setattr(_lettering, "CJK_FAMILIES", ())
    yield


@pytest.fixture
def cjk_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An installed family that has 中 and nothing else; its name."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib.font_manager import fontManager

    pen = TTGlyphPen(None)
    for index, corner in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if index else pen.moveTo)(corner)
    pen.closePath()
    family = "Only 中"
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "middle"])
    builder.setupCharacterMap({0x4E2D: "middle"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "middle": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "middle": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "middle.ttf"
    builder.save(path)
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(path)
    monkeypatch.setattr(_lettering, "CJK_FAMILIES", (family,))
    _lettering._glyphs.cache_clear()
    yield family
    _lettering._glyphs.cache_clear()


def texts(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_latin_needs_no_other_font() -> None:
    """The font that comes with matplotlib has it, so figures are the same everywhere."""
    letters = lettering(["Index-1.9B-32K · 95 %, façade"])

    assert (("DejaVu Sans",), "", "Index") == (letters.families, letters.note, letters("Index"))


def test_an_installed_font_draws_what_the_first_lacks(cjk_font: str, tmp_path: Path) -> None:
    """Without warnings, in a bold title too, though the font has no bold face."""
    _, svg = draw_heatmap(tmp_path / "map", GRID, "my 中 model", "about")

    assert (("DejaVu Sans", cjk_font), "my 中 model") == (lettering(["中"]).families, lettering(["中"])("my 中 model"))
    assert ("my 中 model" in texts(svg), "escaped" in texts(svg)) == (True, False)


def test_what_no_font_has_is_escaped_and_said(no_cjk: None, tmp_path: Path) -> None:  # noqa: ARG001
    """A reader can tell which characters are meant; boxes tell nothing."""
    _, svg = draw_heatmap(tmp_path / "map", GRID, "my 中文🙂", "about")

    assert r"my \u4e2d\u6587\U0001f642" in texts(svg)
    assert "escaped: no installed font has 3 characters" in texts(svg)


def test_the_user_is_told_which_characters(no_cjk: None) -> None:  # noqa: ARG001
    """In one line; nothing where all can be drawn."""
    assert "no installed font has 中文: figures show escapes; install a CJK font" == missing_glyphs("my 中文")
    assert "" == missing_glyphs("my model")


def test_dollar_signs_are_no_formula(tmp_path: Path) -> None:
    """A name is shown as it is."""
    _, svg = draw_heatmap(tmp_path / "map", GRID, "a $x_1$ b", "about")

    assert "a $x_1$ b" in texts(svg)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("short", ["short"]),
        ("one part · another part · a third, longer part", ["one part · another part", "a third, longer part"]),
        ("opencompass+max-new-tokens-8+rope-dynamic:8", ["opencompass+max-new-", "tokens-8+rope-dynamic:8"]),
        ("x" * 30, ["x" * 26, "x" * 4]),
    ],
)  # fmt: skip
def test_lines_end_behind_parts_then_words_then_anywhere(text: str, lines: list[str]) -> None:
    """In that order of preference."""
    assert lines == wrap(text, 170, LOOK, FAMILIES)


@settings(max_examples=30)
@given(st.text("ab -+·", max_size=80), st.integers(40, 200))
def test_no_line_is_wider_than_its_room_and_nothing_is_lost(text: str, room: int) -> None:
    """Whatever the text, but for blanks and dots between lines."""
    lines = wrap(text, room, LOOK, FAMILIES)

    kept: Any = lambda text: text.replace(" ", "").replace("·", "")  # noqa: E731
    assert kept(text) == kept("".join(lines))
    assert all(_lettering.text_width(line, LOOK, FAMILIES) <= room for line in lines)
