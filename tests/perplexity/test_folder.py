"""The folder of a curve: it goes on, and believes nothing that is damaged or of another curve."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.errors import DataError, RunConflictError, UserError
from evalkit.perplexity import Cell, CurveFolder, Progress, WindowRecord

IDENTITY = {"weights": "abc", "lengths": [4, 8]}
CELLS = [Cell(8, "default/base=10000.0", length) for length in (4, 8)]


def record(window: int, document: str = "a.txt") -> WindowRecord:
    """A window with losses that binary fractions do not hold."""
    return WindowRecord(
        document=document, window=window, window_length=8, text_sha256=f"{window}" * 8, rope=CELLS[0].rope,
        lengths=(4, 8), nats=(0.1 + window, 0.7 / 3 + window), tokens=(3, 7),
    )  # fmt: skip


def filled(folder: Path, windows: int) -> dict[str, dict[Cell, Progress]]:
    """A folder with so many windows of a document; what it then knows."""
    with CurveFolder(folder) as there:
        there.open_as(IDENTITY, {"torch": "2"})
        for window in range(windows):
            there.append(record(window))
        return there.progress


def test_sums_come_back_as_they_were(tmp_path: Path) -> None:
    """To the last bit, so a curve that went on equals one made in one go."""
    before = filled(tmp_path / "out", 7)

    with CurveFolder(tmp_path / "out") as there:
        warnings = there.open_as(IDENTITY, {"torch": "3"})

        assert before == there.progress
    assert ["torch changed since this curve began: 2 → 3"] == warnings
    assert (7, 21) == (before["a.txt"][CELLS[0]].windows, before["a.txt"][CELLS[0]].tokens)


def test_a_torn_last_line_is_made_again(tmp_path: Path) -> None:
    """Power fails in the middle of a line."""
    filled(tmp_path, 3)
    log = tmp_path / "windows.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])

    with CurveFolder(tmp_path) as there:
        there.open_as(IDENTITY, {})
        assert 2 == there.progress["a.txt"][CELLS[0]].windows
        there.append(record(2))

    assert whole == log.read_bytes()


def test_another_curve_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    """By the first field that differs; one without a window yet has nothing to protect."""
    filled(tmp_path / "out", 1)
    before = (tmp_path / "out" / "manifest.json").read_bytes()

    with CurveFolder(tmp_path / "out") as there, pytest.raises(RunConflictError, match="another weights"):
        there.open_as({**IDENTITY, "weights": "def"}, {})

    assert before == (tmp_path / "out" / "manifest.json").read_bytes()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda lines: [lines[0].replace(b"0.1", b"0.2"), *lines[1:]], ":1: does not match its checksum"),
        (lambda lines: [lines[0], b"{}\n", *lines[1:]], ":2: Field required"),
        (lambda lines: [lines[0], *lines[2:]], ":2: window 2, and 1 of them stand before it"),
        (lambda lines: [*lines, lines[0]], ":4: window 0, and 3 of them stand before it"),
    ],
)
def test_a_log_that_is_not_what_was_written_is_refused_by_its_line(
    change: object, complaint: str, tmp_path: Path
) -> None:
    """With what to do about it."""
    filled(tmp_path, 3)
    log = tmp_path / "windows.jsonl"
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))  # type: ignore[operator]

    with CurveFolder(tmp_path) as there, pytest.raises(DataError, match=f"{complaint}.*remove this line and all"):
        there.open_as(IDENTITY, {})


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Nor a file taken for a folder."""
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(RunConflictError, match=r"holds thesis\.tex and is no curve"), CurveFolder(tmp_path):
        pass
    with pytest.raises(RunConflictError, match="is a file"), CurveFolder(tmp_path / "thesis.tex"):
        pass
    assert ["thesis.tex"] == [path.name for path in tmp_path.iterdir()]


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    """The second is told at once."""
    with CurveFolder(tmp_path), pytest.raises(RunConflictError, match="another evalkit process"), CurveFolder(tmp_path):
        pass


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", None])
def test_a_lost_manifest_is_said_beside_a_log(tmp_path: Path, content: bytes | None) -> None:
    """It is a curve's folder all the same, and what is missing has a name."""
    (tmp_path / "windows.jsonl").write_bytes(b"{}\n")
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)

    with pytest.raises(UserError, match=r"manifest.json: missing or damaged.*put it back"), CurveFolder(tmp_path):
        pass


def test_another_model_is_named_before_what_differs_with_it(tmp_path: Path) -> None:
    """Beginning and tokenizer are another one's too."""
    with CurveFolder(tmp_path) as folder:
        folder.open_as({"model": "a", "beginning": [1]}, {})
    (tmp_path / "windows.jsonl").touch()

    with CurveFolder(tmp_path) as folder, pytest.raises(RunConflictError, match=r"another model \(a, now b\)"):
        folder.open_as({"model": "b", "beginning": []}, {})


def test_a_manifest_of_a_later_release_is_refused(tmp_path: Path) -> None:
    """Its fields may mean other things."""
    filled(tmp_path, 1)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))

    with pytest.raises(UserError, match="of another release"), CurveFolder(tmp_path):
        pass
