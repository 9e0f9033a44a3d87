"""The manifest and its copy: a run is never lost with one small file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, UserError
from evalkit.runs import Manifest, RunStore, SampleRecord, manifest_note, read_manifest, restore_manifest
from evalkit.runs.folder._manifest import mend_manifest, write_manifest

NewManifest = Callable[..., Manifest]
NewRecord = Callable[..., SampleRecord]

DAMAGE = [b"", b"\0" * 512, b" \n", b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 20_000]


def damage(folder: Path, content: bytes | None, name: str = "run.json") -> Path:
    """Write the content in place of the file, or remove it."""
    path = folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return path


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what `run.json` says, as a user does in an editor."""
    path = folder / "run.json"
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))


@pytest.mark.parametrize("content", [*DAMAGE, None])
def test_a_damaged_manifest_is_read_from_its_copy_and_rebuilt(
    tmp_path: Path, manifest: NewManifest, content: bytes | None
) -> None:
    """One line says so; nothing that stood there is lost."""
    write_manifest(tmp_path, manifest())
    whole = (tmp_path / "run.json").read_bytes()
    damage(tmp_path, content)

    assert manifest() == read_manifest(tmp_path)
    note, line = manifest_note(tmp_path), restore_manifest(tmp_path)

    assert note is not None and "run.copy.json is read in its place" in note
    assert (
        line is not None and line.startswith(f"{tmp_path / 'run.json'} was ") and "rebuilt from run.copy.json" in line
    )
    assert whole == (tmp_path / "run.json").read_bytes()
    assert (None, None) == (manifest_note(tmp_path), restore_manifest(tmp_path))
    kept = [path.read_bytes() for path in tmp_path.glob("run.json.damaged-*")]
    assert kept == [content] * bool(content and content.strip(b"\0 \n"))


@pytest.mark.parametrize("content", [*DAMAGE, None])
def test_a_damaged_copy_harms_nothing_and_is_made_again(
    tmp_path: Path, manifest: NewManifest, content: bytes | None
) -> None:
    """By the next run, or by repair."""
    write_manifest(tmp_path, manifest())
    whole = (tmp_path / "run.copy.json").read_bytes()
    damage(tmp_path, content, "run.copy.json")

    assert manifest() == read_manifest(tmp_path)
    assert (None, None) == (manifest_note(tmp_path), restore_manifest(tmp_path))
    assert ["run.copy.json was missing or damaged"] == [
        line.partition(f"{tmp_path}/")[2][:36] for line in mend_manifest(tmp_path)
    ]
    assert whole == (tmp_path / "run.copy.json").read_bytes()
    assert [] == mend_manifest(tmp_path)


@pytest.mark.parametrize("content", DAMAGE)
def test_a_manifest_damaged_like_its_copy_is_one_line(tmp_path: Path, content: bytes, manifest: NewManifest) -> None:
    """The file is named, and what is left to do; nothing is written."""
    write_manifest(tmp_path, manifest())
    for name in ("run.json", "run.copy.json"):
        damage(tmp_path, content, name)

    with pytest.raises(DataError, match=r"run\.json: damaged .* restore it, or start a new run") as caught:
        read_manifest(tmp_path)

    assert 1 == len(str(caught.value).splitlines())
    assert restore_manifest(tmp_path) is None
    assert {content} == {path.read_bytes() for path in tmp_path.iterdir()}


