"""Files: what is no document is refused before it is read, in one line."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.documents import LARGEST, Document, _bytes, document_of, read_document
from evalkit.errors import DataError


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(LARGEST + 1)


def _empty(path: Path) -> None:
    path.touch()


def _blank(path: Path) -> None:
    path.write_text("\ufeff \r\n\t\u3000\n", "utf-8")


def _misspelt(path: Path) -> None:
    path.with_name("docs.txt").write_text("text")


def _broken_link(path: Path) -> None:
    path.symlink_to("gone.txt")


def _nowhere(path: Path) -> None:
    path.parent.rmdir()


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "folder": (_folder, "is a folder; name a file"),
    "pipe": (_pipe, "is a pipe; name a file"),
    "device": (_device, "is a device; name a file"),
    "loop": (_loop, "cannot be read"),
    "too large": (_huge, "67.1 MB, a document has at most 67.1 MB; take a part"),
    "empty": (_empty, "is empty; name a file"),
    "blank": (_blank, "holds nothing but blanks"),
    "missing": (_misspelt, "no such file; did you mean 'docs.txt'?"),
    "broken link": (_broken_link, "links to gone.txt, which is not there"),
    "no folder": (_nowhere, "no such file; there is no folder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_document_is_refused(name: str, tmp_path: Path) -> None:
    """What, where, and what to do."""
    make, reason = REFUSED[name]
    path = tmp_path / "here" / "doc.txt"
    path.parent.mkdir()
    make(path)

    with pytest.raises(DataError) as caught:
        read_document(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_a_locked_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's reason, and that its owner can help."""
    path = tmp_path / "doc.txt"
    path.write_text("text")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_bytes.os, "open", refuse)

    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\); let this user read it"):
        read_document(path)


def test_a_file_that_is_being_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a file is nobody's document."""
    path, fstat, sizes = tmp_path / "doc.txt", os.fstat, list[int]()
    path.write_text("half")

    def grow(handle: int) -> os.stat_result:
        found = fstat(handle)
        if not sizes:
            path.write_text("half and half")
        sizes.append(found.st_size)
        return found

    monkeypatch.setattr(_bytes.os, "fstat", grow)

    assert "half and half" == read_document(path).text
    assert [4, 13] == sizes


KNOWN = {
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0", "an image; run text recognition"),
    "gzip": (b"\x1f\x8b\x08\0\0", "an archive; unpack it"),
    "zip": (b"PK\3\4" + bytes(60), "an archive; unpack it"),
    "ELF": (b"\x7fELF\2\1\1\0", "a program"),
    "safetensors": (b"\x40\0\0\0\0\0\0\0{}", "model weights"),
    "old Word": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60),
        "an Office file of before 2007 (DOC, XLS, PPT); save",
    ),
    "RTF": (rb"{\rtf1 text}", "rich text (RTF); save it as DOCX"),
    "EPUB": (b"PK\3\4" + bytes(26) + b"mimetypeapplication/epub+zip", "an e-book (EPUB); convert"),
    "ODT": (b"PK\3\4" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text", "an OpenDocument file; save"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_formats_are_told_by_their_bytes(name: str) -> None:
    """A name that ends in `.txt` makes no text of an image."""
    data, what = KNOWN[name]

    with pytest.raises(DataError) as caught:
        document_of("a.txt", data)

    assert str(caught.value).startswith(f"a.txt: is {what}")


def test_html_and_text_named_otherwise_are_text() -> None:
    """And that a name lies is said."""
    page = "<p>é</p>".encode()
    expected = Document("a.html", "<p>é</p>", "text", "utf-8", hashlib.sha256(page).hexdigest())

    assert expected == document_of("a.html", page)
    assert "text" == document_of("a.txt", b"GIF8 and RIFF are signs; %PDF-1.4 is one, too").kind
    assert ("is named PDF and is text",) == document_of("a.pdf", b"text").notes


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\docs\\a.txt", "a.txt"),
        ("a\x1b[2J\n.txt", "a\\x1b[2J .txt"),
        ("", "document"),
        ("x" * 999, "x" * 255),
    ],
)
def test_names_of_uploads_are_only_shown(name: str, shown: str) -> None:
    """Neither paths nor anything that a terminal obeys."""
    assert shown == document_of(name, b"text").name


def test_uploads_have_a_size() -> None:
    """The same as files."""
    with pytest.raises(DataError, match=r"a\.txt: 67\.1 MB, a document has at most"):
        document_of("a.txt", bytes(LARGEST + 1))


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no such sockets here")
def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening one is an error of its own."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")

        with pytest.raises(DataError, match="is a socket"):
            read_document(Path("s"))
