"""Points of curves: every number made again from the samples."""

from __future__ import annotations

import dataclasses
import statistics

import pytest
from scipy.stats import beta

from evalkit.metrics import longbench_qa_f1
from evalkit.reports._length_points import ALL, PointCurve, cut_curves, length_curves, needle_curves
from evalkit.runs import LedgerRecord
from evalkit.scores import Measured, TaskAnswers, measure_benchmark
from evalkit.tasks import Answer, load_benchmark

GOLD = ("a red brick house",)
SAID = ("a red brick house", "red brick", "a green tent", "house", "brick wall")
LENGTHS = (0, 3_999, 4_000, 7_999, 8_000, 15_999, 16_000, 31_999, 32_000, 90_000)
RANGES_OF_LENGTHS = dict(
    zip(LENGTHS, [name for name in ("0–4K", "4–8K", "8–16K", "16–32K", "over 32K") for _ in range(2)], strict=True)
)


def answers(task: str, count: int) -> list[Answer]:
    """Answers whose lengths go round the ends of all ranges, each of a document of its own."""
    return [
        Answer(
            f"longbench/{task}/{index}", f"longbench/{task}/{index}", SAID[index % (3 if task == "qasper" else 5)],
            GOLD, {"index": index, "length": LENGTHS[index % len(LENGTHS)]},
        )
        for index in range(count)
    ]  # fmt: skip


def ledger(before: int, after: int) -> LedgerRecord:
    """A prompt of `before` tokens whose middle was cut out where `after` is less."""
    head, tail = after // 2, after - after // 2
    kept = [(0, before)] if after == before else [(0, head), (before - tail, before)]
    return LedgerRecord(mode="middle", before=before, after=after, head=head, tail=tail, kept=kept, evidence_kept=None)


def longbench(**given: list[Answer]) -> Measured:
    """LongBench answers made elsewhere."""
    return measure_benchmark(
        load_benchmark("longbench"), "official", {task: TaskAnswers(each) for task, each in given.items()}, model="m"
    )


def named(curves: list[PointCurve], task: str) -> PointCurve:
    """The curve of that task."""
    return next(curve for curve in curves if curve.task == task)


def f1(answer: Answer) -> float:
    """What one of these answers scores."""
    return longbench_qa_f1(answer.prediction, answer.targets)


def test_lengths_of_outputs_made_elsewhere_fall_into_ranges_by_their_lower_end() -> None:
    """4,000 belongs to 4–8K; each point is the mean of its samples, with their count and interval."""
    given = answers("qasper", 60)

    curve = named(length_curves(longbench(qasper=given)), "qasper")

    assert ["0–4K", "4–8K", "8–16K", "16–32K", "over 32K"] == [point.name for point in curve.points]
    for point in curve.points:
        members = [each for each in given if RANGES_OF_LENGTHS[each.metadata["length"]] == point.name]
        assert (12, 12) == (point.n, point.clusters)
        assert point.score == pytest.approx(statistics.fmean(map(f1, members)))
        assert point.low is not None
        assert point.high is not None
        assert point.low < point.score < point.high
    assert {"task": "qasper", "length": "4000-7999"} == curve.points[1].filter
    assert {"task": "qasper", "length": "32000-"} == curve.points[-1].filter
    assert ("own", "Length of the document (words; Chinese: characters)") == (curve.axis, curve.unit)


def test_lengths_of_runs_are_tokens_as_sent() -> None:
    """A prompt of 40,000 tokens cut to 3,500 is in the first range; one that was cut is in the part `cut`."""
    given = answers("qasper", 12)
    ledgers = {
        each.id: ledger(40_000, 3_500) if index < 6 else ledger(5_000, 5_000) for index, each in enumerate(given)
    }
    cut = frozenset(each.id for each in given[:6])
    task = TaskAnswers(given, ledgers=ledgers, has_ledger=True, truncated=cut)
    measured = measure_benchmark(load_benchmark("longbench"), "official", {"qasper": task}, model="m")

    (by_length,), (by_cut,) = length_curves(measured, unit="bytes"), cut_curves(measured)

    assert [("0–4K", 6), ("4–8K", 6)] == [(point.name, point.n) for point in by_length.points]
    assert ("kept", "Prompt bytes after truncation") == (by_length.axis, by_length.unit)
    assert ["0-3999", "4000-7999"] == [point.filter["tokens"] for point in by_length.points]
    assert [("whole", "0"), ("cut", "1")] == [(point.name, point.filter["cut"]) for point in by_cut.points]
    told = measured.scores.tasks["qasper"].truncation
    assert told is not None
    assert [told.score_whole, told.score_truncated] == [point.score for point in by_cut.points]
    assert statistics.fmean(map(f1, given[:6])) == pytest.approx(by_cut.points[1].score)


