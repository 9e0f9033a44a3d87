"""Several runs as one piece of work: one plan, one progress, one loaded model, the same answers as alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UserError
from evalkit.models import Completion, GenerationRequest, RopeGroup
from evalkit.rope import RopeSetting
from evalkit.runs import RunSettings, Session, SeveralRuns, execute, open_session, plan_session

SPECS = ("none", "dynamic:4", "linear:2", "native", "yarn:2")


@pytest.fixture
def sessions(toy: str, tiny_model: Path, bare: Path) -> Callable[..., dict[str, Session]]:
    """Maker of sessions of the toy benchmark, a folder for each spec below one."""

    def make(specs: Iterable[str], below: str, **settings: Any) -> dict[str, Session]:
        values = {"model": str(tiny_model), "benchmarks": (toy,), "backend": "toy"} | settings
        out = bare / below
        return {
            spec: open_session(RunSettings(**values, rope=spec, out=out / spec.replace(":", "-"))) for spec in specs
        }

    return make


def answers(folder: Path) -> dict[str, dict[str, str]]:
    """Run → sample → answer."""
    return {
        path.parent.name: {record["id"]: record["text"] for record in map(json.loads, path.read_text().splitlines())}
        for path in sorted(folder.glob("*/samples.jsonl"))
    }


def test_answers_are_those_of_each_run_alone_whatever_the_order(
    sessions: Callable[..., dict[str, Session]], bare: Path, watcher: Any
) -> None:
    """One model is switched from spec to spec; what was in force before leaves no trace."""
    given = {"backend": "hf", "dtype": "float32", "limit": 3}
    with SeveralRuns(sessions(SPECS, "together", **given), watcher) as runs:
        for spec in (*SPECS[3:], *SPECS[:3]):
            runs.execute(spec)

    for session in sessions(SPECS, "alone", **given).values():
        execute(session, watcher)

    assert len(SPECS) == len(answers(bare / "together"))
    assert answers(bare / "alone") == answers(bare / "together")


class Holder:
    """A model that holds several rotations, and keeps how it was asked."""

    name, engine_info = "holder", {"device": "none"}

    def __init__(self) -> None:
        self.together: list[int] = []
        self.alone = 0

    def holds(self, rope: RopeSetting) -> bool:
        return rope.rope_type == "default"

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        self.together.append(len(groups))
        for group in groups:
            yield from (Completion(request.index, text="x", cached_tokens=0) for request in group.requests)

    def generate(self, _: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        self.alone += 1
        yield from (Completion(request.index, text="x", cached_tokens=0) for request in requests)

    def close(self) -> None:
        """Nothing."""


def test_groups_of_a_run_are_answered_together_where_the_model_can(
    sessions: Callable[..., dict[str, Session]], watcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a run by itself; and the model is opened for as many settings as the largest run needs."""
    holder, options = Holder(), []

    def load(*arguments: Any) -> Holder:
        options.append(arguments[-1])
        return holder

    monkeypatch.setattr("evalkit.runs._opening.load_model", load)
    given = {"limit": 4, "max_new_tokens": 500, "max_seq_len": 2048}  # on a window of 512: many groups
    with SeveralRuns(sessions(("yarn:2", "dynamic:4"), "s", **given), watcher) as runs:
        runs.execute("yarn:2")
        runs.execute("dynamic:4")
        groups = len(runs.plans["dynamic:4"].groups)

    assert groups > 1
    assert ([groups], 1) == (holder.together, holder.alone)
    assert [groups] == [each.rotations for each in options]


def test_an_engine_that_starts_with_its_rule_is_started_for_each(
    sessions: Callable[..., dict[str, Session]], watcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM reads its own rule when it starts; one engine for two rules would refuse the second."""
    given: list[Any] = []
    monkeypatch.setattr("evalkit.runs._several.execute", lambda _session, _monitor, opener, _plan: given.append(opener))
    for backend in ("hf", "vllm"):
        opened = sessions(("dynamic:2",), backend, backend=backend, rope_mode="engine", limit=1)
        with SeveralRuns(opened, watcher) as runs:
            runs.execute("dynamic:2")

    assert given[0] is not None
    assert given[1] is None


def test_plans_of_the_same_prompts_are_those_of_each_alone(
    sessions: Callable[..., dict[str, Session]], watcher: Any
) -> None:
    """Settings, groups and their order; prompts are built once."""
    opened = sessions(SPECS, "s", max_seq_len=60)
    runs = SeveralRuns(opened, watcher)

    runs.plan()

    for spec, session in opened.items():
        alone, shared = plan_session(session), runs.plans[spec]
        assert [(prompt.key, prompt.rope, prompt.digest) for prompt in alone.prompts] == [
            (prompt.key, prompt.rope, prompt.digest) for prompt in shared.prompts
        ]
        assert alone.groups == shared.groups
        assert shared.spool is runs.plans["none"].spool


def test_the_monitor_is_told_once_of_all_runs(sessions: Callable[..., dict[str, Session]], watcher: Any) -> None:
    """Tokens of all that is left, then nothing at the beginning of a run; a second step is a round of its own."""
    opened = sessions(("none", "linear:2"), "s", protocol="chain")

    with SeveralRuns(opened, watcher) as runs:
        total = runs.plan()
        for spec in opened:
            runs.execute(spec)

    assert (96, total.unique_prompt_tokens) == (total.samples, watcher.pending[0])
    assert (3, 192) == (len(watcher.pending), len(watcher.failures))
    assert len(set(watcher.notes)) == len(watcher.notes)


def test_what_is_done_is_not_announced_as_left(sessions: Callable[..., dict[str, Session]], watcher: Any) -> None:
    """A run that is finished leaves the other's tokens."""
    opened = sessions(("none", "linear:2"), "s")
    execute(opened["none"], watcher)
    watcher.pending.clear()

    total = SeveralRuns(opened, watcher).plan()

    assert (96, 48, [total.unique_prompt_tokens // 2]) == (total.samples, total.done, watcher.pending)


def test_a_condition_that_cannot_be_stops_before_anything_runs(
    sessions: Callable[..., dict[str, Session]], bare: Path, watcher: Any
) -> None:
    """Though it is the last one."""
    with pytest.raises(UserError, match="longrope"), SeveralRuns(sessions(("none", "longrope"), "s"), watcher) as runs:
        runs.execute("none")

    assert not (bare / "s").exists()
