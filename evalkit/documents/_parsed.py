"""PDF and DOCX files, read within bounds by a process of their own."""

from __future__ import annotations

import json
from typing import Literal, NamedTuple

from evalkit.errors import DataError, MissingDependencyError, one_line
from evalkit.sandbox import Bounds, Sandbox, SandboxError, folders_of

from . import _job as job

__all__ = ["Parsed", "parsed"]

BOUNDS = Bounds(cpu_seconds=60, wait_seconds=300, memory_bytes=2 * 2**30, output_bytes=2**26)
"""A page of 50 full lines takes 17 ms of computing here: some 3,000 pages fit."""
NEEDED = {"pdf": ("pypdf",), "docx": ("docx", "lxml", "typing_extensions")}
PACKAGES = {"pdf": "pypdf", "docx": "python-docx"}


class Parsed(NamedTuple):
    """The text of a file that is no text."""

    text: str
    notes: tuple[str, ...]
    """What is missing in it."""


def parsed(data: bytes, kind: Literal["pdf", "docx"], place: str, bounds: Bounds = BOUNDS) -> Parsed:
    """The text of a PDF or DOCX file; `DataError` where it is damaged, encrypted, without text or beyond a bound."""
    with Sandbox(job.__file__, bounds, _folders(kind)) as sandbox:
        try:
            answer = json.loads(sandbox.ask((b"P" if kind == "pdf" else b"D") + data))
        except SandboxError as error:
            raise DataError(
                f"{place}: the {kind.upper()} cannot be read: {one_line(str(error))}; save it as text"
            ) from None
    if "error" in answer:
        raise DataError(f"{place}: {one_line(answer['error'])}")
    return Parsed(answer["text"], tuple(answer["notes"]))


def _folders(kind: Literal["pdf", "docx"]) -> list[str]:
    try:
        found = folders_of(*NEEDED[kind])
    except ModuleNotFoundError as error:
        raise MissingDependencyError(PACKAGES[kind], "chat", f"reading {kind.upper()} files") from error
    if kind == "pdf":
        try:  # only files that are encrypted with AES need it
            return list(dict.fromkeys([*found, *folders_of("cryptography")]))
        except ModuleNotFoundError:
            pass
    return found
