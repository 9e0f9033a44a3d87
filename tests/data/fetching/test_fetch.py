"""Fetching, locating and verifying files of a source, against a local server."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evalkit.data import (
    MissingFileError,
    Progress,
    Source,
    SourceFile,
    fetch,
    locate,
    verify,
)
from evalkit.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from conftest import LocalServer

NAME = "Exam/task.jsonl"


def ignore(_: Progress) -> None:
    """A progress report that nobody reads."""


def files_below(folder: Path) -> set[str]:
    """Names of all files but locks."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def changed(source: Source, **facts: object) -> Source:
    """The source with other facts about its one file."""
    return source.model_copy(update={"files": (source.files[0].model_copy(update=facts),)})


def test_fetch_downloads_what_is_missing(git_source: Source, cache: Path, body: bytes) -> None:
    """The file lies in the cache under its local path, verified."""
    (located,) = fetch(git_source, ignore)

    assert cache / "toy" / NAME == located.path
    assert body == located.path.read_bytes()
    assert located.pinned


def test_fetch_leaves_no_part_file(git_source: Source, cache: Path) -> None:
    """After a good download the cache holds the file and nothing else."""
    fetch(git_source, ignore)

    assert {f"toy/{NAME}"} == files_below(cache)


def test_fetch_reports_progress_per_file(git_source: Source, body: bytes) -> None:
    """The last report of a file says that all of it is there."""
    seen: list[Progress] = []

    fetch(git_source, seen.append)

    assert Progress(NAME, len(body), len(body)) == seen[-1]


def test_fetch_again_makes_no_request(git_source: Source, server: LocalServer) -> None:
    """What is there and verified is not downloaded again."""
    fetch(git_source, ignore)
    server.requests.clear()

    fetch(git_source, ignore)

    assert [] == server.requests


def test_a_wrong_digest_leaves_nothing_behind(git_source: Source, server: LocalServer, cache: Path) -> None:
    """Other bytes under the pinned address are refused and removed; the message has both digests."""
    (address,) = server.files
    server.files[address] = b'{"number": 1}\n'
    wrong = hashlib.sha256(server.files[address]).hexdigest()
    source = changed(git_source, bytes=len(server.files[address]))

    with pytest.raises(DataError, match=wrong) as caught:
        fetch(source, ignore)

    assert str(source.files[0].sha256) in str(caught.value)
    assert NAME in str(caught.value)
    assert set() == files_below(cache)


def test_a_damaged_beginning_is_fetched_again_from_nothing(git_source: Source, cache: Path, body: bytes) -> None:
    """A part file that is not a beginning of the file costs one more download, no error."""
    part = cache / "toy" / f"{NAME}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" * 1000)

    (located,) = fetch(git_source, ignore)

    assert body == located.path.read_bytes()


