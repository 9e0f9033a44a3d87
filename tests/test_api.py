"""The public functions: what the command line does, from Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit
from evalkit import EvalkitWarning, EvaluationResult, UserError, compare, leaderboard, reproduce
from evalkit.paths import cache_root
from evalkit.scores import Judge, Verdict
from evalkit.tasks import Answer

Evaluate = Callable[..., EvaluationResult]


@pytest.fixture
def evaluate(toy: str, tiny_model: Path, bare: Path) -> Evaluate:
    """`evalkit.evaluate` of the tiny model on the toy benchmark."""

    def go(*benchmarks: str, **options: Any) -> EvaluationResult:
        return evalkit.evaluate(
            str(tiny_model), *(benchmarks or (toy,)), backend="toy", **{"out": bare / "run"} | options
        )

    return go


def test_evaluating_runs_scores_and_writes(evaluate: Evaluate, bare: Path) -> None:
    """Scores come back and lie in the run folder, with the tables."""
    result = evaluate(limit=4)

    scores = result.scores["toy"]
    assert {"toy": bare / "run"} == result.folders
    assert scores.to_json() == json.loads((bare / "run" / "scores.json").read_text())
    assert [(4, 24)] * 2 == [(task.n, task.expected) for task in scores.tasks.values()]
    assert {"scores.csv", "scores.md", "scores.tex"} == {path.name for path in (bare / "run" / "tables").iterdir()}


def test_the_same_call_again_continues(evaluate: Evaluate) -> None:
    """With a larger limit it adds; nothing is asked twice."""
    outcomes = [evaluate(limit=limit).outcome for limit in (2, 4, 4)]

    assert [(4, 0), (4, 4), (0, 8)] == [(outcome.finished, outcome.reused) for outcome in outcomes]


def test_results_go_on_in_pandas(evaluate: Evaluate) -> None:
    """One row a task, one for each group and one for the overall score, told apart."""
    frame = evaluate(limit=2).to_pandas()

    assert [
        ("task", "tales", 2),
        ("task", "sagas", 2),
        ("group", "short", 2),
        ("group", "long", 2),
        ("overall", "overall", 4),
    ] == list(zip(frame["kind"], frame["task"], frame["n"], strict=True))


def test_warnings_of_a_run_are_python_warnings(evaluate: Evaluate) -> None:
    """At the caller's own line and in Python's words; nothing is printed by a library."""
    with pytest.warns(EvalkitWarning, match="window 4096 exceeds the 512 tokens") as caught:
        evaluate(limit=1, max_seq_len=4096)

    assert {__file__} == {warning.filename for warning in caught}
    assert [] == [str(warning.message) for warning in caught if "--" in str(warning.message)]


def test_failed_samples_are_counted_and_do_not_raise(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partial score says so, and so does a warning; another one says why they failed."""
    monkeypatch.setenv("TOY_FAIL", "0 1 2")

    with (
        pytest.warns(EvalkitWarning, match="tales: 3 samples failed or cannot be scored"),
        pytest.warns(EvalkitWarning, match="3 failed: the toy broke"),
    ):
        result = evaluate()

    assert (3, 45) == (result.outcome.failed, result.outcome.finished)
    assert (3, 21, True) == (
        result.scores["toy"].tasks["tales"].failed, result.scores["toy"].tasks["tales"].n, result.scores["toy"].partial
    )  # fmt: skip


