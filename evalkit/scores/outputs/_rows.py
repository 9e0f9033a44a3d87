"""What the reader of a format makes of one task's outputs: rows, each with all that its file tells of the sample."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.errors import DataError

__all__ = ["LINES", "Found", "Row", "content_of", "digest", "gold_texts", "readable"]

LINES = (".jsonl", ".jsonl.gz")
"""How names of JSON lines files end."""


@dataclass(frozen=True, slots=True)
class Row:
    """One prediction of a file, or the place of one that failed."""

    place: str
    """File and line or row number, for messages."""
    index: int
    """Position among the task's rows."""
    prediction: str | None
    """The model's text, raw; None where there is none: the request failed."""
    targets: tuple[str, ...]
    """Gold answers as the benchmark's data writes them; empty where the file has none."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the file tells beyond that: length, classes, `evaluation`…"""
    question: str = ""
    """The question, where the file has it."""
    key: str = ""
    """The sample's own id, where the format has one."""
    content: str = ""
    """Digest of the whole record; equal for two rows that are the same in everything; empty where rows are numbered."""
    prompt: str = ""
    """Digest of the whole prompt, where the file has it; empty where it has none, a part or a stand-in."""
    document: str = ""
    """Cluster of the sample, where the file tells it."""

    @property
    def is_answered(self) -> bool:
        """Whether it can be scored: a text stands beside a gold answer."""
        return self.prediction is not None and bool(self.targets)


class Found(NamedTuple):
    """The task files of a folder."""

    files: dict[str, list[Path]]
    """Task → its files."""
    notes: list[str]
    """What was left out."""


def readable(value: object) -> str | None:
    """A prediction that is a text, the empty one included; None for null, numbers, lists: no answer of a model."""
    return value if isinstance(value, str) else None


def gold_texts(value: object, place: str, name: str) -> tuple[str, ...]:
    """Gold answers from a text or a list of texts; empty where there is none; `DataError` for anything else."""
    texts = [value] if isinstance(value, str) else value if value is not None else []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{place}: {name!r} is neither a text nor a list of texts: repair the record, or remove it")
    return tuple(texts) if any(text.strip() for text in texts) else ()


def digest(text: str) -> str:
    """A short name for a long text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def content_of(fields: Mapping[str, object], without: Sequence[str] = ()) -> str:
    """A digest of a record, whatever the order of its fields."""
    kept = {name: value for name, value in fields.items() if name not in without}
    return digest(json.dumps(kept, sort_keys=True, ensure_ascii=True))
