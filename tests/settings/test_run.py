"""The settings of a run: values that no run can have, and the names that Python calls take."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest

from evalkit.errors import UserError
from evalkit.settings import RunOptions, RunSettings, settings_of

LOOSER = {"base_url", "adapter", "tasks", "samples", "chat_args", "engine", "batch", "options", "data", "out"}
"""A caller may write lists of servers, tasks and samples, numbers as options and batch, and paths as text or not."""


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"limit": 0}, "--limit 0: must be 1 or more"),
        ({"max_seq_len": -1}, "--max-seq-len -1: must be 1 or more"),
        ({"max_new_tokens": 0}, "--max-new-tokens 0: must be 1 or more"),
        ({"rope_grid": 1.0}, "--rope-grid 1: must be greater than 1, and at most 100"),
        ({"rope_grid": float("inf")}, "--rope-grid inf: must be greater than 1, and at most 100"),
        ({"limit": 10**30}, f"--limit {10**30}: must be at most 1,000,000,000"),
        ({"max_new_tokens": 10**12}, "--max-new-tokens 1000000000000: must be at most 33,554,432"),
        ({"max_seq_len": 10**400}, "--max-seq-len a number of 1,329 bits: must be at most 33,554,432"),
        ({"rope_grid": 1e308}, "--rope-grid 1e+308: must be greater than 1, and at most 100"),
        ({"max_cost": -1.0}, "--max-cost -1: must be greater than 0, and finite"),
        ({"max_cost": float("inf")}, "--max-cost inf: must be greater than 0, and finite"),
        ({"max_cost": float("nan")}, "--max-cost nan: must be greater than 0, and finite"),
        ({"batch": "0"}, "--batch 0: must be auto, or a whole number from 1 to 4,096"),
        ({"batch": "-1"}, "--batch -1: must be auto, or a whole number from 1 to 4,096"),
        ({"batch": "2.5"}, "--batch 2.5: must be auto, or a whole number from 1 to 4,096"),
        ({"batch": "9" * 60}, f"--batch {'9' * 60}: must be auto, or a whole number from 1 to 4,096"),
        ({"batch": "many"}, "--batch many: must be auto, or a whole number from 1 to 4,096"),
        ({"ray": "somewhere"}, "--ray somewhere: expected HOST:PORT of a cluster's head, or auto"),
        (
            {"ray": "ray://127.0.0.1:10001"},
            "--ray ray://127.0.0.1:10001: expected HOST:PORT of a cluster's head, or auto",
        ),
        ({"ray": "127.0.0.1:70000"}, "--ray 127.0.0.1:70000: expected HOST:PORT of a cluster's head, or auto"),
        ({"rope_mode": "static"}, "--rope-mode static: must be effective-base or engine"),
        ({"dtype": "int8"}, "--dtype int8: must be one of auto, float32, bfloat16, float16"),
    ],
)
def test_a_value_no_run_can_have_is_named_by_its_flag(value: dict[str, Any], problem: str) -> None:
    """One line, whoever set it."""
    with pytest.raises(UserError) as caught:
        RunSettings("tiny", (), **value).check_values()

    assert problem == str(caught.value)


def test_a_run_needs_benchmarks_and_its_values_do_not() -> None:
    """A model is checked without any."""
    settings = RunSettings("tiny", ())

    settings.check_values()
    with pytest.raises(UserError, match="no benchmark named"):
        settings.check()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "--rope native tells it none; name another"),
        ({"rope": "dynamic:4", "rope_grid": 1.02}, "leave --rope-grid out"),
        ({"rope": "dynamic:4", "rope_stacks_on_native": True}, "leave --rope-stacks-on-native out"),
    ],
)
def test_an_engines_own_rope_needs_a_spec_and_no_grid(given: dict[str, Any], problem: str) -> None:
    """There is nothing to hand over, or nothing that evalkit could round."""
    with pytest.raises(UserError, match=f"--rope-mode engine.*{problem}"):
        RunSettings("tiny", ("toy",), rope_mode="engine", **given).check()


def test_python_calls_take_the_fields_of_the_settings() -> None:
    """With the same types, but for what a caller may write more loosely."""
    taken = get_type_hints(RunOptions)
    fields = {name: setting.kind for name, setting in settings_of(RunSettings).items()}

    assert list(fields)[2:] == list(taken)
    assert {"model", "benchmarks"} == fields.keys() - taken.keys()
    assert LOOSER == {name for name in taken if taken[name] != fields[name]}
