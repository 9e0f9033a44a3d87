"""The answers behind published numbers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.data import source
from evalkit.errors import DataError, UserError
from evalkit.published import PublishedScore, pinned_outputs, published, published_benchmarks
from evalkit.verdicts import read_side

ALL = [score for name in published_benchmarks() for score in published(name)]
SCORES = [score for score in ALL if not score.outputs.startswith("evalkit/")]
"""Those whose answers, if any, are in a pinned source."""
NAMED = sorted({score.outputs for score in SCORES if score.outputs})


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any data: an empty EVALKIT_DATA and cache."""
    monkeypatch.setenv("EVALKIT_DATA", str(tmp_path))
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("name", NAMED)
def test_named_outputs_are_in_a_pinned_source(name: str) -> None:
    """A file of the folder answers each task whose number names it."""
    origin, _, folder = name.partition("/")
    files = {Path(file.path).name.split(".")[0] for file in source(origin).files if file.path.startswith(folder)}

    assert {score.task for score in SCORES if score.outputs == name} <= files


def test_outputs_at_hand_are_found() -> None:
    """With the data at hand every named folder is given, with the format and protocol to score it by."""
    root = Path(os.environ.get("EVALKIT_DATA", ""))
    if not (root / "longbench_predictions").is_dir():
        pytest.skip("EVALKIT_DATA has no longbench_predictions")

    found = {score.outputs: pinned_outputs(score) for score in SCORES if score.outputs}

    assert NAMED == sorted(found)
    assert {("leval", "official"), ("longbench", "official")} == {(f.format, f.protocol) for f in found.values() if f}
    assert all(outputs and outputs.folder.is_dir() for outputs in found.values())


def test_answers_that_ship_are_always_at_hand(nothing_here: Path) -> None:  # noqa: ARG001
    """Those of the embedded model need no data; a folder that does not ship is a slip in the file."""
    shipped = [score for score in ALL if score not in SCORES]

    assert {"evalkit"} == {outputs.format for score in shipped if (outputs := pinned_outputs(score))}
    with pytest.raises(DataError, match="does not ship with evalkit"):
        pinned_outputs(replace(shipped[0], outputs="evalkit/nowhere"))


def test_a_number_without_outputs_has_none() -> None:
    """Most publications print numbers only."""
    assert pinned_outputs(published("needle-xverse-256k")[0]) is None


def test_outputs_that_are_not_here_are_not_fetched(nothing_here: Path) -> None:
    """Nothing is downloaded for a comparison."""
    score = next(score for score in SCORES if score.outputs)

    assert pinned_outputs(score) is None
    assert [] == list(nothing_here.iterdir())


def test_an_altered_file_is_no_published_output(nothing_here: Path) -> None:
    """A file that differs from the pinned one is an error, not another publication."""
    score = next(score for score in SCORES if score.outputs == "leval_predictions/exam_eval/gpt4-32k")
    folder = nothing_here / "leval_predictions" / "exam_eval" / "gpt4-32k"
    folder.mkdir(parents=True)
    for file in source("leval_predictions").files:
        if file.path.startswith("exam_eval/gpt4-32k/"):
            (nothing_here / "leval_predictions" / file.path).write_text("{}\n", "utf-8")

    with pytest.raises(DataError, match="has sha256"):
        pinned_outputs(score)


@pytest.mark.parametrize("outputs", ["leval_predictions/nowhere", "leval_predictionz/exam_eval"])
def test_outputs_that_no_source_has_are_an_error(outputs: str) -> None:
    """A slip in the file is told."""
    score = replace(published("needle-xverse-256k")[0], outputs=outputs)

    with pytest.raises(UserError, match=r"has no folder|unknown data source"):
        pinned_outputs(score)


def test_the_answers_of_the_embedded_model_give_its_table() -> None:
    """Every number of its card's table is what its answers score, to the printed digit."""
    rows = [score for score in ALL if score.benchmark == "needle"]

    found = [buckets_of(score)[score.task] for score in rows]

    assert [score.printed for score in rows] == [f"{value:.1f}" for value in found]
    assert 12 == len(rows)


def buckets_of(score: PublishedScore) -> dict[str, float | None]:
    """Length → score of the answers behind a number of a grid."""
    outputs = pinned_outputs(score)
    assert outputs is not None
    buckets = read_side(outputs.folder).measured.scores.tasks["single"].buckets or {}
    return {length: bucket.score for length, bucket in buckets.items()}
