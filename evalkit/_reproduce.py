"""Reproduce published numbers: run a model as it was run for them, then compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

from evalkit._api import run_session
from evalkit._python import CallMonitor, python_words, read_call, watching
from evalkit.cards import load_card
from evalkit.errors import UnknownNameError, UserError
from evalkit.published import PublishedScore, pinned_outputs, published, published_benchmarks, published_groups
from evalkit.runs import Monitor, open_session
from evalkit.settings import RunOptions, RunSettings, settings_of
from evalkit.tasks import load_spec
from evalkit.verdicts import PublishedComparison, Target, compare_published, read_side

__all__ = ["Attempt", "carry_out", "plan_attempts", "reproduce"]

MOST_RERUNS = 3
_VARIED: tuple[Mapping[str, Any], ...] = (
    {"is_reusing_prefixes": False, "batch": "1"},
    {"batch": "1"},
    {"is_reusing_prefixes": False, "batch": "4"},
)
"""What reruns vary of the hf backend: nothing that an answer should depend on, all that its last bits do."""
_FREE = frozenset(
    {
        *("model", "benchmarks", "tasks", "limit", "samples", "backend", "base_url", "engine", "send_key_to"),
        *("max_cost", "device", "device_map", "attention", "is_reusing_prefixes", "batch", "trust_remote_code"),
        *("replicas", "gpus_per_replica", "ray", "partial", "data", "out", "rope", "protocol"),
    }
)
"""Settings that do not touch what a source pins, or that choose among what is published."""


_KNOB_OF = {
    **dict.fromkeys(
        ("temperature", "top_p", "top_k", "repetition_penalty", "sampling_seed", "samples_per_question"), "sampling"
    ),
    **dict.fromkeys(("max_new_tokens", "max_reasoning_tokens"), "generation_limit"),
    **dict.fromkeys(("chat", "chat_args"), "chat_template"),
    **dict.fromkeys(("rope_grid", "rope_mode", "rope_replaces_native", "rope_stacks_on_native"), "rope"),
    "max_seq_len": "window",
    "reasoning": "thinking",
}
"""The knob that says what a setting was in the published run, where it is called otherwise."""


@dataclass(frozen=True)
class Attempt:
    """One published table column, and the run that should give it."""

    target: Target
    """The published numbers."""
    settings: RunSettings
    """How to run it as published."""
    reruns: tuple[RunSettings, ...] = ()
    """Further runs, which vary what the source does not pin; their folders are named after the first one's."""
    notes: tuple[str, ...] = field(default=())
    """What a reader should know of the set-up."""

    @property
    def benchmark(self) -> str:
        """Its benchmark."""
        return self.settings.benchmarks[0]


def plan_attempts(given: Mapping[str, Any], reruns: int | None = None) -> list[Attempt]:
    """The runs behind the published numbers of a model.

    `given` are fields of `RunSettings`: the model, benchmarks (none = all that are published for it) and what does not
    touch the published set-up. `reruns` None = one, unless published answers are at hand. Raises `UserError` for a
    model or benchmark without published numbers, and for settings that contradict the source's.
    """
    name = load_card(given["model"]).name
    benchmarks = _benchmarks(name, tuple(given.get("benchmarks") or ()))
    attempts = [attempt for benchmark in benchmarks for attempt in _attempts(name, benchmark, given, reruns)]
    if given.get("out") is not None and len(attempts) > 1:
        return [_in_folder(attempt, Path(given["out"])) for attempt in attempts]
    return attempts


def _benchmarks(model: str, named: tuple[str, ...]) -> list[str]:
    """The benchmarks to run, each with published numbers of the model."""
    there = {each: {row.model for row in _rows(each)} for each in published_benchmarks()}
    for benchmark in named:
        if benchmark not in there:
            raise UnknownNameError("benchmark with published scores", benchmark, there)
    models = sorted({each for names in there.values() for each in names})
    if model not in models:
        raise UnknownNameError("model with published scores", model, models)
    has = [benchmark for benchmark in there if model in there[benchmark]]
    for benchmark in named:
        if benchmark not in has:
            raise UserError(f"{benchmark}: nothing is published there for {model}; there is for {', '.join(has)}")
    return [*named] or has


def _rows(benchmark: str) -> tuple[PublishedScore, ...]:
    return published(benchmark) + published_groups(benchmark)


def _attempts(model: str, benchmark: str, given: Mapping[str, Any], reruns: int | None) -> Iterator[Attempt]:
    """One attempt for each RoPE setting and protocol that has numbers and can be run."""
    rows = [row for row in _rows(benchmark) if row.model == model]
    rows = _with(rows, "rope", given.get("rope"), model, benchmark)
    rows = _with(rows, "protocol", given.get("protocol"), model, benchmark)
    spec, refusals = load_spec(benchmark), list[str]()
    for rope, protocol in dict.fromkeys((row.rope, row.protocol) for row in rows):
        rules = spec.protocol(protocol)
        if not rules.prompts:
            refusals.append(f"{benchmark}: nothing can be generated under protocol {protocol!r}: {rules.refusal}")
            continue
        refusals.append("")
        chosen = tuple(row for row in rows if (row.rope, row.protocol) == (rope, protocol))
        yield _attempt(Target(model, rope, chosen), given, benchmark, reruns)
    if refusals and all(refusals):
        raise UserError(refusals[0])


