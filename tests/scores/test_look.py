"""Samples looked at one by one, and whole folders looked over: what the metric saw, and what is known beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.scores import LookedAt, _look, _runs, look_at, look_over, measure_run

Command = Callable[..., Any]


@pytest.fixture
def run(evalkit: Command, toy: str, tiny_model: Path, bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of the toy benchmark whose prompts are cut, with a failed sample, a starved one and one near a tie."""
    monkeypatch.setenv("TOY_FAIL", "1")
    options = ("--limit", 4, "--max-seq-len", 300, "--out", bare / "run")
    assert 1 == evalkit("run", tiny_model, toy, "--backend", "toy", *options).code
    log = bare / "run" / "samples.jsonl"
    read = map(json.loads, log.read_text().splitlines())
    records = [{name: value for name, value in each.items() if name != "crc32"} for each in read]
    answered = [each for each in records if each["error"] is None]
    answered[0] |= {"text": "", "lost_to": "reasoning", "finish_reason": "length"}
    answered[1] |= {"margin": 0.1, "margin_token": 0}
    log.write_text("".join(json.dumps(each) + "\n" for each in records))
    evalkit("score", bare / "run")
    return bare / "run"


@pytest.fixture
def kept(evalkit: Command, bare: Path) -> Path:
    """Scores of outputs made elsewhere."""
    rows = [{"pred": text, "answers": ["Food"], "all_classes": ["Food"], "length": 9} for text in ("a Food\nno", "")]
    (bare / "outputs").mkdir()
    (bare / "outputs" / "trec.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    evalkit("score", "outputs", "--format", "longbench", "--out", "kept")
    return bare / "kept"


def told(each: LookedAt) -> tuple[object, ...]:
    """What both ways of looking tell."""
    return each.name, each.answers, each.error, each.seen, each.metrics, each.refusal


@pytest.mark.parametrize("folder", ["run", "kept"])
def test_looking_over_tells_what_looking_at_each_tells(folder: str, request: pytest.FixtureRequest) -> None:
    """And the scores are those that were written."""
    place: Path = request.getfixturevalue(folder)

    one_by_one, over = list(look_at(place, questions=False)), look_over(place)

    assert list(map(told, one_by_one)) == list(map(told, over.samples))
    assert json.loads((place / "scores.json").read_text()) == over.measured.scores.to_json()
    assert all(each.metrics == each.scores for each in one_by_one)  # as written and as made now
    assert all(each.questions == () for each in (*one_by_one, *over.samples))


def test_what_the_metric_saw_is_told_where_it_is_not_the_answer(kept: Path) -> None:
    """Class names in the first line; the empty answer is compared as it is."""
    assert ["Food", None] == [each.seen for each in look_at(kept)]


def test_flags_count_what_the_scores_count(run: Path) -> None:
    """Failed, cut at the limit, starved and fragile ones, and those that truncation shortened."""
    over = look_over(run)

    flags = Counter(flag for each in over.samples for flag in each.flags)
    tasks = over.measured.scores.tasks.values()
    truncated = sum(task.truncation.truncated for task in tasks if task.truncation is not None)
    assert {
        "failed": sum(task.failed for task in tasks),
        "limit": sum(task.cut or 0 for task in tasks),
        "starved": sum(task.lost_to_reasoning or 0 for task in tasks),
        "fragile": sum(task.fragile or 0 for task in tasks),
        "cut": truncated,
    } == flags
    assert {"failed": 1, "limit": 1, "starved": 1, "fragile": 1, "cut": 4} == flags


def test_a_folder_is_looked_over_in_one_pass(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are read once for scores and samples, and shown with their thoughts as they pass."""
    reads, read = [], _runs.read_records_of_run

    def counted(folder: Path) -> Any:
        reads.append(folder)
        return read(folder)

    monkeypatch.setattr(_runs, "read_records_of_run", counted)
    monkeypatch.setattr(_look, "read_records_of_run", counted)
    seen: list[str] = []

    over = look_over(run, recorded=lambda record: seen.append(record.id))

    assert [run] == reads
    assert len(seen) == len(over.samples) == 8


def test_what_cannot_be_scored_can_still_be_read(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task's scorer that lacks what it needs leaves its answers to be looked at."""
    from evalkit.errors import DataError
    from evalkit.tasks.longbench import LongBench

    def lacking(*_: object) -> None:
        raise DataError("not at hand")

    monkeypatch.setattr(LongBench, "scorer", lacking)

    assert [(["a Food\nno"], None, ()), ([""], None, ())] == [
        (each.answers, each.seen, each.metrics) for each in look_at(kept)
    ]


def test_another_protocol_can_score_what_is_looked_over(run: Path) -> None:
    """As folders of scores under it ask for."""
    over = look_over(run, "official")

    assert measure_run(run, "official").scores == over.measured.scores
    assert {"tales"} == {each.sample.task for each in over.samples if each.metrics}
