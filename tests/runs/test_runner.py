"""The loop: what is asked, what is recorded, and that stopping at any point changes nothing in the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import RunConflictError, UserError
from evalkit.models import Completion, GenerationRequest
from evalkit.prompts import digest_ids
from evalkit.rope import RopeSetting
from evalkit.runs import RunOutcome, RunSettings, SampleRecord, _asked, open_session, plan_session, read_manifest
from evalkit.runs import _runner as module
from evalkit.runs import read_records_of_run as read

Start = Callable[..., RunOutcome]
NewAdapter = Callable[..., Any]

ALL = 48


def answers(folder: Path) -> dict[tuple[str, int], tuple[str | None, str | None]]:
    """Latest text and error of every step."""
    return {(record.id, record.step): (record.text, record.error) for record in read(folder)}


def no_model() -> Any:
    """Stands where no model may be opened."""
    raise AssertionError("a model was opened although nothing was left to do")


def test_every_sample_is_asked_once_in_trie_order(start: Start, new_adapter: NewAdapter, bare: Path) -> None:
    """Tasks are planned together: neighbours share prefixes whatever task they are of."""
    adapter = new_adapter()

    outcome = start(adapter)

    assert ALL == len(adapter.asked) == len(list(read(bare / "run")))
    assert sorted(adapter.asked) == adapter.asked
    assert (ALL, 0, 0) == (outcome.finished, outcome.reused, outcome.failed)
    assert adapter.is_closed


def test_a_record_says_what_happened(start: Start, bare: Path, new_adapter: NewAdapter) -> None:
    """Enough to score the answer, to rebuild the prompt and prove it is the same, and to see what truncation did."""
    adapter = new_adapter()
    start(adapter, max_seq_len=60)

    record = next(each for each in read(bare / "run") if each.id == "toy/sagas/0")

    ids = next(ids for ids in adapter.asked if digest_ids(_array(ids)) == record.prompt_sha256)
    assert (0, 1, "stop", None, "native") == (
        record.step, record.attempt, record.finish_reason, record.error, record.rope
    )  # fmt: skip
    assert digest_ids(_array(ids))[:8] == record.text
    assert record.ledger is not None
    assert (54, [27, 27]) == (record.ledger.after, [record.ledger.head, record.ledger.tail])
    assert record.preview.startswith("<s>[user] Read: word0")


@pytest.mark.parametrize(
    ("rope", "spec", "multiplier", "base"),
    [
        ("native", "native", None, None),
        ("linear:4", "linear:4", 4.0, 10000.0),
        ("llama3:8", "llama3:8", None, 10000.0),
        ("ntk:4", "ntk:4", 4.0, 10000.0 * 4 ** (16 / 14)),
        ("dynamic:4", "dynamic:4", 1.0, 10000.0),
    ],
)
def test_a_record_says_how_its_prompt_was_turned(
    start: Start, bare: Path, rope: str, spec: str, multiplier: float | None, base: float | None
) -> None:
    """What was asked for, by how much it stretched at this length, and the base in force."""
    start(limit=1, rope=rope)

    (record, *_) = read(bare / "run")
    assert (spec, multiplier, base) == (record.rope_spec, record.rope_multiplier, record.rope_base)


def _array(ids: Sequence[int]) -> Any:
    from evalkit.prompts import token_array

    return token_array(ids)


def test_the_same_call_again_asks_nothing_and_opens_no_model(
    start: Start, bare: Path, toy: str, tiny_model: Path
) -> None:
    """The log stays byte for byte."""
    from evalkit.runs import execute

    start()
    before = (bare / "run" / "samples.jsonl").read_bytes()
    settings = RunSettings(model=str(tiny_model), benchmarks=(toy,), backend="toy", out=bare / "run")

    outcome = execute(open_session(settings), _Silent(), no_model)

    assert (0, ALL, 0) == (outcome.finished, outcome.reused, outcome.failed)
    assert before == (bare / "run" / "samples.jsonl").read_bytes()


class _Silent:
    def note(self, message: str) -> None: ...
    def planned(self, counts: object, pending_tokens: int) -> None: ...
    def finished(self, computed_tokens: int, is_failed: bool) -> None: ...


@pytest.mark.parametrize("protocol", ["plain", "chain"])
@pytest.mark.parametrize("stops", [(0, 1), (7, 13), (47, 30), (48, 49)])
def test_interruptions_change_nothing_in_the_end(
    start: Start, new_adapter: NewAdapter, bare: Path, protocol: str, stops: tuple[int, ...]
) -> None:
    """After any two interruptions, between steps too, the records are those of one go, each once."""
    start(protocol=protocol, out=bare / "calm")
    for stop in stops:
        try:
            start(new_adapter(stop_after=stop), protocol=protocol)
        except KeyboardInterrupt:
            continue

    start(protocol=protocol)

    assert answers(bare / "calm") == answers(bare / "run")
    assert {1} == set(Counter((record.id, record.step) for record in read(bare / "run")).values())


def test_a_limit_can_grow_and_shrink(start: Start, bare: Path) -> None:
    """The first samples of each task are the same ones; nothing is asked twice, nothing is forgotten."""
    outcomes = [start(limit=limit) for limit in (2, 5, 1, None)]

    assert [(4, 0), (6, 4), (0, 2), (38, 10)] == [(outcome.finished, outcome.reused) for outcome in outcomes]
    assert ALL == len(list(read(bare / "run")))


def test_a_task_subset_can_grow(start: Start) -> None:
    """Tasks are no part of a run's identity."""
    outcomes = [start(tasks=tasks) for tasks in (("sagas",), ("tales",), ())]

    assert [(24, 0), (24, 0), (0, 48)] == [(outcome.finished, outcome.reused) for outcome in outcomes]


