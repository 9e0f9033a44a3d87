"""The table of formats: where outputs are found, and under which protocol they are scored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError, UserError
from evalkit.scores import default_protocol, find_outputs
from evalkit.tasks import load_spec


@pytest.mark.parametrize(
    ("benchmark", "output_format", "protocol"),
    [
        ("leval", "leval", "official"),
        ("longbench", "longbench", "official"),
        ("longbench-e", "longbench", "official"),
        ("longbench-v2", "longbench-v2", "official"),
        ("longbench", "opencompass", "opencompass"),
        ("needlebench-4k", "opencompass", "opencompass"),
    ],
)
def test_the_protocol_of_a_format_is_its_own(benchmark: str, output_format: str, protocol: str) -> None:
    """Outputs are scored as the code that made them would."""
    assert protocol == default_protocol(load_spec(benchmark), output_format)


def test_the_table_names_the_protocol_that_was_taken(bare: Path, evalkit: Callable[..., Any]) -> None:
    """Where the user named none."""
    (bare / "m").mkdir()
    (bare / "m" / "tpo.jsonl").write_text(json.dumps({"gt": "B", "m_pred": "B", "evaluation": "exam"}))

    assert "L-Eval · m · protocol official" in evalkit("score", bare / "m", "--format", "leval").out


def test_what_could_not_be_checked_is_said_once(bare: Path, evalkit: Callable[..., Any]) -> None:
    """The data of no task is on this machine."""
    (bare / "m").mkdir()
    for task in ("tpo", "coursera"):
        record = {"query": "Which?", "gt": "B", "m_pred": "B", "evaluation": "exam"}
        (bare / "m" / f"{task}.jsonl").write_text(json.dumps(record))

    told = evalkit("score", bare / "m", "--format", "leval", "--protocol", "all").err

    assert 1 == told.count("coursera, tpo: without the data at hand only counts and doubled rows were checked")


def test_scores_and_tables_of_outputs_are_written_where_asked(bare: Path) -> None:
    """And not into the folder of a run."""
    (bare / "m").mkdir()
    (bare / "m" / "tpo.jsonl").write_text(json.dumps({"gt": "B", "m_pred": "B", "evaluation": "exam"}))

    score_predictions(bare / "m", "leval", out=bare / "out")

    assert 100.0 == json.loads((bare / "out" / "scores.json").read_text())["tasks"]["tpo"]["score"]
    assert (bare / "out" / "tables" / "scores.tex").is_file()
    (bare / "out" / "run.json").write_text("{}")
    with pytest.raises(UserError, match="holds a run of evalkit"):
        score_predictions(bare / "m", "leval", out=bare / "out")


def test_out_goes_with_one_protocol(bare: Path, evalkit: Callable[..., Any]) -> None:
    """Scores of several would stand in one file."""
    command = ("score", bare, "--out", bare / "o", "--format", "leval", "--protocol", "all")

    assert "--out takes the scores of one protocol" in evalkit(*command).complaint


@pytest.mark.parametrize("name", ["scores.json", "scores.jsonl", "tables/scores.csv", "notes.txt"])
def test_a_folder_with_other_files_takes_no_scores(bare: Path, name: str) -> None:
    """What a user keeps under evalkit's names is the user's; a folder of evalkit's own scores is written anew."""
    (bare / "m").mkdir()
    (bare / "m" / "tpo.jsonl").write_text(json.dumps({"gt": "B", "m_pred": "B", "evaluation": "exam"}))
    (bare / "mine" / name).parent.mkdir(parents=True)
    (bare / "mine" / name).write_text('{"mine": 1}')

    with pytest.raises(UserError, match=r"mine: holds .* and no scores of evalkit"):
        score_predictions(bare / "m", "leval", out=bare / "mine")

    assert {bare / "mine" / name: '{"mine": 1}'} == {
        path: path.read_text() for path in (bare / "mine").rglob("*") if path.is_file()
    }
    for _ in range(2):
        score_predictions(bare / "m", "leval", out=bare / "new")


def test_outputs_are_found_as_given_in_the_data_folder_and_in_the_cache(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order; what is nowhere is named with the places looked at."""
    monkeypatch.setenv("EVALKIT_DATA", str(tmp_path / "data"))
    place = Path("leval_predictions/tiny")
    found = []
    for root in (tmp_path / "cache", tmp_path / "data", bare):
        (root / place).mkdir(parents=True)
        found.append(find_outputs(place, "leval"))

    assert [tmp_path / "cache" / place, tmp_path / "data" / place, place] == found
    with pytest.raises(DataError, match=r"no such folder.*evalkit data fetch other"):
        find_outputs(Path("other/tiny"), "leval")
    with pytest.raises(DataError, match="a file, but outputs are a folder"):
        (bare / "file").write_text("")
        find_outputs(Path("file"), "leval")
