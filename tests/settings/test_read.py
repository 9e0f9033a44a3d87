"""Settings from Python values: names checked, values brought to their types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UserError
from evalkit.settings import RunSettings, fold_options, merge_values, read_settings


def test_values_are_brought_to_their_types() -> None:
    """As a caller writes them: a path as text, one task without a list, numbers and lists as options."""
    options = {
        "tasks": "quality",
        "limit": "8",
        "out": "here",
        "chat_args": {"enable_thinking": False, "budget": 0.5, "effort": "low"},
        "options": {"lengths": [256, 512], "seed": 1, "x": True},
    }

    settings = read_settings(Path("model"), ("leval",), options)

    assert (
        RunSettings(
            "model",
            ("leval",),
            tasks=("quality",),
            limit=8,
            out=Path("here"),
            chat_args={"enable_thinking": "false", "budget": "0.5", "effort": "low"},
            options={"lengths": "256,512", "seed": "1", "x": "yes"},
        )
        == settings
    )


def test_settings_may_be_given_whole() -> None:
    """A `RunSettings` says all of it, and its values are brought to their types too."""
    settings = read_settings(RunSettings("m", ["needle"], out="here"))  # type: ignore[arg-type]

    assert RunSettings("m", ("needle",), out=Path("here")) == settings


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"limt": 3}, "unknown setting 'limt': did you mean 'limit'?"),
        ({"limit": "few"}, "limit='few': Input should be a valid integer"),
        ({"limit": True}, "limit='yes': Input should be a valid integer"),
        ({"tasks": [None]}, "tasks.0=None: Input should be a valid string"),
        ({"options": {"lengths": {}}}, "options.lengths={}: Input should be a valid string"),
        ({"seed": 3}, "seed is an option of benchmarks: options={'seed': …}"),
        ({"repeat_haystack": True}, "options={'repeat-haystack': …}"),
        ({"benchmarks": ["leval"]}, "benchmarks are named by position"),
    ],
)
def test_what_does_not_fit_is_one_line(options: dict[str, Any], problem: str) -> None:
    """Naming the setting and its value."""
    with pytest.raises(UserError) as caught:
        read_settings("m", ("leval",), options)

    assert problem in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_whole_settings_and_options_do_not_mix() -> None:
    """Nobody could tell which wins."""
    with pytest.raises(UserError, match="change them there"):
        read_settings(RunSettings("m", ("needle",)), (), {"limit": 3})


def test_options_of_benchmarks_are_folded_as_text() -> None:
    """By the names that benchmarks know; zero is a value, false and none are not."""
    values = {"limit": 3, "seed": 0, "repeat_haystack": True, "lang": None, "options": {"insertion": "token"}}

    folded = fold_options(values)

    assert {"limit": 3, "options": {"insertion": "token", "seed": "0", "repeat-haystack": "yes"}} == folded
    assert {"limit": 3} == fold_options({"limit": 3, "repeat_haystack": False})


def test_what_stands_above_wins_name_by_name() -> None:
    """Engine settings and options are merged, all else is replaced."""
    below = {"limit": 3, "tasks": ("a", "b"), "options": {"seed": "1", "lang": "en"}}

    merged = merge_values(below, {"tasks": ("c",), "options": {"seed": "2"}, "engine": {"eager": "yes"}})

    assert {
        "limit": 3,
        "tasks": ("c",),
        "options": {"seed": "2", "lang": "en"},
        "engine": {"eager": "yes"},
    } == merged
