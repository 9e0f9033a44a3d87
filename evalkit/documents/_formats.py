"""What a file is, told by its bytes: names lie."""

from __future__ import annotations

from typing import Literal

from evalkit.errors import DataError

__all__ = ["Format", "format_of"]

Format = Literal["text", "pdf", "docx"]

HEAD = 1024  # bytes in which a PDF may begin (ISO 32000-1, annex H of Adobe's implementation notes)
SAVE = "save it as DOCX, PDF or text"
IMAGE = "an image; run text recognition on it (tesseract) and save the text"
ARCHIVE = "an archive; unpack it and name a file of it"
PROGRAM = "a program; name a text, PDF or DOCX file"
WEIGHTS = "model weights; name a text, PDF or DOCX file"
OTHERS = (
    (b"{\\rtf", f"rich text (RTF); {SAVE}"),
    (b"%!PS", "PostScript; convert it: ps2pdf FILE"),
    (b"AT&TFORM", "DjVu; convert it to PDF: ddjvu -format=pdf FILE NEW"),
    (b"\x89PNG\r\n", IMAGE),
    (b"\xff\xd8\xff", IMAGE),
    (b"GIF8", IMAGE),
    (b"II*\0", IMAGE),
    (b"MM\0*", IMAGE),
    (b"RIFF", "a sound, film or image"),
    (b"\x1f\x8b", ARCHIVE),
    (b"BZh", ARCHIVE),
    (b"\xfd7zXZ", ARCHIVE),
    (b"\x28\xb5\x2f\xfd", ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", ARCHIVE),
    (b"Rar!\x1a", ARCHIVE),
    (b"\x7fELF", PROGRAM),
    (b"\xcf\xfa\xed\xfe", PROGRAM),
    (b"GGUF\0", WEIGHTS),
    (b"GGUF\3", WEIGHTS),
    (b"\x93NUMPY", "an array of numpy; name a text, PDF or DOCX file"),
    (b"SQLite format 3\0", "a database; export the text of it"),
    (b"PAR1", "a table (Parquet); export the text of it"),
)
ZIPPED = (
    (b"word/document", "docx"),
    (b"application/epub+zip", "an e-book (EPUB); convert it to text: pandoc -t plain FILE -o NEW"),
    (b"application/vnd.oasis.opendocument", f"an OpenDocument file; {SAVE}"),
    (b"xl/workbook", "a spreadsheet (XLSX); save it as CSV or text"),
    (b"ppt/presentation", "a presentation (PPTX); save it as PDF"),
)


def format_of(data: bytes, place: str) -> Format:
    """The format that a file is read as; `DataError` for one that is known and holds no text that can be read."""
    if _is_pdf(data):
        return "pdf"
    found = _zipped(data) if data.startswith(b"PK\3\4") else _other(data)
    if found in ("text", "docx"):
        return "docx" if found == "docx" else "text"
    raise DataError(f"{place}: is {found}")


def _is_pdf(data: bytes) -> bool:
    start = data.find(b"%PDF-", 0, HEAD)
    return start >= 0 and (not data[:start].strip(b"\xef\xbb\xbf \t\r\n") or b"startxref" in data)


def _zipped(data: bytes) -> str:
    """Names of an archive's files stand in it as they are."""
    return next((what for sign, what in ZIPPED if sign in data), ARCHIVE)


def _other(data: bytes) -> str:
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        if "EncryptedPackage".encode("utf-16-le") in data:
            return f"an Office file with a password; {SAVE}, without one"
        return f"an Office file of before 2007 (DOC, XLS, PPT); {SAVE}"
    if data.startswith(b"MZ") and b"\0" in data[:64]:
        return PROGRAM
    if data[8:9] == b"{" and data[5:8] == b"\0\0\0":  # safetensors: a length in eight bytes, then JSON
        return WEIGHTS
    return next((what for sign, what in OTHERS if data.startswith(sign)), "text")
