"""Repair: what is no record leaves the log, what is one stays byte for byte, and nothing is thrown away."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from evalkit.errors import DataError, RunConflictError, UserError
from evalkit.runs import Manifest, Repair, RunStore, SampleRecord, read_records_of_run, repair_run
from evalkit.runs.folder import _repair as module

NewRecord = Callable[..., SampleRecord]
Begin = Callable[..., list[bytes]]


@pytest.fixture
def begin(tmp_path: Path, manifest: Callable[..., Manifest], record: NewRecord) -> Begin:
    """Maker of a run in `tmp_path`: `begin(4)` records, or those given; the lines of its log."""

    def make(records: int | Sequence[SampleRecord] = 4) -> list[bytes]:
        with RunStore(tmp_path) as store:
            store.open_as(manifest())
            for each in map(record, range(records)) if isinstance(records, int) else records:
                store.append(each)
        return (tmp_path / "samples.jsonl").read_bytes().splitlines(keepends=True)

    return make


def damage(folder: Path, lines: Sequence[bytes]) -> Path:
    """Write the log anew; its path."""
    log = folder / "samples.jsonl"
    log.write_bytes(b"".join(lines))
    return log


def ids(folder: Path) -> list[str]:
    """Ids of the records, in their order."""
    return [each.id for each in read_records_of_run(folder)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\n", "line: empty"),
        (b"\0" * 512 + b"\n", "line: zero bytes only, as a power cut leaves them"),
        (b"{broken\n", "line: Invalid JSON"),
        (b"[]\n", "line: Input should be an object"),
        (b'{"a": 1}\n', "id: Field required"),
        (b"\xff\xfe\n", "line: Invalid JSON"),
        (b"[" * 100_000 + b"\n", "line: Invalid JSON"),
    ],
    ids=["empty", "zeros", "broken", "list", "foreign", "bytes", "nested"],
)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_line_that_is_no_record_is_moved_out(
    tmp_path: Path, begin: Begin, line: bytes, reason: str, place: int
) -> None:
    """At the start, in the middle and at the end; readers name the verb before, and are content afterwards."""
    lines = begin()
    damaged = [*lines[:place], line, *lines[place:]]
    log = damage(tmp_path, damaged)
    with pytest.raises(DataError, match=f"samples.jsonl:{place + 1}: .*repair it: evalkit repair {tmp_path}") as caught:
        ids(tmp_path)
    assert 1 == len(str(caught.value).splitlines())

    done = repair_run(tmp_path)

    assert ([place + 1], 4, 0) == ([each.line for each in done.dropped], done.kept, done.saved)
    assert done.dropped[0].reason.startswith(reason)
    assert b"".join(lines) == log.read_bytes()
    assert done.original == tmp_path / "samples.jsonl.damaged-1"
    assert b"".join(damaged) == done.original.read_bytes()


def test_a_line_that_says_something_else_than_was_written_is_moved_out(tmp_path: Path, begin: Begin) -> None:
    """Whole JSON with another answer in it; the id of the sample that must be asked again is told."""
    lines = begin()
    damage(tmp_path, [lines[0], lines[1].replace(b"answer 1", b"answer 7"), *lines[2:]])

    (dropped,) = repair_run(tmp_path).dropped

    assert (2, "line: does not match its checksum, so it is not what was written", "toy/tales/1") == dropped[:3]
    assert ["toy/tales/0", "toy/tales/2", "toy/tales/3"] == ids(tmp_path)


def test_whole_records_inside_a_damaged_line_are_saved(tmp_path: Path, begin: Begin) -> None:
    """Behind zeros, joined to the next because the line end was hit, and behind the half of another."""
    lines = begin(6)
    damage(
        tmp_path,
        [b"\0" * 512 + lines[0], lines[1][:-1] + b"\x0b" + lines[2], lines[3][:40] + lines[4], lines[5]],
    )

    done = repair_run(tmp_path)

    assert ([1, 2, 3], 5, 4) == ([each.line for each in done.dropped], done.kept, done.saved)
    assert [f"toy/tales/{number}" for number in (0, 1, 2, 4, 5)] == ids(tmp_path)


def test_a_torn_last_line_is_moved_out_too(tmp_path: Path, begin: Begin) -> None:
    """The next run would drop it; here it is kept in the copy."""
    lines = begin()
    damage(tmp_path, [*lines[:3], lines[3][:-9]])

    done = repair_run(tmp_path)

    assert [(4, "line: torn, the log ends in it", "toy/tales/3")] == [each[:3] for each in done.dropped]
    assert 3 == len(ids(tmp_path))


def test_a_whole_run_needs_no_repair(tmp_path: Path, begin: Begin) -> None:
    """Not a byte changes, no copy is made, no lock is left, and old lines without a checksum are whole."""
    lines = begin()
    damage(tmp_path, [*lines[:2], lines[2].partition(b', "crc32"')[0] + b"}\r\n", lines[3]])
    (tmp_path / ".lock").unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert Repair(kept=4) == repair_run(tmp_path)

    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_repairs_never_overwrite_what_they_kept(tmp_path: Path, begin: Begin) -> None:
    """Each has its number; a second call finds nothing left to do."""
    lines = begin()
    for number in (1, 2):
        damage(tmp_path, [*lines, b"%d\n" % number])
        assert tmp_path / f"samples.jsonl.damaged-{number}" == repair_run(tmp_path).original
        assert [] == repair_run(tmp_path).dropped

    assert [b"1\n", b"2\n"] == [(tmp_path / f"samples.jsonl.damaged-{number}").read_bytes()[-2:] for number in (1, 2)]


def test_records_of_no_sample_are_moved_out_where_samples_are_known(
    tmp_path: Path, begin: Begin, record: NewRecord
) -> None:
    """The caller says which they are."""
    begin([record(0), record(0, id="x/y/z"), record(1)])

    done = repair_run(tmp_path, lambda each: None if each.id.startswith("toy/") else "no sample")

    assert [(2, "no sample", "x/y/z")] == [each[:3] for each in done.dropped]
    assert ["toy/tales/0", "toy/tales/1"] == ids(tmp_path)


def test_later_steps_leave_with_the_step_that_they_were_made_of(
    tmp_path: Path, begin: Begin, record: NewRecord
) -> None:
    """Their prompts hold its answer, which may come out otherwise when it is asked again."""
    lines = begin([record(0), record(0, step=1), record(1), record(1, step=1), record(1, step=2)])
    damage(tmp_path, [*lines[:2], b"\n", *lines[3:]])

    done = repair_run(tmp_path)

    assert [3, 4, 5] == [each.line for each in done.dropped]
    assert [("toy/tales/0", 0), ("toy/tales/0", 1)] == [(each.id, each.step) for each in read_records_of_run(tmp_path)]


def test_a_folder_whose_run_nobody_knows_is_refused_and_not_touched(tmp_path: Path, begin: Begin) -> None:
    """Without a manifest no repair makes its records useful."""
    begin()
    for name in ("run.json", "run.copy.json"):
        (tmp_path / name).write_bytes(b"")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(DataError, match=r"neither run\.json nor run\.copy\.json can be read"):
        repair_run(tmp_path)

    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_run_that_is_being_written_is_not_repaired(tmp_path: Path, begin: Begin) -> None:
    """Its writer holds the lock; the folder stays as it is."""
    lines = begin()
    log = damage(tmp_path, [*lines, b"\n"])
    with module.run_lock(tmp_path), pytest.raises(RunConflictError, match="an evalkit process writes here"):
        repair_run(tmp_path)

    assert b"".join([*lines, b"\n"]) == log.read_bytes()


@pytest.mark.parametrize("step", ["keep_aside", "partial_of", "sync_folder"])
def test_a_repair_that_fails_loses_nothing(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whichever part of it the disk refuses: the log is the old one or the new one, whole."""
    lines = begin()
    log = damage(tmp_path, [*lines, b"\n"])

    def refuse(_: Path) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(module, step, refuse)
    with pytest.raises(UserError, match="cannot be repaired"):
        repair_run(tmp_path)

    assert log.read_bytes() in (b"".join([*lines, b"\n"]), b"".join(lines))
    assert [] == list(tmp_path.glob("*.part"))
