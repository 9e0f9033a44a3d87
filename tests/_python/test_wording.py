"""Messages with flags, said in arguments."""

from __future__ import annotations

import pytest

from evalkit._python import in_python, python_words
from evalkit.errors import UnknownNameError, UserError
from evalkit.settings import BenchmarkOptions, RunSettings, settings_of


@pytest.mark.parametrize(
    ("flags", "arguments"),
    [
        ("--limit 0: must be 1 or more", "limit=0: must be 1 or more"),
        ("--rope dynamic:8: not so", "rope=dynamic:8: not so"),
        ("--rope dynamic:8 replaces the scaling", "rope=dynamic:8 replaces the scaling"),
        ("only --rope native works", "only rope=native works"),
        ("pass --chat none to send", "pass chat=none to send"),
        ("give this run its own --out", "give this run its own out="),
        ("add --rope-replaces-native", "add rope_replaces_native=True"),
        ("--no-prefix-reuse helps", "is_reusing_prefixes=False helps"),
        ("--task quality: unknown", "tasks=quality: unknown"),
        ("--lengths 1,2: wrong", "options={'lengths': 1,2}: wrong"),
        ("--base-url http://HOST:PORT/v1", "base_url= http://HOST:PORT/v1"),
        ("see `evalkit run --help` and --limit", "see `evalkit run --help` and limit="),
        ("an unknown --flag-of-others stays", "an unknown --flag-of-others stays"),
        ("--rope-mode engine with --spec yarn:2: no", "rope_mode=engine with specs=yarn:2: no"),
        ("--spec longrope needs factors", "specs=longrope needs factors"),
        ("two -- dashes", "two -- dashes"),
    ],
)
def test_flags_become_arguments(flags: str, arguments: str) -> None:
    """With their values, and commands left alone."""
    assert arguments == in_python(flags)


def test_every_setting_has_a_name_in_python() -> None:
    """A new one too, without a word here."""
    settings = [*settings_of(RunSettings).values(), *settings_of(BenchmarkOptions).values()]

    assert [] == [each.flag for each in settings if not each.is_argument and "--" in in_python(f"use {each.flag} now")]


def test_an_error_stays_what_it_is() -> None:
    """Its class and its traceback; only its words change."""
    with pytest.raises(UnknownNameError, match=r"unknown setting 'x': there are: y1 \(limit=\)"), python_words():
        raise UnknownNameError("setting", "x", ["y1"], hint="--limit")


def test_other_errors_pass_unchanged() -> None:
    """They are not evalkit's."""
    with pytest.raises(ValueError, match="--limit"), python_words():
        raise ValueError("--limit")
    assert issubclass(UserError, Exception)
