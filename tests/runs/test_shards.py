"""One part of a run in a folder of its own: what is asked there, what is not, and who may write where."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from evalkit._api import plan_opened
from evalkit.errors import RunConflictError, UserError
from evalkit.models import Completion, GenerationRequest
from evalkit.prompts import digest_ids
from evalkit.reports import plan_notes
from evalkit.rope import RopeSetting
from evalkit.runs import (
    RunOutcome,
    RunSettings,
    RunStore,
    _runner,
    execute,
    merge_runs,
    open_session,
    read_manifest,
)
from evalkit.runs import read_records_of_run as read
from evalkit.scores import score_run

Start = Callable[..., RunOutcome]
NewAdapter = Callable[..., Any]

ALL = 48  # samples of the toy benchmark


class Drawing:
    """A model whose answer follows from the prompt and the seed."""

    name, engine_info = "fake", {"device": "none"}

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:  # noqa: ARG002
        for request in requests:
            seed = None if request.sampling is None else request.sampling.seed
            yield Completion(request.index, text=f"{digest_ids(request.ids)[:6]} {seed}", output_tokens=4)

    def close(self) -> None:
        """Nothing to give back."""


def told(folder: Path) -> list[dict[str, Any]]:
    """The records without what may differ: times, what came from a cache, their order."""
    found = (record.model_dump(exclude={"seconds", "cached_tokens"}) for record in read(folder))
    return sorted(found, key=lambda each: (each["id"], each["step"], each["draw"], each["attempt"]))


def scores(folder: Path) -> tuple[Any, ...]:
    """Scores and their rows."""
    found, rows = score_run(folder)
    return found.to_json(), rows


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"protocol": "chain"},
        {"protocol": "chain", "temperature": 0.7, "samples_per_question": 3},
        {"max_seq_len": 60, "rope": "dynamic:4"},
    ],
    ids=["one step", "two steps", "draws of two steps", "several rope groups"],
)
def test_parts_joined_are_the_run_that_was_not_cut(
    start: Start, bare: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records but for times, and scores; no step is answered in two parts."""
    import toy_plugin

    monkeypatch.setattr(toy_plugin.ToyModel, "can_sample", True, raising=False)
    start(Drawing(), out=bare / "whole", **settings)
    outcomes = [start(Drawing(), shard=f"{index}/3", **settings) for index in (1, 2, 3)]

    merged = merge_runs([bare / "run"])

    assert told(bare / "whole") == told(bare / "run")
    assert scores(bare / "whole") == scores(bare / "run")
    assert () == merged.missing
    assert len(told(bare / "whole")) == merged.joined == sum(outcome.finished for outcome in outcomes)
    assert all(outcome.finished > merged.joined / 5 for outcome in outcomes)


