"""Several replicas as one model: every request is answered once, whatever dies, and nothing is left behind."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import EngineStoppedError, RunStoppedError, UserError
from evalkit.models import Completion, GenerationRequest, RopeGroup
from evalkit.models.replicas import ReplicaLostError, ReplicatedModel, replicated
from evalkit.models.replicas import _round as module
from evalkit.planning.shards import WorkCost

NewModel = Callable[..., ReplicatedModel]
NewGroups = Callable[..., list[RopeGroup]]

LOST = "the process has died"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas that answered nothing are started again at once."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)


def requests_of(groups: Sequence[RopeGroup]) -> list[GenerationRequest]:
    return [request for group in groups for request in group.requests]


def expected(groups: Sequence[RopeGroup]) -> list[tuple[int, str]]:
    """Every request once, with the answer that tells its prompt."""
    return [(request.index, " ".join(map(str, request.ids))) for request in requests_of(groups)]


def answers(completions: Iterator[Completion]) -> list[tuple[int, str | None]]:
    return sorted((done.index, done.text if done.error is None else done.error) for done in completions)


def dies_at(*times: int) -> Callable[[GenerationRequest], None]:
    """An engine that dies instead of its n-th answers, counted over all starts."""
    count = iter(range(10**9))

    def behave(_: GenerationRequest) -> None:
        if next(count) in times:
            raise ReplicaLostError(LOST)

    return behave


def slowly(seconds: float) -> Callable[[GenerationRequest], None]:
    return lambda _: time.sleep(seconds)


def hanging(until: threading.Event) -> Callable[[GenerationRequest], None]:
    def behave(_: GenerationRequest) -> None:
        until.wait(30)

    return behave


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("groups", [1, 3])
def test_every_request_is_answered_once(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, count: int, groups: int
) -> None:
    """With one replica or with many, of one RoPE group or of several that no engine holds together."""
    asked = new_groups(groups=groups)
    model = new_model(*(scripted() for _ in range(count)))

    found = model.generate(*asked[0]) if groups == 1 else model.generate_together(asked)

    assert expected(asked) == answers(found)
    assert {"device": "none", "replicas": count} == model.engine_info


def test_rounds_are_answered_by_the_same_engines(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """Later steps of samples ask again; nothing is loaded twice."""
    replicas = [scripted(slowly(0.001)), scripted(slowly(0.001))]
    model = new_model(*replicas)

    for seed in range(3):
        asked = new_groups(seed=seed)
        assert expected(asked) == answers(model.generate(*asked[0]))

    assert [1, 1] == [replica.starts for replica in replicas]


def test_a_hundred_kills_at_random_moments_lose_and_double_nothing(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """Of 2,000 requests; a killed engine is started again, and each loss is said in one line.

    A prompt fails that is hit five times, which chance does not do.
    """
    rope, requests = new_groups(documents=420)[0]
    draw = random.Random(3)
    replicas = [scripted(slowly(0.0002)) for _ in range(4)]
    model = new_model(*replicas)
    done: dict[int, Completion] = {}
    kills = 0

    for completion in model.generate(rope, requests):
        assert completion.index not in done
        done[completion.index] = completion
        engine = draw.choice(replicas).engine
        if kills < 100 and len(done) > 15 * kills and engine is not None and not engine.is_killed.is_set():
            engine.is_killed.set()
            kills += 1

    assert 100 == kills
    assert 2000 < len(requests)
    assert not any(completion.error for completion in done.values())
    assert expected([RopeGroup(rope, requests)]) == answers(iter(done.values()))
    losses = sum("is lost (killed)" in line for line in notes)
    assert 90 < losses <= 100  # an engine may be killed that has nothing left to do
    assert sum(replica.starts for replica in replicas) >= losses


def test_a_slow_replica_is_left_less_to_do(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """Whole documents go to those that are done with theirs."""
    asked = new_groups(documents=40)
    slow, fast = scripted(slowly(0.02)), scripted(slowly(0.001))

    assert expected(asked) == answers(new_model(slow, fast).generate(*asked[0]))

    assert len(slow.answered) < len(requests_of(asked)) / 4


def test_a_loss_is_said_with_what_becomes_of_its_prompts(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """One line: which replica, why, how many prompts go elsewhere, and that it is started again."""
    asked = new_groups()
    model = new_model(scripted(dies_at(1)), scripted(slowly(0.01)))

    assert expected(asked) == answers(model.generate(*asked[0]))

    (line,) = notes
    assert line.startswith(f"replica 1 is lost ({LOST}): its ")
    assert line.endswith("; trying it again")
    assert "open prompts go to the others" in line or "open prompt goes to the others" in line


def test_an_engine_that_stopped_is_a_loss(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """As vLLM says it, whose process lives on."""
    asked = new_groups()
    broken = iter([True])

    def stop(_: GenerationRequest) -> None:
        if next(broken, False):
            raise EngineStoppedError("vLLM stopped: out of memory")

    model = new_model(scripted(stop), scripted(slowly(0.01)))

    assert expected(asked) == answers(model.generate(*asked[0]))
    assert "replica 1 is lost (vLLM stopped: out of memory)" in notes[0]


def test_a_run_stops_where_no_replica_is_left(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """Each is started three times without an answer; the end names what is missing."""
    asked = new_groups(documents=12)
    total = len(requests_of(asked))

    def dead_from(first: int) -> Callable[[GenerationRequest], None]:
        return dies_at(*range(first, 10**4))

    model = new_model(scripted(dead_from(3)), scripted(dead_from(2)))
    done: list[Completion] = []

    with pytest.raises(RunStoppedError) as caught:
        done.extend(model.generate(*asked[0]))

    assert str(caught.value).startswith(f"stopped: no replica is left ({LOST}); ")
    assert str(caught.value).endswith(
        f" of {total} prompts are not answered; what is finished is kept, the same command continues"
    )
    assert 2 == sum("is given up, nothing came of 3 starts in a row" in line for line in notes)
    with pytest.raises(RunStoppedError, match="no replica is left"):
        list(model.generate(*asked[0]))


def test_what_came_before_the_end_is_handed_on(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """A reader that is slower than the engines gets every answer before it hears of the end."""
    asked = new_groups()
    model = new_model(scripted(dies_at(*range(3, 10**4))))
    done = []

    with pytest.raises(RunStoppedError, match=f"{len(requests_of(asked)) - 3:,} of "):
        for completion in model.generate(*asked[0]):
            time.sleep(0.01)
            done.append(completion)

    assert 3 == len([each for each in done if each.error is None])


@pytest.mark.parametrize(("count", "poison"), [(1, 7), (1, -1), (2, -1), (3, 7)])
def test_a_prompt_that_kills_every_replica_is_given_up(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, count: int, poison: int
) -> None:
    """After five deaths, or three of the same replica, the only one or the first to be back; all else is answered."""
    asked = new_groups()
    poison %= len(requests_of(asked))
    deaths = []

    def die(request: GenerationRequest) -> None:
        if request.index == poison:
            deaths.append(request.index)
            raise ReplicaLostError(LOST)

    model = new_model(*(scripted(die) for _ in range(count)))
    found = {done.index: done for done in model.generate(*asked[0])}

    failed = found.pop(poison)
    assert f"its replica died each time that it was asked ({LOST})" == failed.error
    assert failed.is_of_prompt
    assert 3 <= len(deaths) <= (3 if count == 1 else 5)
    assert [each for each in expected(asked) if each[0] != poison] == answers(iter(found.values()))


def test_leaving_early_ends_everything_at_once(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """An error in the runner, or Ctrl-C: engines are ended, one of which would never have answered."""
    asked = new_groups()
    hangs = threading.Event()
    stuck = scripted(hanging(hangs))
    stuck.close = hangs.set  # as a process that is killed lets its caller go
    model = new_model(scripted(slowly(0.001)), stuck)
    begun = time.monotonic()

    with closing(model.generate(*asked[0])) as completions:  # type: ignore[type-var]
        next(completions)

    assert time.monotonic() - begun < 3
    assert [] == [thread.name for thread in threading.enumerate() if thread.name.startswith("evalkit")]


def test_a_replica_that_nothing_ends_keeps_nobody(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs in native code: its thread is left behind, and does not keep the process."""
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    asked = new_groups()
    hangs = threading.Event()
    model = new_model(scripted(slowly(0.001)), scripted(hanging(hangs)))
    begun = time.monotonic()

    with closing(model.generate(*asked[0])) as completions:  # type: ignore[type-var]
        next(completions)

    assert time.monotonic() - begun < 2
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("evalkit"))
    hangs.set()


