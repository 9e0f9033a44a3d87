"""What a run would cost, for people and for programs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from evalkit._api import plan_opened
from evalkit.reports import plan_table
from evalkit.runs import RunSettings, execute, open_session

COUNTS = {
    "samples", "done", "failed", "prompt_tokens", "unique_prompt_tokens", "truncated", "evidence_lost",
    "longest_prompt", "max_new_tokens", "kv_bytes",
}  # fmt: skip


@pytest.fixture
def settings(toy: str, tiny_model: Path, bare: Path) -> RunSettings:
    """Both tasks of the toy benchmark, the long one truncated."""
    return RunSettings(str(tiny_model), (toy,), max_seq_len=200, backend="toy", out=bare / "run")


def plan(settings: RunSettings) -> dict[str, Any]:
    """The object of `evalkit plan --json`."""
    return plan_opened(open_session(settings)).benchmarks["toy"]


def test_the_plan_has_the_documented_shape_and_adds_up(settings: RunSettings) -> None:
    """The same counts for the whole and for each task; tokens and samples of the tasks sum to the whole."""
    made = plan(settings)

    head = {
        "schema": 1,
        "benchmark": "toy",
        "protocol": "plain+max-seq-len-200",
        "model": "tiny",
        "samples": 48,
        "done": 0,
    }
    assert head.items() <= made.items()
    assert set(made) >= COUNTS
    assert [COUNTS, COUNTS] == [set(counts) & COUNTS for counts in made["tasks"].values()]
    for name in ("samples", "prompt_tokens", "truncated", "max_new_tokens"):
        assert made[name] == sum(counts[name] for counts in made["tasks"].values())
    assert (24, 0) == (made["tasks"]["sagas"]["truncated"], made["tasks"]["tales"]["truncated"])
    assert 200 - 6 == made["longest_prompt"]


def test_the_cache_is_counted_for_the_longest_prompt_with_its_answer(settings: RunSettings) -> None:
    """Keys and values of two layers, one key head and sixteen dimensions, two bytes each."""
    assert 200 * 2 * 2 * 1 * 16 * 2 == plan(settings)["kv_bytes"]


def test_finished_samples_are_counted_as_done(settings: RunSettings) -> None:
    """Those whose prompt is still the same."""
    from evalkit.models import load_model
    from evalkit.runs import SilentMonitor

    session = open_session(settings)
    execute(session, SilentMonitor(), lambda: load_model("toy", session.card, session.tokenizer, None))  # type: ignore[arg-type]

    assert (48, 48) == (plan(settings)["samples"], plan(settings)["done"])


def test_the_table_shows_each_task_and_the_sum(settings: RunSettings) -> None:
    """Numbers as in the JSON, with what reuse saves."""
    from rich.console import Console

    made, text = plan(settings), io.StringIO()
    Console(file=text, width=200).print(plan_table(made))

    lines = {line.split()[0]: line for line in text.getvalue().splitlines()}
    assert {"tales", "sagas", "all"} <= set(lines)
    for name in ("samples", "prompt_tokens", "unique_prompt_tokens", "longest_prompt"):
        assert f"{made[name]:,}" in lines["all"]
    assert f"{made['prompt_tokens'] / made['unique_prompt_tokens']:.2f}x" in lines["all"]
