"""Small PDF and DOCX files, whole and hostile, made here."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

__all__ = ["deflated", "docx_of", "pdf_of", "repacked"]


def pdf_of(pages: Sequence[str], *, kids: str = "", packed: bytes = b"", cmap: bytes = b"") -> bytes:
    """A PDF 1.4 with these texts in Latin letters; "" is a page without text, or one that draws `packed` (deflated).

    `kids` are page objects to name instead of the pages, `cmap` says which characters the letters stand for.
    """
    named = kids or " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    last = 4 + 2 * len(pages)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{named}] /Count {len(named.split()) // 3} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica%s >>" % (b" /ToUnicode %d 0 R" % last if cmap else b""),
    ]
    for number, text in enumerate(pages):
        drawn = " ".join(f"({line}) Tj T*" for line in text.split("\n"))
        content = f"BT /F1 10 Tf 12 TL 50 780 Td {drawn} ET".encode("latin-1") if text else packed
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {5 + 2 * number} 0 R >>".encode(),
            b"<< /Length %d%s >>\nstream\n%s\nendstream"
            % (len(content), b"" if text or not packed else b" /Filter /FlateDecode", content),
        ]
    if cmap:
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(cmap), cmap))
    return _pdf(objects)


def _pdf(objects: Sequence[bytes]) -> bytes:
    target, places = io.BytesIO(), list[int]()
    target.write(b"%PDF-1.4\n")
    for number, content in enumerate(objects, 1):
        places.append(target.tell())
        target.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = target.tell()
    target.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    target.writelines(b"%010d 00000 n \n" % place for place in places)
    target.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return target.getvalue()


def deflated(block: bytes, times: int) -> bytes:
    """The block so many times, deflated, without ever being in memory."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(block) for _ in range(times)) + packer.flush()


def docx_of(*lines: str | Sequence[Sequence[str]]) -> bytes:
    """A DOCX with paragraphs and tables in this order."""
    import docx

    document = docx.Document()
    for line in lines:
        if isinstance(line, str):
            document.add_paragraph(line)
            continue
        table = document.add_table(len(line), len(line[0]))
        for row, texts in zip(table.rows, line, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    return _saved(document)


def _saved(document: Any) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def repacked(data: bytes, name: str, content: bytes) -> bytes:
    """The DOCX with another content of one of its files."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for each in old.namelist():
            new.writestr(each, content if each == name else old.read(each))
        if name not in old.namelist():
            new.writestr(name, content)
    return target.getvalue()
