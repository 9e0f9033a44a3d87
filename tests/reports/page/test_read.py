"""Folders as the page reads them: whatever they hold, and whatever happened to them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, UserError
from evalkit.reports.page import PageRun, content_of, page_html, read_runs
from evalkit.runs import run_lock

Command = Callable[..., Any]


@pytest.fixture
def run(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> Path:
    """A finished run of the toy benchmark, three samples a task."""
    done = evalkit("run", tiny_model, toy, "--backend", "toy", "--out", bare / "run", "--limit", 3)
    assert 0 == done.code, done
    return bare / "run"


@pytest.fixture
def kept(evalkit: Command, bare: Path) -> Path:
    """Scores of outputs made elsewhere, with their answers."""
    rows = [{"pred": text, "answers": ["Food"], "all_classes": ["Food"], "length": 9} for text in ("Food", "no")]
    (bare / "outputs").mkdir()
    (bare / "outputs" / "trec.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    evalkit("score", "outputs", "--format", "longbench", "--out", "kept")
    return bare / "kept"


def read(folder: Path) -> PageRun:
    """One folder; a page can be made of it."""
    (found,) = read_runs([folder])
    assert found.name in page_html(content_of([found]))
    return found


def stored(folder: Path) -> dict[str, Any]:
    """The folder's `scores.json`."""
    return dict(json.loads((folder / "scores.json").read_text()))


def test_a_run_is_read_without_a_word(run: Path) -> None:
    """Its scores are those of `scores.json`, its samples those of the log, their documents not kept."""
    found = read(run)

    assert ("run", run, (), False) == (found.name, found.folder, tuple(found.notes), found.is_being_written)
    assert stored(run) == found.scores.to_json()
    assert [f"toy/{task}/{index}" for task in ("tales", "sagas") for index in range(3)] == [
        each.sample.id for each in found.samples
    ]
    assert all(not each.sample.fields and not each.questions for each in found.samples)
    assert found.manifest is not None


def test_scores_of_outputs_made_elsewhere_are_read_with_their_answers(kept: Path) -> None:
    """They have no manifest, and say what post-processing left of an answer."""
    found = read(kept)

    assert ((), None, stored(kept)) == (tuple(found.notes), found.manifest, found.scores.to_json())
    assert [("Food", None, 100.0), ("no", "", 0.0)] == [
        (each.answers[0], each.seen, each.metrics[0][1]) for each in found.samples
    ]


def test_scores_of_a_run_show_its_samples(run: Path, evalkit: Command, bare: Path) -> None:
    """Under the protocol that scored there, which may be another than the run's."""
    evalkit("score", run, "--protocol", "official", "--out", bare / "scores")

    found = read(bare / "scores")

    assert ("scores", bare / "scores", run, ()) == (found.name, found.folder, found.run_folder, tuple(found.notes))
    assert stored(bare / "scores") == found.scores.to_json()
    assert ["tales"] == list(found.scores.tasks)
    assert {True} == {bool(each.metrics) for each in found.samples if each.sample.task == "tales"}


def test_scores_whose_run_is_gone_stand_as_they_are(run: Path, evalkit: Command, bare: Path) -> None:
    """Without samples, and the page says why."""
    evalkit("score", run, "--out", bare / "scores")
    shutil.rmtree(run)

    found = read(bare / "scores")

    assert (stored(bare / "scores"), None, ()) == (found.scores.to_json(), found.measured, tuple(found.samples))
    (note,) = found.notes
    assert "which is not there any more" in note
    assert "no samples can be shown" in note


def test_scores_of_older_releases_stand_as_they_are(kept: Path) -> None:
    """Those kept no answers."""
    (kept / "outputs.json").unlink()
    (kept / "answers.jsonl").unlink()

    found = read(kept)

    assert (stored(kept), None) == (found.scores.to_json(), found.measured)
    assert [f"{kept}: holds scores without the answers they are of: the scores stand as they were written, "
            "and no samples can be shown"] == list(found.notes)  # fmt: skip