def test_an_interrupted_download_continues_in_the_next_run(
    git_source: Source, server: LocalServer, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that gives up keeps what arrived; the next one asks for the rest."""
    monkeypatch.setattr("evalkit.data.fetching._http.ATTEMPTS", 1)
    server.faults = ["cut"]
    with pytest.raises(DataError, match="cannot download"):
        fetch(git_source, ignore)

    (located,) = fetch(git_source, ignore)

    assert f"bytes={len(body) // 2}-" == server.requests[-1][2]
    assert located.pinned


def test_a_wrong_number_of_records_is_refused(git_source: Source, cache: Path) -> None:
    """A listing whose counts do not fit the bytes is a mistake that shows at once."""
    with pytest.raises(DataError, match="has 50 records, expected 49"):
        fetch(changed(git_source, records=49), ignore)

    assert set() == files_below(cache)


def test_an_unpinned_file_is_recorded_and_enforced(git_source: Source, server: LocalServer, cache: Path) -> None:
    """Where no digest is known, the first fetch decides and later downloads must be the same."""
    source = changed(git_source, sha256=None, bytes=None, records=None)
    (first,) = fetch(source, ignore)
    first.path.unlink()
    (address,) = server.files
    server.files[address] = b'{"number": 1}\n'

    with pytest.raises(DataError, match=f"expected {first.sha256}"):
        fetch(source, ignore)

    assert (False, True) == (first.pinned, first.recorded)
    assert {NAME: first.sha256} == json.loads((cache / "toy" / "recorded_digests.json").read_text())


def test_an_unpinned_file_that_is_not_json_lines_is_not_recorded(
    git_source: Source, server: LocalServer, cache: Path
) -> None:
    """An error page with status 200 never becomes the file to trust."""
    (address,) = server.files
    server.files[address] = b"<html>rate limit</html>\n"

    with pytest.raises(DataError, match="not JSON"):
        fetch(changed(git_source, sha256=None, bytes=None, records=None), ignore)

    assert set() == files_below(cache)


@pytest.mark.parametrize("content", ['{"Exam/ta', "5", '{"a": 1}', "[" * 100_000, '{"a": "b", "a": "c"}'])
def test_a_damaged_digest_record_is_named(git_source: Source, cache: Path, content: str) -> None:
    """A torn record of digests is an error with the remedy, not a fresh start."""
    record = cache / "toy" / "recorded_digests.json"
    record.parent.mkdir(parents=True)
    record.write_text(content)

    with pytest.raises(DataError, match=r"recorded_digests\.json: .*delete it and run: evalkit data fetch"):
        fetch(changed(git_source, sha256=None, bytes=None, records=None), ignore)


def test_a_cache_that_is_a_file_is_an_error_of_one_line(git_source: Source, cache: Path) -> None:
    """The message names the path and EVALKIT_CACHE."""
    cache.write_text("in the way")

    with pytest.raises(DataError, match="EVALKIT_CACHE") as caught:
        fetch(git_source, ignore)

    assert str(cache) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_cache_without_permission_is_an_error_of_one_line(git_source: Source, cache: Path) -> None:
    """The message says that permission is denied and names EVALKIT_CACHE."""
    cache.mkdir(mode=0o500)

    with pytest.raises(DataError, match=r"Permission denied.*EVALKIT_CACHE"):
        fetch(git_source, ignore)


@pytest.mark.parametrize(
    ("code", "advice"),
    [(errno.ENOSPC, "No space left.*free some space"), (errno.EACCES, "Permission denied.*EVALKIT_CACHE")],
)
def test_a_write_that_fails_is_an_error_of_one_line(
    git_source: Source, monkeypatch: pytest.MonkeyPatch, code: int, advice: str
) -> None:
    """A full disk and a refused write say what to do."""

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(DataError, match=advice):
        fetch(git_source, ignore)


def test_locate_prefers_the_users_folder_then_the_data_folder_then_the_cache(
    git_source: Source, cache: Path, body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of places is the documented one, and the folder may hold the file flat."""
    nested, flat, data = tmp_path / "nested" / NAME, tmp_path / "flat" / "task.jsonl", tmp_path / "data"
    for path in (nested, flat, data / "toy" / NAME, cache / "toy" / NAME):
        path.parent.mkdir(parents=True)
        path.write_bytes(body)
    in_cache = locate(git_source, NAME).path
    monkeypatch.setenv("EVALKIT_DATA", str(data))

    found = [locate(git_source, NAME, folder=folder).path for folder in (nested.parents[1], flat.parent, None)]

    assert [nested, flat, data / "toy" / NAME, cache / "toy" / NAME] == [*found, in_cache]


def test_a_differing_file_names_both_digests_and_the_remedy(git_source: Source, tmp_path: Path) -> None:
    """Without --partial a file that is not the pinned one is an error."""
    path = tmp_path / "task.jsonl"
    path.write_bytes(b'{"number": 1}\n')
    found = hashlib.sha256(path.read_bytes()).hexdigest()

    with pytest.raises(DataError, match=f"{path} has sha256 {found}, expected .*--partial"):
        locate(git_source, NAME, folder=tmp_path)


def test_a_part_of_a_file_is_accepted_on_request(git_source: Source, tmp_path: Path) -> None:
    """With partial, the user's own file may differ, and says that it is not pinned."""
    path = tmp_path / "task.jsonl"
    path.write_bytes(b'{"number": 1}\n')

    located = locate(git_source, NAME, folder=tmp_path, partial=True)

    assert (path, False) == (located.path, located.pinned)


def test_a_damaged_cache_file_is_refused_even_with_partial(git_source: Source, cache: Path) -> None:
    """What evalkit downloaded is whole or wrong; the remedy is to fetch it again."""
    path = cache / "toy" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"number": 1}\n')

    with pytest.raises(DataError, match="delete it and run: evalkit data fetch toy"):
        locate(git_source, NAME, partial=True)


