"""The run folder: nothing finished is lost, nothing is written twice, and only one run at a time lives in it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, RunConflictError, UserError
from evalkit.runs import Manifest, RunStore, SampleRecord, conflict_with, read_manifest, read_records_of_run, torn_line
from evalkit.runs.folder import _store as module

NewRecord = Callable[..., SampleRecord]
NewManifest = Callable[..., Manifest]


def fill(folder: Path, records: list[SampleRecord]) -> Path:
    """The log after those records were stored."""
    with RunStore(folder) as store:
        for each in records:
            store.append(each)
    return folder / "samples.jsonl"


def begin(folder: Path, manifest: Manifest) -> None:
    """Make the folder a run without a record."""
    with RunStore(folder) as store:
        store.open_as(manifest)


def test_records_come_back_as_they_were(tmp_path: Path, record: NewRecord) -> None:
    """Any text: newlines, line separators that are none in JSON, other scripts, nothing at all."""
    texts = ["", "a\nb\r\nc", "\u2028\u2029\x85", "答案", "\x00", '"}\n{"id": 1}']
    stored = [record(index, text=text) for index, text in enumerate(texts)]

    log = fill(tmp_path, stored)

    assert stored == list(read_records_of_run(tmp_path))
    assert len(texts) == log.read_bytes().count(b"\n")


def test_a_record_is_with_the_operating_system_when_append_returns(tmp_path: Path, record: NewRecord) -> None:
    """Killing the process now would lose nothing: another reader sees the line already."""
    with RunStore(tmp_path) as store:
        for count in range(1, 4):
            store.append(record(count))

            assert count == len(list(read_records_of_run(tmp_path)))


def test_a_line_cut_at_any_byte_is_dropped_and_nothing_else(
    tmp_path: Path, record: NewRecord, manifest: NewManifest
) -> None:
    """A killed process leaves at most one torn line; readers skip it and the next writer cuts it off."""
    begin(tmp_path, manifest())
    log = fill(tmp_path, [record(1), record(2)])
    whole = log.read_bytes()
    first = whole.index(b"\n") + 1

    for cut in [0, 1, first - 1, first, first + 1, len(whole) - 2, len(whole) - 1]:
        log.write_bytes(whole[:cut])
        complete = whole[:cut].count(b"\n")

        assert complete == len(list(read_records_of_run(tmp_path)))
        with RunStore(tmp_path) as store:
            store.append(record(3))
        assert [*[1, 2][:complete], 3] == [int(each.id[-1]) for each in read_records_of_run(tmp_path)]


def test_a_torn_line_longer_than_a_block_is_cut_off(tmp_path: Path, record: NewRecord) -> None:
    """The last newline is found however far back it is."""
    log = fill(tmp_path, [record(1)])
    with log.open("ab") as stream:
        stream.write(b"x" * 200_000)

    fill(tmp_path, [record(2)])

    assert ["toy/tales/1", "toy/tales/2"] == [each.id for each in read_records_of_run(tmp_path)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [(b"{broken\n", "line"), (b'{"id": 3}\n', "id"), (b"\xff\xfe\n", "line"), (b"\n", "line"), (b"[]\n", "line")],
)
def test_a_damaged_line_in_the_middle_is_named_by_file_line_and_field(
    tmp_path: Path, record: NewRecord, line: bytes, problem: str
) -> None:
    """It is never skipped: a score over the rest would be a score over other samples."""
    log = fill(tmp_path, [record(1), record(2)])
    first, second = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(first + line + second)

    with pytest.raises(DataError) as caught:
        RunStore(tmp_path).__enter__()

    assert str(caught.value).startswith(f"{log}:2: {problem}")
    assert 1 == len(str(caught.value).splitlines())


def test_a_store_that_cannot_be_opened_lets_the_folder_go(
    tmp_path: Path, record: NewRecord, manifest: NewManifest
) -> None:
    """After the log is repaired the same process can go on."""
    begin(tmp_path, manifest())
    log = fill(tmp_path, [record(1)])
    log.write_bytes(b"{broken\n")
    store = RunStore(tmp_path)
    with pytest.raises(DataError):
        store.__enter__()

    log.write_bytes(b"")

    with RunStore(tmp_path) as again:
        assert {} == again.latest


def test_a_folder_has_one_writer_and_a_dead_one_leaves_no_lock(tmp_path: Path) -> None:
    """Another process is refused while the first lives, and let in the moment it is killed."""
    program = (
        "import sys, time; from pathlib import Path; from evalkit.runs import RunStore;"
        f"store = RunStore(Path({str(tmp_path)!r})).__enter__(); print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert "open\n" == other.stdout.readline()

        with pytest.raises(RunConflictError, match="another evalkit process writes here"):
            RunStore(tmp_path).__enter__()
        other.kill()
        other.wait()

        with RunStore(tmp_path) as store:
            assert {} == store.latest


def test_the_log_is_forced_to_disk_every_few_seconds_and_at_the_end(
    tmp_path: Path, record: NewRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut loses at most those seconds, and fast samples do not wait for the disk one by one.

    The first of all is the name of the log in its folder.
    """
    now, synced = [100.0], []
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module.os, "fsync", lambda _: synced.append(now[0]))

    with RunStore(tmp_path) as store:
        for seconds in (1, 1, 2.5, 0.5, 4.75, 0.5, 30):  # exact in binary; the fourth comes after just five seconds
            now[0] += seconds
            store.append(record(int(now[0] * 10)))

    assert [101.0, 105.0, 110.25, 140.25, 140.25] == synced


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line_and_keeps_what_is_finished(tmp_path: Path, record: NewRecord) -> None:
    """The record that did not fit is the error, also when closing the log fails again."""
    (tmp_path / "samples.jsonl").symlink_to("/dev/full")

    with (
        pytest.raises(UserError, match=r"No space left on device.*run again to go on") as caught,
        RunStore(tmp_path) as store,
    ):
        store.append(record(1))

    assert 1 == len(str(caught.value).splitlines())
    assert {} == store.latest


