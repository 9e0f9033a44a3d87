"""Runs made by hand and scored as runs are, for tests of heatmaps and curves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalkit.reports.page import PageRun
from evalkit.runs import LedgerRecord, Manifest, SampleRecord
from evalkit.scores import Flag, LookedAt, TaskAnswers, measure_benchmark
from evalkit.tasks import Answer, Sample, load_benchmark

__all__ = ["IsRight", "longbench_run", "needle_run", "needlebench_run", "page_run", "rows_of"]

IsRight = Callable[[int, float, int, str], bool]
"""Length, depth, repeat and language of a sample → whether its answer is right."""

WINDOW = 1000


def needle_run(
    name: str,
    is_right: IsRight,
    *,
    lengths: Sequence[int] = (500, 1500, 2500),
    depths: Sequence[float] = (0, 50, 100),
    repeats: int = 6,
    languages: Sequence[str] = ("en",),
    asked: Mapping[str, str] | None = None,
    window: int | None = WINDOW,
) -> PageRun:
    """A needle grid. Prompts of more than 2,000 tokens are cut to 2,000, and lose a needle at a depth of 50.

    `asked` is what of the grid the run was asked for beyond what it has.
    """
    answers, ledgers, lost = [], dict[str, LedgerRecord](), set[str]()
    for repeat in range(repeats):
        for length in lengths:
            for depth in depths:
                for language in languages:
                    place = f"{language}-{length}-{depth:g}-0-{repeat}"
                    answer = Answer(
                        id=f"needle/single/{place}",
                        document=f"needle/{language}/haystack{repeat}",
                        prediction="it is a kingfisher" if is_right(length, depth, repeat, language) else "a heron",
                        targets=("kingfisher",),
                        metadata={
                            "length": length, "depth": depth, "needle": 0, "repeat": repeat, "language": language,
                            "keyword": "kingfisher",
                        },
                    )  # fmt: skip
                    answers.append(answer)
                    ledgers[answer.id] = ledger(length, min(length, 2000), [min(100.0, depth + repeat / 10)])
                    if length > 2000 and depth == 50:
                        lost.add(answer.id)
                        ledgers[answer.id] = ledgers[answer.id].model_copy(update={"evidence_kept": False})
    options = {
        "lengths": ",".join(map(str, lengths)), "depths": ",".join(map(str, depths)), "repeats": str(repeats),
        "lang": ",".join(languages), **(asked or {}),
    }  # fmt: skip
    cut = frozenset(name for name, each in ledgers.items() if each.after < each.before)
    given = TaskAnswers(
        answers, truncated=cut, evidence_lost=frozenset(lost), ledgers=ledgers, has_ledger=True
    )  # fmt: skip
    return page_run(name, "needle", "keyword", {"single": given}, options, window)


def needlebench_run(name: str) -> PageRun:
    """NeedleBench 4k: single needles in both languages, and one multi-needle task whose needles have own depths."""
    tasks: dict[str, list[Answer]] = {}
    for language in ("en", "zh"):
        for length in (1000, 2000):
            for depth in (0, 50):
                for repeat in range(5):
                    is_right = (repeat + length // 1000 + depth) % 3 > (language == "zh")
                    tasks.setdefault(f"single_{language}", []).append(
                        Answer(
                            id=f"needlebench-4k/single_{language}/{length}-{depth}-{repeat}",
                            document=f"needlebench-4k/{language}/seed{repeat}",
                            prediction="kingfisher" if is_right else "xyz",
                            targets=("kingfisher*kingfisher",),
                            metadata={"length": length, "depth": depth, "language": language, "needles": 1,
                                      "repeat": repeat},
                        )
                    )  # fmt: skip
    return page_run(name, "needlebench-4k", "opencompass", {task: TaskAnswers(each) for task, each in tasks.items()})


def longbench_run(name: str, *, has_ledger: bool) -> PageRun:
    """Two tasks of LongBench, with ledgers or as outputs made elsewhere."""
    tasks: dict[str, TaskAnswers] = {}
    for order, (task, texts) in enumerate({"hotpotqa": ("a heron", "kingfisher"), "lcc": ("pass", "return 1")}.items()):
        answers, ledgers = [], dict[str, LedgerRecord]()
        for index in range(40):
            before = 1000 + 977 * index
            answer = Answer(
                id=f"longbench/{task}/{index}",
                document=f"longbench/{task}/{index // 2}",
                prediction=texts[(index * 7 + order + index // 11) % 3 > 0],
                targets=(texts[1],),
                metadata={"index": index, "length": 500 * index + 40, "all_classes": None},
            )
            answers.append(answer)
            ledgers[answer.id] = ledger(before, min(before, 30_000), [])
        cut = frozenset(name for name, each in ledgers.items() if each.after < each.before)
        tasks[task] = (
            TaskAnswers(answers, truncated=cut, ledgers=ledgers, has_ledger=True)
            if has_ledger
            else TaskAnswers(answers)
        )
    return page_run(name, "longbench", "official", tasks)


def ledger(before: int, after: int, depths: list[float]) -> LedgerRecord:
    """What truncation in the middle did to a prompt."""
    head = after // 2
    kept = [(0, head), (before - (after - head), before)] if after < before else [(0, before)]
    return LedgerRecord(
        mode="middle", before=before, after=after, head=head, tail=after - head, kept=kept, evidence_kept=True,
        evidence_depths=depths,
    )  # fmt: skip


def page_run(
    name: str,
    benchmark: str,
    protocol: str,
    tasks: Mapping[str, TaskAnswers],
    options: Mapping[str, str] | None = None,
    window: int | None = None,
) -> PageRun:
    """Answers scored as those of a run, with its manifest where it has a window, and every sample to look at."""
    loaded = load_benchmark(benchmark, options or {})
    measured = measure_benchmark(loaded, protocol, tasks, model=name)
    manifest = None
    if window is not None:
        settings = {"benchmark": benchmark, "options": dict(options or {}), "context_length": window}
        manifest = Manifest(identity={"model": name, "protocol": protocol}, settings=settings, environment={})
    found: dict[str, list[tuple[str, float | None]]] = {}
    for row in measured.rows:
        found.setdefault(row.id, []).append((row.metric, row.score))
    samples = [
        looked_at(task, answer, given, tuple(found[answer.id])) for task, given in tasks.items()
        for answer in given.answers
    ]  # fmt: skip
    return PageRun(name, Path("runs") / name, measured.scores, measured.spec, measured, manifest, samples)


def looked_at(task: str, answer: Answer, given: TaskAnswers, metrics: tuple[tuple[str, float | None], ...]) -> LookedAt:
    """A sample as a reader sees it: with its record where it has a ledger, else as made elsewhere."""
    sample = Sample(answer.id, task, answer.document, {}, answer.targets, answer.metadata)
    if answer.id not in given.ledgers:
        return LookedAt(sample, (), (), (), metrics=metrics, made_elsewhere=answer)
    record = SampleRecord(
        id=answer.id, step=0, attempt=1, prompt_sha256="", ledger=given.ledgers[answer.id], text=answer.prediction,
        output_tokens=5, finish_reason="stop", seconds=1.0, cached_tokens=None, error=None, rope="none", preview="",
    )  # fmt: skip
    flags: set[Flag] = {"cut"} if answer.id in given.truncated else set()
    return LookedAt(sample, (record,), (), (), metrics=metrics, flags=frozenset(flags))


def rows_of(run: PageRun) -> list[dict[str, Any]]:
    """The lines of the run's `scores.jsonl`."""
    assert run.measured is not None
    return [json.loads(json.dumps(asdict(row))) for row in run.measured.rows]