def test_reuse_of_prefixes_is_no_part_of_the_identity(start: Start) -> None:
    """The control run may go on where the fast one stopped."""
    start(limit=2)

    assert 4 == start(limit=2, is_reusing_prefixes=False).reused


def test_failed_samples_are_tried_again_and_the_latest_attempt_counts(
    start: Start, new_adapter: NewAdapter, bare: Path, watcher: Any
) -> None:
    """A failure is recorded with its reason, counted, and never in the way of the others."""
    first = start(new_adapter(failing=(0, 5)))
    second = start(new_adapter(failing=(5,)))
    third = start()

    attempts = Counter(record.id for record in read(bare / "run"))
    assert [(46, 0, 2), (1, 46, 1), (1, 47, 0)] == [
        (outcome.finished, outcome.reused, outcome.failed) for outcome in (first, second, third)
    ]
    assert {"toy/tales/0": 2, "toy/tales/5": 3} == {key: count for key, count in attempts.items() if count > 1}
    tries = [
        (record.attempt, record.error, record.text is None)
        for record in read(bare / "run")
        if record.id == "toy/tales/5"
    ]
    assert [(1, "the kernel gave up", True), (2, "the kernel gave up", True), (3, None, False)] == tries
    assert 3 == sum(watcher.failures)


def test_a_prompt_that_cannot_be_built_is_a_failed_sample_recorded_once(start: Start, bare: Path) -> None:
    """Truncation `none`: those that fit are answered, the same refusal again adds no line, and both calls count it."""
    outcomes = [start(truncation="none", max_seq_len=200) for _ in range(2)]

    failed = [record for record in read(bare / "run") if record.error]
    assert [(24, 0, 24), (0, 24, 24)] == [(each.finished, each.reused, each.failed) for each in outcomes]
    assert {f"toy/sagas/{index}" for index in range(24)} == {record.id for record in failed}
    assert 24 == len(failed)
    assert all("does not fit" in str(record.error) and record.ledger is None for record in failed)


class Lazy:
    """A backend that loses every second request, or answers one twice."""

    name, engine_info = "lazy", {}

    def __init__(self, *, twice: bool = False) -> None:
        self._twice = twice

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:  # noqa: ARG002
        for request in requests[::2]:
            yield from [Completion(request.index, text="x")] * (1 + self._twice)

    def close(self) -> None: ...