def test_a_disk_that_fails_at_the_end_is_one_line(
    tmp_path: Path, record: NewRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last flush to disk can be refused too, and the folder is free again afterwards."""

    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(UserError, match="Input/output error"), RunStore(tmp_path) as store:
        store.append(record(1))
        monkeypatch.setattr(module.os, "fsync", refuse)

    monkeypatch.undo()
    with RunStore(tmp_path) as again:
        assert 1 == len(again.latest)


@pytest.mark.parametrize("place", ["run", "run/below"])
def test_a_file_in_the_way_of_the_folder_is_one_line(tmp_path: Path, place: str) -> None:
    """What cannot be written is named, with the way out."""
    (tmp_path / "run").write_text("mine")

    with pytest.raises(UserError, match=r"cannot write results.*choose another --out"):
        RunStore(tmp_path / place).__enter__()

    assert "mine" == (tmp_path / "run").read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    """As above, by permission."""
    tmp_path.chmod(0o500)

    with pytest.raises(UserError, match="cannot write results"):
        RunStore(tmp_path / "run").__enter__()


def test_the_latest_attempt_counts(tmp_path: Path, record: NewRecord) -> None:
    """Attempts are numbered from one, for each step of a sample."""
    fill(tmp_path, [record(1, error="broke", text=None), record(1, attempt=2), record(1, step=1)])

    with RunStore(tmp_path) as store:
        assert (2, None) == (store.latest["toy/tales/1", 0, 0].attempt, store.latest["toy/tales/1", 0, 0].error)
        assert [3, 2, 1] == [
            store.attempt(("toy/tales/" + index, step, 0)) for index, step in (("1", 0), ("1", 1), ("2", 0))
        ]


def test_a_store_that_is_not_open_takes_no_record(tmp_path: Path, record: NewRecord) -> None:
    """A programming error is not a user's error."""
    with pytest.raises(ValueError, match="not open"):
        RunStore(tmp_path).append(record(1))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"protocol": "chain"}, "protocol (plain, now chain)"),
        ({"weights": "v"}, "weights (w, now v)"),
        ({"weights": "v" * 40}, f"weights (w, now {'v' * 40})"),
        ({"weights": "v" * 41}, f"weights (w, now {'v' * 37}…)"),
        ({"seed": 1}, "seed (None, now 1)"),
        ({"data": {"a.jsonl": "2" * 64}}, "data.a.jsonl"),
        ({"data": {"a.jsonl": "2" * 64, "b.jsonl": "3" * 64}}, "data.a.jsonl"),
        ({"data": None}, "data"),
    ],
)
def test_another_run_is_refused_and_the_field_that_differs_is_named(
    tmp_path: Path, manifest: NewManifest, record: NewRecord, changes: dict[str, object], field: str
) -> None:
    """Two runs with different identity never share records; the folder stays as it was."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest())
        store.append(record(1))
        before = (tmp_path / "run.json").read_bytes()

        with pytest.raises(RunConflictError, match="give this run its own --out") as caught:
            store.open_as(manifest(**changes))

    assert f"another {field}" in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())
    assert before == (tmp_path / "run.json").read_bytes()


def test_a_run_without_a_record_gives_its_folder_to_another(tmp_path: Path, manifest: NewManifest) -> None:
    """A first command that failed before its first sample does not bar the corrected one."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest())

        assert conflict_with(tmp_path, manifest(protocol="chain").identity) is None
        assert [] == store.open_as(manifest({"torch": "2.1"}, protocol="chain"))

    assert "chain" == read_manifest(tmp_path).identity["protocol"]


