"""A file of dialogues, in one of the forms that people have them in, as examples."""

from __future__ import annotations

from pathlib import Path

from evalkit.documents import Document, document_of, read_document
from evalkit.errors import DataError, MissingDependencyError
from evalkit.files import user_path
from evalkit.printable import counted
from evalkit.tasks.samples import Turn

from ._dialogues import Dialogue, dialogues_of, find_character, turns_of
from ._examples import Examples
from ._forms import FORMS, Part
from ._json import json_records, parts_of_record
from ._table import parts_of_table

__all__ = ["LARGEST_FILE", "MOST_EXAMPLES", "read_examples"]

LARGEST_FILE = 2**23
"""Bytes of a file of dialogues: that of Index-1.9B-Character's own character has 17,000."""
MOST_EXAMPLES = 10_000
"""Turns of a file: as many questions of 40 random Chinese characters take 6 s of computing to index on one core."""

NAMES = ("role_name", "character")


def read_examples(source: Path | str | tuple[str, bytes], character: str | None = None) -> Examples:
    """The examples of a file, or of an upload given as name and bytes.

    `character` is who answers in dialogues; None = whom the file names, who is called as the file is, or who speaks
    second. Raises `DataError` with file and line for a file that is none of dialogues or too large.
    """
    _require_bm25s()
    document = _document(source)
    name = document.name
    parts, named = _parts(name, document.text.removeprefix("\ufeff"))
    dialogues = [part for part in parts if isinstance(part, Dialogue)]
    who = find_character(dialogues, character or named, name) if dialogues else character or ""
    found = [turn for part in parts for turn in ([part] if isinstance(part, Turn) else turns_of(part, who))]
    turns = tuple(dict.fromkeys(turn for turn in found if turn.question.strip() and turn.answer.strip()))
    if not turns:
        raise DataError(f"{name}: no question with an answer in it; {FORMS}")
    if len(turns) > MOST_EXAMPLES:
        raise DataError(f"{name}: {len(turns):,} examples, {MOST_EXAMPLES:,} are the most; take a part of it")
    answering = f" of {who}" if who else ""
    examples = Examples(name, turns, who, (*document.notes, f"{counted(len(turns), 'example')}{answering}"))
    examples.prepare()
    return examples


def _require_bm25s() -> None:
    try:
        import bm25s  # noqa: F401
    except ImportError:
        raise MissingDependencyError("bm25s", "chat", "role play") from None


def _document(source: Path | str | tuple[str, bytes]) -> Document:
    if isinstance(source, tuple):
        _check_size(source[0], len(source[1]))
        return document_of(*source)
    path = user_path(source)
    if path.is_file():
        _check_size(str(path), path.stat().st_size)
    return read_document(path)


def _check_size(place: str, size: int) -> None:
    if size > LARGEST_FILE:
        raise DataError(
            f"{place}: larger than {LARGEST_FILE:,} bytes, which no file of dialogues is; take a part of it"
        )


def _parts(name: str, text: str) -> tuple[list[Part], str]:
    """Examples and dialogues of the file, and the character that it names; empty where it names none."""
    suffix = Path(name).suffix.lower()
    if suffix in {".json", ".jsonl"}:
        records = list(json_records(name, text))
        parts = [part for place, record in records for part in parts_of_record(place, record)]
        return parts, next((str(each[key]) for _, each in records for key in NAMES if each.get(key)), "")
    if suffix in {".csv", ".tsv"}:
        return list(parts_of_table(name, text, "\t" if suffix == ".tsv" else ",")), ""
    return list(dialogues_of(name, enumerate(text.splitlines(), 1))), ""