@pytest.mark.parametrize("name", ["scores.json", "scores.jsonl"])
@pytest.mark.parametrize("damage", ["garbage", "edited", "half", "later"])
def test_damaged_scores_are_made_again_and_it_is_said(run: Path, name: str, damage: str) -> None:
    """Nothing that they say is shown; the numbers are those of the answers."""
    expected, text = stored(run), (run / name).read_text()
    score = json.loads((run / "scores.jsonl").read_text().splitlines()[0])["score"]
    changed = {
        "garbage": "\0" * 40,
        "edited": text.replace(str(expected["overall"]["score"] if name == "scores.json" else score), "99.5"),
        "half": text[: len(text) // 2],
        "later": text.replace('"schema": 1', '"schema": 2') if name == "scores.json" else "{}" + chr(10) + text,
    }[damage]
    assert changed != text
    (run / name).write_text(changed)

    found = read(run)

    assert expected == found.scores.to_json()
    (note,) = found.notes
    assert str(run / name) in note
    assert "answers" in note
    assert "99.5" not in {str(score) for each in found.samples for _, score in each.metrics}


def test_missing_scores_are_no_damage(run: Path) -> None:
    """A run that ended before it was scored."""
    expected = stored(run)
    (run / "scores.json").unlink()
    (run / "scores.jsonl").unlink()

    found = read(run)

    assert (expected, ()) == (found.scores.to_json(), tuple(found.notes))


def test_a_run_still_being_written_is_read_as_far_as_it_is(run: Path) -> None:
    """Its lock is held, its last line torn; the scores of before are no damage then."""
    log = (run / "samples.jsonl").read_bytes()
    (run / "samples.jsonl").write_bytes(log[:-20])

    with run_lock(run):
        found = read(run)

    assert (True, ()) == (found.is_being_written, tuple(found.notes))
    assert 5 == len(found.samples)
    assert any("its last line is torn" in note for note in found.scores.notes)


def test_a_damaged_log_stops_the_page(run: Path) -> None:
    """A page of the rest would be one of other samples."""
    log = (run / "samples.jsonl").read_text().replace('"step": 0', '"step": 7', 1)
    (run / "samples.jsonl").write_text(log)

    with pytest.raises(DataError, match=r"samples.jsonl:1: line: does not match its checksum"):
        read_runs([run])


def test_a_run_without_answers_has_no_samples(run: Path) -> None:
    """It was stopped before its first one."""
    (run / "samples.jsonl").write_text("")
    (run / "scores.json").unlink()
    (run / "scores.jsonl").unlink()

    found = read(run)

    assert ((), {}) == (tuple(found.samples), dict(found.scores.tasks))


def test_extra_metrics_stand_beside_the_score(run: Path, evalkit: Command, install: Callable[..., Path]) -> None:
    """As a judge gave them, who is not asked again; numbers that no longer fit the answers are left out with a note."""
    install("own-metrics", {"evalkit.metrics": {"page_words": "page_words:words"}},
            {"page_words.py": "def words(answer):\n    return float(len(answer.prediction))\n"})  # fmt: skip
    assert 0 == evalkit("score", run, "--metric", "page_words").code

    found = read(run)

    assert stored(run) == found.scores.to_json()
    assert [(("page_words", 8.0),)] * 6 == [each.scores for each in found.samples]
    assert all([name for name, _ in each.metrics] == ["overlap"] for each in found.samples)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["p/a", "p/b"], ["a", "b"]),
        (["x/none", "y/none", "p/a"], ["x/none", "y/none", "a"]),
        (["1/x/none", "2/x/none", "y/none"], ["1/x/none", "2/x/none", "y/none"]),
        (["p/a", "p/../p/a", "p/a (2)"], ["a", "a (2)", "a (2) (2)"]),
    ],
)
def test_no_two_runs_of_a_page_share_a_name(kept: Path, bare: Path, paths: list[str], names: list[str]) -> None:
    """The last part of a path, and as many before it as are needed."""
    for path in paths:
        if not (bare / path).exists():
            shutil.copytree(kept, bare / path)

    found = [run.name for run in read_runs([Path(path) for path in paths])]

    assert names == found


def test_the_folder_one_stands_in_has_its_name(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a dot."""
    monkeypatch.chdir(kept)

    assert "kept" == read_runs([Path()])[0].name


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "no such folder"),
        (lambda place: place.mkdir(), "neither a run nor scores of evalkit"),
        (lambda place: place.write_text("x"), "neither a run nor scores of evalkit"),
        (lambda place: (place.mkdir(), (place / "scores.json").write_text("{}")), "score the outputs again"),
    ],
)
def test_what_is_neither_a_run_nor_scores_is_one_line(bare: Path, make: Callable[[Path], Any], said: str) -> None:
    """Which says what to name instead."""
    make(bare / "place")

    with pytest.raises(UserError, match=said) as refused:
        read_runs([bare / "place"])

    assert 1 == len(str(refused.value).splitlines())
    assert str(bare / "place") in str(refused.value)


def test_outputs_that_were_not_scored_are_refused_with_the_command(kept: Path, bare: Path) -> None:
    """They have answers, and no scores yet."""
    assert kept.is_dir()

    with pytest.raises(UserError, match=r"evalkit score .*outputs --format longbench --out FOLDER"):
        read_runs([bare / "outputs"])
