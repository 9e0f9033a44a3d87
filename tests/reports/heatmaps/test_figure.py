"""Heatmaps: what stands in the picture, at every size, and the same bytes every time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.errors import UserError
from evalkit.reports import PALETTES, HeatCell, HeatGrid, Palette, Panel, draw_heatmap, draw_side_by_side

PNG = b"\x89PNG\r\n\x1a\n"


def grid(columns: int, rows: int, score: Callable[[int, int], float | None] = lambda x, y: 10.0 * x + y) -> HeatGrid:
    cells = []
    for x in range(columns):
        for y in range(rows):
            value = score(x, y)
            cells.append(HeatCell(1000 * (x + 1), y * 100 / max(1, rows - 1), value, 4 if value is not None else 0))
    return HeatGrid(tuple(cells))


def words(path: Path) -> list[str]:
    """The texts of an SVG, in order."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))
    return [text.strip() for text in texts if text.strip()]


def test_a_heatmap_is_a_png_and_an_svg(tmp_path: Path) -> None:
    """Both are written, folders made where needed."""
    paths = draw_heatmap(tmp_path / "new" / "map", grid(3, 3), "Model", "about")

    assert (["map.png", "map.svg"], True) == ([path.name for path in paths], paths[0].read_bytes().startswith(PNG))


def test_the_picture_says_what_it_shows(tmp_path: Path) -> None:
    """Title, subtitle, lengths, depths, the mean of every column, and the counts."""
    _, svg = draw_heatmap(tmp_path / "map", grid(3, 3), "Model", "needle grid")

    assert {
        "Model", "needle grid", "1K", "2K", "3K", "0", "50", "100", "1.00", "11.00", "21.00",
        "Prompt length (tokens)", "Depth of the needle (%)", "Mean of the column means 11.00 · 4 samples per cell",
    } <= set(words(svg))  # fmt: skip


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (3, 3), (8, 11), (32, 17), (35, 35)])
def test_every_size_has_all_its_means(tmp_path: Path, columns: int, rows: int) -> None:
    """From one cell to 35 × 35, each column's mean is printed with two decimals."""
    _, svg = draw_heatmap(tmp_path / "map", grid(columns, rows, lambda x, y: 90.0 + x / 4), "Model")  # noqa: ARG005

    means = [f"{90 + x / 4:.2f}" for x in range(columns)]
    assert means == [word for word in words(svg) if word in means]


def test_a_needle_that_was_cut_is_hatched_and_said(tmp_path: Path) -> None:
    """A cell whose needle truncation removed has a hatch; other pictures have none."""
    whole = grid(3, 3)
    cut = HeatGrid((*whole.cells[1:], HeatCell(1000, 0, 0.0, 4, cut=4)))

    _, svg = draw_heatmap(tmp_path / "cut", cut, "Model")
    _, plain = draw_heatmap(tmp_path / "whole", whole, "Model")

    assert (True, False, True) == (
        "<pattern" in svg.read_text(),
        "<pattern" in plain.read_text(),
        any("hatched: truncation removed the needle (1 cell)" in word for word in words(svg)),
    )


def test_hatches_are_white_on_dark_cells(tmp_path: Path) -> None:
    """In the colour-blind map low scores are dark; black lines would not be seen."""
    cut = HeatGrid((HeatCell(1000, 0, 0.0, 4, cut=4),))

    _, dark = draw_heatmap(tmp_path / "dark", cut, "Model", palette="colour-blind")
    _, light = draw_heatmap(tmp_path / "light", cut, "Model", palette="published")

    strokes = [re.search(r"<pattern.*?stroke: (#\w+)", path.read_text(), re.DOTALL) for path in (dark, light)]
    assert ["#ffffff", "#000000"] == [found and found[1] for found in strokes]


def test_cells_without_data_are_marked_and_counted(tmp_path: Path) -> None:
    """A cross in each, and their number below."""
    _, svg = draw_heatmap(tmp_path / "map", grid(3, 3, lambda x, y: None if x == y else 50.0), "Model")

    found = words(svg)
    assert (3, True) == (found.count("×"), any("×: no data (3 cells)" in word for word in found))


@pytest.mark.parametrize(("gap", "is_said"), [(5.0, False), (5.1, True), (12.4, True)])
def test_needles_far_from_their_depth_are_said(tmp_path: Path, gap: float, is_said: bool) -> None:
    """From more than five points on the caption has the largest distance; nearer needles are in their row."""
    cells = HeatGrid((HeatCell(1000, 0, 0.0, 4, 0, 1.0, 1.0), HeatCell(1000, 50, 0.0, 4, 0, 50 - gap, gap)))

    _, svg = draw_heatmap(tmp_path / "map", cells, "Model")

    said = f"needles stand up to {gap:.0f} points from the depth asked for"
    assert is_said == any(said in word for word in words(svg))


def test_the_window_is_marked_where_lengths_exceed_it(tmp_path: Path) -> None:
    """The line names the tokens that the model was made for; without longer lengths there is none."""
    _, beyond = draw_heatmap(tmp_path / "beyond", grid(3, 3), "Model", window=2048)
    _, inside = draw_heatmap(tmp_path / "inside", grid(3, 3), "Model", window=4096)

    assert (True, False) == tuple(any(word.startswith("made for") for word in words(path)) for path in (beyond, inside))