def test_a_request_that_a_backend_loses_is_a_failed_sample(start: Start, bare: Path) -> None:
    """Every planned sample ends answered or failed; a run never looks complete with fewer."""
    outcome = start(Lazy())

    assert (24, 24) == (outcome.finished, outcome.failed)
    assert {"the backend gave no answer", None} == {record.error for record in read(bare / "run")}


def test_a_backend_that_answers_twice_is_a_bug_that_shows(start: Start) -> None:
    """Neither answer is preferred in silence."""
    with pytest.raises(RuntimeError, match="not open"):
        start(Lazy(twice=True))


def test_an_answer_for_another_prompt_is_a_conflict(start: Start, bare: Path) -> None:
    """Should data or a library change the prompt of a finished sample, its answer is not taken for the new one."""
    start(limit=1)
    log = bare / "run" / "samples.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines[0]["prompt_sha256"] = "f" * 64
    del lines[0]["crc32"]  # as if it had been recorded so
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))

    with pytest.raises(RunConflictError, match="was answered for another prompt") as caught:
        start()

    assert lines[0]["id"] in str(caught.value)
    assert 2 == len(list(read(bare / "run")))


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"protocol": "chain"}, "protocol"),
        ({"truncation": "index"}, "truncation"),
        ({"max_seq_len": 400}, "max_seq_len"),
        ({"max_new_tokens": 5}, "max_new_tokens"),
        ({"rope": "base:20000"}, "rope"),
        ({"rope_grid": 2.0}, "rope_grid"),
        ({"chat": "none"}, "template"),
        ({"dtype": "float32"}, "dtype"),
        ({"backend": "hf"}, "backend"),
    ],
)
def test_every_setting_that_can_change_a_score_is_in_the_identity(
    start: Start, settings: dict[str, Any], field: str
) -> None:
    """The conflict names the field."""
    start(limit=1)

    with pytest.raises(RunConflictError, match=f"another {field} "):
        start(limit=1, **settings)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("name: other", "model"),
        ("stop: ['\\n']", "stop"),
        ("dtype: float32", "dtype"),
        ("chat: none", "template"),
        ("engine: {quantization: awq}", "quantization"),
        ("max_seq_len: 400", "max_seq_len"),
        ("add_bos: true", "add_bos"),
    ],
)
def test_every_fact_of_the_card_that_can_change_a_score_is_in_the_identity(
    start: Start, tiny_model: Path, tmp_path: Path, change: str, field: str
) -> None:
    """Two cards of the same weights that format prompts or end answers differently never share records."""
    card = tmp_path / "card.yaml"
    known = {"name": "tiny", "title": "Tiny", "weights": str(tiny_model), "context_length": "512", "licence": "none"}
    lines = {name: f"{name}: {value}\n" for name, value in known.items()}
    card.write_text("".join(lines.values()))
    start(model=str(card), limit=1)
    card.write_text("".join((lines | {change.partition(":")[0]: f"{change}\n"}).values()))

    with pytest.raises(RunConflictError, match=f"another {field} "):
        start(model=str(card), limit=1)


ROPE_CARD = """name: tiny
title: Tiny
weights: {weights}
context_length: {length}
rope: {{theta: {theta}}}
architecture: {{head_dim: {head_dim}}}
max_seq_len: 512
licence: none
sources: [{{facts: [rope.theta], source: a test}}]
"""