def test_the_same_run_goes_on_after_its_manifest_was_emptied(
    tmp_path: Path, manifest: NewManifest, record: NewRecord
) -> None:
    """Its records count, another run is still refused, and the first warning tells of it."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest(data={"a.jsonl": "1"}))
        store.append(record(1))
    damage(tmp_path, b"")

    with RunStore(tmp_path) as store:
        warnings = store.open_as(manifest(data={"b.jsonl": "2"}))

    assert 1 == len(store.latest)
    assert [True] == ["was damaged (empty) and is rebuilt" in line for line in warnings]
    assert {"a.jsonl": "1", "b.jsonl": "2"} == read_manifest(tmp_path).identity["data"]


@pytest.mark.parametrize("version", [2, 99, "99", 1e300])
@pytest.mark.parametrize("has_record", [True, False])
def test_a_manifest_of_a_later_release_is_refused_and_kept(
    tmp_path: Path, manifest: NewManifest, record: NewRecord, version: object, has_record: bool
) -> None:
    """What its fields mean is not known here: it is neither read nor rebuilt nor replaced."""
    with RunStore(tmp_path) as store:
        store.open_as(manifest())
        if has_record:
            store.append(record(1))
    edit(tmp_path, lambda said: said.update(schema_version=version))
    before = (tmp_path / "run.json").read_bytes()

    for action in (read_manifest, restore_manifest, lambda folder: RunStore(folder).__enter__()):
        with pytest.raises(DataError, match=r"written by a later evalkit .*; upgrade evalkit"):
            action(tmp_path)

    assert before == (tmp_path / "run.json").read_bytes()


def test_a_manifest_of_an_older_release_has_no_checksum_and_is_read(tmp_path: Path, manifest: NewManifest) -> None:
    """Without a word, and without a copy."""
    (tmp_path / "run.json").write_text(manifest().model_dump_json(indent=2))

    assert manifest() == read_manifest(tmp_path)
    assert (None, None, []) == (manifest_note(tmp_path), restore_manifest(tmp_path), mend_manifest(tmp_path))


def test_a_changed_manifest_counts_and_is_said(tmp_path: Path, manifest: NewManifest) -> None:
    """People correct paths in it; the line names the first difference, both values and both ways out."""
    write_manifest(tmp_path, manifest())
    edit(tmp_path, lambda said: said["settings"].update(benchmark="mine.yaml"))

    assert "mine.yaml" == read_manifest(tmp_path).settings["benchmark"]
    line = str(manifest_note(tmp_path))
    assert "changed since evalkit wrote it (settings.benchmark: 'toy' → 'mine.yaml')" in line
    assert f"evalkit repair {tmp_path} takes that back" in line
    edit(tmp_path, lambda said: said.pop("crc32"))
    assert manifest_note(tmp_path) is None


def test_a_changed_manifest_is_taken_back_by_repair(tmp_path: Path, manifest: NewManifest) -> None:
    """The changed one is kept beside."""
    write_manifest(tmp_path, manifest())
    edit(tmp_path, lambda said: said["identity"].update(protocol="chain"))

    (line,) = mend_manifest(tmp_path)

    assert "(identity.protocol: 'plain' → 'chain')" in line
    assert "plain" == read_manifest(tmp_path).identity["protocol"]
    assert "chain" == json.loads((tmp_path / "run.json.damaged-1").read_text())["identity"]["protocol"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"settings": {"options": [1]}}, "settings.options is a list"),
        ({"settings": {"options": {"seed": 1}}}, "settings.options holds other values than texts"),
        ({"settings": {"files": {"a.jsonl": None}}}, "settings.files holds other values than texts"),
        ({"settings": {"altered": 5}}, "settings.altered is a int"),
        ({"settings": {"context_length": "x"}}, "settings.context_length is a str"),
        ({"identity": {"data": []}}, "identity.data is a list"),
        ({"identity": {"options": True}}, "identity.options is a bool"),
        ({"identity": {"max_seq_len": "8k"}}, "identity.max_seq_len is a str"),
        ({"settings": {"tasks": 7}}, "settings.tasks is a int"),
    ],
)
def test_a_manifest_that_says_something_else_than_a_run_is_damaged(
    tmp_path: Path, manifest: NewManifest, change: dict[str, dict[str, object]], problem: str
) -> None:
    """Never a traceback of what reads it later."""
    said = json.loads(manifest().model_dump_json())
    for part, values in change.items():
        said[part].update(values)
    (tmp_path / "run.json").write_text(json.dumps(said))

    with pytest.raises(DataError, match="damaged") as caught:
        read_manifest(tmp_path)

    assert problem in str(caught.value)


def test_a_copy_that_cannot_be_written_back_is_read_all_the_same(
    tmp_path: Path, manifest: NewManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a medium that is read-only the note stays, and the run can be scored."""
    write_manifest(tmp_path, manifest())
    damage(tmp_path, b"")

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", refuse)

    assert restore_manifest(tmp_path) is None
    assert "run.copy.json is read in its place" in str(manifest_note(tmp_path))
    assert manifest() == read_manifest(tmp_path)
    with pytest.raises(UserError, match="cannot be written"):
        write_manifest(tmp_path, manifest())
