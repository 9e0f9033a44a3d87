"""What can be drawn of scores, and what is missing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evalkit.reports import Shown, pictures_of
from evalkit.scores import BenchmarkScores, ScoreRow
from evalkit.tasks import load_spec

OPTIONS = {"lengths": "100,200", "depths": "0,50,100", "lang": "en"}


def scores(missing: list[str] | None = None, partial: bool = True, **tasks: dict[str, Any]) -> BenchmarkScores:
    """Scores of these tasks, each with what differs from a whole task of six samples."""
    values = {
        "score": 50.0, "metric": "keyword", "n": 6, "failed": 0, "expected": 6, "ci95": None, "clusters": 1,
        "cluster_unit": "document", "empty": 0,
    }  # fmt: skip
    return BenchmarkScores.model_validate({
        "schema": 1, "benchmark": "b", "protocol": "keyword", "model": "m", "partial": partial, "groups": {},
        "tasks": {name: values | changes for name, changes in tasks.items()}, "missing": missing or [],
        "overall": {"score": None, "rule": ""},
    })  # fmt: skip


def row(length: int, depth: float, language: str = "en", task: str = "single", **changes: Any) -> ScoreRow:
    """A row of a sample with a score of 100."""
    place = {"length": length, "depth": depth, "language": language}
    return ScoreRow(f"{task}/{language}/{length}/{depth}", task, "keyword", "keyword", 100.0, place, **changes)


def test_cells_asked_for_are_there_without_samples() -> None:
    """The shortest length alone does not look like a whole grid."""
    rows = [row(100, depth) for depth in (0, 50, 100)]

    picture = pictures_of(Shown(scores(single={"n": 3}), rows, load_spec("needle"), OPTIONS))["single"]

    grid = picture.grid
    assert ([100, 200], [0, 50, 100], 3) == (grid.lengths, grid.depths, sum(cell.n == 0 for cell in grid.all_cells()))
    assert (100.0, None, False) == (grid.whole_mean(100), grid.whole_mean(200), grid.is_whole)
    assert "PARTIAL: 3 of 6 samples" == picture.partial


def test_failed_samples_are_counted() -> None:
    """A failure is no missing needle and no zero."""
    rows = [row(length, depth) for length in (100, 200) for depth in (0, 50)]

    picture = pictures_of(Shown(scores(single={"n": 4, "failed": 2}), rows, load_spec("needle"), OPTIONS))["single"]

    assert "PARTIAL: 4 of 6 samples, 2 failed" == picture.partial


def test_a_whole_grid_is_not_partial() -> None:
    """Its picture says nothing more."""
    rows = [row(length, depth) for length in (100, 200) for depth in (0, 50, 100)]

    picture = pictures_of(Shown(scores(partial=False, single={}), rows, load_spec("needle"), OPTIONS))["single"]

    assert ("", True, ("en",)) == (picture.partial, picture.grid.is_whole, picture.languages)


def test_languages_may_have_dashes() -> None:
    """`single-zh-Hans` is the task `single`, not `single-zh`."""
    rows = [
        row(length, depth, language)
        for length in (100, 200)
        for depth in (0, 50, 100)
        for language in ("en", "zh-Hans")
    ]
    options = OPTIONS | {"lang": "en,zh-Hans"}

    pictures = pictures_of(Shown(scores(single={"n": 11, "expected": 12}), rows[:-1], load_spec("needle"), options))

    assert {"single-en": "", "single-zh-Hans": "PARTIAL: 5 of 6 samples"} == {
        name: picture.partial for name, picture in pictures.items() if name != "single"
    }
    assert ("zh-Hans",) == pictures["single-zh-Hans"].languages


def test_lengths_and_depths_in_words_are_no_grid() -> None:
    """A benchmark of somebody's own may name them as it likes, and a file may hold what it likes."""
    odd = [replace(row(100, 0), metadata={"length": length, "depth": 0}) for length in ("short", None, True, ["1"])]

    assert {} == pictures_of(Shown(scores(single={}), odd, load_spec("needle"), {"lengths": ""}))


def test_a_task_all_of_whose_samples_failed_has_a_picture_of_empty_cells() -> None:
    """Nothing in it, and said so."""
    picture = pictures_of(Shown(scores(single={"n": 0, "failed": 6}), [], load_spec("needle"), OPTIONS))["single"]

    assert (6, None, "PARTIAL: 0 of 6 samples, 6 failed") == (
        len(picture.grid.all_cells()), picture.grid.mean, picture.partial
    )  # fmt: skip


def test_each_language_counts_its_own_samples() -> None:
    """One of them may be whole."""
    rows = [row(length, depth) for length in (100, 200) for depth in (0, 50, 100)] + [row(100, 0, "zh")]
    shown = Shown(scores(single={"n": 7, "expected": 12}), rows, load_spec("needle"), OPTIONS | {"lang": "en,zh"})

    pictures = pictures_of(shown)

    assert {"single": "PARTIAL: 7 of 12 samples", "single-en": "", "single-zh": "PARTIAL: 1 of 6 samples"} == {
        name: picture.partial for name, picture in pictures.items()
    }
    assert [("en", "zh"), ("en",), ("zh",)] == [picture.languages for picture in pictures.values()]


def test_a_group_without_some_of_its_tasks_is_partial() -> None:
    """However whole the others are."""
    spec = load_spec("needlebench-4k")
    rows = [row(length, depth, task="single_en") for length in (1000, 2000, 3000, 4000) for depth in (0, 100)]
    shown = Shown(scores(missing=["single_zh"], single_en={}), rows, spec, {})

    pictures = pictures_of(shown)

    assert ("", "PARTIAL", "Single-needle retrieval (S-RT), 1 of 2 tasks") == (
        pictures["single_en"].partial, pictures["single"].partial, pictures["single"].label
    )  # fmt: skip


def test_data_that_is_not_the_pinned_one_makes_every_picture_partial() -> None:
    """Nobody knows how much of it is missing."""
    rows = [row(length, depth) for length in (100, 200) for depth in (0, 50, 100)]

    picture = pictures_of(Shown(scores(single={}), rows, load_spec("needle"), OPTIONS))["single"]

    assert "PARTIAL" == picture.partial


@pytest.mark.parametrize(("axis", "lengths"), [("prompt", [110]), ("kept", [90])])
def test_on_the_models_axis_stand_the_lengths_that_were_seen(axis: Any, lengths: list[float]) -> None:
    """A length without prompts has no tokens to stand at; missing depths are there."""
    rows = [row(100, 0, prompt_tokens=110, kept_tokens=90)]

    grid = pictures_of(Shown(scores(single={"n": 1}), rows, load_spec("needle"), OPTIONS), axis)["single"].grid

    assert (lengths, [0, 50, 100]) == (grid.lengths, grid.depths)