def test_all_samples_are_a_mean_over_samples_and_groups_are_means_of_tasks() -> None:
    """A group has no point where one of its tasks has no samples."""
    members = load_benchmark("longbench").spec.members("multi_document_qa")
    given = {task: answers(task, 20 + 10 * index) for index, task in enumerate(members)}
    first = members[0]
    given[first] = [each for each in given[first] if each.metadata["length"] < 32_000]

    curves = length_curves(longbench(**given))

    group, everything = named(curves, "multi_document_qa"), named(curves, ALL)
    assert ["0–4K", "4–8K", "8–16K", "16–32K"] == [point.name for point in group.points]
    tasks = [named(curves, task).points[2] for task in members]
    assert group.points[2].score == pytest.approx(statistics.fmean(point.score or 0 for point in tasks))
    assert sum(point.n for point in tasks) == group.points[2].n
    assert not group.is_pooled
    last = [each for task in given.values() for each in task if each.metadata["length"] >= 32_000]
    scores = {task: named(curves, task).points for task in members}
    total = sum((point.score or 0) * point.n for points in scores.values() for point in points if point.place == 4)
    assert len(last) == everything.points[-1].n
    assert everything.points[-1].score == pytest.approx(total / len(last))
    assert everything.is_pooled
    assert {"length": "32000-"} == everything.points[-1].filter


def test_grids_keep_their_nominal_lengths_whatever_was_sent() -> None:
    """The scores are those that `scores.json` has for each length."""
    benchmark = load_benchmark("needle", {"lengths": "128,1024", "depths": "0,100", "repeats": "5", "lang": "en"})
    given = [
        Answer(
            f"needle/single/{length}-{depth}-{repeat}", f"haystack {repeat}",
            "blue" if repeat * length > depth else "red", ("blue",),
            {"length": length, "depth": depth, "repeat": repeat, "needle": 0, "keyword": "blue"},
        )
        for length in (1024, 128) for depth in (0, 100) for repeat in range(5)
    ]  # fmt: skip
    ledgers = {each.id: ledger(90, 90) for each in given}
    measured = measure_benchmark(
        benchmark, benchmark.spec.default_protocol,
        {"single": TaskAnswers(given, ledgers=ledgers, has_ledger=True)}, model="m",
    )  # fmt: skip

    curve = named(length_curves(measured), "single")

    assert [(128, "128", 10), (1024, "1,024", 10)] == [(point.place, point.name, point.n) for point in curve.points]
    assert [5, 5] == [point.clusters for point in curve.points]
    buckets = measured.scores.tasks["single"].buckets
    assert buckets is not None
    assert [buckets["128"].score, buckets["1024"].score] == [point.score for point in curve.points]
    assert "nominal" == curve.axis


def test_needles_of_a_group_are_counted_over_its_tasks() -> None:
    """Means over samples, with exact intervals where each document is right or wrong; not over several metrics."""
    benchmark = load_benchmark("needlebench-v2-4k", {"lang": "en"})
    right = {2: 9, 3: 6, 4: 3, 5: 0}

    def asked(needles: int, index: int) -> Answer:
        said = "Ann" if index < right.get(needles, 10) else "Bob"
        axes = {"length": 1000, "depth": 0, "language": "en", "needles": needles, "repeat": index}
        return Answer(f"x/{needles}/{index}", f"{needles}/{index}", rf"\boxed{{{said}}}", ("Ann",), axes)

    given = {f"multi_reasoning_{needles}_en": [asked(needles, index) for index in range(10)] for needles in right}
    given |= {"single_en": [asked(1, index) for index in range(10)], "multi_retrieval_en": []}
    tasks = {task: TaskAnswers(each) for task, each in given.items()}
    measured = measure_benchmark(benchmark, "opencompass", tasks, model="m")

    curves = needle_curves(measured)

    (curve,) = [curve for curve in curves if curve.task == "multi_reasoning_en"]
    assert [(2, 90), (3, 60), (4, 30), (5, 0)] == [(point.place, point.score) for point in curve.points]
    for point in curve.points:
        successes = right[int(point.place)]
        low = beta.ppf(0.025, successes, 11 - successes) if successes else 0
        assert 100 * low == pytest.approx(point.low)
        assert 100 * beta.ppf(0.975, successes + 1, 10 - successes) == pytest.approx(point.high)
    assert {"task": "multi_reasoning_en", "needles": "2"} == curve.points[0].filter
    assert "english" not in [curve.task for curve in curves]


def test_unknown_lengths_and_lone_numbers_of_needles_make_no_curve() -> None:
    """Nor do prompts of which nobody knows whether they were cut."""
    given = [dataclasses.replace(each, metadata={"index": 0}) for each in answers("qasper", 6)]
    measured = longbench(qasper=given)

    assert ([], [], []) == (length_curves(measured), cut_curves(measured), needle_curves(measured))
