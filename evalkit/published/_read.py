"""CSV files of published numbers, evalkit's own and a user's: one row a number, with the digits as they were printed.

    benchmark,kind,task,model,score
    leval,task,gsm100,my-model,27

These five columns are required. What the others mean stands in `results/published/sources.yaml`; a column named as a
knob holds `BASIS: VALUE` and wins over the row's setup.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from evalkit.errors import DataError, UnknownNameError, shown
from evalkit.reading import read_text

from ._records import KINDS, KNOBS, Knob, PublishedScore
from ._setups import NO_SETUP, Setup, make_knob

__all__ = ["COLUMNS", "NO_SCORE", "REQUIRED", "Surroundings", "read_rows", "read_scores"]

REQUIRED = ("benchmark", "kind", "task", "model", "score")
COLUMNS = (
    *("benchmark", "kind", "task", "bucket", "model", "rope", "score", "protocol", "n", "margin"),
    *("source", "also_in", "setup", "outputs", "note"),
)
KNOB_COLUMNS = tuple(name for name in KNOBS if name not in COLUMNS)
NO_SCORE = "-"

LARGEST_FILE = 2**24  # bytes; the largest that ships has 50,000
_NUMBER = re.compile(r"[0-9]{1,3}(\.[0-9]{1,12})?")
_ALSO = re.compile(r"([^:]+)(?:: *(\S+))?")


@dataclass(frozen=True)
class Surroundings:
    """What rows may refer to."""

    setups: Mapping[str, Setup] = field(default_factory=dict)
    """Setups by id."""
    sources: frozenset[str] | None = None
    """Ids of sources; None where a source is free text."""


def read_scores(path: Path, around: Surroundings) -> Iterator[PublishedScore]:
    """The numbers of a file in its order, dashes left out; `DataError` with file, line and column for what is wrong."""
    for where, row in read_rows(path):
        if row["score"] != NO_SCORE:
            yield _score(row, f"{path}:{where}", f"{path.name}:{where}", around)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and texts of each row, dashes included; a column that the file lacks is empty."""
    reader = csv.DictReader(io.StringIO(read_text(path, LARGEST_FILE), newline=""), strict=True)
    try:
        columns = list(reader.fieldnames or ())
        _check_columns(path, columns)
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{path}:{reader.line_num}: expected {len(columns)} columns, as in line 1")
            yield reader.line_num, {**dict.fromkeys(COLUMNS, ""), **row}
    except csv.Error as error:
        raise DataError(f"{path}:{max(reader.reader.line_num, 1)}: {_fault(error)}") from None


def _fault(error: csv.Error) -> str:
    """What is wrong with the file, and what to do."""
    if "unexpected end" in str(error):
        return 'a quotation mark is opened and never closed; close it, or write "" for one inside a text'
    if "field larger" in str(error):
        return f"a field of more than {csv.field_size_limit():,} characters; shorten it, or close its quotation mark"
    return f"{error}; write it as CSV with commas"


def _check_columns(path: Path, columns: list[str]) -> None:
    known = (*COLUMNS, *KNOB_COLUMNS)
    for name in columns:
        if name not in known:
            raise DataError(f"{path}:1: {UnknownNameError('column', name, known)}")
        if columns.count(name) > 1:
            raise DataError(f"{path}:1: column {name!r} is given twice")
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise DataError(f"{path}:1: column {missing[0]!r} is missing: the first line must name {', '.join(REQUIRED)}")


def _score(row: Mapping[str, str], where: str, short: str, around: Surroundings) -> PublishedScore:
    for column in ("benchmark", "task", "model"):
        if not row[column]:
            raise DataError(f"{where}: {column}: expected a name, found nothing")
    if row["kind"] not in KINDS:
        raise DataError(f"{where}: kind: expected one of {', '.join(KINDS)}, found {row['kind']!r}")
    if (row["kind"] == "range") is not bool(row["bucket"]):
        raise DataError(f"{where}: bucket: a row of kind range names its range, and no other row does")
    _check_number(row["score"], f"{where}: score", "a number from 0 to 100, or a dash")
    setup = _setup(row["setup"], where, around)
    also_in, also_printed = _also(row["also_in"], where)
    for column, name in (("source", row["source"]), ("also_in", also_in)):
        if around.sources is not None and name not in around.sources and (name or column == "source"):
            raise DataError(f"{where}: {column}: {name!r} is not in sources.yaml")
    knobs = _knobs(row, setup, where)
    return PublishedScore(
        **{column: row[column] for column in ("benchmark", "kind", "task", "bucket", "model", "protocol")},
        **{column: row[column] for column in ("source", "note", "setup")},
        rope=row["rope"] or "native",
        score=float(row["score"]),
        printed=row["score"],
        n=_whole(row["n"], f"{where}: n"),
        also_in=also_in,
        also_printed=also_printed,
        margin=_margin(row["margin"], f"{where}: margin"),
        outputs=_outputs(row["outputs"], f"{where}: outputs"),
        knobs=knobs,
        settings=setup.run,
        where=short,
    )


def _check_number(text: str, where: str, expected: str) -> None:
    if not _NUMBER.fullmatch(text) or float(text) > 100:
        raise DataError(f"{where}: expected {expected}, found {shown(text, 40)}")


def _whole(text: str, where: str) -> int | None:
    if not re.fullmatch(r"[0-9]{0,12}", text):
        raise DataError(f"{where}: expected a whole number or nothing, found {shown(text, 40)}")
    if text and not int(text):
        raise DataError(f"{where}: expected at least one sample, found 0")
    return int(text) if text else None


def _margin(text: str, where: str) -> float:
    """The margin of the file; 0 where it leaves that to the rule."""
    if not text:
        return 0.0
    _check_number(text, where, "a number of points above 0")
    if not float(text):
        raise DataError(f"{where}: expected a number of points above 0, found {text!r}")
    return float(text)


def _setup(name: str, where: str, around: Surroundings) -> Setup:
    if not name:
        return NO_SETUP
    if name not in around.setups:
        raise DataError(
            f"{where}: {UnknownNameError('setup', name, around.setups, hint='setups.yaml beside the file')}"
        )
    return around.setups[name]


def _knobs(row: Mapping[str, str], setup: Setup, where: str) -> Mapping[str, Knob]:
    own = {name: _knob(name, row[name], row["source"], where) for name in KNOB_COLUMNS if row.get(name)}
    if row["rope"] and setup is NO_SETUP:
        own["rope"] = Knob("rope", row["rope"], "stated", row["source"])
    return MappingProxyType({**setup.knobs, **own}) if own else setup.knobs


def _knob(name: str, text: str, source: str, where: str) -> Knob:
    basis, _, value = text.partition(":")
    return make_knob(name, value.strip() or "unknown", basis.strip(), source, where)


def _also(text: str, where: str) -> tuple[str, str]:
    """`SOURCE`, or `SOURCE: NUMBER` where that source prints other digits of it."""
    match = _ALSO.fullmatch(text)
    if match is None:
        return "", ""
    if match[2]:
        _check_number(match[2], f"{where}: also_in", "SOURCE or SOURCE: NUMBER")
    return match[1].strip(), match[2] or ""


def _outputs(text: str, where: str) -> str:
    source, _, folder = text.partition("/")
    if text and not (source and folder and ".." not in folder.split("/")):
        raise DataError(f"{where}: expected SOURCE/FOLDER, found {shown(text, 60)}")
    return text