def test_a_missing_file_names_the_command(git_source: Source) -> None:
    """Without a download the message says which command brings the file."""
    with pytest.raises(MissingFileError, match=r"Exam/task\.jsonl.*evalkit data fetch toy"):
        locate(git_source, NAME, download=False)


def test_a_folder_that_does_not_exist_is_named(git_source: Source, tmp_path: Path) -> None:
    """A mistyped --data is not the same as a folder without the file."""
    with pytest.raises(DataError, match=r"data folder of toy is .*nowhere, which is not a folder"):
        locate(git_source, NAME, folder=tmp_path / "nowhere")


def test_a_mistyped_data_variable_is_named(git_source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EVALKIT_DATA that names nothing is an error, not a reason to download."""
    monkeypatch.setenv("EVALKIT_DATA", str(tmp_path / "nowhere"))

    with pytest.raises(DataError, match=r"EVALKIT_DATA is .*nowhere, which is not a folder"):
        locate(git_source, NAME)


def test_processes_that_fetch_at_once_download_once(git_source: Source, server: LocalServer) -> None:
    """The first one downloads under a lock, the others find the file."""
    with ThreadPoolExecutor(4) as pool:
        digests = {item.sha256 for item in pool.map(lambda _: locate(git_source, NAME), range(4))}

    assert {git_source.files[0].sha256} == digests
    assert 1 == len(server.requests)


def test_an_unknown_file_suggests_the_nearest(git_source: Source) -> None:
    """A mistyped file name is answered with the right one."""
    with pytest.raises(UnknownNameError, match=r"did you mean 'Exam/task.jsonl'"):
        locate(git_source, "Exam/tasks.jsonl")


def test_verify_says_where_each_file_is_and_whether_it_is_right(
    git_source: Source, body: bytes, tmp_path: Path
) -> None:
    """Missing, good, short and unpinned files each get their state; nothing is downloaded."""
    (tmp_path / "task.jsonl").write_bytes(body.splitlines(keepends=True)[0])
    unpinned = changed(git_source, sha256=None, bytes=None, records=None)
    (missing,) = verify(git_source)
    (differs,) = verify(git_source, folder=tmp_path)
    (loose,) = verify(unpinned, folder=tmp_path)
    fetch(git_source, ignore)

    (good,) = verify(git_source)

    assert ["missing", "differs", "unpinned", "ok"] == [item.state for item in (missing, differs, loose, good)]
    assert [None, "folder", "folder", "cache"] == [item.where for item in (missing, differs, loose, good)]
    assert "1 records, expected 50" in differs.detail


def test_verify_does_not_call_a_first_download_pinned(git_source: Source) -> None:
    """It is held to what came first, and that nobody else vouches for it is said."""
    source = changed(git_source, sha256=None, bytes=None, records=None)
    fetch(source, ignore)

    (check,) = verify(source)

    assert ("recorded", "as first downloaded; the source names no digest") == (check.state, check.detail)


def test_verify_reports_a_file_that_is_not_json_lines(git_source: Source, tmp_path: Path) -> None:
    """An unreadable file is one check that fails, not the end of the checks."""
    (tmp_path / "task.jsonl").write_bytes(b"{\n")

    (check,) = verify(git_source, folder=tmp_path)

    assert "differs" == check.state
    assert "task.jsonl:1: not JSON" in check.detail


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.jsonl", "a/../b.jsonl", "a//b.jsonl"])
def test_a_listing_cannot_name_files_outside_its_folder(path: str) -> None:
    """A source's files stay below its folder."""
    with pytest.raises(ValueError, match="not a plain relative path"):
        SourceFile(path=path, upstream="x", sha256=None, bytes=None, records=None)
