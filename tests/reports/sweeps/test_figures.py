"""Figures of a sweep: files, one colour scale, the order of specs, bars as high as the scores."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from evalkit.reports import Bar, BarPanel, Texts, bars_figure, draw_sweep, sweep_bars
from evalkit.reports.sweeps._lengths import estimate_words, length_estimates_figure
from evalkit.reports.sweeps._map import map_figure
from evalkit.sweeps import LengthEstimate
from tests.reports.heatmaps.test_figure import words
from tests.reports.sweeps.made import benchmark_sweep, extended, runs_of, scores_of, sweep_of
from tests.reports.sweeps.test_curves import FOUR, LENGTHS, LONG, THIRTEEN, scene, texts


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A folder with the figures of a needle grid and of a benchmark in buckets, and their paths."""
    folder = tmp_path_factory.mktemp("sweep")
    both = (benchmark_sweep(FOUR, LENGTHS, extended), benchmark_sweep(FOUR, LENGTHS, extended, benchmark="longbench"))
    return folder, draw_sweep(folder, sweep_of(*both), runs_of(folder / "runs", *both))


def test_every_benchmark_has_its_figures(drawn: tuple[Path, list[Path]]) -> None:
    """As PNG and SVG; heatmaps where there are depths."""
    folder, paths = drawn

    stems = dict.fromkeys(path.stem for path in paths)
    assert list(stems) == [
        *(f"needle-{name}" for name in ("heatmaps", "map", "curves", "lengths", "bars")),
        *(f"longbench-{name}" for name in ("map", "curves", "lengths", "bars")),
    ]
    assert sorted(paths) == sorted((folder / "figures").iterdir())
    assert {".png": 9, ".svg": 9} == {kind: sum(path.suffix == kind for path in paths) for kind in (".png", ".svg")}


def test_figures_say_whose_they_are(drawn: tuple[Path, list[Path]]) -> None:
    """Model, benchmark, protocol and seed above every one."""
    _, paths = drawn

    for path in paths:
        if path.suffix == ".svg":
            found = " ".join(words(path))
            title = "Needle grid" if path.stem.startswith("needle") else "LongBench"
            assert "needle-tiny (embedded)" in found
            assert f"{title} · protocol keyword · seed 0" in found


def test_heatmaps_stand_in_the_order_of_specs(drawn: tuple[Path, list[Path]]) -> None:
    """With one colour bar for all."""
    folder, _ = drawn

    found = words(folder / "figures" / "needle-heatmaps.svg")

    assert list(FOUR) == [word for word in found if word in FOUR]
    assert 1 == found.count("Score of a cell; mean over depths (line)")


def test_the_same_sweep_is_drawn_in_the_same_bytes(drawn: tuple[Path, list[Path]], tmp_path: Path) -> None:
    """PNG and SVG."""
    folder, _ = drawn
    needle = benchmark_sweep(FOUR, LENGTHS, extended)

    again = draw_sweep(tmp_path, sweep_of(needle), runs_of(tmp_path / "runs", needle))

    for path in again:
        assert path.read_bytes() == (folder / "figures" / path.name).read_bytes(), path.name


def test_a_map_prints_every_score_on_the_scale_from_0_to_100() -> None:
    """An arrow where the paired interval leaves 0, a cross where nothing was measured."""
    shown = scene(curve=lambda spec, length: None if (spec, length) == ("yarn:4", 8192) else extended(spec, length))

    axes = map_figure(shown).axes[0]

    cells = [text.get_text() for text in axes.texts]
    printed = [[cell.split()[0] for cell in cells[row * 5 : row * 5 + 5]] for row in range(4)]
    scores = [[f"{cell.score:.1f}" for cell in spec.cells] for spec in shown.specs]
    assert [*scores[:3], [*scores[3], "×"]] == printed
    assert ["", "", " ▲", " ▲", ""] == [cell[len(cell.split()[0]) :] for cell in cells[5:10]]
    assert (0, 100) == axes.collections[0].get_clim()


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (LengthEstimate(4096, (2048, 4096), True), "≥ 4,096 (2,048–4,096)"),
        (LengthEstimate(1024, (1024, 1024), False), "1,024"),
        (LengthEstimate(None, (None, 512), False), "nowhere (nowhere–512)"),
        (LengthEstimate(1536, (1536, None), False), "1,536 (1,536–nowhere)"),
        (LengthEstimate(None, (None, None), False), "nowhere"),
    ],
)
def test_a_length_is_said_with_its_interval(estimate: LengthEstimate, said: str) -> None:
    """Never beyond what was tested."""
    assert said == estimate_words(estimate)