def test_wrong_input_raises_user_errors(evaluate: Evaluate) -> None:
    """One class to catch."""
    with pytest.raises(UserError, match=r"^limit=0: must be"):
        evaluate(limit=0)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: compare(None, "x"), "left: None; pass the path of a folder or file"),  # type: ignore[arg-type]
        (lambda: compare("x", ["y"]), "right: a list"),  # type: ignore[arg-type]
        (lambda: compare("x", "\0"), "right: no path"),
        (lambda: compare("x", "y", out=""), "out: no path"),
        (lambda: compare("x", "y", protocol=3), "protocol: an int; pass a name"),  # type: ignore[arg-type]
        (lambda: compare("x", "published", reruns="run"), r"reruns: a str; pass a list: reruns=\["),
        (lambda: compare("x", "published", model=""), "model: an empty text"),
        (lambda: leaderboard(None), "benchmark: "),  # type: ignore[arg-type]
        (lambda: leaderboard("leval", ["run"]), "runs: a list"),  # type: ignore[arg-type]
        (lambda: leaderboard("leval", tasks="tpo"), r"tasks: a str; pass a list: tasks=\["),
        (lambda: leaderboard("leval", sort=3), "sort: an int"),  # type: ignore[arg-type]
        (lambda: reproduce("needle-tiny", "needle", reruns="x"), "reruns='x'"),  # type: ignore[arg-type]
    ],
)
def test_arguments_of_the_wrong_kind_are_named(call: Callable[[], object], problem: str) -> None:
    """With what they are and what to pass, before anything is read."""
    with pytest.raises(UserError, match=problem):
        call()


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ({"temperature": 1.0}, "temperature=1.0: the published run had greedy"),
        ({"max_new_tokens": 3}, "max_new_tokens=3: the published run had"),
        ({"max_seq_len": 300}, "max_seq_len=300: the published run had"),
        ({"chat": "none"}, "chat=none: the published run had"),
        ({"adapter": "x"}, "another model than the published one"),
    ],
)
def test_settings_that_contradict_a_published_run_are_refused(bare: Path, option: dict[str, Any], problem: str) -> None:
    """Whatever the source calls them; nothing is run."""
    with pytest.raises(UserError, match=problem):
        reproduce("needle-tiny", "needle", rope="dynamic:2", **option)
    assert not list(bare.glob("results/*"))


def test_a_plan_costs_nothing_and_says_what_a_run_would(toy: str, tiny_model: Path, bare: Path) -> None:
    """No folder is made, no model loaded."""
    planned = evalkit.plan(str(tiny_model), toy, limit=3)

    assert [3, 3] == list(planned.to_pandas()["samples"])
    assert 6 == planned.benchmarks["toy"]["samples"]
    assert [] == list(bare.iterdir())


def test_predictions_are_scored_by_any_protocol(evaluate: Evaluate, bare: Path) -> None:
    """Of a run folder here; its files stay as they are."""
    evaluate(limit=2)
    before = (bare / "run" / "scores.json").read_bytes()

    scores = evalkit.score_predictions(bare / "run", "evalkit", "official")

    assert "official (run under plain)" == scores.protocol
    assert before == (bare / "run" / "scores.json").read_bytes()


def test_outputs_made_elsewhere_can_be_judged(bare: Path) -> None:
    """The verdicts are kept in the cache: the folder is somebody's publication."""
    folder = bare / "published" / "model-a"
    folder.mkdir(parents=True)
    lines = [
        {"pred": text, "answers": ["Food"], "all_classes": ["Food", "Date"], "length": 9} for text in ("Food", "?")
    ]
    (folder / "trec.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked: list[str] = []

    def ask(answer: Answer) -> Verdict:
        asked.append(answer.prediction)
        return Verdict(80.0 if answer.prediction == "Food" else 20.0, "as a script")

    results = [
        evalkit.score_predictions(folder, "longbench", metrics={"clear": Judge(ask, "v1")}).tasks["trec"]
        for _ in range(2)
    ]

    assert [(50.0, 2)] * 2 == [(each.extra["clear"].score, each.extra["clear"].n) for each in results]
    assert ["Food", "?"] == asked
    assert ["trec.jsonl"] == [path.name for path in folder.iterdir()]
    assert 2 == len((cache_root() / "judgements.jsonl").read_text().splitlines())


def test_all_public_names_are_listed() -> None:
    """Interactive users find what is imported only when asked for."""
    assert set(evalkit.__all__) <= set(dir(evalkit))
