"""Scores of run folders: derived from the records, rewritable at any time, from any folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError, UnknownNameError
from evalkit.reports.page import read_runs
from evalkit.rope import parse_rope
from evalkit.scores import measure_folder, score_run, write_scores
from evalkit.verdicts import read_side

Command = Callable[..., Any]
Run = Callable[..., Path]


@pytest.fixture
def run(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> Run:
    """A finished run of the toy benchmark: `run("--limit", 3)`; its folder."""

    def go(*options: object) -> Path:
        done = evalkit("run", tiny_model, toy, "--backend", "toy", "--out", bare / "run", *options)
        assert done.code in (0, 1), done
        return bare / "run"

    return go


def rewrite(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Change or drop records; without their checksums, as if they had been recorded so."""
    log = folder / "samples.jsonl"
    read = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    changed = [change({name: value for name, value in each.items() if name != "crc32"}) for each in read]
    log.write_text("".join(json.dumps(each) + "\n" for each in changed if each is not None), "utf-8")


def test_scoring_again_gives_what_the_run_wrote(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same numbers, to the last digit, also from another folder."""
    folder = run("--limit", 12)
    written = json.loads((folder / "scores.json").read_text())
    monkeypatch.chdir(tmp_path)

    scores, rows = score_run(folder)

    assert written == scores.to_json()
    assert 24 == len(rows) == len((folder / "scores.jsonl").read_text().splitlines())


def test_the_order_of_records_does_not_matter(run: Run) -> None:
    """Answers are scored in the benchmark's order, whatever order they were made in."""
    folder = run("--limit", 12)
    before = score_run(folder)
    log = folder / "samples.jsonl"
    log.write_text("".join(sorted(log.read_text().splitlines(keepends=True), reverse=True)))

    assert before == score_run(folder)


@pytest.mark.parametrize("rope", ["none", "linear:4", "native"])
def test_answers_of_another_rope_condition_are_refused(run: Run, rope: str) -> None:
    """The log of another run of the sweep lies there: its samples and prompts are the same."""
    folder = run("--limit", 4, "--rope", rope)
    score_run(folder)
    rewrite(folder, lambda record: {**record, "rope": "default/base=40000.0"})

    with pytest.raises(
        DataError, match=r"was answered under RoPE default/base=40000\.0, but run.json is of a run with"
    ):
        score_run(folder)


@pytest.mark.parametrize("rope", ["dynamic-yarn", "yarn:4,beta_fast=16", "llama3:8", "dynamic:4"])
def test_a_run_under_any_condition_is_scored(run: Run, rope: str) -> None:
    """Whether all its records carry one setting or each that of its length; the rows tell how prompts were turned."""
    folder = run("--limit", 4, "--rope", rope)

    _, rows = score_run(folder)

    recorded = {each["id"]: each for each in map(json.loads, (folder / "samples.jsonl").read_text().splitlines())}
    fields = ("rope", "rope_spec", "rope_multiplier", "rope_base")
    assert {row.rope_spec for row in rows} == {str(parse_rope(rope))}
    assert all(getattr(row, name) == recorded[row.id][name] for row in rows for name in fields)


def test_rows_of_older_logs_know_the_group_alone(run: Run) -> None:
    """Records of earlier releases have no word for the rest; they are read and scored."""
    folder = run("--limit", 4, "--rope", "none")
    new = ("rope_spec", "rope_multiplier", "rope_base")
    rewrite(folder, lambda record: {name: value for name, value in record.items() if name not in new})

    _, rows = score_run(folder)

    assert {("default/base=10000.0", None, None, None)} == {
        (row.rope, row.rope_spec, row.rope_multiplier, row.rope_base) for row in rows
    }


def test_the_latest_attempt_is_scored(run: Run) -> None:
    """An earlier failure of the same sample no longer counts; a later one does."""
    folder = run("--limit", 2)
    log = folder / "samples.jsonl"
    first = json.loads(log.read_text().splitlines()[0])
    del first["crc32"]
    failure = first | {"error": "broke", "text": None, "finish_reason": "error", "attempt": 0}
    log.write_text(json.dumps(failure) + "\n" + log.read_text())
    assert [0, 0] == [task.failed for task in score_run(folder)[0].tasks.values()]

    log.write_text(log.read_text() + json.dumps(failure | {"attempt": 2}) + "\n")

    task = score_run(folder)[0].tasks[first["id"].split("/")[1]]
    assert (1, 1) == (task.n, task.failed)


def test_an_empty_answer_is_scored_and_a_failed_one_is_not(run: Run) -> None:
    """Saying nothing is an answer worth its score; no answer is none."""
    folder = run("--limit", 2, "--task", "tales")
    rewrite(
        folder, lambda each: each | ({"text": ""} if each["id"].endswith("/0") else {"error": "broke", "text": None})
    )

    task = score_run(folder)[0].tasks["tales"]

    assert (1, 1, 1, 0.0) == (task.n, task.failed, task.empty, task.score)


def test_a_chain_without_its_last_step_is_not_scored_yet(run: Run) -> None:
    """The answer to the first question is not the answer; the sample is missing, not failed."""
    folder = run("--protocol", "chain", "--limit", 3, "--task", "tales")
    rewrite(folder, lambda each: None if (each["id"], each["step"]) == ("toy/tales/1", 1) else each)

    scores, _ = score_run(folder)

    assert (2, 0, True) == (scores.tasks["tales"].n, scores.tasks["tales"].failed, scores.partial)


@pytest.mark.parametrize("broken", [0, 1])
def test_a_chain_with_a_failed_step_has_failed(run: Run, broken: int) -> None:
    """Whichever step it was: a question without an answer is never scored as an empty one."""
    folder = run("--protocol", "chain", "--limit", 3, "--task", "tales")
    failure = {"error": "broke", "text": None, "finish_reason": "error"}
    rewrite(folder, lambda each: each | (failure if (each["id"], each["step"]) == ("toy/tales/1", broken) else {}))

    task = score_run(folder)[0].tasks["tales"]

    assert (2, 1, 0) == (task.n, task.failed, task.empty)


def test_a_chain_is_scored_on_its_last_answer(run: Run) -> None:
    """Whatever was said before."""
    folder = run("--protocol", "chain", "--limit", 1, "--task", "tales")
    rewrite(folder, lambda each: each | {"text": ("x", "word0")[each["step"]]})

    assert 100.0 == score_run(folder)[0].tasks["tales"].score


def test_truncation_is_counted_by_what_was_dropped(run: Run) -> None:
    """Modes that cut texts count the prompt with its chat format afterwards, which may be longer than before."""
    folder = run("--limit", 4, "--task", "tales")
    ledger = {"mode": "longbench-official", "before": 100, "after": 130, "head": 40, "tail": 40}
    whole, cut = [[0, 100]], [[0, 40], [60, 100]]
    ledgers = {
        "toy/tales/0": ledger | {"kept": cut, "evidence_kept": False},
        "toy/tales/1": ledger | {"kept": cut, "evidence_kept": True},
        "toy/tales/2": ledger | {"kept": cut, "evidence_kept": None},
        "toy/tales/3": ledger | {"kept": whole, "evidence_kept": None},
    }
    rewrite(folder, lambda each: each | {"ledger": ledgers[each["id"]]})

    scores, rows = score_run(folder)

    truncation = scores.tasks["tales"].truncation
    assert truncation is not None
    assert (3, 1) == (truncation.truncated, truncation.evidence_lost)
    assert [(100, 130, False), (100, 130, True), (100, 130, None), (100, 130, None)] == [
        (row.prompt_tokens, row.kept_tokens, row.evidence_kept) for row in rows
    ]


def test_a_chain_lost_its_evidence_where_any_step_did(run: Run) -> None:
    """And was truncated where any step was; its rows show the last prompt, which was answered."""
    folder = run("--protocol", "chain", "--limit", 3, "--task", "tales")
    whole = {"mode": "middle", "before": 90, "after": 90, "head": 90, "tail": 0, "kept": [[0, 90]]}
    cut = {"mode": "middle", "before": 99, "after": 60, "head": 30, "tail": 30, "kept": [[0, 30], [69, 99]]}
    ledgers = {
        ("toy/tales/0", 0): cut | {"evidence_kept": False}, ("toy/tales/0", 1): whole | {"evidence_kept": True},
        ("toy/tales/1", 0): whole | {"evidence_kept": True}, ("toy/tales/1", 1): cut | {"evidence_kept": True},
    }  # fmt: skip
    rewrite(folder, lambda each: each | {"ledger": ledgers.get((each["id"], each["step"]))})

    scores, rows = score_run(folder)

    truncation = scores.tasks["tales"].truncation
    assert truncation is not None
    assert (2, 1) == (truncation.truncated, truncation.evidence_lost)
    assert [90, 99, None] == [row.prompt_tokens for row in rows]


def test_another_protocol_of_the_benchmark_can_score_the_run(run: Run) -> None:
    """The label says under which protocol the answers were made; tasks it lacks are skipped."""
    folder = run("--limit", 2)

    scores, _ = score_run(folder, "official")

    assert ("official (run under plain)", ["tales"], ["sagas"]) == (scores.protocol, list(scores.tasks), scores.skipped)
    with pytest.raises(UnknownNameError, match="did you mean 'official'"):
        score_run(folder, "oficial")


def test_overrides_are_in_the_label(run: Run) -> None:
    """A score made under another truncation is not the protocol's."""
    assert "plain+index" == score_run(run("--limit", 1, "--truncation", "index"))[0].protocol


def test_score_files_are_replaced(run: Run) -> None:
    """Nothing of an earlier scoring stays."""
    folder = run("--limit", 2)
    scores, rows = score_run(folder)
    (folder / "scores.jsonl").write_text("old\n" * 100)

    write_scores(folder, scores, rows)

    assert 4 == len((folder / "scores.jsonl").read_text().splitlines())
    assert [] == [path.name for path in folder.glob("*.part")]


def test_a_folder_that_is_no_run_is_one_line(bare: Path) -> None:
    """Named."""
    with pytest.raises(DataError, match="not a run folder"):
        score_run(bare)


OTHER_RULES: list[tuple[Any, ...]] = [
    (), ("official",), (None, {"code-backend": "levenshtein"}), ("opencompass",),
    ("opencompass", {"code-backend": "levenshtein"}),
]  # fmt: skip
QUESTIONS = [
    {"input": f"{number}?", "context": "same", "answers": ["Paris"], "length": 1, "language": "en"}
    for number in range(3)
]


@pytest.fixture
def qasper(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Maker of a run of LongBench's qasper on a part of its data, all answers right; gives back its folder.

    `qasper(settings, records)` changes the manifest's settings and adds records.
    """
    monkeypatch.setenv("EVALKIT_DATA", str(bare / "data"))
    path = bare / "data" / "longbench" / "qasper.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in QUESTIONS), "utf-8")

    def make(settings: dict[str, Any] | None = None, records: Sequence[dict[str, Any]] = ()) -> Path:
        folder = bare / "run"
        folder.mkdir()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        known = {
            "benchmark": "longbench", "label": "official", "partial": True, "altered": ["qasper.jsonl"],
            "files": {"qasper.jsonl": str(path)},
        }  # fmt: skip
        identity = {"data": {"qasper.jsonl": digest}, "model": "tiny", "protocol": "official"}
        manifest = {"identity": identity, "settings": known | (settings or {}), "environment": {}}
        record = {
            "step": 0, "attempt": 1, "prompt_sha256": "0" * 64, "ledger": None, "text": "Paris", "output_tokens": 1,
            "finish_reason": "stop", "seconds": 0.1, "cached_tokens": None, "error": None, "rope": "native",
            "preview": "",
        }  # fmt: skip
        lines = [record | {"id": f"longbench/qasper/{index}"} for index in range(3)]
        lines += [record | each for each in records]
        (folder / "run.json").write_text(json.dumps(manifest))
        (folder / "samples.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
        return folder

    return make


def test_a_run_on_altered_data_says_so_whenever_it_is_scored(qasper: Run) -> None:
    """The run found out, its manifest keeps it."""
    task = score_run(qasper())[0].tasks["qasper"]

    assert (100.0, 3, 1, "document") == (task.score, task.n, task.clusters, task.cluster_unit)
    assert ["the data is not the pinned one: a part of the benchmark, or altered"] == task.notes


@pytest.mark.parametrize("altered", [[], ["hotpotqa.jsonl"], None])
def test_a_task_answers_for_its_own_files_alone(qasper: Run, altered: list[str] | None) -> None:
    """What is wrong with another task's data is not said of this one."""
    assert [] == score_run(qasper({"altered": altered}))[0].tasks["qasper"].notes


def test_data_that_was_moved_since_is_looked_for_where_data_belongs(qasper: Run, bare: Path) -> None:
    """The same file elsewhere is the same file."""
    folder = qasper({"files": {"qasper.jsonl": str(bare / "gone" / "qasper.jsonl")}})

    assert 100.0 == score_run(folder)[0].tasks["qasper"].score


def test_data_is_taken_from_where_the_run_had_it(qasper: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder named with --data is not named again when the run is scored again."""
    folder = qasper()
    monkeypatch.delenv("EVALKIT_DATA")

    assert 100.0 == score_run(folder)[0].tasks["qasper"].score


def test_other_data_than_the_run_used_is_refused(qasper: Run, bare: Path) -> None:
    """Answers are never scored against the gold answers of another file; both digests are named."""
    folder = qasper()
    path = bare / "data" / "longbench" / "qasper.jsonl"
    then, now = path.read_bytes(), path.read_bytes().replace(b"Paris", b"Rome")
    path.write_bytes(now)

    with pytest.raises(DataError) as caught:
        score_run(folder)

    digests = [hashlib.sha256(content).hexdigest()[:12] for content in (now, then)]
    assert f"{path}: not the file this run used ({digests[0]}, then {digests[1]})" == str(caught.value)


def test_a_record_that_belongs_to_no_task_is_named(qasper: Run) -> None:
    """The log is the user's to repair."""
    with pytest.raises(DataError, match=r"samples\.jsonl:4: id 'qasper/0' is not benchmark/task/index"):
        score_run(qasper(None, [{"id": "qasper/0"}]))


def test_other_scoring_options_are_in_the_label(qasper: Run) -> None:
    """A score under them is not the run's own."""
    folder = qasper()

    labels = [score_run(folder, *asked)[0].protocol for asked in OTHER_RULES]

    assert [
        "official", "official", "official+code-backend-levenshtein", "opencompass (run under official)",
        "opencompass (run under official)+code-backend-levenshtein",
    ] == labels  # fmt: skip


def test_scores_of_a_run_are_read_under_the_options_that_made_them(qasper: Run, bare: Path) -> None:
    """By whoever draws them, compares them or makes a page of them."""
    score_predictions(qasper(), "evalkit", options={"code-backend": "levenshtein"}, out=bare / "kept")

    found = [measure_folder(bare / "kept"), read_side(bare / "kept").measured, read_runs([bare / "kept"])[0]]

    assert {"official+code-backend-levenshtein"} == {each.scores.protocol for each in found}


@pytest.mark.parametrize("command", [
    ("score",), ("score", "--protocol", "chain"), ("score", "--protocol", "all"), ("report",)
])  # fmt: skip
def test_a_run_folder_that_lost_its_answers_is_refused_and_left_as_it_is(
    run: Run, evalkit: Command, command: tuple[str, ...]
) -> None:
    """Scores of no answers would replace those that are there."""
    folder = run("--limit", 3)
    (folder / "samples.jsonl").unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    done = evalkit(command[0], folder, *command[1:])

    assert 2 == done.code
    (line,) = done.err.splitlines()
    assert f"{folder / 'samples.jsonl'}: missing, though run.json is there" in line
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