def test_lengths_are_marked_where_they_lie() -> None:
    """One filled marker for what holds, a hollow one for what pays, at the tested length."""
    import math

    shown = scene()

    axes = length_estimates_figure(shown, 0.85).axes[0]

    for marker, estimates in (
        ("o", [spec.holds_to for spec in shown.specs]),
        ("D", [spec.pays_from for spec in shown.specs if spec.pays_from]),
    ):
        places = [float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_marker() == marker]
        assert [math.log2(each.tokens) for each in estimates if each.tokens is not None] == places


@pytest.mark.parametrize("specs", [FOUR, THIRTEEN, LONG, ("none",)])
@pytest.mark.parametrize("draw", [map_figure, lambda shown: length_estimates_figure(shown, 0.85)])
def test_no_text_is_drawn_over_another(specs: tuple[str, ...], draw: Any) -> None:
    """Long names get the lines that they need."""
    found = texts(draw(scene(specs)))

    over = [(one[0], two[0]) for one, two in itertools.combinations(found, 2) if one[1].overlaps(two[1])]
    assert [] == over


def test_bars_are_as_long_as_the_scores() -> None:
    """In the order of the specs, from 0, with their intervals and numbers; one without a score has no bar."""
    bars = [Bar("a", 7.65, "7.65", (5.0, 11.0), is_reference=True), Bar("b", None, ""), Bar("c", 35.23, "35.23")]

    figure = bars_figure([BarPanel("", bars)], Texts("Model", "about", "caption"))

    axes = figure.axes[0]
    assert [7.65, 35.23] == [patch.get_width() for patch in axes.patches]
    assert [0.0, 0.0] == [patch.get_x() for patch in axes.patches]
    assert [[5.0, 11.0]] == [list(line.get_xdata()) for line in axes.get_lines()]
    assert ["7.65", "no score", "35.23"] == [text.get_text() for text in axes.texts]
    assert ["a", "b", "c"] == [text.get_text() for text in figure.texts if text.get_text() in "abc"]
    assert (0, 40) == axes.get_xlim()


@pytest.mark.parametrize("score", [0.0, 100.0])
def test_bars_of_one_height_have_the_whole_scale(score: float) -> None:
    """All 0 is not drawn on an axis from 0 to nothing."""
    figure = bars_figure([BarPanel("", [Bar("a", score, "x"), Bar("b", score, "x")])], Texts("Model"))

    assert (0, 100) == figure.axes[0].get_xlim()


def test_panels_of_bars_have_one_scale() -> None:
    """Else eyes compare what cannot be compared."""
    panels = [BarPanel("one", [Bar("a", 3.0, "3")]), BarPanel("two", [Bar("a", 77.0, "77")])]

    figure = bars_figure(panels, Texts("Model"))

    assert [(0, 80), (0, 80)] == [axes.get_xlim() for axes in figure.axes]


def test_bars_of_a_sweep_are_the_benchmarks_number() -> None:
    """Of each spec, the first one marked; where a number is missing, of each task instead."""
    made = benchmark_sweep(FOUR, LENGTHS, extended)
    whole = {name: scores_of(spec, made) for name, spec in made.specs.items()}

    [panel] = sweep_bars(whole)
    [by_task] = sweep_bars({**whole, "yarn:4": scores_of(made.specs["yarn:4"], made, score=None, ci95=None)})

    assert [(name, whole[name].overall.score) for name in FOUR] == [(bar.label, bar.score) for bar in panel.bars]
    assert [True, False, False, False] == [bar.is_reference for bar in panel.bars]
    assert ("single", [whole[name].tasks["single"].score for name in FOUR]) == (
        by_task.title,
        [bar.score for bar in by_task.bars],
    )
