"""Parts of the samples that two sides have: by task, group, length, depth, language, cut or whole.

Many parts are looked at, so some seem to differ by chance alone: flags are those that Benjamini and Hochberg's
procedure at 10% keeps over all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.scores import ScoreRow, TaskValues
from evalkit.tasks import BenchmarkSpec
from evalkit.tasks.longbench import BUCKETS, range_of

from ._comparison import PairedScore, Slice
from ._paired import compare_samples
from ._pool import pool_tasks, take_samples
from ._tests import benjamini_hochberg

__all__ = ["slices_of"]

MOST_VALUES = 25
"""Values of an axis up to which each is a part of its own: NeedleBench's depths are 21."""
LEAST_KNOWN = 0.5
"""Share of the samples whose place on an axis must be known: parts of a few tasks would stand for all."""
QUARTILES = (0.25, 0.5, 0.75)

Paired = Mapping[str, tuple[TaskValues, TaskValues]]


@dataclass(frozen=True)
class _Pool:
    """The samples of all tasks in a row."""

    left: TaskValues
    right: TaskValues
    kept_tokens: Sequence[int | None]
    """Prompt tokens of each sample that the model was given; None where nobody knows."""
    truncated: frozenset[str] | None
    """Ids of samples whose prompt was cut on either side; None where that is not known."""

    def part(self, places: Sequence[int]) -> PairedScore:
        return compare_samples(take_samples(self.left, places), take_samples(self.right, places))


def slices_of(
    paired: Paired,
    rows: Sequence[ScoreRow],
    spec: BenchmarkSpec,
    tasks: Mapping[str, PairedScore],
    groups: Mapping[str, PairedScore],
) -> list[Slice]:
    """Every part with its difference, flagged where it stands out among all of them.

    `rows` tell how long prompts were; tasks and groups are those compared already. An axis with one value is none.
    """
    found = [("task", name, score) for name, score in tasks.items()] if len(tasks) > 1 else []
    found += [("group", name, score) for name, score in groups.items()] if len(groups) > 1 else []
    pool = _pool(paired, rows)
    for axis, label in _labels(pool, spec):
        found += [(axis, name, pool.part(places)) for name, places in _parts(pool, label)]
    flags = _flags([score.p for *_, score in found])
    return [_slice(axis, name, score, flag) for (axis, name, score), flag in zip(found, flags, strict=True)]


def _slice(axis: str, name: str, score: PairedScore, is_flagged: bool) -> Slice:
    return Slice(axis=axis, name=name, flagged=is_flagged, **score.model_dump(include=_OF_A_SLICE))


_OF_A_SLICE = {"n", "left", "right", "difference", "ci95", "p"}


def _flags(p_values: Sequence[float | None]) -> list[bool]:
    known = [index for index, p in enumerate(p_values) if p is not None]
    kept = benjamini_hochberg([p for p in p_values if p is not None])
    flagged = {index for index, flag in zip(known, kept, strict=True) if flag}
    return [index in flagged for index in range(len(p_values))]


def _pool(paired: Paired, rows: Sequence[ScoreRow]) -> _Pool:
    kept = {row.id: row.kept_tokens for row in rows}
    sides = [pool_tasks([pair[side] for pair in paired.values()]) for side in (0, 1)]
    known = [values.truncated for pair in paired.values() for values in pair if values.truncated is not None]
    tokens = [kept.get(name) for name in sides[0].ids]
    return _Pool(sides[0], sides[1], tokens, frozenset().union(*known) if known else None)


Label = Callable[[int], Any]
"""Place of a sample → the part that it belongs to; None for none."""


def _labels(pool: _Pool, spec: BenchmarkSpec) -> Iterator[tuple[str, Label]]:
    axes = pool.left.axes
    yield "length", _length_label(pool, spec)
    yield "depth", _by_value([each.get("depth") for each in axes], lambda value: f"{value:g}%")
    yield "language", _by_value([each.get("language") for each in axes], str)
    truncated = pool.truncated
    if truncated is not None:
        yield "truncation", lambda place: (1, "cut") if pool.left.ids[place] in truncated else (0, "whole")


def _length_label(pool: _Pool, spec: BenchmarkSpec) -> Label:
    """By nominal length, by LongBench's ranges, else by quartiles of the tokens that the model was given."""
    lengths = [each.get("length") for each in pool.left.axes]
    if spec.kind == "longbench":
        ranges = [range_of(length) if isinstance(length, int) else None for length in lengths]
        return lambda place: (BUCKETS.index(name), name) if (name := ranges[place]) is not None else None
    if any(length is not None for length in lengths) and len(set(lengths)) <= MOST_VALUES:
        return _by_value(lengths, lambda value: f"{value:,}" if isinstance(value, int) else str(value))
    return _by_quartile(pool.kept_tokens)


def _by_value(values: Sequence[Any], name: Callable[[Any], str]) -> Label:
    """Each value a part; of many, fifths of the way from 0 to 100."""
    if len(set(values)) <= MOST_VALUES:
        return lambda place: None if (value := values[place]) is None else (value, name(value))
    return lambda place: None if values[place] is None else _fifth(values[place])


def _fifth(value: float) -> tuple[int, str]:
    index = min(int(value // 20), 4)
    return index, f"{20 * index}–{20 * index + 20}%"


def _by_quartile(tokens: Sequence[int | None]) -> Label:
    known = np.array([count for count in tokens if count is not None])
    if not len(known):
        return lambda _: None
    ends = [int(np.quantile(known, share, method="inverted_cdf")) for share in QUARTILES]
    names = [f"≤ {ends[0]:,}", *(f"{low + 1:,}–{high:,}" for low, high in itertools.pairwise(ends))]
    names.append(f"> {ends[-1]:,}")

    def label(place: int) -> tuple[int, str] | None:
        count = tokens[place]
        if count is None:
            return None
        index = sum(count > end for end in ends)
        return index, f"{names[index]} tokens"

    return label


def _parts(pool: _Pool, label: Label) -> Iterator[tuple[str, list[int]]]:
    """Name → places of its samples, in the order of the axis; nothing where there is one part, or too little known."""
    members: dict[Any, list[int]] = {}
    for place in range(len(pool.left.ids)):
        if (key := label(place)) is not None:
            members.setdefault(key, []).append(place)
    known = sum(map(len, members.values()))
    if len(members) > 1 and known >= LEAST_KNOWN * len(pool.left.ids):
        yield from ((key[1], members[key]) for key in sorted(members))
