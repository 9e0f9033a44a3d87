"""The words behind `evalkit run` and `evalkit plan`: models first, then benchmarks.

A word is a benchmark where a benchmark is called so, and a model where it is a card, a folder, a file or an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from evalkit.errors import EvalkitError, UnknownNameError, UserError

__all__ = ["Words", "known_words", "split_words"]

Kind = Literal["model", "benchmark"]


LONGEST = 2000
"""Characters of a word; file systems refuse longer paths, each in its own way."""


class Words(NamedTuple):
    """What a command line names."""

    models: tuple[str, ...]
    """Cards, model folders, addresses."""
    benchmarks: tuple[str, ...]
    """Benchmark names and definitions."""


def split_words(words: Sequence[str]) -> Words:
    """Models and benchmarks of a command line; `UserError` for a word that could be either, or stands elsewhere."""
    models: list[str] = []
    benchmarks: list[str] = []
    for index, word in enumerate(words):
        if len(word) > LONGEST:
            raise UserError(f"{word[:60]}…: {len(word):,} characters; no card, path, address or benchmark is that long")
        kind = _kind(word) or _by_place(word, index, len(words), bool(benchmarks))
        if kind == "benchmark":
            benchmarks.append(word)
        elif benchmarks:
            raise UserError(f"{word}: a model behind the benchmark {benchmarks[-1]}; name all models first")
        else:
            models.append(word)
    _check_once(models)
    return Words(tuple(models), tuple(benchmarks))


def known_words(start: str) -> list[str]:
    """Shipped cards and benchmarks that begin so, for the shell to complete."""
    from evalkit.cards import card_names
    from evalkit.tasks import benchmark_names

    return [name for name in (*card_names(), *benchmark_names()) if name.startswith(start)]


def _kind(word: str) -> Kind | None:
    """What a word is by itself; None for a name that nobody has."""
    from evalkit.cards import is_shipped, split_profile
    from evalkit.models import is_address
    from evalkit.tasks import is_sample_file

    if is_address(word):
        return "model"
    if is_sample_file(word):
        return "benchmark"
    if "@" in word and split_profile(word)[1] is not None:
        return "model"
    if Path(word.partition("#")[0]).suffix in {".yaml", ".yml"}:
        return _kind_of_file(word)
    if any(sign in word for sign in "/\\") or word.startswith(("~", ".")):
        return "model"
    is_model = is_shipped(word) or _is_model_folder(Path(word))
    if _is_benchmark(word):
        if is_model:
            raise UserError(f"{word}: a benchmark, and also a model here: write ./{word} for the model's folder")
        return "benchmark"
    return "model" if is_model or _is_there(Path(word)) else None


def _kind_of_file(word: str) -> Kind | None:
    """What a YAML file defines; None where it cannot be read, which its reader says better."""
    from evalkit.tasks import is_definition

    path, sign, _ = word.partition("#")  # FILE#SET is written for benchmarks only
    if sign:
        return "benchmark"
    try:
        return "benchmark" if is_definition(Path(path)) else "model"
    except EvalkitError:
        return None


def _is_model_folder(path: Path) -> bool:
    return any(_is_there(path / name) for name in ("config.json", "card.yaml"))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long for a path, or in a folder that is closed: then no path is meant
        return False


def _is_benchmark(word: str) -> bool:
    from evalkit.tasks import find_definition

    try:
        find_definition(word)
    except (UnknownNameError, OSError):  # a name that is too long for a file is none
        return False
    return True


def _by_place(word: str, index: int, count: int, is_behind: bool) -> Kind:
    """What a name that nobody has was meant to be: the first word a model, the last one a benchmark."""
    from evalkit.cards import card_names
    from evalkit.tasks import benchmark_names

    if index == 0:
        return "model"
    if is_behind or index == count - 1:
        return "benchmark"
    raise UnknownNameError("model or benchmark", word, [*card_names(), *benchmark_names()])


def _check_once(models: Sequence[str]) -> None:
    twice = next((name for index, name in enumerate(models) if name in models[:index]), None)
    if twice is not None:
        raise UserError(f"{twice}: the model is named twice; leave one out")