@pytest.mark.parametrize(
    ("change", "field"), [({"theta": 20000}, "base"), ({"head_dim": 32}, "dimension"), ({"length": 256}, "length")]
)
def test_facts_that_a_rope_setting_counts_with_are_in_the_identity(
    start: Start, tiny_model: Path, tmp_path: Path, change: dict[str, int], field: str
) -> None:
    """The same `--rope` under another base, width or length is another rotation; `native` counts with none."""
    card = tmp_path / "card.yaml"
    facts = {"weights": tiny_model, "theta": 10000, "head_dim": 16, "length": 512}
    card.write_text(ROPE_CARD.format(**facts))
    for folder, rope in (("turned", "dynamic:4"), ("native", "native")):
        start(model=str(card), limit=1, rope=rope, out=tmp_path / folder)
    card.write_text(ROPE_CARD.format(**facts | change))

    assert 0 == start(model=str(card), limit=1, out=tmp_path / "native").finished
    with pytest.raises(RunConflictError, match=rf"another rope_model\.{field} "):
        start(model=str(card), limit=1, rope="dynamic:4", out=tmp_path / "turned")


def forget_rope_facts(folder: Path) -> None:
    """Make the run one of the days when they were not written down."""
    path = folder / "run.json"
    manifest = json.loads(path.read_text())
    del manifest["identity"]["rope_model"]
    path.write_text(json.dumps(manifest))


def test_a_run_without_rope_facts_goes_on_where_its_records_agree(
    start: Start, tiny_model: Path, tmp_path: Path
) -> None:
    """Older folders stay good, and get the facts; an answer that was turned otherwise is a conflict."""
    card, out = tmp_path / "card.yaml", tmp_path / "out"
    facts = {"weights": tiny_model, "theta": 10000, "head_dim": 16, "length": 512}
    card.write_text(ROPE_CARD.format(**facts))
    start(model=str(card), limit=1, rope="none", out=out)
    forget_rope_facts(out)

    assert 2 == start(model=str(card), limit=1, rope="none", out=out).reused
    assert {"base": 10000.0, "dimension": 16, "length": 512} == read_manifest(out).identity["rope_model"]
    forget_rope_facts(out)
    card.write_text(ROPE_CARD.format(**facts | {"theta": 20000}))
    with pytest.raises(
        RunConflictError, match=r"was answered under RoPE default/base=10000\.0, now default/base=20000"
    ):
        start(model=str(card), limit=1, rope="none", out=out)


def edit(path: Path, **values: object) -> None:
    """Change fields of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("file", "change", "field"),
    [
        ("config.json", {"rms_norm_eps": 1e-5}, "weights"),
        ("generation_config.json", {"eos_token_id": [1, 2]}, "weights"),
        ("tokenizer_config.json", {"bos_token": "</s>"}, "tokenizer"),
    ],
)
def test_a_changed_model_folder_is_another_run(
    start: Start, save_model: Callable[..., Path], file: str, change: dict[str, object], field: str
) -> None:
    """Weights are not all that a model is: its configuration, its end tokens, its tokenizer and template count too."""
    folder = save_model()
    start(model=str(folder), limit=1)
    edit(folder / file, **change)

    with pytest.raises(RunConflictError, match=f"another {field} "):
        start(model=str(folder), limit=1)


def test_changed_weights_are_another_run(start: Start, save_model: Callable[..., Path]) -> None:
    """One bit of one tensor is enough."""
    folder = save_model()
    start(model=str(folder), limit=1)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")

    with pytest.raises(RunConflictError, match="another weights "):
        start(model=str(folder), limit=1)


def test_missing_weights_leave_the_folder_free(start: Start, save_model: Callable[..., Path]) -> None:
    """Nothing is bound to a model that is not there: after copying the weights the same command runs."""
    folder = save_model()
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()

    with pytest.raises(UserError, match="no weights"):
        start(model=str(folder), limit=1)
    (folder / "model.safetensors").write_bytes(weights)

    assert 2 == start(model=str(folder), limit=1).finished


def test_changed_libraries_warn_and_go_on(start: Start, watcher: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run continues; the user is told which version changed."""
    start(limit=1)
    known = _asked.environment()
    monkeypatch.setattr(_asked, "environment", lambda: known | {"torch": "9.9"})

    assert 2 == start(limit=1).reused
    assert ["torch changed"] == [note.removeprefix("toy: ")[:13] for note in watcher.notes if "changed since" in note]


