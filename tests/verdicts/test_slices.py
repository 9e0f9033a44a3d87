"""Parts of the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.scores import ScoreRow, TaskValues
from evalkit.tasks import load_spec
from evalkit.verdicts import Slice
from evalkit.verdicts._paired import compare_task
from evalkit.verdicts._slices import slices_of

from .made import made_values, right

N = 40


def parts(
    axes: Sequence[Mapping[str, Any]],
    benchmark: str = "needle",
    kept: Sequence[int] | None = None,
    truncated: frozenset[str] | None = None,
    worse: int = 0,
) -> list[Slice]:
    """The parts of one task of right answers, of which the other side has the first `worse` wrong."""
    ours, theirs = (
        replace(made_values(points), axes=tuple(axes), truncated=truncated)
        for points in (right(N, N), [0.0] * worse + right(N - worse, N - worse))
    )
    tasks: dict[str, tuple[TaskValues, TaskValues]] = {"task": (ours, theirs)}
    rows = [
        ScoreRow(name, "task", "p", "m", 1.0, {}, None, count)
        for name, count in zip(ours.ids, kept or [], strict=False)
    ]
    return slices_of(tasks, rows, load_spec(benchmark), {"task": compare_task(ours, theirs)}, {})


def named(found: Sequence[Slice], axis: str) -> dict[str, int]:
    """Part → its samples."""
    return {part.name: part.n for part in found if part.axis == axis}


def test_a_grid_is_cut_at_its_own_lengths_and_depths() -> None:
    """Each is a part, in order."""
    found = parts([{"length": 1000 * (1 + i % 2), "depth": 50 * (i % 4 // 2), "language": "en"} for i in range(N)])

    assert {"1,000": 20, "2,000": 20} == named(found, "length")
    assert {"0%": 20, "50%": 20} == named(found, "depth")
    assert {} == named(found, "language")  # one value is no part


def test_longbench_is_cut_at_its_ranges() -> None:
    """Those that LongBench-E reports."""
    found = parts([{"length": 3999 + i % 2} for i in range(N)], "longbench")

    assert {"0-4k": 20, "4-8k": 20} == named(found, "length")


def test_prompts_of_any_length_are_cut_at_quartiles_of_their_tokens() -> None:
    """As the model was given them."""
    found = parts([{} for _ in range(N)], "leval", kept=range(1, N + 1))

    assert {"≤ 10 tokens": 10, "11–20 tokens": 10, "21–30 tokens": 10, "> 30 tokens": 10} == named(found, "length")


def test_what_is_known_of_few_samples_is_no_part() -> None:
    """It would stand for all."""
    assert {} == named(parts([{"language": "en" if i % 2 else "zh"} if i < 10 else {} for i in range(N)]), "language")


def test_many_depths_are_cut_in_fifths() -> None:
    """A part for each would hold nothing."""
    found = parts([{"depth": i * 100 / (N - 1)} for i in range(N)])

    assert {"0–20%": 8, "20–40%": 8, "40–60%": 8, "60–80%": 8, "80–100%": 8} == named(found, "depth")


def test_cut_prompts_stand_apart_from_whole_ones() -> None:
    """Where either side's were cut."""
    found = parts([{} for _ in range(N)], truncated=frozenset(map(str, range(10))))

    assert {"whole": 30, "cut": 10} == named(found, "truncation")


def test_the_part_that_stands_out_is_flagged() -> None:
    """And no other."""
    found = parts([{"length": 1000 * (1 + i // 10)} for i in range(N)], worse=10)

    assert ["1,000"] == [part.name for part in found if part.flagged]
