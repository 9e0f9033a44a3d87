"""Several answers to each sample: each has its records, its seed and its steps, whatever stopped in between."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit._api import plan_opened
from evalkit.errors import DataError, RunConflictError, UserError
from evalkit.models import Completion, GenerationRequest
from evalkit.prompts import digest_ids
from evalkit.rope import RopeSetting
from evalkit.runs import RunOutcome, RunSettings, open_session, plan_session, read_manifest, repair_run
from evalkit.runs import read_records_of_run as read

Start = Callable[..., RunOutcome]

DRAWN = {"temperature": 0.7, "samples_per_question": 3, "tasks": ("tales",), "limit": 4}


class Drawing:
    """A model whose answer follows from the prompt and the seed."""

    name, engine_info = "fake", {"device": "none"}

    def __init__(self, stop_after: int | None = None) -> None:
        self.asked: list[GenerationRequest] = []
        self._stop_after = stop_after

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:  # noqa: ARG002
        for request in requests:
            if len(self.asked) == self._stop_after:
                raise KeyboardInterrupt
            self.asked.append(request)
            seed = None if request.sampling is None else request.sampling.seed
            yield Completion(request.index, text=f"{digest_ids(request.ids)[:6]} {seed}", output_tokens=4)

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture(autouse=True)
def can_sample(toy: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """The toy backend says that it draws."""
    import toy_plugin

    monkeypatch.setattr(toy_plugin.ToyModel, "can_sample", True, raising=False)


def texts(folder: Path) -> dict[tuple[str, int, int], str | None]:
    return {record.key: record.text for record in read(folder)}


def test_each_draw_is_a_record_of_its_own(start: Start, bare: Path) -> None:
    """Of one prompt, with another text; seeds are those of prompt, seed and draw."""
    adapter = Drawing()

    outcome = start(adapter, **DRAWN)

    found = list(read(bare / "run"))
    assert (12, 0) == (outcome.finished, outcome.failed)
    assert {0: 4, 1: 4, 2: 4} == Counter(record.draw for record in found)
    assert 4 == len({record.prompt_sha256 for record in found})
    assert (
        12
        == len({record.text for record in found})
        == len({each.sampling.seed for each in adapter.asked if each.sampling})
    )
    identity = read_manifest(bare / "run").identity
    assert ("temperature 0.7", 0) == (identity["sampling"], identity["seed"])
    assert 3 == read_manifest(bare / "run").draws


def test_a_run_that_stopped_goes_on_draw_by_draw(start: Start, bare: Path) -> None:
    """What is recorded is not asked again; in the end all texts are those of a run that never stopped."""
    start(Drawing(), **DRAWN, out=bare / "whole")
    with pytest.raises(KeyboardInterrupt):
        start(Drawing(stop_after=5), **DRAWN)

    outcome = start(Drawing(), **DRAWN)

    assert (5, 7) == (outcome.reused, outcome.finished)
    assert texts(bare / "whole") == texts(bare / "run")


def test_more_draws_go_on_in_the_same_folder_and_fewer_leave_it(start: Start, bare: Path) -> None:
    """A draw is what it is, whatever others there are; those recorded stay part of the run."""
    start(Drawing(), **{**DRAWN, "samples_per_question": 2})
    few = texts(bare / "run")

    outcome = start(Drawing(), **DRAWN)
    assert (8, 4) == (outcome.reused, outcome.finished)
    assert few.items() <= texts(bare / "run").items()

    start(Drawing(), **{**DRAWN, "samples_per_question": 1})
    assert 3 == read_manifest(bare / "run").draws


def test_later_steps_follow_their_own_draw(start: Start, bare: Path) -> None:
    """The second prompt of a draw holds that draw's first answer."""
    start(Drawing(), **DRAWN, protocol="chain")

    found = {record.key: record for record in read(bare / "run")}
    assert 24 == len(found)
    second = [record for (_, step, _), record in found.items() if step == 1]
    assert 12 == len({record.prompt_sha256 for record in second})


