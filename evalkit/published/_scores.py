"""Published scores with their sources: what a run is compared with.

The numbers are the CSV files in `results/published/`, one row per number, with the digits as they were printed:

    leval,task,gsm100,,index-1.9b-32k,native,27,index,100,2.7,index-report,,index-report/index-1.9b-32k,,

`sources.yaml` beside them says what the columns mean and where each number comes from, `setups.yaml` how it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from evalkit.errors import DataError, UnknownNameError, one_line
from evalkit.paths import shipped
from evalkit.reading import read_yaml

from ._definition import completed
from ._read import Surroundings, read_scores
from ._records import MEANS, PublishedScore, PublishedSource
from ._setups import read_setups

__all__ = [
    "published",
    "published_benchmarks",
    "published_files",
    "published_for",
    "published_groups",
    "published_models",
    "published_sources",
    "read_published_file",
]


def published(benchmark: str) -> tuple[PublishedScore, ...]:
    """The published scores of `benchmark` by task, length or range; a printed dash is no score."""
    return tuple(score for score in _scores(benchmark) if score.kind not in MEANS)


def published_groups(benchmark: str) -> tuple[PublishedScore, ...]:
    """The published means of `benchmark` over groups of tasks and over all of them."""
    return tuple(score for score in _scores(benchmark) if score.kind in MEANS)


def published_for(benchmark: str, model: str, *, rope: str = "native") -> tuple[PublishedScore, ...]:
    """All published numbers of `model` under one RoPE setting, tasks before means; empty where there are none."""
    scores = published(benchmark) + published_groups(benchmark)
    return tuple(score for score in scores if (score.model, score.rope) == (model, rope))


def published_models(benchmark: str) -> tuple[str, ...]:
    """The models with published scores of `benchmark`, in the order of the files."""
    return tuple(dict.fromkeys(score.model for score in _scores(benchmark)))


def published_benchmarks() -> tuple[str, ...]:
    """The benchmarks with published scores, sorted."""
    files = shipped("results/published").glob("*.csv")
    return tuple(sorted(path.stem for path in files if not path.stem.endswith("_groups")))


def published_files() -> tuple[Path, ...]:
    """The shipped files of published scores, sorted."""
    return tuple(sorted(shipped("results/published").glob("*.csv")))


@lru_cache(maxsize=1)
def published_sources() -> Mapping[str, PublishedSource]:
    """All sources by id."""
    return _sources(shipped("results/published") / "sources.yaml", "reinstall evalkit")


def read_published_file(path: Path) -> tuple[PublishedScore, ...]:
    """The numbers of a user's own CSV file, in its order.

    Sources are free text and setups are none, unless `sources.yaml` and `setups.yaml` lie beside it. Protocol and
    number of samples default to the benchmark's own, the margin to the rule's. Raises `DataError` naming file, line and
    column.
    """
    listed = path.parent / "sources.yaml"
    is_ours = listed == shipped("results/published") / "sources.yaml"
    known = published_sources() if is_ours else _sources(listed, "correct it") if listed.is_file() else None
    sources = None if known is None else frozenset(known)
    around = Surroundings(read_setups(path.parent), sources)
    scores = tuple(completed(score, path) for score in read_scores(path, around))
    _refuse_doubles(scores, path)
    return scores


def _refuse_doubles(scores: tuple[PublishedScore, ...], path: Path) -> None:
    """Raise `DataError` where one source prints a number twice: a table would count it twice."""
    seen: dict[tuple[str, ...], str] = {}
    for score in scores:
        key = (score.benchmark, score.kind, score.task, score.bucket, score.model, score.rope, score.protocol)
        earlier = seen.setdefault((*key, score.source), score.where)
        if earlier != score.where:
            raise DataError(
                f"{path.parent / score.where}: {score.task} of {score.model} stands in line "
                f"{earlier.rpartition(':')[2]} too; leave one out, or name their sources in that column"
            )


def _sources(path: Path, advice: str) -> Mapping[str, PublishedSource]:
    entries = read_yaml(path)
    try:
        return MappingProxyType({key: PublishedSource(id=key, **entry) for key, entry in entries.items()})
    except (AttributeError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as published sources ({one_line(error)}): {advice}") from None


@lru_cache(maxsize=16)
def _scores(benchmark: str) -> tuple[PublishedScore, ...]:
    known = published_benchmarks()
    if benchmark not in known:
        raise UnknownNameError("benchmark with published scores", benchmark, known)
    folder = shipped("results/published")
    around = Surroundings(read_setups(folder), frozenset(published_sources()))
    files = (folder / f"{benchmark}.csv", folder / f"{benchmark}_groups.csv")
    return tuple(score for path in files if path.is_file() for score in read_scores(path, around))