def steps(records: Iterator[SampleRecord], sample: str) -> list[tuple[int, str | None]]:
    """Step and text of each record of a sample."""
    return [(record.step, record.text) for record in records if record.id == sample]


def test_a_chain_asks_its_second_question_with_the_first_answer(
    start: Start, new_adapter: NewAdapter, bare: Path, tiny_model: Path
) -> None:
    """Step 1 is planned when step 0 has ended, for all samples together."""
    from evalkit.cards import load_card
    from evalkit.prompts import load_tokenizer

    adapter = new_adapter()
    start(adapter, protocol="chain", limit=2)

    texts = [load_tokenizer(load_card(tiny_model)).decode(ids, skip_special=True) for ids in adapter.asked]
    first, second = texts[:4], texts[4:]
    assert [0, 4] == [sum("You said" in text for text in half) for half in (first, second)]
    (one, two) = steps(read(bare / "run"), "toy/tales/1")
    assert (0, 1) == (one[0], two[0])
    assert 1 == sum(f"You said: {one[1]}" in text for text in second)


def test_a_chain_stops_where_a_step_failed_and_goes_on_later(start: Start, new_adapter: NewAdapter, bare: Path) -> None:
    """There is nothing to ask next without an answer; once there is one, the chain is finished."""
    first = start(new_adapter(failing=(0,)), protocol="chain", limit=2)
    records = list(read(bare / "run"))

    second = start(protocol="chain", limit=2)

    # Index 0 names the first sample in round one, and the first of the three that are left in round two.
    assert (5, 2) == (first.finished, first.failed)
    assert [(0, None)] == steps(iter(records), "toy/tales/0")
    assert (3, 5, 0) == (second.finished, second.reused, second.failed)
    assert 8 == len(answers(bare / "run")) == sum(text is not None for text, _ in answers(bare / "run").values())


def test_a_longer_chain_waits_for_every_step(start: Start, new_adapter: NewAdapter, toy: str, bare: Path) -> None:
    """The third question is asked only where the second was answered, with both answers in it."""
    long = bare / "long.yaml"
    long.write_text(Path(toy).read_text().replace("steps: 2", "steps: 3"))
    settings = {"benchmarks": (str(long),), "protocol": "chain", "limit": 1, "tasks": ("tales",)}
    broken = new_adapter(failing=(0,))
    with pytest.raises(KeyboardInterrupt):
        start(new_adapter(stop_after=1), **settings)

    outcome = start(broken, **settings)  # the second step fails, so the third is not asked

    assert (1, 1) == (outcome.failed, len(broken.asked))
    assert 2 == start(**settings).finished
    assert [0, 1, 1, 2] == [record.step for record in read(bare / "run")]


def test_several_benchmarks_run_together_in_folders_of_their_own(
    start: Start, new_adapter: NewAdapter, toy: str, bare: Path
) -> None:
    """One plan over all prompts, one run folder each; one can be continued alone."""
    twin = bare / "twin.yaml"
    twin.write_text(Path(toy).read_text().replace("name: toy", "name: twin"))
    adapter = new_adapter()

    outcome = start(adapter, benchmarks=(toy, str(twin)), limit=3)

    assert sorted(adapter.asked) == adapter.asked
    assert (12, 12) == (outcome.finished, len(adapter.asked))
    assert [6, 6] == [len(list(read(bare / "run" / name))) for name in ("toy", "twin")]
    assert 6 == start(benchmarks=(str(twin),), limit=3, out=bare / "run" / "twin").reused


