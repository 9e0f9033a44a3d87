"""Drawn answers on the command line: the table, the label, one line for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.endpoint.scripted_server import ScriptedServer

Command = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that does as it is told."""
    with ScriptedServer() as running:
        yield running


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--samples-per-question", 3], "--samples-per-question 3: greedy decoding gives the same answer each time"),
        (["--samples-per-question", 3, "--temperature", 0], "greedy decoding gives the same answer each time"),
        (["--top-p", 0.9, "--top-k", 3], "--top-p, --top-k: greedy decoding draws nothing; add --temperature"),
        (["--sampling-seed", 3], "--sampling-seed: greedy decoding draws nothing"),
        (["--temperature", -1], "--temperature -1: must be 0 (greedy), or from 0.01 to 100"),
        (["--temperature", "nan"], "--temperature nan: must be 0 (greedy)"),
        (["--temperature", 0.001], "--temperature 0.001: must be 0 (greedy), or from 0.01 to 100"),
        (["--temperature", 1, "--top-p", 0], "--top-p 0: must be greater than 0, and at most 1"),
        (["--temperature", 1, "--top-p", 1.5], "--top-p 1.5: must be greater than 0, and at most 1"),
        (["--temperature", 1, "--top-k", 0], "--top-k 0: must be from 1 to"),
        (["--repetition-penalty", 1.1], "--repetition-penalty: greedy decoding draws nothing; add --temperature"),
        (["--temperature", 1, "--repetition-penalty", 0], "--repetition-penalty 0: must be above 0, at most 100"),
        (["--temperature", 1, "--sampling-seed", -1], "--sampling-seed -1: must be a whole number from 0"),
        (["--temperature", 1, "--samples-per-question", 0], "--samples-per-question 0: must be from 1 to 10,000"),
        (["--temperature", 1, "--backend", "toy"], "--temperature: the backend toy only decodes greedily"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line(
    evalkit: Command, toy: str, tiny_model: Path, options: list[object], complaint: str
) -> None:
    """Before anything is loaded."""
    done = evalkit("run", tiny_model, toy, *options)

    assert 2 == done.code
    assert complaint in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_run_of_three_draws(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:
    """Label, coverage and spread in the table; draws in records, rows and CSV; one draw is shown by its number."""
    options = ("--limit", 3, "--task", "tales", "--temperature", 0.9, "--top-k", 40, "--samples-per-question", 3)

    done = evalkit("run", tiny_model, toy, *options, "--out", "run")

    assert done.code in (0, 1)
    assert "plain+temperature-0.9+top-k-40" in done.out
    assert "spread of 3 draws" in done.out
    assert "3/24 × 3" in done.out
    scores = json.loads((bare / "run" / "scores.json").read_text())
    draws = scores["tasks"]["tales"]["draws"]
    assert (3, 9, 3) == (draws["per_sample"], draws["answers"], len(draws["scores"]))
    rows = [json.loads(line) for line in (bare / "run" / "scores.jsonl").read_text().splitlines()]
    assert [0, 1, 2] * 3 == [row["draw"] for row in rows]
    head, first = (bare / "run" / "tables" / "scores.csv").read_text().splitlines()[:2]
    found = dict(zip(head.split(","), first.split(","), strict=True))
    assert draws["spread"] == pytest.approx(float(found["spread"]))
    shown = evalkit("show", "run", "toy/tales/1")
    assert ["toy/tales/1", "toy/tales/1 · draw 1", "toy/tales/1 · draw 2"] == [
        line.rpartition(" · ")[0] for line in shown.out.splitlines() if line.startswith("toy/tales/1")
    ]


def test_the_same_seed_gives_the_same_run_and_another_gives_another(
    evalkit: Command, toy: str, tiny_model: Path, bare: Path
) -> None:
    """With answers decoded together too."""

    def texts(out: str, *options: object) -> dict[tuple[str, int], str]:
        base = ("--limit", 4, "--task", "tales", "--temperature", 1, "--samples-per-question", 2, "--out", out)
        assert evalkit("run", tiny_model, toy, *base, *options).code in (0, 1)
        lines = map(json.loads, (bare / out / "samples.jsonl").read_text().splitlines())
        return {(line["id"], line["draw"]): line["text"] for line in lines}

    first = texts("one", "--batch", 1)
    assert first == texts("two", "--batch", 3)
    assert first != texts("three", "--sampling-seed", 1)


def test_what_a_server_does_not_take_is_in_the_label(evalkit: Command, toy: str, server: ScriptedServer) -> None:
    """A table of it is told from one of draws as they were asked for."""
    server.behaviour.refuses = {"seed": {"error": {"message": "seed: unknown", "param": "seed"}}}
    options = ("--limit", 2, "--task", "tales", "--temperature", 0.5, "--top-k", 9, "--samples-per-question", 2)

    done = evalkit("run", server.base_url, toy, *options, "--out", "run")

    assert done.code in (0, 1), done
    assert "temperature-0.5+top-k-9+without-seed+without-top-k" in done.out
    assert 0.5 == server.payloads[-1]["temperature"]
    assert "is not known to take the field top_k" in done.err


def test_a_plan_counts_draws(evalkit: Command, toy: str, tiny_model: Path) -> None:
    """What a server would charge for is asked as often as there are draws."""
    once = evalkit("plan", tiny_model, toy, "--limit", 2, "--temperature", 1, "--json", "-")
    thrice = evalkit(
        "plan", tiny_model, toy, "--limit", 2, "--temperature", 1, "--samples-per-question", 3, "--json", "-"
    )

    counts = [json.loads(done.out) for done in (once, thrice)]
    assert [4, 12] == [each["samples"] for each in counts]
