"""Published scores with their sources: what a run is compared with.

The numbers are the CSV files in `results/published/`, one row per number, with the digits as they were printed:

    leval,task,gsm100,index-1.9b-32k,native,27,index,100,index-report,,

`sources.yaml` beside them says what the columns mean and where each number comes from.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import yaml

from evalkit.errors import DataError, UnknownNameError, one_line
from evalkit.paths import shipped

__all__ = [
    "PublishedScore",
    "PublishedSource",
    "published",
    "published_benchmarks",
    "published_for",
    "published_groups",
    "published_sources",
]

_COLUMNS = ("benchmark", "kind", "task", "model", "rope", "score", "protocol", "n", "source", "also_in", "note")
_KINDS = ("task", "length", "group", "overall")
_MEANS = ("group", "overall")
_NO_SCORE = "-"


@dataclass(frozen=True)
class PublishedScore:
    """One published number."""

    benchmark: str
    """Benchmark it belongs to."""
    kind: str
    """`task`, `length` (mean of one context length of a needle grid), `group` or `overall`."""
    task: str
    """The benchmark's own file name of the task, the length in tokens, the group, or `overall`."""
    model: str
    """Model, named as its card is or would be."""
    rope: str
    """`native` = the model as released, else the RoPE scaling of that run as a spec."""
    score: float
    """The number, on the 0 to 100 scale."""
    printed: str
    """The number as printed: its digits say how exactly it is known."""
    protocol: str
    """Protocol that produced it."""
    n: int | None
    """Samples the protocol scores; None for means over tasks and where it is not known."""
    source: str
    """Id of the source, a key of `published_sources()`."""
    also_in: str
    """Id of another source that prints the same number; empty = none."""
    note: str
    """What is odd about the number; empty = nothing known."""

    @property
    def decimals(self) -> int:
        """Digits printed after the decimal point."""
        return len(self.printed.partition(".")[2])


@dataclass(frozen=True)
class PublishedSource:
    """Where published numbers come from."""

    id: str
    """Id that scores name."""
    title: str
    """Document, and the table or figure in it."""
    url: str
    """Address."""
    date: str
    """Date or year of the document, or `not stated`."""
    note: str
    """What to know before comparing."""


def published(benchmark: str) -> tuple[PublishedScore, ...]:
    """The published scores of `benchmark` by task (needle grids: by length); a printed dash is no score."""
    return tuple(score for score in _scores(benchmark) if score.kind not in _MEANS)


def published_groups(benchmark: str) -> tuple[PublishedScore, ...]:
    """The published means of `benchmark` over groups of tasks and over all of them."""
    return tuple(score for score in _scores(benchmark) if score.kind in _MEANS)


def published_for(benchmark: str, model: str, *, rope: str = "native") -> tuple[PublishedScore, ...]:
    """All published numbers of `model` under one RoPE setting, tasks before means; empty where there are none."""
    scores = published(benchmark) + published_groups(benchmark)
    return tuple(score for score in scores if (score.model, score.rope) == (model, rope))


def published_benchmarks() -> tuple[str, ...]:
    """The benchmarks with published scores, sorted."""
    files = shipped("results/published").glob("*.csv")
    return tuple(sorted(path.stem for path in files if not path.stem.endswith("_groups")))


@lru_cache(maxsize=1)
def published_sources() -> Mapping[str, PublishedSource]:
    """All sources by id."""
    path = shipped("results/published") / "sources.yaml"
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))
        return MappingProxyType({key: PublishedSource(id=key, **entry) for key, entry in entries.items()})
    except (OSError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as published sources ({one_line(error)}): reinstall evalkit") from None


@lru_cache(maxsize=16)
def _scores(benchmark: str) -> tuple[PublishedScore, ...]:
    known = published_benchmarks()
    if benchmark not in known:
        raise UnknownNameError("benchmark with published scores", benchmark, known)
    folder = shipped("results/published")
    files = (folder / f"{benchmark}.csv", folder / f"{benchmark}_groups.csv")
    return tuple(score for path in files if path.is_file() for score in _read(path))


def _read(path: Path) -> Iterator[PublishedScore]:
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise DataError(f"{path}: the first line must name the columns {','.join(_COLUMNS)}")
        for row in reader:
            if row["score"] != _NO_SCORE:
                yield _score(row, f"{path}:{reader.line_num}")


def _score(row: Mapping[str, str], where: str) -> PublishedScore:
    if None in row or None in row.values():
        raise DataError(f"{where}: expected {len(_COLUMNS)} columns")
    if row["kind"] not in _KINDS:
        raise DataError(f"{where}: kind: expected one of {', '.join(_KINDS)}, found {row['kind']!r}")
    for column in ("source", "also_in"):
        if row[column] not in published_sources() and (row[column] or column == "source"):
            raise DataError(f"{where}: {column}: {row[column]!r} is not in sources.yaml")
    if not re.fullmatch(r"\d+(\.\d+)?", row["score"]):
        raise DataError(f"{where}: score: expected a number from 0 to 100, or a dash, found {row['score']!r}")
    if not re.fullmatch(r"\d*", row["n"]):
        raise DataError(f"{where}: n: expected a whole number or nothing, found {row['n']!r}")
    texts = {column: row[column] for column in _COLUMNS if column not in ("score", "n")}
    number, n = float(row["score"]), int(row["n"]) if row["n"] else None
    return PublishedScore(score=number, printed=row["score"], n=n, **texts)
