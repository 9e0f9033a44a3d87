"""Several grids in one figure: no text is drawn over another, whatever the labels."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.reports import HeatCell, HeatGrid, Panel, draw_side_by_side
from evalkit.reports.heatmaps import _panels
from tests.reports.heatmaps.test_figure import grid, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONG = "my-model-with-a-name · opencompass+max-new-tokens-8+rope-dyna"
assert 60 <= len(LONG)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figures: list[Figure] = []

    def save(figure: Figure, stem: Path) -> list[Path]:
        FigureCanvasAgg(figure).draw()
        figures.append(figure)
        return [stem]

    monkeypatch.setattr(_panels, "save", save)
    return figures


def boxes(figure: Figure) -> list[tuple[str, Any]]:
    """Every text outside the cells with the pixels that it covers."""
    from matplotlib.text import Annotation

    found = []
    for axes in figure.axes:
        notes = [each for each in axes.texts if isinstance(each, Annotation) and each.xycoords == "axes fraction"]
        labels = [*axes.get_xticklabels(), axes.xaxis.label, axes.yaxis.label] if axes.axison else []
        found += [(each.get_text(), each.get_window_extent()) for each in [*notes, *labels] if each.get_text()]
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("columns", [3, 35])
def test_no_text_is_drawn_over_another(drawn: list[Figure], count: int, columns: int) -> None:
    """Labels of sixty characters, the means, titles of two lines, lengths and the counts below."""
    panels = [Panel(grid(columns, 11), LONG if index != 1 else "short") for index in range(count)]

    draw_side_by_side(Path("x"), panels, f"{LONG} and {LONG}", "Needle grid · single · language en")

    texts = boxes(drawn[0])
    over = [(one[0], two[0]) for one, two in itertools.combinations(texts, 2) if one[1].overlaps(two[1])]
    assert [] == over
    assert count == sum(text.startswith("mean") for text, _ in texts)


def test_titles_stay_above_their_panels(drawn: list[Figure]) -> None:
    """None reaches into the next panel's column."""
    draw_side_by_side(Path("x"), [Panel(grid(3, 3), LONG)] * 3, "Model", "about")

    lefts = [axes.get_window_extent().x0 for axes in drawn[0].axes if axes.axison][:3]
    rights = [box.x1 for text, box in boxes(drawn[0]) if "my-model" in text]
    assert all(right < following for right, following in zip(rights[:2], lefts[1:], strict=True))


def test_a_partial_panel_says_so_in_place_of_its_mean(tmp_path: Path) -> None:
    """A mean over the cells that happen to be there is not the model's."""
    holes = grid(3, 3, lambda x, y: None if x == y else 50.0)
    panels = [Panel(holes, "a", "PARTIAL: 24 of 36 samples"), Panel(holes, "b"), Panel(grid(3, 3), "c", "PARTIAL")]

    _, svg = draw_side_by_side(tmp_path / "side", panels, "Model")

    found = words(svg)
    assert ["PARTIAL: 24 of 36 samples", "PARTIAL: 6 of 9 cells", "mean 11.0 · PARTIAL"] == [
        word for word in found if "PARTIAL" in word
    ]


def test_a_panel_without_any_score_says_no_data(tmp_path: Path) -> None:
    """Nothing is not zero."""
    empty = HeatGrid((HeatCell(1000, 0, None, 0),))

    _, svg = draw_side_by_side(tmp_path / "side", [Panel(empty, "a"), Panel(grid(1, 1), "b")], "Model")

    assert {"no data", "mean 0.0"} <= set(words(svg))


def test_the_length_axis_is_named(tmp_path: Path) -> None:
    """Below every panel that has none below it."""
    _, svg = draw_side_by_side(tmp_path / "side", [Panel(grid(2, 2), "a")] * 2, "M", lengths="Length (cl100k tokens)")

    assert 2 == words(svg).count("Length (cl100k tokens)")