def test_greedy_and_drawn_answers_never_share_a_folder(start: Start) -> None:
    """Nor do two temperatures, or two seeds."""
    start(Drawing(), **DRAWN)

    for changes in ({"temperature": None, "samples_per_question": None}, {"temperature": 0.8}, {"sampling_seed": 1}):
        with pytest.raises(RunConflictError, match=r"another (sampling|seed)"):
            start(Drawing(), **{**DRAWN, **changes})


def test_a_record_of_a_draw_that_the_run_has_not_is_refused_and_moved_out(start: Start, bare: Path) -> None:
    """By its number, as a step that the protocol has not."""
    start(Drawing(), **DRAWN)
    log = bare / "run" / "samples.jsonl"
    lines = log.read_text().splitlines()
    alien = {name: value for name, value in json.loads(lines[0]).items() if name != "crc32"} | {"draw": 7}
    log.write_text("\n".join([*lines, json.dumps(alien)]) + "\n")

    with pytest.raises(DataError, match=r"samples.jsonl:13: draw 7 of .* but the run draws 3 a sample"):
        start(Drawing(), **DRAWN)


def test_repair_keeps_later_steps_of_whole_draws_alone(start: Start, bare: Path) -> None:
    """The first step of one draw is not the one of another."""
    start(Drawing(), **DRAWN, protocol="chain")
    log = bare / "run" / "samples.jsonl"
    lines = log.read_text().splitlines()
    lost = next(place for place, line in enumerate(lines) if json.loads(line)["draw"] == 1)
    name = json.loads(lines[lost])["id"]
    lines[lost] = "{broken"
    log.write_text("\n".join(lines) + "\n")

    done = repair_run(bare / "run")

    assert (2, 22) == (len(done.dropped), done.kept)
    left = {record.key for record in read(bare / "run")}
    assert not {key for key in left if key[0] == name and key[2] == 1}
    assert {(name, 0, 0), (name, 1, 0), (name, 0, 2), (name, 1, 2)} <= left


def test_a_plan_counts_every_draw_and_stores_its_prompt_once(toy: str, tiny_model: Path, bare: Path) -> None:
    """Tokens to compute stay those of one draw."""
    base: dict[str, Any] = {"model": str(tiny_model), "benchmarks": (toy,), "backend": "toy", "out": bare / "run"}
    one = plan_session(open_session(RunSettings(**base, temperature=1.0)))
    four = plan_session(open_session(RunSettings(**base, temperature=1.0, samples_per_question=4)))

    counts, many = one.counts(), four.counts()
    assert 4 * counts.samples == many.samples
    assert 4 * counts.prompt_tokens == many.prompt_tokens
    assert counts.unique_prompt_tokens == many.unique_prompt_tokens
    assert [one.ids(index).tolist() for index in range(48)] == [four.ids(4 * index + 3).tolist() for index in range(48)]
    assert one.spool.size == four.spool.size


def test_a_backend_that_only_decodes_greedily_is_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    """Before anything is made; else its greedy answers would stand as draws."""
    import toy_plugin

    monkeypatch.delattr(toy_plugin.ToyModel, "can_sample")

    with pytest.raises(UserError, match="--temperature: the backend toy only decodes greedily"):
        start(Drawing(), **DRAWN)
    assert not (bare / "run").exists()


@pytest.mark.parametrize(("said", "draws"), [(10**15, 10_000), (-3, 1), (True, 1), ("3", 1), (None, 1), (4, 4)])
def test_a_manifest_of_others_is_taken_within_bounds(manifest: Callable[..., Any], said: object, draws: int) -> None:
    """A number without end would be counted for ever."""
    found = manifest().model_copy(update={"settings": {"samples_per_question": said}})

    assert draws == found.draws


def test_a_plan_counts_draws_that_are_done(start: Start, toy: str, tiny_model: Path, bare: Path) -> None:
    """A sample with two draws answered has the third to come, as the run itself says."""
    start(Drawing(), **{**DRAWN, "samples_per_question": 2})

    settings = RunSettings(str(tiny_model), (toy,), backend="toy", out=bare / "run", **DRAWN)
    (counts,) = plan_opened(open_session(settings)).benchmarks.values()

    assert (12, 8) == (counts["samples"], counts["done"])