def test_the_files_of_all_tasks_so_far_stay_in_the_identity(
    tmp_path: Path, manifest: NewManifest, record: NewRecord
) -> None:
    """A run may go on with other tasks; the data of earlier ones is still pinned."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest(data={"a.jsonl": "1"}))
        store.append(record(1))
        store.open_as(manifest(data={"b.jsonl": "2"}))

        with pytest.raises(RunConflictError, match=r"data\.a\.jsonl"):
            store.open_as(manifest(data={"a.jsonl": "3"}))

    assert {"a.jsonl": "1", "b.jsonl": "2"} == read_manifest(tmp_path).identity["data"]


def test_a_changed_library_is_a_warning(tmp_path: Path, manifest: NewManifest, record: NewRecord) -> None:
    """It is said, not refused; libraries that came or went are no news."""
    with RunStore(tmp_path) as store:
        assert [] == store.open_as(manifest({"torch": "2.0", "vllm": "0.27"}))
        store.append(record(1))

        warnings = store.open_as(manifest({"torch": "2.1", "jieba": "0.42"}))

    assert ["torch changed since this run began: 2.0 → 2.1"] == warnings


def test_how_much_an_engine_does_at_once_may_change_without_a_word(tmp_path: Path, manifest: NewManifest) -> None:
    """It follows free memory; the manifest says the latest."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest())
        store.note_engine({"batch": 8, "device": "cpu"})

        assert ["device changed since this run began: cpu → gpu"] == store.note_engine({"batch": 4, "device": "gpu"})

    assert 4 == read_manifest(tmp_path).environment["engine"]["batch"]


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe", b"[]", b"{}", b'{"identity": {}, "settings": {}, "environment": {}}']
)
def test_a_damaged_manifest_is_one_line(tmp_path: Path, content: bytes) -> None:
    """The file is named."""
    (tmp_path / "run.json").write_bytes(content)

    with pytest.raises(DataError, match="damaged") as caught:
        read_manifest(tmp_path)

    assert str(caught.value).startswith(str(tmp_path / "run.json"))
    assert 1 == len(str(caught.value).splitlines())


def test_a_folder_without_a_manifest_is_not_a_run(tmp_path: Path) -> None:
    """So `evalkit score .` does not score nothing."""
    with pytest.raises(DataError, match="not a run folder"):
        read_manifest(tmp_path)


