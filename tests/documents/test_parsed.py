"""PDF and DOCX: the text in its order, and one line for what is damaged, locked, scanned or hostile."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from evalkit.documents import _parsed, document_of
from evalkit.errors import DataError, MissingDependencyError
from tests.documents.builders import deflated, docx_of, pdf_of, repacked

WORDS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MAIN = "word/document.xml"
ENDLESS = deflated(b"BT (a) Tj ET " * 8000, 1000)  # 104 MB, where pypdf stops at 75


def test_pages_are_read_in_their_order() -> None:
    """A blank line between two of them."""
    document = document_of("a.pdf", pdf_of(["First line\nsecond line", "Page two"]))

    assert "First line\nsecond line\n\nPage two" == document.text
    assert ("pdf", None, ()) == (document.kind, document.encoding, document.notes)


def test_a_pdf_of_matplotlib_is_read() -> None:
    """Another writer, with fonts of its own and packed streams."""
    import matplotlib
    from matplotlib.figure import Figure

    target = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42}):
        figure = Figure()
        figure.text(0.1, 0.5, "Mona’s locker: № 4711 – ü")
        figure.savefig(target, format="pdf")

    assert "Mona’s locker: № 4711 – ü" == document_of("a.pdf", target.getvalue()).text.strip()


def test_glyphs_are_read_as_the_characters_they_draw() -> None:
    """Browsers write radicals for characters of Chinese; a needle would not be found in what they write."""
    names = "<2F47> <2EF0> <FB02>"
    cmap = f"1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfrange <41> <43> [{names}] endbfrange".encode()
    data = pdf_of(["ABC"], cmap=cmap)

    assert "日龙fl" == document_of("a.pdf", data).text


def test_pages_without_text_are_said() -> None:
    """Some are a note, all are none to ask about."""
    some = document_of("a.pdf", pdf_of(["text", "", ""]))

    assert ("2 of 3 pages have no text (pages 2, 3): scanned pages need OCR first",) == some.notes
    with pytest.raises(
        DataError, match=r"^a\.pdf: 2 of 2 pages have no text .* scanned pages need OCR first; run text"
    ):
        document_of("a.pdf", pdf_of(["", ""]))


def test_content_decides_what_a_file_is() -> None:
    """A PDF and a DOCX under other names are read as what they are, which is said."""
    assert ("is a PDF file, whatever its name",) == document_of("a.txt", pdf_of(["text"])).notes
    assert ("is a DOCX file, whatever its name",) == document_of("a.pdf", docx_of("text")).notes


def _locked(password: str) -> bytes:
    import pypdf

    writer, target = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_of(["text"]))), io.BytesIO()
    writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    writer.write(target)
    return target.getvalue()


def test_an_encrypted_pdf_is_read_where_it_has_no_password() -> None:
    """As every viewer reads it."""
    assert "text" == document_of("a.pdf", _locked("")).text
    with pytest.raises(DataError, match=r"^a\.pdf: is encrypted; save it without its password"):
        document_of("a.pdf", _locked("secret"))


def test_paragraphs_and_tables_are_read_in_their_order() -> None:
    """Rows are lines, cells are separated by tabs."""
    data = docx_of("First 中文", [["a", "b"], ["c\nd", "e"]], "", "Last")

    document = document_of("a.docx", data)

    assert "First 中文\na\tb\nc d\te\n\nLast" == document.text
    assert ("docx", None, ()) == (document.kind, document.encoding, document.notes)


def test_text_of_controls_links_and_revisions_is_read() -> None:
    """As it stands when all changes are accepted; python-docx's own paragraphs leave the first and the third out."""
    run = "<w:r><w:t xml:space='preserve'>{}</w:t></w:r>"
    body = (
        f"<w:sdt><w:sdtContent><w:p>{run.format('control')}</w:p></w:sdtContent></w:sdt>"
        f"<w:p><w:hyperlink>{run.format('link')}</w:hyperlink><w:ins>{run.format(' new')}</w:ins>"
        "<w:del><w:r><w:delText> old</w:delText></w:r></w:del><w:r><w:tab/><w:t>x</w:t><w:br/><w:t>y</w:t></w:r></w:p>"
        f"<w:p><w:r><w:pict><w:txbxContent><w:p>{run.format('box')}</w:p></w:txbxContent></w:pict></w:r></w:p>"
    )

    document = document_of("a.docx", repacked(docx_of(), MAIN, _body(body)))

    assert "control\nlink new\tx\ny\n\nbox" == document.text