def test_a_part_that_was_stopped_goes_on(start: Start, bare: Path, new_adapter: NewAdapter) -> None:
    """It asks what it has not asked, and nothing of the other part."""
    with pytest.raises(KeyboardInterrupt):
        start(new_adapter(stop_after=5), shard="1/2")
    before = (bare / "run/shards/1-of-2/samples.jsonl").read_bytes()

    outcome = start(shard="1/2")

    assert (5, ALL // 2 - 5) == (outcome.reused, outcome.finished)
    assert (bare / "run/shards/1-of-2/samples.jsonl").read_bytes().startswith(before)
    assert ["shards"] == [path.name for path in (bare / "run").iterdir()]


def test_what_the_run_has_answered_is_not_asked_again(start: Start, bare: Path, new_adapter: NewAdapter) -> None:
    """Whatever step it is of; later steps go on from the run's answers."""
    with pytest.raises(KeyboardInterrupt):
        start(new_adapter(stop_after=60), protocol="chain")
    start(out=bare / "whole", protocol="chain")

    adapters = [new_adapter(), new_adapter()]
    for index, adapter in enumerate(adapters, 1):
        start(adapter, shard=f"{index}/2", protocol="chain")
    merge_runs([bare / "run"])

    assert 2 * ALL - 60 == sum(len(adapter.asked) for adapter in adapters)
    assert told(bare / "whole") == told(bare / "run")


def test_a_part_goes_on_from_its_own_answers(start: Start, bare: Path, new_adapter: NewAdapter) -> None:
    """Where the run has got others meanwhile: its later steps follow from those, and the part's are asked."""
    with pytest.raises(KeyboardInterrupt):
        start(new_adapter(stop_after=ALL // 2), shard="1/2", protocol="chain")
    start(Drawing(), out=bare / "whole", protocol="chain")
    shutil.copytree(bare / "whole", bare / "run", dirs_exist_ok=True)

    outcome = start(shard="1/2", protocol="chain")

    assert (ALL // 2, ALL // 2) == (outcome.reused, outcome.finished)
    assert 0 == merge_runs([bare / "run"]).joined
    assert told(bare / "whole") == told(bare / "run")


def test_parts_of_more_samples_follow_a_merge(start: Start, bare: Path, new_adapter: NewAdapter) -> None:
    """A larger limit, other lengths, another number of parts: only what is new is asked."""
    for index in (1, 2):
        start(shard=f"{index}/2", limit=4)
    merge_runs([bare / "run"])

    adapters = [new_adapter() for _ in range(5)]
    for index in (1, 2):
        start(adapters[index], shard=f"{index}/2", limit=10)
    merged = merge_runs([bare / "run"])
    start(out=bare / "whole", limit=10)

    assert 12 == sum(len(adapter.asked) for adapter in adapters)
    assert () == merged.missing
    assert told(bare / "whole") == told(bare / "run")
    assert 10 == read_manifest(bare / "run").settings["limit"]


def test_a_plain_run_joins_parts_and_answers_the_rest(
    start: Start, bare: Path, new_adapter: NewAdapter, watcher: Any, toy: str, tiny_model: Path
) -> None:
    """Nothing that a part has answered is asked again; the plan counts it as done already."""
    start(shard="2/3")
    adapter = new_adapter()
    values = {"model": str(tiny_model), "benchmarks": (toy,), "backend": "toy", "out": bare / "run"}
    planned = plan_opened(open_session(RunSettings(**values))).benchmarks["toy"]

    outcome = start(adapter)

    start(out=bare / "whole")
    assert (ALL, planned["done"]) == (planned["samples"], outcome.reused)
    assert ALL - outcome.reused == len(adapter.asked) < ALL
    assert told(bare / "whole") == told(bare / "run")
    assert f"toy: {outcome.reused} records of 1 part joined" in watcher.notes


def test_the_plan_of_a_part_counts_that_part(toy: str, tiny_model: Path, bare: Path) -> None:
    """All parts together are the plan."""
    values = {"model": str(tiny_model), "benchmarks": (toy,), "backend": "toy", "out": bare / "run"}
    sessions = [open_session(RunSettings(**values, shard=f"{index}/3")) for index in (1, 2, 3)]

    parts = [plan_opened(session).benchmarks["toy"] for session in sessions]

    assert ALL == sum(part["samples"] for part in parts)
    assert f"toy: shard 3/3 holds {parts[2]['samples']} of {ALL} samples" in plan_notes(parts[2])[1]
    assert all(0 < part["samples"] < ALL for part in parts)
    assert f"shard 2/3 holds {parts[1]['samples']} of {ALL} samples" in plan_notes(parts[1])[1]


def test_several_benchmarks_are_cut_as_one_plan(
    toy: str, tiny_model: Path, bare: Path, watcher: Any, new_adapter: NewAdapter
) -> None:
    """Each has its parts in its own folder."""
    (bare / "more.yaml").write_text(Path(toy).read_text("utf-8").replace("name: toy", "name: more", 1), "utf-8")
    both = {"benchmarks": (toy, str(bare / "more.yaml"))}
    for index in (1, 2):
        values = {"model": str(tiny_model), "backend": "toy", "out": bare / "run", "shard": f"{index}/2", **both}
        execute(open_session(RunSettings(**values)), watcher, new_adapter)

    merged = [merge_runs([bare / "run" / name]) for name in ("toy", "more")]

    assert [(2, ALL, ())] * 2 == [(each.sources, each.answered, each.missing) for each in merged]


def test_two_processes_do_not_write_one_part(start: Start, bare: Path) -> None:
    """Nor do a part and a run of all at once; other parts go on."""
    start(shard="1/2", limit=2)
    part = bare / "run/shards/1-of-2"
    with RunStore(part):
        with pytest.raises(RunConflictError, match="1-of-2: another evalkit process writes here"):
            start(shard="1/2", limit=2)
        with pytest.raises(RunConflictError, match="1-of-2: an evalkit process writes this part; wait for it"):
            start(limit=2)
        with pytest.raises(RunConflictError, match="1-of-2: an evalkit process writes this part; wait for it"):
            merge_runs([bare / "run"])
        start(shard="2/2", limit=2)
    merge_runs([bare / "run"])
    with RunStore(bare / "run"), pytest.raises(RunConflictError, match="run: an evalkit process writes here"):
        start(shard="1/2", limit=2)


def test_parts_of_another_run_are_refused_before_anything_is_asked(start: Start, bare: Path) -> None:
    """By a part beside it, by the run that it belongs to, and by the run that would join it."""
    start(shard="1/2")
    for wrong in ({"shard": "2/2", "rope": "linear:2"}, {"rope": "linear:2"}):
        with pytest.raises(RunConflictError, match=r"1-of-2: is of a run with another rope \(native, now linear:2\)"):
            start(**wrong)
    merge_runs([bare / "run"])
    with pytest.raises(RunConflictError, match=r"run: holds a run with another rope \(native, now linear:2\)"):
        start(shard="2/2", rope="linear:2")
    assert not (bare / "run/shards/2-of-2").exists()


def test_a_part_without_an_answer_is_in_nobodys_way(start: Start, bare: Path, new_adapter: NewAdapter) -> None:
    """Begun with other settings by mistake: the same part, another one, the run and a merge go on without it."""
    for shard in ("1/2", "3/3"):
        with pytest.raises(KeyboardInterrupt):
            start(new_adapter(stop_after=0), shard=shard, rope="linear:2")
    with RunStore(bare / "run/shards/3-of-3"), pytest.raises(RunConflictError, match="3-of-3: is of a run with anoth"):
        start(shard="1/2")

    for index in (1, 2):
        start(shard=f"{index}/2")
    merged = merge_runs([bare / "run"])

    assert (2, ALL, ()) == (merged.sources, merged.answered, merged.missing)
    assert ALL == start().reused


@pytest.mark.parametrize("name", [".DS_Store", "slurm-1.out", "1-of-2.bak"])
def test_files_beside_parts_are_no_matter(start: Start, bare: Path, name: str) -> None:
    """Neither for the next part nor for the run that they are joined to."""
    start(shard="1/2")
    (bare / "run/shards" / name).touch()

    start(shard="2/2")

    assert ALL == merge_runs([bare / "run"]).answered


def test_a_run_and_a_part_that_begin_at_once_do_not_both_answer(
    start: Start, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither folder is there when they look; the run is planned while the part has begun."""
    plan = _runner.make_plan

    def slow(*arguments: Any) -> Any:
        monkeypatch.undo()
        stack.enter_context(RunStore(bare / "run/shards/1-of-2")).open_as(read_manifest(bare / "other"))
        return plan(*arguments)

    start(out=bare / "other")
    with ExitStack() as stack:
        monkeypatch.setattr(_runner, "make_plan", slow)
        with pytest.raises(RunConflictError, match="1-of-2: an evalkit process writes this part; wait for it"):
            start()


def test_more_parts_than_samples_are_refused(start: Start, bare: Path) -> None:
    """Before a folder is made."""
    with pytest.raises(UserError, match="--shard 1/5: 4 samples cannot be 5 parts"):
        start(shard="1/5", limit=2)
    assert not (bare / "run").exists()


def test_failures_of_a_part_are_tried_again(start: Start, bare: Path, new_adapter: NewAdapter) -> None:
    """They are joined, so that scores count them, and make way for an answer."""
    start(new_adapter(failing=range(ALL)), shard="1/2", limit=2)
    start(shard="2/2", limit=2)

    first = merge_runs([bare / "run"])
    start(shard="1/2", limit=2)
    second = merge_runs([bare / "run"])

    assert (2, (), 0, ()) == (first.failed, first.missing, second.failed, second.missing)
    assert 4 == second.answered
