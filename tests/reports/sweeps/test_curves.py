"""Curves of a sweep: what is drawn is what the sweep says, and no text stands over another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.reports.sweeps._curves import curves_figure
from evalkit.reports.sweeps._scene import MOST_LINES, Scene, families, marks_of
from tests.reports.sweeps.made import WINDOW, Curve, benchmark_sweep, extended

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOUR = ("none", "dynamic:2", "linear:4", "yarn:4")
THIRTEEN = ("none", *(f"{kind}:{factor}" for kind in ("linear", "dynamic", "ntk", "yarn") for factor in (2, 4, 8)))
LONG = ("none", "yarn:4,attention_factor=1.0693,beta_fast=32,beta_slow=1,mscale=1,mscale_all_dim=1", "dynamic:2")
LENGTHS = (512, 1024, 2048, 4096, 8192)


def scene(
    specs: Sequence[str] = FOUR,
    lengths: Sequence[int] = LENGTHS,
    curve: Curve = extended,
    *,
    has_intervals: bool = True,
) -> Scene:
    sweep = benchmark_sweep(specs, lengths, curve, has_intervals=has_intervals)
    return Scene(
        sweep, "Model", "Needle grid · protocol keyword · seed 0", "Prompt length (tokens)", WINDOW, "published"
    )


def panels(figure: Figure) -> list[tuple[Axes, Axes]]:
    """Axes of scores and of differences, panel by panel."""
    return list(zip(figure.axes[::2], figure.axes[1::2], strict=True))


def curves(axes: Axes) -> list[list[float]]:
    """Heights of the lines through several lengths, in the order they were drawn; None where a line is broken."""
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) == len(LENGTHS)]
    return [[float(height) for height in line.get_ydata()] for line in lines]


def texts(figure: Figure) -> list[tuple[str, Any]]:
    """Every text with the pixels that it covers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).draw()
    found = list(figure.texts)
    for axes in figure.axes:
        ticks = [tick for axis in (axes.xaxis, axes.yaxis) for tick in axis._update_ticks()]  # those in view
        labels = [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]
        found += [*axes.texts, *labels, axes.xaxis.label, axes.yaxis.label]
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_text()]


def test_curves_have_the_heights_of_the_scores() -> None:
    """In the order of the specs; the differences leave the first spec out."""
    shown = scene()

    [(scores, differences)] = panels(curves_figure(shown))

    specs = [shown.sweep.specs[name] for name in FOUR]
    assert [[cell.score for cell in spec.cells] for spec in specs] == curves(scores)
    assert [[cell.difference for cell in spec.cells] for spec in specs[1:]] == curves(differences)


def test_every_interval_is_drawn() -> None:
    """A line from its lower to its upper end for every cell that has one."""
    shown = scene()

    [(scores, differences)] = panels(curves_figure(shown))

    def ends(axes: Axes) -> list[tuple[float, ...]]:
        lines = [line for line in axes.get_lines() if line.get_marker() == "_"]
        return sorted(tuple(map(float, line.get_ydata())) for line in lines)

    cells = [cell for spec in shown.specs for cell in spec.cells]
    assert sorted(cell.ci95 for cell in cells if cell.ci95) == ends(scores)
    assert sorted(cell.difference_ci95 for cell in cells if cell.difference_ci95) == ends(differences)


def test_a_score_without_an_interval_is_hollow_and_said() -> None:
    """Nobody takes a missing interval for a narrow one."""
    figure = curves_figure(scene(has_intervals=False))

    markers = [line for line in figure.axes[0].get_lines() if line.get_marker() in ("o", "s", "^", "D")]
    assert {"white"} == {line.get_markerfacecolor() for line in markers}
    assert any("hollow: too few documents for an interval" in text for text, _ in texts(figure))


def test_a_missing_cell_breaks_its_curve() -> None:
    """A line across it would be a score that nobody measured."""
    holed = scene(curve=lambda spec, length: None if (spec, length) == ("yarn:4", 2048) else extended(spec, length))

    [(scores, differences)] = panels(curves_figure(holed))

    for axes in (scores, differences):
        assert [False, False, True, False, False] == [math.isnan(height) for height in curves(axes)[-1]]


def test_many_specs_are_spread_over_panels_of_one_scale() -> None:
    """One for each rule, with the first spec in each."""
    drawn = panels(curves_figure(scene(THIRTEEN)))

    assert 4 == len(drawn)
    assert [4] * 4 == [len(curves(scores)) for scores, _ in drawn]
    for row in zip(*drawn, strict=True):
        assert 1 == len({axes.get_ylim() for axes in row})


@pytest.mark.parametrize("count", [2, 7, 8, 16, 30])
def test_every_spec_is_in_one_panel_and_looks_like_no_other_there(count: int) -> None:
    """Colour and marker tell specs apart within a panel, whatever they are."""
    specs = ["none", *(f"dynamic:{factor}" for factor in range(2, count)), "base:7"]

    groups, marks = families(specs), marks_of(specs)

    assert sorted(specs[1:]) == sorted(spec for _, members in groups for spec in members)
    for _, members in groups:
        looks = [marks[spec] for spec in ("none", *members)]
        assert len(members) <= MOST_LINES
        assert len(looks) == len({look.colour for look in looks}) == len({look.marker for look in looks})


def test_the_window_is_marked_where_it_is_near() -> None:
    """And the caption does not speak of a line that is not there."""
    far = Scene(benchmark_sweep(FOUR, (262144, 524288), extended), "M", "a", "tokens", WINDOW, "published")

    near_words, far_words = (" ".join(text for text, _ in texts(curves_figure(each))) for each in (scene(), far))

    assert ("L = 1,024" in near_words, "dashed" in near_words) == (True, True)
    assert ("L = 1,024" in far_words, "dashed" in far_words) == (False, False)


@pytest.mark.parametrize(
    ("specs", "lengths"),
    [
        (FOUR, LENGTHS),
        (FOUR, (2048,)),
        (THIRTEEN, (256, 512, 960, 1024, 1100, 2048, 4096)),
        (LONG, LENGTHS),
        (("none",), LENGTHS),
    ],
)
def test_no_text_is_drawn_over_another(specs: Sequence[str], lengths: Sequence[int]) -> None:
    """Keys with long names, lengths side by side, L beside the key."""
    found = texts(curves_figure(scene(specs, lengths)))

    over = [(one[0], two[0]) for one, two in itertools.combinations(found, 2) if one[1].overlaps(two[1])]
    assert [] == over


@pytest.mark.parametrize("score", [0.0, 100.0])
def test_scores_at_an_end_are_inside_the_axes(score: float) -> None:
    """All 0 and all 100 are drawn from 0 to 100, no marker on the frame."""
    figure = curves_figure(scene(curve=lambda _spec, _length: score, has_intervals=False))

    low, high = figure.axes[0].get_ylim()
    assert low < 0 < 100 < high


def test_the_caption_counts_samples_by_length_where_they_differ() -> None:
    """Buckets seldom hold equally many."""
    shown = scene(("none", "dynamic:2"), (512, 1024))
    assert "90 samples of 30 documents per length" == shown.counts

    holed = scene(("none", "dynamic:2"), (512, 1024), lambda _spec, length: 1.0 if length == 512 else None)

    assert "512: 90 samples of 30 documents; 1,024: no samples" == holed.counts


def test_a_single_spec_has_no_axes_of_differences() -> None:
    """There is nothing that it differs from, and the lengths are named below the scores."""
    figure = curves_figure(scene(("none",)))

    assert 1 == len(figure.axes)
    assert "8,192" in [said for said, _ in texts(figure)]