def test_the_same_grid_gives_the_same_bytes(tmp_path: Path) -> None:
    """Figures can be committed: no date, no random ids."""
    first = draw_heatmap(tmp_path / "one" / "map", grid(4, 4), "Model")
    second = draw_heatmap(tmp_path / "two" / "map", grid(4, 4), "Model")

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("palette", list(PALETTES))
def test_every_colour_map_can_be_had(tmp_path: Path, palette: Palette) -> None:
    """The published colours and the colour-blind-safe ones both draw."""
    png, _ = draw_heatmap(tmp_path / palette, grid(3, 3), "Model", palette=palette)

    assert png.read_bytes().startswith(PNG)


def test_the_published_colours_run_from_red_over_yellow_to_green() -> None:
    """0 and 100 have the colours of the published figure; 50 is within one step of 255."""
    from matplotlib.colors import to_hex

    from evalkit.reports.drawing import colours

    published = colours("published")

    assert ["#f0496e", "#eab839", "#0cd79f"] == [to_hex(published(share)) for share in (0.0, 0.5, 1.0)]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_runs_lie_side_by_side_on_one_scale(tmp_path: Path, count: int) -> None:
    """Each panel has its name and mean, and there is one colour bar for all."""
    panels = [Panel(grid(4, 4, lambda _, __, low=low: low), f"run {low}") for low in range(count)]  # type: ignore[misc]

    _, svg = draw_side_by_side(tmp_path / "side", panels, "Model", "needle grid", window=2000)

    found = words(svg)
    wanted = [text for low in range(count) for text in (f"run {low}", f"mean {low}.0")]
    assert (wanted, 1) == (
        sorted((word for word in found if word in wanted), key=wanted.index),
        found.count("Score of a cell; mean over depths (line)"),
    )


def test_a_grid_without_scores_is_drawn_empty(tmp_path: Path) -> None:
    """Where every sample failed there is a picture that says so."""
    _, svg = draw_heatmap(tmp_path / "map", grid(2, 2, lambda _, __: None), "Model")

    assert "×: no data (4 cells)" in words(svg)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file where the folder should be is the user's to solve."""
    (tmp_path / "figures").write_text("in the way")

    with pytest.raises(UserError, match="figures: figures cannot be written"):
        draw_heatmap(tmp_path / "figures" / "map", grid(3, 3), "Model")


def test_a_figure_that_does_not_reach_the_disk_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole or not there, also for who looks while it is drawn again; no half of a new one stays."""
    before = [path.read_bytes() for path in draw_heatmap(tmp_path / "map", grid(3, 3), "Model")]

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UserError, match=r"figures cannot be written \(No space left on device\)"):
        draw_heatmap(tmp_path / "map", grid(2, 2), "Model")

    assert before == [path.read_bytes() for path in sorted(tmp_path.iterdir())]


def test_a_column_with_a_missing_cell_has_no_mean(tmp_path: Path) -> None:
    """Its other cells would tell of them alone; the figure says that it is partial, and has no mean of all."""
    holes = grid(3, 3, lambda x, y: None if (x, y) == (1, 2) else 10.0 * (x + 1))

    _, svg = draw_heatmap(tmp_path / "map", holes, "Model", "about", partial="PARTIAL: 32 of 36 samples")

    found = words(svg)
    assert ["10.00", "30.00"] == [word for word in found if re.fullmatch(r"\d+\.\d\d", word)]
    assert "about · PARTIAL: 32 of 36 samples" in found
    assert any("No mean of the column means: 1 of 3 columns not whole" in word for word in found)


def test_the_line_is_broken_at_a_column_that_is_not_whole() -> None:
    """A line through it would draw a value that there is none of."""
    from matplotlib.figure import Figure

    from evalkit.reports.heatmaps._cells import Style, paint

    figure = Figure()
    paint(
        figure.add_subplot(),
        grid(3, 2, lambda x, y: None if (x, y) == (1, 0) else 50.0),
        Style("published", 9, 2, None),
    )

    (line,) = figure.axes[1].lines
    assert ["50.0", "nan", "50.0"] == [str(float(mean)) for mean in line.get_ydata()]


def test_missing_cells_make_a_figure_partial_by_themselves(tmp_path: Path) -> None:
    """Whoever draws it."""
    _, svg = draw_heatmap(tmp_path / "map", grid(3, 3, lambda x, y: None if x == y else 50.0), "Model")

    assert "PARTIAL: 6 of 9 cells" in words(svg)


def test_a_mean_of_fewer_samples_than_asked_for_says_so(tmp_path: Path) -> None:
    """All cells have data, some have fewer samples."""
    _, svg = draw_heatmap(tmp_path / "map", grid(2, 2), "Model", partial="PARTIAL: 12 of 16 samples")

    assert any("Mean of the column means 5.50 (PARTIAL)" in word for word in words(svg))


def test_the_length_axis_is_named(tmp_path: Path) -> None:
    """By whose tokens it counts."""
    _, svg = draw_heatmap(tmp_path / "map", grid(2, 2), "Model", lengths="Prompt tokens before truncation")

    assert "Prompt tokens before truncation" in words(svg)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_file_can_be_asked_for(tmp_path: Path, kind: str) -> None:
    """A stem with a suffix that figures have is that file, and no other is written."""
    path = tmp_path / f"map.{kind}"

    paths = draw_heatmap(path, grid(2, 2), "Model")
    again = draw_heatmap(tmp_path / "again" / f"map.{kind}", grid(2, 2), "Model")

    assert ([path], [path.name]) == (paths, [each.name for each in tmp_path.iterdir() if each.is_file()])
    assert path.read_bytes() == again[0].read_bytes()


def test_other_suffixes_are_part_of_the_name(tmp_path: Path) -> None:
    """`needle-0.5` is a name."""
    assert ["needle-0.5.png", "needle-0.5.svg"] == [
        path.name for path in draw_heatmap(tmp_path / "needle-0.5", grid(2, 2), "Model")
    ]