def _with(
    rows: Sequence[PublishedScore], column: str, value: str | None, model: str, benchmark: str
) -> list[PublishedScore]:
    """The rows with this value in a column, where one is asked for."""
    if value is None:
        return list(rows)
    known = sorted({getattr(row, column) for row in rows})
    if value not in known:
        raise UserError(f"--{column} {value}: {benchmark} is published for {model} with {', '.join(known)}")
    return [row for row in rows if getattr(row, column) == value]


def _attempt(target: Target, given: Mapping[str, Any], benchmark: str, reruns: int | None) -> Attempt:
    stated = dict(target.rows[0].settings)
    _check_given(given, stated, target)
    options = {**stated.pop("options", {}), **given.get("options", {})}
    pinned = {"benchmarks": (benchmark,), "rope": target.rope, "protocol": target.rows[0].protocol}
    settings = RunSettings(**{**stated, **given, **pinned, "options": {name: str(options[name]) for name in options}})
    settings.check()
    if reruns is None:
        reruns = 0 if all(_has_answers(row) for row in target.rows if row.kind not in ("group", "overall")) else 1
    return Attempt(target, settings, tuple(_variations(settings, reruns)))


def _has_answers(row: PublishedScore) -> bool:
    return pinned_outputs(row) is not None


def _check_given(given: Mapping[str, Any], stated: Mapping[str, Any], target: Target) -> None:
    """Raise for a setting that contradicts the published set-up."""
    flags = settings_of(RunSettings)
    knobs = target.rows[0].knobs
    if given.get("adapter") is not None:
        raise UserError(
            f"{flags['adapter'].flag}: with an adapter it is another model than the published one; leave it out"
        )
    for name, value in given.items():
        if name in _FREE or name == "options" or (name == "temperature" and value == 0):
            continue
        knob = knobs.get(_KNOB_OF.get(name, name))
        known = knob if knob is not None and knob.basis != "unknown" else None
        if name in stated and str(stated[name]) != str(value):
            raise UserError(f"{flags[name].flag} {value}: the published run had {stated[name]}; leave it out")
        if name not in stated and known is not None and known.value != str(value):
            raise UserError(f"{flags[name].flag} {value}: the published run had {known.value}; leave it out")


def _variations(settings: RunSettings, count: int) -> Iterator[RunSettings]:
    """Settings of further runs, whose last bits, and so answers at near ties, may come out otherwise."""
    most = 1 if settings.backend == "vllm" and not settings.temperature else MOST_RERUNS
    if not 0 <= count <= most:
        raise UserError(f"--reruns {count}: from 0 to {most}; more vary nothing new")
    for number, varied in enumerate(_VARIED[:count], 1):
        changes = {name: value for name, value in varied.items() if name != "batch" or settings.backend in (None, "hf")}
        if settings.temperature:
            changes["sampling_seed"] = (settings.sampling_seed or 0) + number
        yield replace(settings, **changes)


def _in_folder(attempt: Attempt, folder: Path) -> Attempt:
    """Several runs below one folder, each in its own."""
    rope = "" if attempt.target.rope == "native" else f"-{attempt.target.rope.replace(':', '-')}"
    own = folder / f"{attempt.benchmark}-{attempt.settings.protocol}{rope}"
    return replace(attempt, settings=replace(attempt.settings, out=own))


def carry_out(attempt: Attempt, run: Callable[[RunSettings], Path]) -> PublishedComparison:
    """Run it, and again as often as asked, each into its own folder; then compare. `run` gives the run's folder."""
    folder = run(attempt.settings)
    again = [
        run(replace(settings, out=folder.with_name(f"{folder.name}-rerun-{number}")))
        for number, settings in enumerate(attempt.reruns, 1)
    ]
    side = read_side(folder)
    try:
        return compare_published(side, attempt.target, [read_side(each) for each in again])
    except UserError as error:
        if not again:
            raise
        compared = compare_published(side, attempt.target)
        return replace(compared, notes=(*compared.notes, f"the reruns are left aside: {error}"))


def reproduce(
    model: str | Path,
    *benchmarks: str,
    reruns: int | None = None,
    monitor: Monitor | None = None,
    progress: bool | None = None,
    **options: Unpack[RunOptions],
) -> list[PublishedComparison]:
    """Run a model as it was run for its published numbers, and say of each number whether it holds.

    `benchmarks`: none = all that have numbers of this model; one comparison comes of each benchmark, protocol and RoPE
    setting that is published. `reruns` are further runs, which show how much the score moves when nothing that the
    source states changes; by default one, unless the published answers are at hand. `options` are those of `evaluate`
    that do not touch the published set-up. The same call again continues. Raises `UserError` for wrong input.
    """
    with python_words():
        if reruns is not None and (isinstance(reruns, bool) or not isinstance(reruns, int)):
            raise UserError(f"reruns={reruns!r:.40}: a whole number is meant")
        named = benchmarks or published_benchmarks()[:1]  # a call names one at least; none stands for all
        settings = read_call(model, named, options, "reproduce")
        given = {name: getattr(settings, name) for name in options}
        given |= {"model": settings.model, "benchmarks": settings.benchmarks if benchmarks else ()}
        with watching(monitor, progress) as watcher:

            def run(each: RunSettings) -> Path:
                session = open_session(each, watcher)
                if isinstance(watcher, CallMonitor):
                    watcher.count_in(session.tokenizer.unit)
                return next(iter(run_session(session, watcher).folders.values()))

            return [carry_out(attempt, run) for attempt in plan_attempts(given, reruns)]