@pytest.mark.parametrize("error", [UserError("the GPU has no memory"), RuntimeError("a bug"), RunStoppedError("money")])
def test_other_errors_of_a_replica_end_the_run(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, error: Exception
) -> None:
    """As they do with one engine; the reader gets them, with all that was answered before."""
    asked = new_groups()
    count = iter(range(100))

    def fail(_: GenerationRequest) -> None:
        if next(count) == 2:
            raise error

    done: list[int] = []
    with pytest.raises(type(error), match=str(error)):
        done.extend(each.index for each in new_model(scripted(fail), scripted(slowly(0.02))).generate(*asked[0]))

    assert len(done) >= 2
    assert len(done) == len(set(done)) < len(requests_of(asked))


def test_an_answer_that_nobody_asked_for_is_a_fault(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """As the runner says it of one engine."""
    model = new_model(scripted(lambda _: Completion(999, text="?")))

    with pytest.raises(RuntimeError, match="answered request 999, which is not open"):
        list(model.generate(*new_groups()[0]))


def test_engines_wait_for_a_slow_reader(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """Answers do not pile up."""
    asked = new_groups(documents=60)
    replicas = [scripted(), scripted()]
    found = new_model(*replicas).generate(*asked[0])

    first = next(found)
    time.sleep(0.2)
    answered = sum(len(replica.answered) for replica in replicas)

    assert answered <= 1 + 2 * module.ROOM + 2
    assert expected(asked) == sorted([(first.index, first.text), *answers(found)])


@pytest.mark.parametrize(
    "reason", [{"is_of_memory": True, "is_of_prompt": True}, {"is_of_prompt": False}], ids=["memory", "engine"]
)
def test_what_fails_for_the_sake_of_a_replica_is_asked_of_another(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, reason: dict[str, bool]
) -> None:
    """Another one may have more memory, or a kernel that works."""
    asked = new_groups()

    def fail(request: GenerationRequest) -> Completion:
        return Completion(request.index, finish_reason="error", error="no memory", **reason)  # type: ignore[arg-type]

    model = new_model(scripted(fail), scripted(slowly(0.002)))

    assert expected(asked) == answers(model.generate(*asked[0]))


def test_what_fails_everywhere_fails_once(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """Tries are bounded, and a refusal that is the prompt's own is no reason for another."""
    asked = new_groups()
    tries: dict[int, int] = {}

    def fail(request: GenerationRequest) -> Completion | None:
        tries[request.index] = tries.get(request.index, 0) + 1
        if request.index in (3, 4):
            return Completion(request.index, finish_reason="error", error="broken", is_of_prompt=request.index == 4)
        return None

    model = new_model(scripted(fail), scripted(fail))
    found = answers(model.generate(*asked[0]))

    assert [(3, "broken"), (4, "broken")] == [each for each in found if each[1] == "broken"]
    assert 1 < tries.pop(3) < 5
    assert {1} == set(tries.values())


def test_a_request_without_answer_is_not_forgotten(new_model: NewModel, scripted: Any, new_groups: NewGroups) -> None:
    """An engine ends its answers early: the rest is asked again, and fails where that brings nothing either."""
    asked = new_groups()

    class Short(scripted):  # type: ignore[misc]
        def open(self) -> Any:
            engine = super().open()
            whole = engine.generate
            engine.generate = lambda rope, requests: (each for each in whole(rope, requests) if each.index != 2)
            return engine

    found = dict(answers(new_model(Short(), Short()).generate(*asked[0])))

    assert "the backend gave no answer" == found.pop(2)
    assert [each for each in expected(asked) if each[0] != 2] == sorted(found.items())


def test_a_replica_that_cannot_be_had_is_done_without(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """It is tried three times; the last line says that it is given up."""
    asked = new_groups()

    def refuse() -> None:
        raise ReplicaLostError("no GPU is free")

    broken = scripted(start=refuse)
    model = new_model(broken, scripted(slowly(0.01)))

    assert expected(asked) == answers(model.generate(*asked[0]))
    assert 3 == broken.starts
    assert "replica 1 cannot be had (no GPU is free): trying it again" == notes[0]
    assert "replica 1 cannot be had (no GPU is free): it is given up, nothing came of 3 starts in a row" == notes[-1]


def test_a_replica_that_cannot_be_started_again_is_done_without(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """Whatever keeps it from that: the others still have the model, so the run is not at fault."""
    asked = new_groups()
    starts = iter(range(9))

    def start() -> None:
        if next(starts):
            raise UserError("the GPU's memory is taken")

    model = new_model(scripted(dies_at(1), start=start), scripted(slowly(0.01)))

    assert expected(asked) == answers(model.generate(*asked[0]))
    assert "replica 1 cannot be had (the GPU's memory is taken): it is given up, nothing" in notes[-1]


def fails(request: GenerationRequest) -> Completion:
    """An engine that fails at everything."""
    return Completion(request.index, finish_reason="error", error=f"illegal access at {request.index}")


def test_replicas_that_fail_at_everything_are_lost_and_no_prompt_with_them(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """Though there are more of them than tries of a prompt: the one that works answers all."""
    asked = new_groups(documents=20)
    broken = [scripted(fails) for _ in range(3)]
    model = new_model(*broken, scripted(slowly(0.003)))

    assert expected(asked) == answers(model.generate(*asked[0]))
    assert all(len(replica.answered) <= 15 for replica in broken)
    assert re.match(r"replica \d is lost \(it failed at 5 prompts in a row: illegal access at \d+\): ", notes[0])


def test_a_run_stops_where_every_replica_fails_at_everything(
    scripted: Any, new_model: NewModel, new_groups: NewGroups
) -> None:
    """Soon, and with what they all said; nothing of it is an answer to a prompt."""
    asked = new_groups(documents=40)
    replicas = [scripted(fails), scripted(fails)]

    with pytest.raises(RunStoppedError, match=r"no replica is left \(it failed at 5 prompts in a row: illegal access"):
        assert [] == list(new_model(*replicas).generate(*asked[0]))
    assert 30 == sum(len(replica.answered) for replica in replicas)


def test_who_waits_for_work_asks_again_by_himself(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last document is left to the fast replica, which then hangs and says nothing that would wake the slow one."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    rope, requests = new_groups(documents=1)[0]
    given_up, asks = threading.Event(), iter(range(10**6))
    take = module.Schedule.take

    def later(schedule: Any, replica: int) -> Any:
        if replica == 0:
            return None  # as where another one is expected to be sooner
        if next(asks) < 3:
            return None
        given_up.set()
        return take(schedule, replica)

    monkeypatch.setattr(module.Schedule, "take", later)
    found = answers(new_model(scripted(), scripted()).generate(rope, requests))

    assert len(requests) == len(found)
    assert given_up.is_set()


def test_what_no_replica_can_have_ends_the_run(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """A model that nobody can load is said as with one engine."""

    def refuse() -> None:
        raise UserError("weights are missing")

    with pytest.raises(UserError, match="weights are missing"):
        list(new_model(scripted(start=refuse), scripted(start=refuse)).generate(*new_groups()[0]))


def test_a_slow_start_keeps_nobody_waiting(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """What is answered is answered; the engine that comes later serves the next round."""
    may_start = threading.Event()
    late = scripted(start=lambda: hanging(may_start)(new_groups()[0].requests[0]))
    model = new_model(scripted(), late)
    asked = new_groups()

    assert expected(asked) == answers(model.generate(*asked[0]))
    assert [] == late.answered
    may_start.set()
    while late.engine is None:
        time.sleep(0.01)
    asked = [RopeGroup(each.rope, [replace(one) for one in each.requests]) for each in new_groups(documents=40)]
    assert expected(asked) == answers(model.generate(*asked[0]))

    assert 1 == late.starts
    assert late.answered


def test_no_more_replicas_are_started_than_there_are_prompts(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """A resumed run may have few left."""
    rope, requests = new_groups()[0]
    replicas = [scripted(slowly(0.05)) for _ in range(5)]

    list(new_model(*replicas).generate(rope, requests[:2]))

    assert 2 == sum(replica.starts for replica in replicas)
    assert ["2 prompts left to answer: only so many replicas are started"] == notes


def test_where_few_prompts_are_left_another_replica_takes_the_place_of_one_that_is_away(
    scripted: Any, new_model: NewModel, new_groups: NewGroups
) -> None:
    """Not those alone that come first are asked; who is not needed is not started."""
    rope, requests = new_groups()[0]

    def refuse() -> None:
        raise ReplicaLostError("nobody answers")

    away, there, spare = scripted(start=refuse), scripted(), scripted()

    assert [0] == [each.index for each in new_model(away, there, spare).generate(rope, requests[:1])]
    assert 1 == there.starts
    assert 1 >= spare.starts


def test_engines_that_differ_are_told(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, notes: list[str]
) -> None:
    """Once for each fact; how much memory is free is none."""
    facts = {"device": "H100", "batch": 8}
    other = {"device": "A100", "batch": 4}
    model = new_model(*(scripted(slowly(0.003), info=info) for info in (facts, other, other)))

    list(model.generate(*new_groups(documents=20)[0]))

    (line,) = notes
    assert "runs otherwise than replica" in line
    assert "batch" not in line
    labels = {"replica 1": "H100", "replica 2": "A100", "replica 3": "A100"}
    assert labels == model.engine_info["replicas_differ"]["device"]


def test_what_engines_say_comes_once_and_from_the_reader(
    scripted: Any, new_groups: NewGroups, notes: Any, tmp_path: Path
) -> None:
    """Monitors know one thread; the log of each replica has what its own engine said."""
    from evalkit.models import BackendOptions

    asked = new_groups(documents=20)

    def make(options: BackendOptions) -> list[Any]:
        def say(_: GenerationRequest) -> None:
            options.note("no prefix reuse")
            time.sleep(0.002)

        made = [scripted(say), scripted(say)]
        for number, each in enumerate(made, 1):
            each.label = f"replica {number}"
        return made

    logs = tmp_path / "run" / "logs"
    model = replicated(make, WorkCost(1.0, 0.001, 4.0), BackendOptions(note=notes.take, logs=logs))
    assert expected(asked) == answers(model.generate(*asked[0]))
    model.close()

    assert ["no prefix reuse"] == notes
    for number in (1, 2):
        lines = (logs / f"replica-{number}.log").read_text().splitlines()
        assert all(line[:2] == "20" and line[23:26] == "Z  " for line in lines), lines
        told = [line[26:] for line in lines]
        assert ["starts", "is ready"] == told[:2]
        assert "is asked " in told[2]
        assert "says: no prefix reuse" in told
        assert "is closed" == told[-1]


def test_logs_go_on_where_they_ended(scripted: Any, new_model: NewModel, new_groups: NewGroups, tmp_path: Path) -> None:
    """The same command again adds to them, and a loss stands in them."""
    for _ in range(2):
        model = new_model(scripted(dies_at(1)), logs=tmp_path)
        list(model.generate(*new_groups()[0]))
        model.close()

    text = (tmp_path / "replica-1.log").read_text()
    assert 4 == text.count("Z  starts\n")
    assert 2 == text.count(f"replica 1 is lost ({LOST})")


def test_a_log_that_cannot_be_written_stops_nothing(
    scripted: Any, new_model: NewModel, new_groups: NewGroups, tmp_path: Path, notes: list[str]
) -> None:
    """It is said once."""
    (tmp_path / "logs").write_text("a file")
    asked = new_groups()
    model = new_model(scripted(), scripted(), logs=tmp_path / "logs")

    assert expected(asked) == answers(model.generate(*asked[0]))
    assert ["logs of replicas cannot be written"] == [line.partition(": ")[2].partition(" (")[0] for line in notes]


def test_what_engines_charge_adds_up(scripted: Any, new_model: NewModel, new_groups: NewGroups) -> None:
    """Those that are gone included."""
    asked = new_groups()

    class Paid(scripted):  # type: ignore[misc]
        def open(self) -> Any:
            engine = super().open()
            engine.spent = 1.5
            return engine

    model = new_model(Paid(dies_at(1)), Paid(slowly(0.01)))
    list(model.generate(*asked[0]))

    assert 4.5 == model.spent
    assert new_model(scripted()).spent is None