def test_an_older_name_of_a_backend_is_read_as_its_name_of_today(
    tmp_path: Path, manifest: NewManifest, record: NewRecord
) -> None:
    """Other names stay as they are."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest(backend="openai"))
        store.append(record(1))

        assert "endpoint" == read_manifest(tmp_path).identity["backend"]
        assert [] == store.open_as(manifest(backend="endpoint"))
        with pytest.raises(RunConflictError, match="another backend"):
            store.open_as(manifest(backend="vllm"))


def test_a_log_that_may_not_be_read_is_one_line(
    tmp_path: Path, record: NewRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever asks for its records."""
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps(record(0).model_dump()) + "\n")
    opened = Path.open

    def refuse(each: Path, *arguments: Any, **options: Any) -> Any:
        if each == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(each, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(DataError, match=r"samples\.jsonl: cannot be read \(Permission denied\)$"):
        list(read_records_of_run(tmp_path))
    with pytest.raises(DataError, match=r"samples\.jsonl: cannot be read"):
        torn_line(tmp_path)


LEDGER: dict[str, Any] = {
    "mode": "middle", "before": 9, "after": 7, "head": 4, "tail": 3, "kept": [[0, 4], [6, 9]], "evidence_kept": True
}  # fmt: skip


def test_a_record_of_a_cut_prompt_is_read(tmp_path: Path, record: NewRecord) -> None:
    """The ledger below is whole before it is changed."""
    (tmp_path / "samples.jsonl").write_text(json.dumps(record(0).model_dump() | {"ledger": LEDGER}) + "\n")

    (read,) = read_records_of_run(tmp_path)
    assert read.ledger is not None
    assert [(0, 4), (6, 9)] == read.ledger.kept


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None}, {"finish_reason": "error"}, {"step": -1}, {"attempt": -5}, {"prompt_sha256": ""},
        {"prompt_sha256": "g" * 64}, {"output_tokens": -1}, {"seconds": -0.5}, {"seconds": float("inf")},
        {"cached_tokens": -1}, {"prompt_tokens": -2}, {"reasoning_tokens": -1},
        {"output_tokens": 2**60}, {"margin": float("inf")}, {"rope_base": float("nan")},
        {"ledger": LEDGER | {"after": -1}}, {"ledger": LEDGER | {"kept": [[4, 2]]}},
        {"ledger": LEDGER | {"kept": [[6, 9], [0, 4]]}}, {"ledger": LEDGER | {"evidence_tokens": [2**60]}},
        {"ledger": LEDGER | {"evidence_depths": [float("-inf")]}},
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_is_damaged(tmp_path: Path, record: NewRecord, changes: dict[str, Any]) -> None:
    """Neither an answer nor a failure, or a number that counts nothing: named by its line, never graded."""
    line = json.dumps(record(0).model_dump() | changes)
    (tmp_path / "samples.jsonl").write_text(line + "\n")

    with pytest.raises(DataError, match=r"samples\.jsonl:1: "):
        list(read_records_of_run(tmp_path))


def test_what_stands_against_going_on_is_said_without_touching_the_folder(
    tmp_path: Path, manifest: NewManifest, record: NewRecord
) -> None:
    """A plan asks before a run does; a folder without a run stands against nothing."""
    identity = manifest().identity

    assert conflict_with(tmp_path, identity) is None
    with RunStore(tmp_path) as store:
        store.open_as(manifest())
        store.append(record(1))

    assert conflict_with(tmp_path, identity) is None
    assert conflict_with(tmp_path, {name: value for name, value in identity.items() if name != "weights"}) is None
    conflict = conflict_with(tmp_path, identity | {"model": "other"})
    assert conflict is not None and "another model" in conflict


def test_an_answer_is_read_back_from_the_log(
    tmp_path: Path, manifest: Callable[..., Manifest], record: Callable[..., SampleRecord]
) -> None:
    """The latest one, whatever lines stand before and behind it, also behind a torn line that was cut."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest())
        for text in ("one", "two — 二"):
            store.append(record(1, text=text))
        store.append(record(2, text=None, error="no", finish_reason="error"))
    with (tmp_path / "samples.jsonl").open("ab") as stream:
        stream.write(b'{"id": "torn')

    with RunStore(tmp_path) as again:
        again.open_as(manifest())
        again.append(record(3, text="three"))
        found = [again.answer((f"toy/tales/{index}", 0, 0)) for index in (1, 2, 3, 4)]

    assert ["two — 二", None, "three", None] == found


def test_a_record_takes_a_few_hundred_bytes_of_memory(
    tmp_path: Path, manifest: Callable[..., Manifest], record: Callable[..., SampleRecord]
) -> None:
    """However long answers are: they stay in the log."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest())
        for index in range(500):
            store.append(record(index, text="word " * 2000))

    tracemalloc.start()
    with RunStore(tmp_path) as again:
        held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (500, True) == (len(again.latest), held / 500 < 800)
