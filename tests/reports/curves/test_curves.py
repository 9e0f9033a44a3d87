"""Tables and figures of curves."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.perplexity import Cell, Curve, Sums, curves_of
from evalkit.reports import curve_caption, write_curve
from evalkit.reports.curves._figures import _beside, _map
from evalkit.reports.curves._scales import _ticks
from evalkit.reports.curves._tables import curve_tables, number
from evalkit.rope import RopeSetting

LENGTHS = (512, 1024, 2048)


def made(specs: tuple[str, ...] = ("none", "base:5000", "dynamic:4"), documents: int = 6) -> Curve:
    """A curve whose losses rise with length and spec."""
    cells, sums = {}, {}
    for place, spec in enumerate(specs):
        base = float(spec.partition(":")[2]) if spec.startswith("base") else 10000.0 + place
        setting = RopeSetting("default", base)
        cells[spec] = {Cell(2048, setting.key, length): setting for length in LENGTHS}
        for index, cell in enumerate(cells[spec]):
            sums[cell] = [Sums((2 + 0.1 * place + 0.2 * index + 0.05 * d) * 10, 10) for d in range(documents)]
    return Curve(
        model="tiny_100% <b>", original_length=1024, base=10000.0, text="=texts", text_sha256="0" * 64,
        windows="prefix", strides={}, lengths=LENGTHS, unmeasured=(), beginning=1, documents=documents, too_short=0,
        counted_windows=dict.fromkeys(LENGTHS, 8), specs=curves_of(cells, sums), notes=("a & b",),
    )  # fmt: skip


def test_every_number_stands_in_the_csv(tmp_path: Path) -> None:
    """A row for each spec and length, as exactly as floats are."""
    curve = made()

    write_curve(tmp_path, curve)

    rows = list(csv.DictReader(io.StringIO((tmp_path / "tables" / "curve.csv").read_text())))
    points = [(spec.spec, point) for spec in curve.specs for point in spec.points]
    assert [(name, point.length) for name, point in points] == [(row["spec"], int(row["length"])) for row in rows]
    assert [point.perplexity for _, point in points] == [float(row["perplexity"]) for row in rows]
    assert [math.exp(point.loss) for _, point in points] == [point.perplexity for _, point in points]
    assert ["", "", ""] == [row["difference"] for row in rows[:3]]
    assert all(float(row["difference_low"]) <= float(row["difference"]) for row in rows[3:])


def test_tables_show_intervals_and_differences() -> None:
    """Perplexity, nats, and nats against the first spec, which is no line of that table."""
    perplexity, loss, apart = curve_tables(made())

    assert ["RoPE", "512", "1,024", "2,048"] == perplexity.headings
    assert "8.373 (" in perplexity.lines[0][1] and "2.1250 (" in loss.lines[0][1]
    assert ["base:5000", "dynamic:4"] == [line[0] for line in apart.lines]
    assert apart.lines[0][1].startswith("+0.1000 (+0.1000 to ")


def test_few_documents_have_a_table_without_intervals() -> None:
    """And no word of them."""
    perplexity, *_ = curve_tables(made(documents=2))

    assert "8.373" not in perplexity.lines[0][1] and "(" not in "".join(perplexity.lines[0])
    assert "intervals" not in perplexity.title


def test_what_others_wrote_is_text_in_every_table(tmp_path: Path) -> None:
    """Names of models and texts hold signs of LaTeX, Markdown and HTML."""
    write_curve(tmp_path, made())

    assert r"tiny\_100\% \textless{}b\textgreater{}" in (tmp_path / "tables" / "curve.tex").read_text()
    assert "&lt;b&gt;" in (tmp_path / "tables" / "curve.md").read_text()


def test_figures_are_the_same_bytes_for_the_same_curve(tmp_path: Path) -> None:
    """Three of several bases at several lengths, fewer where there is less to show."""
    first, second = write_curve(tmp_path / "a", made()), write_curve(tmp_path / "b", made())

    assert 6 == len(first)
    assert [hashlib.sha256(path.read_bytes()).digest() for path in first] == [
        hashlib.sha256(path.read_bytes()).digest() for path in second
    ]
    names = {path.name for path in write_curve(tmp_path / "c", made(("none", "dynamic:4"), documents=2))}
    assert {"perplexity-by-length.png", "perplexity-by-length.svg"} == names


def test_the_way_of_cutting_is_said() -> None:
    """With counts."""
    sliding = replace(made(), windows="sliding", counted_windows={512: 40, 1024: 20, 2048: 10})
    halves = replace(sliding, strides={length: length // 2 for length in LENGTHS})
    fixed = replace(sliding, strides=dict.fromkeys(LENGTHS, 128))

    assert "6 documents, 8 windows begun alike at all lengths" == curve_caption(made())
    assert "6 documents, 10 to 40 windows a length, sliding by half a window" == curve_caption(halves)
    assert curve_caption(fixed).endswith("sliding by 128 tokens")


@pytest.mark.parametrize(
    ("low", "high"), [(5.0, 5.2), (5.0, 9.0), (11.0, 13.0), (3.0, 4000.0), (500_000.0, 900_000.0), (99.99, 100.02)]
)
def test_ticks_are_numbers_of_few_digits(low: float, high: float) -> None:
    """Some inside every range, rising."""
    found = _ticks(low, high)

    assert 2 <= len(found) <= 16
    assert sorted(found) == found and low <= found[0] and found[-1] <= high
    assert all(float(f"{tick:.6g}") == pytest.approx(tick, rel=1e-12) for tick in found)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((4.3214, "4.321"), (43.214, "43.21"), (432.14, "432.1"), (43214.4, "43,210")),
        *((4.3e7, "4.30e7"), (4e20, "4.00e20")),
    ],
)
def test_perplexities_have_about_four_digits(value: float, shown: str) -> None:
    """Whatever their size."""
    assert shown == number(value)


def test_lines_stand_beside_each_other_around_their_place() -> None:
    """By ratios, since lengths are drawn so."""
    left, middle, right = (_beside([512, 1024, 2048], index, 3) for index in range(3))

    assert [512, 1024, 2048] == pytest.approx(middle)
    assert all(a < b < c for a, b, c in zip(left, middle, right, strict=True))
    assert [512.0] == _beside([512], 1, 3)


def test_the_scale_of_a_map_states_whole_losses() -> None:
    """No summand stands above it where losses differ little."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curve = made()
    near = [
        replace(spec, points=tuple(replace(point, loss=8.2151 + point.loss / 1e4) for point in spec.points))
        for spec in curve.specs
    ]
    figure = Figure()

    _map(figure.add_subplot(), replace(curve, specs=tuple(near)))
    FigureCanvasAgg(figure).draw()

    assert "" == figure.axes[1].yaxis.get_offset_text().get_text()
    assert all(label.get_text().startswith("8.21") for label in figure.axes[1].get_yticklabels())