def test_the_manifest_says_how_to_score_the_run_from_anywhere(
    start: Start, bare: Path, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A benchmark file named by a relative path is remembered by its absolute one."""
    monkeypatch.chdir(Path(toy).parent)
    start(benchmarks=("toy.yaml",), limit=1)

    manifest = read_manifest(bare / "run")

    assert str(Path(toy)) == manifest.settings["benchmark"]
    assert {"benchmark": "toy", "protocol": "plain", "sampling": "greedy"}.items() <= manifest.identity.items()


def test_a_plan_opens_no_model_and_counts_what_is_asked(toy: str, tiny_model: Path, bare: Path, start: Start) -> None:
    """The unique tokens it promises are those that a run then plans."""
    session = open_session(RunSettings(model=str(tiny_model), benchmarks=(toy,), backend="toy", out=bare / "run"))

    counts = plan_session(session).counts()

    outcome = start()
    assert (ALL, counts.unique_prompt_tokens) == (counts.samples, outcome.planned_tokens)
    assert counts.unique_prompt_tokens < counts.prompt_tokens == outcome.computed_tokens


def test_every_backend_is_told_all_stop_strings_the_models_first(
    start: Start, new_adapter: NewAdapter, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter, also another package's, obeys `request.stop` and nothing else; an empty one would end any text."""
    card = tmp_path / "card.yaml"
    card.write_text(
        f"name: talker\ntitle: Talker\nweights: {tiny_model}\ncontext_length: 4096\nlicence: none\nchat: none\n"
        'stop: ["<end of turn>", "User:"]\n'
    )
    told: list[tuple[str, ...]] = []

    class Listener(new_adapter):  # type: ignore[misc, valid-type]
        def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
            told.extend(request.stop for request in requests)
            yield from super().generate(rope, requests)

    from evalkit.prompts import PromptBuilder

    build = PromptBuilder.build

    def with_stop(self: PromptBuilder, requests: Any) -> Any:
        return build(self, (replace(request, stop=("", "Q:")) for request in requests))

    monkeypatch.setattr(PromptBuilder, "build", with_stop)
    start(Listener(), model=str(card), limit=1)

    assert {("<end of turn>", "User:", "Q:")} == set(told)


def test_prompts_that_cannot_be_built_leave_nothing_behind(
    start: Start, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder for a new run, and the manifest of an old one as it was: all prompts are built before either."""

    def refuse(*_: Any) -> Any:
        raise UserError("length 30: too short")

    start(limit=1)
    before = (bare / "run" / "run.json").read_bytes()
    monkeypatch.setattr(module, "make_plan", refuse)

    for folder in ("run", "new"):
        with pytest.raises(UserError, match="too short"):
            start(limit=2, out=bare / folder)

    assert (before, False) == ((bare / "run" / "run.json").read_bytes(), (bare / "new").exists())


def test_another_run_is_refused_before_any_prompt_is_built(
    start: Start, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Building them can take minutes, and the answer is known."""
    start(limit=1)
    monkeypatch.setattr(module, "make_plan", no_model)

    with pytest.raises(RunConflictError, match="another max_new_tokens"):
        start(limit=1, max_new_tokens=3, out=bare / "run")


def test_requests_are_read_like_a_list(start: Start, new_adapter: NewAdapter) -> None:
    """Each is made when it is read: by place, from the end, in slices, and as often as a backend likes."""
    adapter = new_adapter()
    seen: list[Sequence[GenerationRequest]] = []

    def generate(rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        seen.append(requests)
        whole = [request.ids.tolist() for request in requests]
        assert (whole[-1], whole[1:3], len(whole)) == (
            requests[-1].ids.tolist(), [request.ids.tolist() for request in requests[1:3]], len(requests),
        )  # fmt: skip
        return type(adapter).generate(adapter, rope, requests)

    adapter.generate = generate
    start(adapter, limit=3)

    assert (6, 1) == (len(adapter.asked), len(seen))


@pytest.mark.parametrize("kept", [True, False], ids=["same", "changed"])
def test_a_run_that_is_done_builds_its_prompts_again(start: Start, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    """Whether they are still those that were answered is looked at each time, though nothing is left to run."""
    start(limit=2)
    if not kept:
        monkeypatch.setattr("evalkit.prompts._records.digest_ids", lambda _: "0" * 64)

    if kept:
        assert 4 == start(limit=2).reused
    else:
        with pytest.raises(RunConflictError, match="answered for another prompt"):
            start(limit=2)
