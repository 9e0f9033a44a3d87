"""Answers kept beside scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.errors import DataError, UnknownNameError
from evalkit.lines import CHECKSUM, checked_line, checksum_of
from evalkit.scores import KeptAnswers, KeptOutputs, TaskAnswers, holds_answers, keep_answers, read_answers
from evalkit.tasks import Answer, load_benchmark

Keep = Callable[..., KeptAnswers]


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Keeper of answers to two questions of LongBench's trec, the second without a text."""

    def go(text: str = "Food") -> KeptAnswers:
        facts = {"index": 0, "all_classes": ["Food", "Date"], "length": 9}
        answers = [Answer("longbench/trec/0", "doc", text, ("Food",), facts, draw=1)]
        silent = [Answer("longbench/trec/1", "doc", "", ("Date",), facts)]
        given = TaskAnswers(answers, 3, draws=2, unanswered=silent, notes=["odd"], is_altered=True)
        origin = KeptOutputs(
            schema=1, format="longbench", place="pred", benchmark="longbench", protocol="official", model="m",
            options={"code-backend": "difflib"}, notes=["unchecked"],
        )  # fmt: skip
        kept = KeptAnswers(origin, load_benchmark("longbench"), {"trec": given})
        keep_answers(tmp_path, kept)
        return kept

    return go


def test_answers_come_back_as_they_were(keep: Keep, tmp_path: Path) -> None:
    """With all that scoring needs, and what a reader should know."""
    kept = keep()

    read = read_answers(tmp_path)

    assert holds_answers(tmp_path)
    assert kept.tasks == read.tasks
    assert kept.measure().scores == read.measure().scores


@pytest.mark.parametrize("text", ["", "half \ud800 a pair", "two\nlines\u2028 and \x00", '"crc32": "00000000"}'])
def test_odd_texts_are_kept(keep: Keep, tmp_path: Path, text: str) -> None:
    """Whatever a model says; half a surrogate pair, which no file can hold, as a question mark."""
    keep(text)

    (answer,) = read_answers(tmp_path).tasks["trec"].answers

    assert text.encode("utf-8", "replace").decode() == answer.prediction


def test_another_protocol_scores_the_same_answers(keep: Keep, tmp_path: Path) -> None:
    """The label says which one; an unknown one is refused."""
    keep()

    assert "opencompass+code-backend-difflib" == read_answers(tmp_path, "opencompass").measure().scores.protocol
    with pytest.raises(UnknownNameError, match="did you mean 'official'"):
        read_answers(tmp_path, "oficial")


def test_an_edited_answer_is_refused(keep: Keep, tmp_path: Path) -> None:
    """With its line."""
    keep()
    path = tmp_path / "answers.jsonl"
    path.write_text(path.read_text().replace('"text": "Food"', '"text": "Date"'))

    with pytest.raises(DataError, match=r"answers\.jsonl, line 1: changed since evalkit wrote it; score the outputs"):
        read_answers(tmp_path)


def test_a_lost_line_is_refused(keep: Keep, tmp_path: Path) -> None:
    """The lines that are left are whole, but not those that were scored."""
    keep()
    path = tmp_path / "answers.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])

    with pytest.raises(DataError, match="not the lines that were scored"):
        read_answers(tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda said: {**said, "protocol": "opencompass"}, "changed since evalkit wrote it"),
        (lambda said: {name: value for name, value in said.items() if name != "format"}, "damaged"),
        (lambda _: [], "damaged"),
        (lambda said: {**said, "schema": 2}, r"written by a later evalkit \(schema 2, this one knows 1\); upgrade"),
    ],
)
def test_a_changed_origin_is_refused(keep: Keep, tmp_path: Path, change: Callable[..., object], problem: str) -> None:
    """How answers were scored is as sure as the answers."""
    keep()
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))

    with pytest.raises(DataError, match=rf"outputs\.json: {problem}"):
        read_answers(tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": 7}, "id: Input should be a valid string"),
        ({"targets": "Food"}, "targets"),
        ({"document": ["a"]}, "document"),
        ({"draw": -1}, "draw"),
        ({"draw": 2}, r"no answer that outputs\.json beside it tells of"),
        ({"task": "lsht"}, r"no answer that outputs\.json beside it tells of"),
        ({"metadata": {"all_classes": [1]}}, "metadata"),
        ({"metadata": {"language": {}}}, "metadata"),
        ({"metadata": {"length": 10**400}}, "a number of 401 digits"),
    ],
)
def test_answers_of_another_shape_are_refused(
    keep: Keep, tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    """Though their checksums are true: what was written with care is not taken on trust."""
    keep()
    _rewrite(tmp_path, change)

    with pytest.raises(DataError, match=rf"answers\.jsonl, line 1: .*{problem}"):
        read_answers(tmp_path)


@pytest.mark.parametrize("number", ["1e999", "-Infinity", "NaN"])
def test_numbers_that_are_not_finite_are_refused(keep: Keep, tmp_path: Path, number: str) -> None:
    """No checksum can be made of them, so their lines have none, as in older releases."""
    keep()
    line, rest = (tmp_path / "answers.jsonl").read_text().split("\n", 1)
    odd = {**json.loads(line), "metadata": {"length": 0.5}}
    del odd[CHECKSUM]
    (tmp_path / "answers.jsonl").write_text(json.dumps(odd).replace("0.5", number) + "\n" + rest)

    with pytest.raises(DataError, match=r"answers\.jsonl, line 1: no answer of evalkit"):
        read_answers(tmp_path)


def test_answers_that_no_metric_takes_are_refused(keep: Keep, tmp_path: Path) -> None:
    """Where a fact that the benchmark needs is of another kind."""
    keep()
    _rewrite(tmp_path, {"metadata": {"all_classes": 7}})

    with pytest.raises(DataError, match=r"answers\.jsonl: cannot be scored"):
        read_answers(tmp_path).measure()


@pytest.mark.parametrize("text", ['{"schema": 1, "x": NaN, ', '{"schema": 1, "x": "\\ud800", '])
def test_an_origin_that_has_no_checksum_is_refused(keep: Keep, tmp_path: Path, text: str) -> None:
    """Numbers that are none and half a pair cannot stand in a file of evalkit."""
    keep()
    path = tmp_path / "outputs.json"
    path.write_text(text + path.read_text().partition('"schema": 1,')[2])

    with pytest.raises(DataError, match=r"outputs\.json: damaged"):
        read_answers(tmp_path)


def _rewrite(folder: Path, change: dict[str, object]) -> None:
    """Change the first answer, and make all checksums true again."""
    lines = (folder / "answers.jsonl").read_bytes().splitlines(keepends=True)
    lines[0] = checked_line({name: value for name, value in json.loads(lines[0]).items() if name != CHECKSUM} | change)
    (folder / "answers.jsonl").write_bytes(b"".join(lines))
    said = json.loads((folder / "outputs.json").read_text())
    said["answers_sha256"] = hashlib.sha256(b"".join(lines)).hexdigest()
    (folder / "outputs.json").write_bytes(json.dumps({**said, CHECKSUM: checksum_of(said)}).encode())


def test_answers_that_are_gone_are_one_line(keep: Keep, tmp_path: Path) -> None:
    """What and what to do."""
    keep()
    (tmp_path / "answers.jsonl").unlink()

    with pytest.raises(DataError, match=r"answers\.jsonl: cannot be read \(No such file or directory\); score"):
        read_answers(tmp_path)
