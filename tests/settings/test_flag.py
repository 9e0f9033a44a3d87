"""A setting as data: what a field's annotation says about its flag."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import pytest

from evalkit.settings import BenchmarkOptions, Flag, RunSettings, settings_of


@dataclass(frozen=True)
class Example:
    """Settings of every kind."""

    card: Annotated[str, Flag("A model.", "CARD")]
    max_words: Annotated[int | None, Flag("Most words.", metavar="N")] = None
    names: Annotated[tuple[str, ...], Flag("A name.", "--name")] = ()
    is_kept: Annotated[bool, Flag("Throw it away.", "--throw-away")] = True
    pairs: Annotated[Mapping[str, str], Flag("Any.")] = field(default_factory=dict)


def test_the_flag_is_the_name_with_dashes_or_the_one_given() -> None:
    """In the order of the fields."""
    flags = [(name, setting.flag, setting.variable) for name, setting in settings_of(Example).items()]

    assert [
        ("card", "CARD", "card"),
        ("max_words", "--max-words", "max_words"),
        ("names", "--name", "name"),
        ("is_kept", "--throw-away", "throw_away"),
        ("pairs", "--pairs", "pairs"),
    ] == flags


@pytest.mark.parametrize(
    ("claim", "names"),
    [("is_argument", {"card"}), ("is_list", {"names"}), ("is_negated", {"is_kept"}), ("is_pairs", {"pairs"})],
)
def test_the_kind_of_a_setting_follows_from_its_type(claim: str, names: set[str]) -> None:
    """Nothing else has to be said of it."""
    assert names == {name for name, setting in settings_of(Example).items() if getattr(setting, claim)}


def test_no_two_settings_of_a_run_share_a_flag_or_a_name() -> None:
    """Benchmark options stand beside the fields of a run, on the command line and in files."""
    settings = [*settings_of(RunSettings).values(), *settings_of(BenchmarkOptions).values()]

    assert len(settings) == len({setting.flag for setting in settings}) == len({setting.name for setting in settings})


def test_settings_are_imported_without_the_libraries_of_the_work() -> None:
    """The command line makes its help of them."""
    code = "import sys, evalkit.settings; print(sorted({'numpy', 'pydantic', 'yaml', 'typer'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
