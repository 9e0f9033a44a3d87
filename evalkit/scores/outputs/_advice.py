"""What to type for a folder whose format was not named, or named wrongly."""

from __future__ import annotations

import json
from pathlib import Path

from evalkit.data import read_records
from evalkit.errors import EvalkitError

from ._rows import LINES

__all__ = ["format_of_lines", "likely_command", "likely_formats", "packed"]

DEEPEST = 4
"""Levels below OpenCompass's output folder at which predictions lie."""
LOOKED_AT = 200
"""Files that are opened at most."""


PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".json.gz", ".7z", ".rar", ".parquet", ".xz", ".zst")
"""How names of files end in which outputs may be, and which nobody here opens."""


def likely_command(path: Path) -> str:
    """The command for a folder of outputs, or for the folder of a file, as far as the files tell; empty where they tell
    nothing.
    """
    formats = likely_formats(path)
    if not formats and path.is_file():
        inside = likely_command(path.parent)
        return f"outputs are named by their folder; {inside}" if inside else ""
    if not formats:
        return packed(path)
    if len(formats) > 1:
        seen = "; ".join(f"{name}: {file}" for name, file in formats.items())
        return f"{path} holds files of {len(formats)} formats ({seen}): give each a folder of its own"
    return f"try: evalkit score {path} --format {next(iter(formats))}"


def packed(path: Path) -> str:
    """What to do with a file in the folder that has to be unpacked first; empty where there is none."""
    found = next((file.name for file in sorted(path.glob("*")) if file.name.endswith(PACKED)), None)
    return f"it holds {found}: unpack it first" if found else ""


def likely_formats(path: Path) -> dict[str, str]:
    """Format → a file that looks like it, of the files in a folder."""
    found: dict[str, str] = {}
    lines = sorted(file for suffix in LINES for file in path.glob(f"*{suffix}"))
    for file in lines[:LOOKED_AT]:
        name = format_of_lines(file)
        if name:
            found.setdefault(name, file.name)
    levels = ["/".join(["*"] * depth) + "/*.json" if depth else "*.json" for depth in range(DEEPEST + 1)]
    objects = (file for level in levels for file in sorted(path.glob(level))[:LOOKED_AT])
    looks_right = next((file for file in objects if _is_opencompass(file)), None)
    if looks_right is not None:
        found["opencompass"] = str(looks_right.relative_to(path))
    return found


def format_of_lines(file: Path) -> str:
    """The format of a JSON lines file, by the fields of its first record."""
    try:
        fields = next(read_records(file)).fields
    except (EvalkitError, StopIteration):
        return ""
    if any("_pred" in name for name in fields) and "gt" in fields:
        return "leval"
    if "_id" in fields and "answer" in fields:
        return "longbench-v2"
    return "longbench" if {"pred", "answers"} <= set(fields) else ""


def _is_opencompass(file: Path) -> bool:
    """Whether a file begins as OpenCompass's predictions do; only the beginning is read."""
    try:
        with file.open(encoding="utf-8") as stream:
            start = stream.read(2**16)
    except (OSError, UnicodeDecodeError):
        return False
    try:
        _, at = json.JSONDecoder().raw_decode(start.lstrip().removeprefix("{").lstrip())
    except (json.JSONDecodeError, RecursionError):
        return False
    return start.lstrip().startswith("{") and at > 0 and start.lstrip()[1:].lstrip()[:at].strip('"').isdecimal()
