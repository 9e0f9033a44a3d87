"""Members of zip files: unpacked where asked, refused where the archive is not what it should be."""

from __future__ import annotations

import hashlib
import io
import stat
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evalkit.data import GitOrigin, MissingFileError, Source, SourceFile, locate, verify
from evalkit.data.fetching import _archive as archive_module
from evalkit.data.fetching._archive import extract_member
from evalkit.errors import DataError

if TYPE_CHECKING:
    from conftest import LocalServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LINES = b'{"number": 1}\n{"number": 2}\n'
NAME = "data/task.jsonl"


def zipped(members: dict[str, bytes] | None = None) -> bytes:
    """A zip file with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in (members or {NAME: LINES}).items():
            opened.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A harmless archive with one member."""
    path = tmp_path / "data.zip"
    path.write_bytes(zipped())
    return path


def test_a_member_is_written_where_asked(archive: Path, tmp_path: Path) -> None:
    """Its bytes, under the caller's name."""
    extract_member(archive, NAME, tmp_path / "out")

    assert LINES == (tmp_path / "out").read_bytes()


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.jsonl", "data/../../up", "..\\up", "C:evil", "a\\..\\b"])
def test_an_archive_with_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Even where another member is asked for: upstream made no such archive."""
    path = tmp_path / "data.zip"
    path.write_bytes(zipped({NAME: LINES, name: b"x"}))

    with pytest.raises(DataError, match="which no archive of benchmark data does"):
        extract_member(path, NAME, tmp_path / "out")
    assert ["data.zip"] == [each.name for each in tmp_path.iterdir()]


def test_a_link_is_refused(tmp_path: Path) -> None:
    """A member that would become a symbolic link."""
    path, info = tmp_path / "data.zip", zipfile.ZipInfo("data/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(NAME, LINES)
        opened.writestr(info, "/etc/passwd")

    with pytest.raises(DataError, match="holds a link, 'data/link'"):
        extract_member(path, NAME, tmp_path / "out")


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    """Which of them would count depends on the reader."""
    path = tmp_path / "data.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as opened:
        warnings.simplefilter("ignore")
        opened.writestr(NAME, LINES)
        opened.writestr(NAME, b"other")

    with pytest.raises(DataError, match="two members named"):
        extract_member(path, NAME, tmp_path / "out")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A member that grows a thousandfold."""
    path = tmp_path / "data.zip"
    path.write_bytes(zipped({NAME: bytes(10_000_000)}))

    with pytest.raises(DataError, match="shrunk from 10000000 to"):
        extract_member(path, NAME, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_member_that_states_too_small_a_size_is_refused(archive: Path, tmp_path: Path) -> None:
    """No more is unpacked than the stated size, and the check sum then does not fit."""
    content = archive.read_bytes()
    size = len(LINES).to_bytes(4, "little")
    archive.write_bytes(content.replace(size, (len(LINES) - 5).to_bytes(4, "little")))

    with pytest.raises(DataError, match="is damaged"):
        extract_member(archive, NAME, tmp_path / "out")


def test_an_enormous_member_is_refused(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little it was shrunk."""
    monkeypatch.setattr(archive_module, "MEMBER_BYTES", len(LINES) - 1)

    with pytest.raises(DataError, match=f"task.jsonl with {len(LINES)} bytes"):
        extract_member(archive, NAME, tmp_path / "out")


def test_an_encrypted_member_is_refused(archive: Path, tmp_path: Path) -> None:
    """Nobody has a password for it."""
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)

    with pytest.raises(DataError, match="encrypted"):
        extract_member(archive, NAME, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04 and nothing else"])
def test_a_zip_that_is_not_one_is_named(tmp_path: Path, content: bytes) -> None:
    """An error page saved under the name of the archive."""
    path = tmp_path / "data.zip"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"data\.zip: not a zip file"):
        extract_member(path, NAME, tmp_path / "out")


def test_a_cut_archive_is_not_unpacked(archive: Path, tmp_path: Path) -> None:
    """Its directory stands at its end."""
    archive.write_bytes(archive.read_bytes()[:-30])

    with pytest.raises(DataError, match="not a zip file"):
        extract_member(archive, NAME, tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_is_the_archives_fault_not_the_disks(tmp_path: Path, method: int) -> None:
    """Whatever packed it: readers of bz2 raise the operating system's errors, those of lzma errors of their own."""
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w", method) as opened:
        opened.writestr(NAME, LINES * 99)
    raw = bytearray(path.read_bytes())
    start = raw.index(NAME.encode()) + len(NAME)
    raw[start + 6 : start + 40] = b"\xa5" * 34
    path.write_bytes(raw)

    with pytest.raises(DataError, match=r"member data/task\.jsonl is damaged .*: delete it and get it again"):
        extract_member(path, NAME, tmp_path / "out.jsonl")


def test_an_offset_before_the_file_is_damage_too(tmp_path: Path) -> None:
    """The entry of the directory points nowhere."""
    path = tmp_path / "data.zip"
    raw = bytearray(zipped())
    entry = raw.index(b"PK\1\2")
    raw[entry + 42 : entry + 46] = b"\xff\xff\xff\x7f"
    path.write_bytes(raw)

    with pytest.raises(DataError, match=r"damaged|not a zip file"):
        extract_member(path, NAME, tmp_path / "out.jsonl")


def test_a_missing_member_is_named(archive: Path, tmp_path: Path) -> None:
    """The archive is another one than expected."""
    with pytest.raises(DataError, match=r"has no member data/other\.jsonl"):
        extract_member(archive, "data/other.jsonl", tmp_path / "out")


@pytest.fixture
def packed(server: LocalServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source whose one task lies in an archive that `server` serves; no digest of the task is known."""
    assert not cache.exists()
    monkeypatch.setenv("EVALKIT_GIT_ENDPOINT", server.address)
    content = zipped()
    server.files[f"/owner/repo/{COMMIT}/data.zip"] = content
    return Source(
        name="packed", title="Packed", homepage="", licence="MIT", folder="packed",
        origin=GitOrigin(repo="owner/repo", commit=COMMIT),
        files=(
            SourceFile(
                path="data.zip", upstream="data.zip", sha256=hashlib.sha256(content).hexdigest(), bytes=len(content),
                records=None,
            ),
            SourceFile(path="task.jsonl", upstream=NAME, archive="data.zip", sha256=None, bytes=None, records=2),
        ),
    )  # fmt: skip


def test_a_file_in_an_archive_is_fetched_with_it(packed: Source, cache: Path) -> None:
    """The archive is downloaded and the file unpacked into the cache, from then on held to its digest."""
    located = locate(packed, "task.jsonl")

    assert (cache / "packed" / "task.jsonl", True) == (located.path, located.pinned)
    assert LINES == located.path.read_bytes()


def test_the_digest_of_the_first_unpacking_is_enforced(packed: Source) -> None:
    """Upstream publishes none, so what came first counts."""
    locate(packed, "task.jsonl").path.write_bytes(LINES.replace(b"2", b"3"))

    with pytest.raises(DataError, match=f"expected {hashlib.sha256(LINES).hexdigest()}"):
        locate(packed, "task.jsonl")


def test_a_file_in_an_archive_of_the_users_folder_is_unpacked(packed: Source, server: LocalServer, cache: Path) -> None:
    """`--data` may name the folder that holds the archive; nothing is downloaded."""
    folder = cache.parent / "mine"
    folder.mkdir()
    (folder / "data.zip").write_bytes(server.files.pop(f"/owner/repo/{COMMIT}/data.zip"))

    located = locate(packed, "task.jsonl", folder=folder, download=False)

    assert LINES == located.path.read_bytes()


def test_another_archive_does_not_fill_the_cache(packed: Source, cache: Path) -> None:
    """With --partial a user's own archive is no error by itself, but the cache stands for upstream."""
    folder = cache.parent / "mine"
    folder.mkdir()
    (folder / "data.zip").write_bytes(zipped({NAME: b'{"number": 7}\n'}))

    with pytest.raises(DataError, match="not the archive that packed pins: unpack it"):
        locate(packed, "task.jsonl", folder=folder, partial=True, download=False)


def test_without_download_a_missing_archive_is_a_missing_file(packed: Source) -> None:
    """So that --partial leaves the task out."""
    with pytest.raises(MissingFileError, match=r"packed file data\.zip is not on this machine"):
        locate(packed, "task.jsonl", download=False)


def test_a_wrong_number_of_records_is_not_kept(packed: Source, cache: Path) -> None:
    """The archive was the pinned one, but the listing expects more of the file."""
    task = packed.files[1].model_copy(update={"records": 3})
    changed = packed.model_copy(update={"files": (packed.files[0], task)})

    with pytest.raises(DataError, match="has 2 records, expected 3; nothing was kept"):
        locate(changed, "task.jsonl")
    assert not (cache / "packed" / "task.jsonl").exists()


def test_a_part_of_an_unpacked_file_is_told_by_its_records(packed: Source, cache: Path) -> None:
    """Where no digest is known, the number of records is checked, unless --partial allows a part."""
    folder = cache.parent / "mine"
    folder.mkdir()
    (folder / "task.jsonl").write_bytes(b'{"number": 1}\n')

    with pytest.raises(DataError, match=r"has 1 records, expected 2.*use --partial"):
        locate(packed, "task.jsonl", folder=folder)
    assert not locate(packed, "task.jsonl", folder=folder, partial=True).pinned
    assert "differs" == verify(packed, folder=folder)[1].state
