"""Which folders a run may write to: new ones, empty ones, its own, and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.errors import RunConflictError
from evalkit.runs import Manifest, RunStore, SampleRecord, check_place, conflict_with

NewManifest = Callable[..., Manifest]
NewRecord = Callable[..., SampleRecord]

FOREIGN = [
    {"samples.jsonl": b'{"a":1}\n{"precious": "no newline at end"}'},
    {"samples.jsonl": b"no newline"},
    {"scores.json": b"{}"},
    {"tables/scores.csv": b"a,b\n"},
    {"figures/single.png": b"\x89PNG"},
    {"notes.txt": b"mine"},
    {"run.json": b'{"name": "a project of mine"}'},
    {"run.json": b"{", "samples.jsonl": b""},
    {"run.json": b"", "samples.jsonl": b'{"a": 1}\n'},
    {"run.copy.json": b"{}"},
    {"twin/run.json": b"{}"},
    {".bashrc": b"alias"},
    {".git/HEAD": b"ref: refs/heads/main"},
]


def fill(folder: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """Write the files; what the folder then holds."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return held(folder)


def held(folder: Path) -> dict[str, bytes]:
    """All files below the folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("files", FOREIGN, ids=lambda files: " ".join(files))
def test_a_folder_that_is_no_run_is_refused_and_not_touched(
    tmp_path: Path, manifest: NewManifest, files: dict[str, bytes]
) -> None:
    """Not a byte of it, and no lock is left in it; a plan says the same."""
    before = fill(tmp_path, files)

    with pytest.raises(RunConflictError, match="is no run of evalkit, so nothing is written there") as caught:
        RunStore(tmp_path).__enter__()

    assert before == held(tmp_path)
    assert min(files).partition("/")[0] in str(caught.value)
    assert str(caught.value) == conflict_with(tmp_path, manifest().identity)


@pytest.mark.parametrize(
    "files",
    [
        {}, {".DS_Store": b"x"}, {".gitignore": b"*", "lost+found/.keep": b"", ".run.json.abcdef-1-0.part": b"x"},
        {"samples.jsonl": b""}, {"run.json": b"\0" * 512, "samples.jsonl": b""},
        {"run.json": b""},
    ],
    ids=lambda files: " ".join(files) or "empty",
)  # fmt: skip
def test_a_folder_with_nothing_to_lose_takes_a_run(
    tmp_path: Path, manifest: NewManifest, files: dict[str, bytes]
) -> None:
    """New, empty, or left by a run that a power cut ended before its first record."""
    fill(tmp_path, files)

    with RunStore(tmp_path) as store:
        assert [] == store.open_as(manifest())

    assert {"run.json", "run.copy.json", "samples.jsonl"} <= held(tmp_path).keys()


def test_what_a_user_keeps_in_a_run_folder_stays(tmp_path: Path, manifest: NewManifest, record: NewRecord) -> None:
    """Notes and figures of one's own are nobody's business."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest())
        store.append(record(1))
    fill(tmp_path, {"notes.md": b"mine", "figures/own.png": b"mine"})

    with RunStore(tmp_path) as store:
        store.open_as(manifest())

    assert [b"mine", b"mine"] == [held(tmp_path)[name] for name in ("notes.md", "figures/own.png")]


def test_another_run_leaves_the_folder_as_it_was(tmp_path: Path, manifest: NewManifest, record: NewRecord) -> None:
    """A conflict is found before the torn line is cut; no lock is left where there was none."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest())
        store.append(record(1))
    with (tmp_path / "samples.jsonl").open("ab") as stream:
        stream.write(b'{"id": "torn')
    (tmp_path / ".lock").unlink()
    before = held(tmp_path)

    with pytest.raises(RunConflictError, match="another protocol"), RunStore(tmp_path) as store:
        store.open_as(manifest(protocol="chain"))

    assert before == held(tmp_path)
    check_place(tmp_path)
