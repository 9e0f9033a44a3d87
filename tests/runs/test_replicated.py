"""Runs whose prompts several engines answer: the records of one engine, whatever happens to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate, plan
from evalkit.errors import RunStoppedError, UserError
from evalkit.models import Completion, GenerationRequest, ModelAdapter, load_model
from evalkit.models.replicas import ReplicaLostError, ReplicatedModel
from evalkit.planning.shards import work_cost
from evalkit.runs import RunOutcome, RunSettings, Session, SeveralRuns, execute, open_session, read_manifest
from evalkit.scores import score_run

NewAdapter = Callable[..., Any]
OpenModel = Callable[[], ModelAdapter]


class InProcess:
    """A replica in this process."""

    def __init__(self, number: int, make: OpenModel) -> None:
        self.label = f"replica {number}"
        self._make = make

    def open(self) -> ModelAdapter:
        return self._make()

    def close(self) -> None:
        """Whoever made the engine closes it."""


def opener_of(session: Session, watcher: Any, makes: Sequence[OpenModel]) -> OpenModel:
    """What opens the model of a session on replicas in this process."""
    options = session.backend_options(longest_sequence=600, note=watcher.note)

    def open_replicas() -> ReplicatedModel:
        replicas = [InProcess(number, make) for number, make in enumerate(makes, 1)]
        return ReplicatedModel(replicas, work_cost(session.card), options)

    return open_replicas


@pytest.fixture
def start_on(toy: str, tiny_model: Path, bare: Path, watcher: Any) -> Callable[..., RunOutcome]:
    """Starter of runs of the toy benchmark in the folder `run`, on replicas of these adapters."""

    def go(*adapters: Any, **settings: Any) -> RunOutcome:
        values = {"model": str(tiny_model), "benchmarks": (toy,), "backend": "toy", "out": bare / "run"} | settings
        session = open_session(RunSettings(**values))
        return execute(session, watcher, opener_of(session, watcher, [lambda each=each: each for each in adapters]))

    return go


def records(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Records by sample and step, each once; without times, what a cache held, and last bits."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for line in (folder / "samples.jsonl").read_text().splitlines():
        record = json.loads(line)
        for name in ("seconds", "cached_tokens", "crc32"):
            record.pop(name, None)
        if record["margin"] is not None:
            record["margin"] = pytest.approx(record["margin"], rel=1e-3)
        assert (record["id"], record["step"]) not in found
        found[record["id"], record["step"]] = record
    return found


@pytest.mark.parametrize("rope", ["native", "dynamic:4"])
def test_records_and_scores_are_those_of_one_engine(bare: Path, watcher: Any, rope: str) -> None:
    """On the model that ships with evalkit, in float32, with one RoPE group and with several."""
    settings = {
        "model": "needle-tiny", "benchmarks": ("needle",), "dtype": "float32", "rope": rope,
        "options": {"lengths": "256,400", "depths": "0,50,100", "repeats": "3"},
    }  # fmt: skip
    alone = open_session(RunSettings(**settings, out=bare / "alone"))
    execute(alone, watcher)
    several = open_session(RunSettings(**settings, out=bare / "several"))
    options = several.backend_options(longest_sequence=600, note=watcher.note)

    def load() -> ModelAdapter:
        return load_model(several.backend, several.card, several.tokenizer, options)

    outcome = execute(several, watcher, opener_of(several, watcher, [load, load]))

    assert (18, 0, 2) == (outcome.finished, outcome.failed, outcome.engine_info["replicas"])
    assert records(bare / "alone") == records(bare / "several")
    assert score_run(bare / "alone") == score_run(bare / "several")
    assert {"replica-1.log", "replica-2.log"} == {path.name for path in (bare / "several" / "logs").iterdir()}


def test_steps_of_samples_are_answered_on_the_same_replicas(
    start_on: Callable[..., RunOutcome], new_adapter: NewAdapter, bare: Path
) -> None:
    """What a later step asks hangs on the answer of the one before."""
    start_on(new_adapter(), out=bare / "alone", protocol="chain")
    start_on(new_adapter(), new_adapter(), new_adapter(), protocol="chain")

    assert 96 == len(records(bare / "run"))
    assert records(bare / "alone") == records(bare / "run")


class Dying:
    """A model that answers some prompts and is gone."""

    name, engine_info = "dying", {"device": "none"}

    def __init__(self, answers: int) -> None:
        self._left = answers

    def generate(self, _: Any, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        for request in requests:
            if self._left == 0:
                raise ReplicaLostError("killed")
            self._left -= 1
            yield Completion(request.index, text="x", cached_tokens=0)

    def close(self) -> None:
        """Nothing."""


def test_a_run_without_replicas_left_goes_on_with_the_same_command(
    start_on: Callable[..., RunOutcome], new_adapter: NewAdapter, bare: Path, watcher: Any, monkeypatch: Any
) -> None:
    """What is finished is kept; how many replicas there are is no change that a resumed run warns of."""
    monkeypatch.setattr("evalkit.models.replicas._round.PAUSE_SECONDS", 0.0)
    with pytest.raises(RunStoppedError, match=r"no replica is left \(killed\); 41 of 48 prompts are not answered"):
        start_on(Dying(3), Dying(4))
    kept = records(bare / "run")
    watcher.notes.clear()

    outcome = start_on(new_adapter())

    assert (41, 7) == (outcome.finished, outcome.reused)
    assert 48 == len(records(bare / "run"))
    assert kept == {key: each for key, each in records(bare / "run").items() if key in kept}
    assert [] == watcher.notes


def test_an_error_of_the_runner_ends_the_replicas(
    start_on: Callable[..., RunOutcome], new_adapter: NewAdapter, watcher: Any, monkeypatch: Any
) -> None:
    """As where the disk is full; threads would keep asking otherwise."""
    import threading

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(watcher, "finished", fail)
    with pytest.raises(OSError, match="disk full"):
        start_on(new_adapter(), new_adapter())

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("evalkit")]


def test_facts_that_come_late_reach_the_manifest(
    start_on: Callable[..., RunOutcome], new_adapter: NewAdapter, bare: Path, watcher: Any
) -> None:
    """Two kinds of machine answered: a reader of the run is told, and the user too."""
    start_on(new_adapter(), first := new_adapter(), second := new_adapter())
    assert "replicas_differ" not in read_manifest(bare / "run").environment["engine"]
    second.engine_info = {"device": "another"}

    start_on(first, second, out=bare / "mixed", protocol="chain")

    differing = read_manifest(bare / "mixed").environment["engine"]["replicas_differ"]
    assert {"none", "another"} == set(differing["device"].values())
    assert 1 == sum("runs otherwise than replica" in note for note in watcher.notes)


def test_conditions_of_a_sweep_share_replicas(toy: str, tiny_model: Path, bare: Path, watcher: Any) -> None:
    """Each run has the records that it has alone; the replicas stay."""
    opened = []

    def sessions(below: str) -> dict[str, Session]:
        values: dict[str, Any] = {"model": str(tiny_model), "benchmarks": (toy,), "dtype": "float32", "limit": 3}
        specs = ("native", "dynamic:4", "linear:2")
        return {
            spec: open_session(RunSettings(**values, rope=spec, out=bare / below / spec.replace(":", "-")))
            for spec in specs
        }

    class OnReplicas(SeveralRuns):
        def _open(self, session: Session) -> Any:
            options = session.backend_options(longest_sequence=600, note=watcher.note)

            def load() -> ModelAdapter:
                opened.append(1)
                return load_model("hf", session.card, session.tokenizer, options)

            self._model = self._model or opener_of(session, watcher, [load, load])()
            return super()._open(session)

    with OnReplicas(sessions("several"), watcher) as runs:
        for spec in ("dynamic:4", "native", "linear:2"):
            runs.execute(spec)
    for spec, session in sessions("alone").items():
        execute(session, watcher)
        name = spec.replace(":", "-")
        assert records(bare / "alone" / name) == records(bare / "several" / name)
    assert 2 == len(opened)


def test_more_replicas_than_prompts_are_refused(bare: Path) -> None:
    """By the plan too; both numbers are named, and nothing is left behind."""
    grid = {"lengths": "256", "depths": "0,50,100", "repeats": 2}
    for call in (plan, evaluate):
        with pytest.raises(UserError, match=r"replicas=7: there are 6 prompts to answer, .*at most 6"):
            call("needle-tiny", "needle", options=grid, replicas=7, out=bare / "run")

    assert not (bare / "run").exists()


def test_logs_lie_in_the_run_or_in_the_folder_that_runs_share(bare: Path, toy: str, watcher: Any) -> None:
    """One place for all replicas of a command."""

    def logs(*benchmarks: str, out: Path | None) -> Path | None:
        options = {"lengths": "256", "repeats": "1"}
        session = open_session(RunSettings("needle-tiny", benchmarks, options=options, out=out, partial=True))
        return session.backend_options(longest_sequence=600, note=watcher.note).logs

    assert bare / "run" / "logs" == logs("needle", out=bare / "run")
    assert bare / "runs" / "logs" == logs("needle", toy, out=bare / "runs")
    assert Path("results/needle-tiny-needle-keyword/logs") == logs("needle", toy, out=None)
