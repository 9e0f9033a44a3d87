"""How often a verdict is wrong where the truth is known: a simulation of published runs and of our own.

Run by hand: `python tests/statistics/verdict_errors.py [REPLICATES [PREFIX]]` (1,000 by default; half an hour), for
all worlds or those whose name begins so. The true gap lies at the margin itself, where both errors are likeliest.
For each kind of world, the worst share of false `held` and of false `differs` over all its settings, and which they
were. A seed for each setting, so the table is the same again.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.scores import Spread, TaskValues
from evalkit.seeds import content_seed
from evalkit.verdicts import (
    Gap,
    Verdict,
    decide,
    judge,
    lean,
    mean_gap,
    paired_gap,
    paired_spread,
    rerun_gap,
    spread_interval,
    unpaired_gap,
)

Array = NDArray[np.float64]
Generator = np.random.Generator
Combine = Callable[[Sequence[float]], float]

IDS = tuple(map(str, range(10_000)))
DIGIT = 0.1
"""Unit of the last printed digit."""


class Runs(NamedTuple):
    """What one replicate saw, shape (runs, samples, columns)."""

    published: Array
    ours: Array


@dataclass(frozen=True)
class World:
    """Two models on the same samples, or on samples of one population, whose true gap is known."""

    name: str
    clusters: tuple[str, ...]
    margin: float
    draw: Callable[[Generator, float], Runs]
    """Runs whose true scores lie so many points apart."""
    judge: Callable[[World, Runs], Verdict]
    """What a mode makes of them."""
    combine: Combine = lambda means: means[0]

    def values(self, columns: Array) -> TaskValues:
        """The samples of one run as a task has them."""
        score = float(self.combine(columns.mean(axis=0).tolist()))
        return TaskValues(
            task="task", metric="", ids=IDS[: len(columns)], clusters=self.clusters, columns=columns, score=score,
            combine=self.combine, texts=(), targets=(), axes=(), truncated=None, cluster_unit="document",
        )  # fmt: skip


class Errors(NamedTuple):
    """Shares of false verdicts in a world."""

    held: float
    differs: float


def measure(world: World, replicates: int, again: str = "") -> Errors:
    """Draws, judges and counts at a gap as large as the margin; other draws with another text for `again`."""
    verdicts = verdicts_at(world, world.margin, replicates, again)
    return Errors(_share(verdicts, Verdict.HELD), _share(verdicts, Verdict.DIFFERS))


def verdicts_at(world: World, gap: float, replicates: int, again: str = "") -> list[Verdict]:
    """The verdicts on so many draws of a true gap."""
    generator = np.random.default_rng(content_seed("verdict errors", world.name, gap, again))
    return [world.judge(world, world.draw(generator, gap)) for _ in range(replicates)]


def _share(verdicts: Sequence[Verdict], of: Verdict) -> float:
    return sum(verdict is of for verdict in verdicts) / len(verdicts)


def printed(score: float) -> tuple[float, float]:
    """Where the unrounded score lies, of one printed with one decimal."""
    middle = round(score / DIGIT) * DIGIT
    return middle - DIGIT / 2, middle + DIGIT / 2


def by_pairs(world: World, runs: Runs) -> Verdict:
    """Mode P: one published run is at hand, sample by sample."""
    ours, theirs = world.values(runs.ours[0]), world.values(runs.published[0])
    judged = judge(paired_gap(ours, theirs, *printed(theirs.score or 0.0)), world.margin)
    return decide({"": judged}, {"": lean(ours, theirs)})[""].verdict


def by_reruns(world: World, runs: Runs) -> Verdict:
    """Mode R: a printed number, and all our runs."""
    printed_score = world.values(runs.published[0]).score or 0.0
    gap = rerun_gap([world.values(run) for run in runs.ours], *printed(printed_score), 1)
    return judge(gap, world.margin).verdict


def unpaired(world: World, runs: Runs) -> Verdict:
    """Mode U: a printed number and its n."""
    return _unpaired(world, runs, False)


def equal_spread(world: World, runs: Runs) -> Verdict:
    """Mode U with our spread for theirs."""
    return _unpaired(world, runs, True)


def _unpaired(world: World, runs: Runs, spread_is_ours: bool) -> Verdict:
    score = world.values(runs.published[0]).score or 0.0
    ours = world.values(runs.ours[0])
    return judge(unpaired_gap(ours, *printed(score), len(ours.ids), spread_is_ours), world.margin).verdict


def of_means(tasks: int) -> Callable[[World, Runs], Verdict]:
    """The plain mean of so many tasks of equal size, in which the samples of a world are laid one after the other."""

    def verdict(world: World, runs: Runs) -> Verdict:
        size = len(world.clusters) // tasks
        gaps: dict[str, Gap] = {}
        ours, theirs = [], []
        for task in range(tasks):
            part = slice(task * size, (task + 1) * size)
            member = World("", world.clusters[part], world.margin, world.draw, world.judge)
            own = [member.values(run[part]) for run in runs.ours]
            gaps[str(task)] = rerun_gap(own, 0.0, 0.0, 1)
            ours.append(np.mean([values.score for values in own]))
            theirs.append(runs.published[0][part].mean())
        weights = dict.fromkeys(gaps, 1 / tasks)
        gap = mean_gap(float(np.mean(ours)), *printed(float(np.mean(theirs))), gaps, weights)
        return judge(gap, world.margin).verdict

    return verdict


def same_items(
    kind: str, sizes: Sequence[int], unstable: float, together: float, count: int, seed: str
) -> Callable[[Generator, float], Runs]:
    """One set of samples, of which a share comes out one way or the other at each run; the rest never changes.

    `kind`: right or wrong; F1-like with heaps at 0 and 100; ROUGE-like; or the geometric mean of three columns.
    `together`: correlation, within a document and a run, of which way it comes out.
    """
    fixed = np.random.default_rng(content_seed("items", kind, seed))
    high, low = _items(kind, fixed, sum(sizes))
    is_unstable = fixed.permutation(sum(sizes)) < round(unstable * sum(sizes))
    low[~is_unstable] = high[~is_unstable]
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    drops = fixed.permutation(np.flatnonzero(~is_unstable & (high[:, 0] == 100)))

    def run(generator: Generator) -> Array:
        document, own = generator.standard_normal(len(sizes)), generator.standard_normal(len(cluster))
        is_high = np.sqrt(together) * document[cluster] + np.sqrt(1 - together) * own > 0
        return np.where(is_high[:, None], high, low)

    def draw(generator: Generator, gap: float) -> Runs:
        ours = np.stack([_worse(kind, run(generator), drops, gap) for _ in range(count)])
        return Runs(run(generator)[None], ours)

    return draw


def _items(kind: str, fixed: Generator, n: int) -> tuple[Array, Array]:
    """The better and the worse score of each sample, shape (samples, columns)."""
    if kind.startswith("binary"):
        right = float(kind.split()[1])
        is_right = fixed.random((n, 1)) < right
        return np.where(is_right, 100.0, 100.0 * (fixed.random((n, 1)) < 0.5)), np.zeros((n, 1))
    if kind.startswith("f1"):
        values = np.sort(100 * _f1(fixed, 2 * n).reshape(n, 2), axis=1)
        return values[:, 1:], values[:, :1]
    middle = fixed.beta(12, 36, (n, 1))
    if kind == "geometric":
        columns = middle * np.array([140.0, 48.0, 88.0]) * fixed.beta(20, 20, (n, 3)) / 0.5
        return columns * 1.2, columns * 0.8
    return 100 * middle + 8, 100 * middle - 8


def _f1(generator: Generator, n: int) -> Array:
    ends = generator.random(n)
    values: Array = np.where(ends < 0.3, 0.0, np.where(ends < 0.65, 1.0, generator.beta(2, 2, n)))
    return values


def _worse(kind: str, columns: Array, drops: NDArray[np.intp], gap: float) -> Array:
    """The run of a model whose true score is so many points lower: some right answers are lost, or all are worse."""
    if kind == "geometric":
        score = float(np.prod(columns.mean(axis=0)) ** (1 / 3))
        return columns * (1 - gap / score)
    if kind == "rouge" or kind == "f1 even":
        return columns - gap
    columns = columns.copy()
    columns[drops[: math.ceil(gap / 100 * len(columns) - 1e-9)]] = 0.0
    return columns


def population(kind: str, right: float, sizes: Sequence[int], correlation: float) -> Callable[[Generator, float], Runs]:
    """Samples of its own for each side; each document has its own level."""

    def run(generator: Generator, mean: float) -> Array:
        level = np.full(len(sizes), mean)
        if correlation:
            total = (1 - correlation) / correlation
            level = generator.beta(mean * total, (1 - mean) * total, len(sizes))
        level = np.repeat(level, sizes)
        if kind == "binary":
            return 100.0 * (generator.random(len(level)) < level)[None, :, None]
        if kind == "f1":
            return (
                100.0
                * np.where(
                    generator.random(len(level)) < 0.65,
                    generator.random(len(level)) < level,
                    generator.beta(level, 1 - level),
                )[None, :, None]
            )
        return 100.0 * generator.beta(48 * level, 48 * (1 - level))[None, :, None]

    return lambda generator, gap: Runs(run(generator, right), run(generator, right - gap / 100))


def documents(n: int, size: str) -> list[int]:
    """Samples of each document: of one size, or from 1 to 20."""
    if size != "1-20":
        return [int(size)] * (n // int(size))
    sizes = list(itertools.accumulate(range(1, 21)))
    whole = [*range(1, 21)] * (n // sizes[-1])
    left = n - sum(whole)
    return [*whole, *(size for size, total in zip(range(1, 21), sizes, strict=True) if total <= left)] or [1] * n


def names(sizes: Sequence[int]) -> tuple[str, ...]:
    """The document of each sample."""
    return tuple(str(name) for name in np.repeat(np.arange(len(sizes)), sizes))


SETTINGS = ((20, 3.0), (50, 3.0), (100, 1.0), (100, 3.0), (200, 2.0), (500, 1.0), (500, 3.0), (1500, 1.0))
"""Samples and margin."""
UNSTABLE = (0.01, 0.04, 0.1, 0.4)
SIZES = (("1", 0.0), ("5", 0.0), ("20", 0.5), ("1-20", 0.5))
"""Samples of a document, and how much those that come out one way or the other do so together."""


def geometric_mean(means: Sequence[float]) -> float:
    """Of three columns, as ROUGE-1, 2 and L are combined."""
    return float(math.prod(means) ** (1 / 3))


def worlds() -> Iterator[tuple[str, World]]:
    """Every setting, with the line of the table that it belongs to."""
    yield from _runs_of_the_same_items()
    yield from _one_large_document()
    yield from _means_of_tasks()
    yield from _samples_of_their_own()


def _runs_of_the_same_items() -> Iterator[tuple[str, World]]:
    modes = (("R", 2, by_reruns), ("R", 3, by_reruns), ("P", 1, by_pairs))
    kinds = ("binary 0.7", "binary 0.95", "f1", "rouge", "geometric")
    for kind, (mode, count, verdict) in itertools.product(kinds, modes):
        if count == 3 and kind not in ("binary 0.7", "f1"):
            continue
        combine: Combine = geometric_mean if kind == "geometric" else (lambda means: means[0])
        for (n, margin), unstable, (size, together) in itertools.product(SETTINGS, UNSTABLE, SIZES):
            sizes = documents(n, size)
            if kind != "rouge" and kind != "geometric":  # the gap is so many lost answers
                margin = 100 * math.ceil(margin / 100 * sum(sizes)) / sum(sizes)
            about = f"n {n}, unstable {unstable:g}, margin {margin:g}, size {size}, together {together:g}"
            draw = same_items(kind, sizes, unstable, together, count, f"{n} {unstable} {size}")
            line = f"{mode} {kind}, {_documents(size)}, runs {count}"
            yield line, World(f"{line}, {about}", names(sizes), margin, draw, verdict, combine)


def _one_large_document() -> Iterator[tuple[str, World]]:
    """Half or nine tenths of the samples are of one document, the others of one each."""
    modes = (("R", 2, by_reruns), ("P", 1, by_pairs))
    for (mode, count, verdict), kind, share in itertools.product(modes, ("binary 0.7", "f1"), (0.5, 0.9)):
        for (n, margin), unstable, together in itertools.product(SETTINGS, UNSTABLE, (0.5, 0.9)):
            sizes = [round(share * n), *[1] * (n - round(share * n))]
            margin = 100 * math.ceil(margin / 100 * n) / n
            about = f"n {n}, unstable {unstable:g}, margin {margin:g}, share {share:g}, together {together:g}"
            draw = same_items(kind, sizes, unstable, together, count, f"{n} {unstable} large {share}")
            line = f"{mode} {kind}, one large document, runs {count}"
            yield line, World(f"{line}, {about}", names(sizes), margin, draw, verdict)


def _documents(size: str) -> str:
    return "single samples" if size == "1" else "documents"


def _means_of_tasks() -> Iterator[tuple[str, World]]:
    for tasks, unstable, margin in itertools.product((4, 13, 21), UNSTABLE, (0.5, 1.0)):
        sizes = [1] * (100 * tasks)
        draw = same_items("binary 0.7", sizes, unstable, 0.0, 2, f"mean {tasks} {unstable}")
        about = f"R mean of {tasks} tasks, unstable {unstable:g}, margin {margin:g}"
        yield "R means of 4 to 21 tasks", World(about, names(sizes), margin, draw, of_means(tasks))


def _samples_of_their_own() -> Iterator[tuple[str, World]]:
    for (n, margin), (size, correlation) in itertools.product(
        SETTINGS, (("1", 0.0), ("5", 0.1), ("20", 0.1), ("1-20", 0.3))
    ):
        sizes = documents(n, size)
        about = f"n {n}, margin {margin:g}, size {size}, correlation {correlation:g}"
        for kind, right in (("binary", 0.5), ("binary", 0.9), ("binary", 0.99), ("f1", 0.6), ("rouge", 0.25)):
            draw = population(kind, right, sizes, correlation)
            line = f"U {kind} {right:g}, {_documents(size)}"
            yield line, World(f"{line}, {about}", names(sizes), margin, draw, unpaired)
            if kind == "rouge":
                line = f"U {kind} {right:g}, equal spread, {_documents(size)}"
                yield line, World(f"{line}, {about}", names(sizes), margin, draw, equal_spread)


def paired_coverage(documents: int, size: int, flips: float, replicates: int) -> float:
    """Share of 95% intervals of a paired difference that hold the true one; answers of a document flip together."""
    generator = np.random.default_rng(content_seed("paired coverage", documents, size, flips))
    sizes = [size] * documents
    world = World("", names(sizes), 0.0, population("binary", 0.5, sizes, 0.0), by_pairs)
    found = [_paired(world, sizes, flips, generator) for _ in range(replicates)]
    intervals = [spread_interval(spread) for spread in found if spread is not None]
    return float(np.mean([low <= 0 <= high for low, high in intervals]))


def _paired(world: World, sizes: Sequence[int], flips: float, generator: Generator) -> Spread | None:
    level = np.repeat(generator.beta(2, 2, len(sizes)), sizes)
    theirs = generator.random(len(level)) < level
    again = np.repeat(generator.beta(2, 2, len(sizes)), sizes)
    is_other = generator.random(len(level)) < 2 * flips
    ours = np.where(is_other, generator.random(len(level)) < again, theirs)
    columns = 100.0 * np.stack([ours, theirs])[:, :, None]
    return paired_spread(world.values(columns[0]), world.values(columns[1]))


def main(replicates: str = "1000", prefix: str = "") -> None:
    """Prints the table of errors, then the coverage of paired intervals."""
    lines: dict[str, list[World]] = {}
    for line, world in worlds():
        if world.name.startswith(prefix):
            lines.setdefault(line, []).append(world)
    sys.stdout.write(f"{'':44}settings   held  differs\n")
    for line, members in lines.items():
        sys.stdout.write(_line(line, members, int(replicates)))
        sys.stdout.flush()
    for count, size, flips in itertools.product((5, 10, 20, 50, 200), (1, 5, 20), (0.1, 0.3)):
        share = paired_coverage(count, size, flips, 2 * int(replicates))
        sys.stdout.write(f"paired, {count:3} documents × {size:2}, flips {flips:g}: {100 * share:.1f}\n")


def _line(line: str, members: Sequence[World], replicates: int) -> str:
    """A fifth of the replicates finds the settings that did worst; new draws say how badly."""
    seen = [measure(world, max(replicates // 5, 1)) for world in members]
    held = _worst(members, [errors.held for errors in seen])
    differs = _worst(members, [errors.differs for errors in seen])
    shares = measure(held, replicates, "again").held, measure(differs, replicates, "again").differs
    return f"{line:44}{len(members):8}{100 * shares[0]:7.1f}{100 * shares[1]:9.1f}  {held.name} | {differs.name}\n"


def _worst(worlds: Sequence[World], shares: Sequence[float]) -> World:
    return worlds[max(range(len(worlds)), key=lambda place: shares[place])]


if __name__ == "__main__":
    main(*sys.argv[1:3])
