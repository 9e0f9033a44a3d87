"""How often 95% intervals hold the truth, for every design of samples in use: a simulation.

Run by hand: `python tests/statistics/coverage.py [REPLICATES]` (1,000 by default; minutes). Each line is a design, the
share of intervals that held the true score, their mean width, and how many were of which kind. Below 95% is too bold;
well above it is what few clusters with rare, bad ones cost. A seed for each design, so the table is the same again.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.scores import Interval, Spread, TaskScore, cluster_interval, cluster_spread
from evalkit.scores.intervals._group_interval import mean_interval
from evalkit.seeds import content_seed

Array = NDArray[np.float64]
Generator = np.random.Generator

PROBABILITIES = (0.5, 0.7, 0.9, 0.96, 0.99)
CORRELATIONS = (0.0, 0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Design:
    """Samples in clusters, drawn again and again from a population whose score is known."""

    name: str
    sizes: Sequence[int]
    """Samples of each cluster."""
    draw: Callable[[Generator, Sequence[int]], Array]
    """Columns of the samples, cluster by cluster."""
    truth: float
    """Score of the population."""
    combine: Callable[[Sequence[float]], float] = lambda means: means[0]


class Coverage(NamedTuple):
    """What the intervals of a design did."""

    held: float
    """Share that held the truth, of those given."""
    width: float
    """Mean width."""
    kinds: Counter[str]


def measure(design: Design, replicates: int) -> Coverage:
    """Draws, makes intervals, and counts those that hold the truth."""
    generator = np.random.default_rng(content_seed("coverage", design.name))
    clusters = cluster_names(design)
    intervals = (
        cluster_interval(design.draw(generator, design.sizes), clusters, design.combine) for _ in range(replicates)
    )
    return _counted(intervals, design.truth)


def measure_mean(members: Sequence[Design], replicates: int) -> Coverage:
    """The same for the plain mean of several tasks, each on documents of its own."""
    generator = np.random.default_rng(content_seed("coverage", *(member.name for member in members)))
    truth = float(np.mean([member.truth for member in members]))
    return _counted((_mean_of_tasks(members, generator) for _ in range(replicates)), truth)


def _counted(intervals: Iterable[Interval | None], truth: float) -> Coverage:
    there = [interval for interval in intervals if interval is not None]
    held = [interval.low - 1e-9 <= truth <= interval.high + 1e-9 for interval in there]
    widths = [interval.high - interval.low for interval in there]
    return Coverage(float(np.mean(held)), float(np.mean(widths)), Counter(interval.kind for interval in there))


def cluster_names(design: Design, prefix: str = "") -> list[str]:
    """The document of each sample."""
    return [f"{prefix}{name}" for name in np.repeat(np.arange(len(design.sizes)), design.sizes)]


def _mean_of_tasks(members: Sequence[Design], generator: Generator) -> Interval | None:
    scores: dict[str, TaskScore] = {}
    spreads: dict[str, Spread] = {}
    for index, member in enumerate(members):
        name, columns = str(index), member.draw(generator, member.sizes)
        clusters = cluster_names(member, f"{name}/")
        interval = cluster_interval(columns, clusters, member.combine)
        spread = cluster_spread(columns, clusters, member.combine)
        assert spread is not None
        spreads[name] = spread
        scores[name] = TaskScore(
            score=spread.score, metric="", n=len(columns), failed=0, expected=None, clusters=len(member.sizes),
            cluster_unit="document", empty=0, ci95=interval and interval[:2], ci95_kind=interval and interval.kind,
        )  # fmt: skip
    weights = dict.fromkeys(scores, 1 / len(scores))
    return mean_interval(float(np.mean([score.score or 0.0 for score in scores.values()])), weights, scores, spreads)


def questions(name: str, sizes: Sequence[int], right: float, correlation: float) -> Design:
    """Right or wrong answers; each document has its own share of right ones, from a beta distribution."""

    def draw(generator: Generator, sizes: Sequence[int]) -> Array:
        share = np.full(len(sizes), right)
        if correlation:
            total = (1 - correlation) / correlation
            share = generator.beta(right * total, (1 - right) * total, len(sizes))
        return 100.0 * (generator.random(sum(sizes)) < np.repeat(share, sizes))[:, None]

    return Design(f"{name}, p {right:g}, icc {correlation:g}", sizes, draw, 100 * right)


def grid(name: str, repeats: int, cells: int, right: float, haystack: float) -> Design:
    """Repeats × cells: a third of the cells is easy, a third hard; a haystack moves all its cells by its own logit."""
    logits = np.log(right / (1 - right)) + np.resize([2.0, 0.0, -2.0], cells)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    shares = 1 / (1 + np.exp(-(logits + haystack * nodes[:, None])))
    truth = float(weights @ shares.mean(axis=1) / weights.sum())

    def draw(generator: Generator, sizes: Sequence[int]) -> Array:
        moved = logits + haystack * generator.standard_normal((len(sizes), 1))
        return 100.0 * (generator.random(moved.shape) < 1 / (1 + np.exp(-moved))).reshape(-1, 1)

    return Design(f"{name}, true {100 * truth:.1f}, haystack {haystack:g}", [cells] * repeats, draw, 100 * truth)


def continuous(name: str, sizes: Sequence[int], spread: str) -> Design:
    """ROUGE-like scores in a heap, low ones that lean, or F1: zeros, hundreds and what lies between."""
    shapes = {"rouge": (12.0, 36.0), "leaning": (0.5, 4.5), "f1": (2.0, 2.0)}
    a, b = shapes[spread]

    def draw(generator: Generator, sizes: Sequence[int]) -> Array:
        values = generator.beta(a, b, sum(sizes))
        if spread == "f1":
            ends = generator.random(sum(sizes))
            values = np.where(ends < 0.3, 0.0, np.where(ends < 0.65, 1.0, values))
        return 100.0 * values[:, None]

    truth = 0.35 + 0.35 * 0.5 if spread == "f1" else a / (a + b)
    return Design(f"{name}, {spread}", sizes, draw, 100 * truth)


def geometric(name: str, documents: int) -> Design:
    """The geometric mean of three column means that go together, as ROUGE-1, 2 and L do."""
    means = np.array([35.0, 12.0, 22.0])

    def draw(generator: Generator, sizes: Sequence[int]) -> Array:
        document = generator.beta(8, 8, (len(sizes), 1)) / 0.5
        return means * document * generator.beta(20, 20, (len(sizes), 3)) / 0.5

    truth = float(np.prod(means) ** (1 / 3))
    return Design(name, [1] * documents, draw, truth, lambda found: float(np.prod(found) ** (1 / 3)))


def thirds(name: str, documents: int, right: Sequence[float]) -> Design:
    """Three questions a document, each in a column of its own; the score is the mean of the three column means."""

    def draw(generator: Generator, sizes: Sequence[int]) -> Array:
        answers = 100.0 * (generator.random((len(sizes), 3)) < np.array(right))
        columns = np.full((len(sizes), 3, 3), np.nan)
        columns[:, range(3), range(3)] = answers
        return columns.reshape(-1, 3)

    return Design(name, [3] * documents, draw, 100 * float(np.mean(right)), lambda means: sum(means) / 3)


COURSERA = (7, 9, 10, 10, 10, 10, 12, 12, 12, 13, 13, 13, 13, 14, 14)
QUALITY = (8, 8, 8, 9, 11, 11, 13, 14, 15, 16, 16, 17, 18, 19, 19)
TPO = (15, 16, 16, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 19)
UNEQUAL = (3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 25, 30)
SHARED = (*[1] * 96, *[2] * 36, *[3] * 8, *[4] * 2)
LARGE_AND_FEW = (40, 35, 30, 25, 20)


def designs() -> Iterator[Design]:
    """Every design in use, as benchmarks have it and at the edges of what they have."""
    several = {
        "L-Eval coursera": COURSERA,
        "L-Eval quality": QUALITY,
        "L-Eval tpo": TPO,
        "15 unequal documents": UNEQUAL,
        "10 documents × 3": [3] * 10,
        "10 documents × 15": [15] * 10,
        "30 documents × 3": [3] * 30,
        "LongBench, 142 texts for 200": SHARED,
        "5 documents × 10": [10] * 5,
        "5 large documents": LARGE_AND_FEW,
    }
    for right in PROBABILITIES:
        for count in (6, 10, 20, 50, 100, 200, 500):  # 100 is gsm100, 200 a LongBench task
            yield questions(f"{count} single answers", [1] * count, right, 0.0)
        for correlation in CORRELATIONS:
            for name, sizes in several.items():
                yield questions(name, sizes, right, correlation)
        for haystack in (0.0, 0.5, 1.0, 2.0):
            yield grid("needle, 5 repeats × 33 cells", 5, 33, right, haystack)
            yield grid("NeedleBench, 10 seeds × 88 cells", 10, 88, right, haystack)
    yield continuous("LongBench, 142 texts for 200", SHARED, "f1")
    for count in (10, 13, 20, 50, 200, 500):
        for spread in ("rouge", "leaning", "f1"):
            yield continuous(f"{count} documents", [1] * count, spread)
        yield geometric(f"{count} documents, geometric mean of three columns", count)
        yield thirds(f"{count} documents, three columns by thirds", count, (0.98, 0.95, 0.9))


def means() -> Iterator[tuple[str, list[Design]]]:
    """Groups of tasks: L-Eval's exams, LongBench's categories, and groups of tasks of few documents."""
    for right in PROBABILITIES:
        for correlation in (0.0, 0.3):
            given = f"p {right:g}, icc {correlation:g}"
            exams = [questions("", sizes, right, correlation) for sizes in (COURSERA, QUALITY, TPO)]
            yield f"mean of 4 exams, {given}", [*exams, questions("", [1] * 100, right, 0.0)]
            yield f"mean of 8 tasks of 5 documents × 10, {given}", [questions("", [10] * 5, right, correlation)] * 8
            yield f"mean of 3 tasks of 6 documents × 10, {given}", [questions("", [10] * 6, right, correlation)] * 3
        mixed = [continuous("", [1] * 200, "f1"), continuous("", SHARED, "f1"), continuous("", [1] * 200, "rouge")]
        yield f"mean of a LongBench category and p {right:g}", [*mixed, questions("", [1] * 200, right, 0.0)]


def main(replicates: str = "1000") -> None:
    """Prints the table, and the lines that held least and most."""
    lines = [_line(design.name, measure(design, int(replicates))) for design in designs()]
    lines += [_line(name, measure_mean(members, int(replicates))) for name, members in means()]
    sys.stdout.write(f"\nlowest:  {min(lines)[1]}highest: {max(lines)[1]}")


def _line(name: str, found: Coverage) -> tuple[float, str]:
    kinds = ", ".join(f"{kind} {count}" for kind, count in found.kinds.most_common())
    line = f"{name:62}{100 * found.held:6.1f}{found.width:7.1f}  {kinds}\n"
    sys.stdout.write(line)
    return found.held, line


if __name__ == "__main__":
    main(*sys.argv[1:2])