def _body(content: str, head: str = "") -> bytes:
    return f"{head}<w:document {WORDS}><w:body>{content}</w:body></w:document>".encode()


def _entities() -> bytes:
    names = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<!DOCTYPE b [<!ENTITY a0 "ha">{names}]>'
    return repacked(docx_of(), MAIN, _body("<w:p><w:r><w:t>&a11;</w:t></w:r></w:p>", head))


HOSTILE = {
    "cut PDF": (pdf_of(["text"])[:300], "is a damaged PDF"),
    "no PDF": (b"%PDF-1.4\n", "is a damaged PDF"),
    "no pages": (pdf_of([]), "is a PDF without pages"),
    "loop of pages": (pdf_of(["text"], kids="2 0 R"), "is a damaged PDF"),
    "packed without end": (pdf_of([""], packed=ENDLESS), "1 of 1 page cannot be read"),
    "cut DOCX": (docx_of("text")[:3000], "is a damaged DOCX"),
    "entities": (_entities(), "is a damaged DOCX"),
    "deep XML": (repacked(docx_of(), MAIN, _body("<w:sdt>" * 9000 + "</w:sdt>" * 9000)), "is a damaged DOCX"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_and_hostile_files_are_refused(name: str) -> None:
    """In one line."""
    data, reason = HOSTILE[name]

    with pytest.raises(DataError, match=reason) as caught:
        document_of("a.bin", data)

    assert str(caught.value).startswith("a.bin: ")
    assert 1 == len(str(caught.value).splitlines())


def test_a_docx_that_unpacks_without_end_is_refused() -> None:
    """Before any of it is unpacked."""
    with pytest.raises(DataError, match=r"^a\.docx: unpacks to 269 MB, which no document does"):
        document_of("a.docx", repacked(docx_of("text"), "word/media/bomb.bin", bytes(2**28)))


def test_entities_read_no_file(tmp_path: Path) -> None:
    """What a DOCX names outside itself stays there."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    head = f'<!DOCTYPE b [<!ENTITY a SYSTEM "{secret.as_uri()}">]>'
    data = repacked(docx_of(), MAIN, _body("<w:p><w:r><w:t>seen &a;</w:t></w:r></w:p>", head))

    assert "seen " == document_of("a.docx", data).text


def test_time_and_memory_have_a_bound() -> None:
    """Of the process that reads, whoever started it goes on."""
    long = repacked(docx_of(), MAIN, _body("<w:p/>" * 500_000))
    large = repacked(docx_of(), "docProps/thumbnail.jpeg", bytes(2**27))

    with pytest.raises(DataError, match=r"^a: the DOCX cannot be read: it did not end within 0 seconds of computing"):
        _parsed.parsed(long, "docx", "a", _parsed.BOUNDS._replace(cpu_seconds=0))
    with pytest.raises(DataError, match=r"^a: the DOCX cannot be read: it takes more than 0\.125 GiB of memory"):
        _parsed.parsed(large, "docx", "a", _parsed.BOUNDS._replace(memory_bytes=2**27))


def test_nothing_of_the_working_folder_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `pypdf.py` or `json.py` beside the document is not imported."""
    for name in ("pypdf", "json", "docx", "lxml"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.fspath(tmp_path))

    assert "text" == document_of("a.pdf", pdf_of(["text"])).text


@pytest.mark.parametrize(("package", "data"), [("pypdf", pdf_of(["text"])), ("docx", docx_of("text"))])
def test_a_missing_package_is_named(package: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'evalkit\[chat\]'"):
        document_of("a", data)


def test_damage_is_said_where_pages_can_be_read() -> None:
    """A page that cannot be read, and an end that is missing."""
    whole = pdf_of(["one", ""], packed=ENDLESS)

    damaged, cut = document_of("a.pdf", whole), document_of("a.pdf", pdf_of(["one"]) + b"9 0 obj\n" * 200)

    assert ("one", ("1 of 2 pages cannot be read (page 2): the file is damaged",)) == (damaged.text, damaged.notes)
    assert ("the PDF ends before its end: text may be missing; get the file again",) == cut.notes
