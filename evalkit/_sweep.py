"""Sweep RoPE conditions: one run per spec on the same samples, then what the differences are worth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from evalkit._api import write_report
from evalkit._python import CallMonitor, check_list, python_words, read_call, watching
from evalkit.cards import Card
from evalkit.errors import RunConflictError, UserError, shown
from evalkit.files import json_text, write_text
from evalkit.models import released_setting
from evalkit.planning import Plan
from evalkit.printable import counted
from evalkit.reports import Palette, ScoredRun, draw_sweep, write_sweep_tables
from evalkit.rope import RopeSpec, check_named_once, parse_ropes
from evalkit.runs import (
    MANIFEST,
    Job,
    Monitor,
    Session,
    SeveralRuns,
    conflict_with,
    default_folder,
    holds_files,
    listed,
    of_specs,
    open_session,
    read_manifest,
    read_records_of_run,
    resolve_model,
    spec_words,
    tell,
)
from evalkit.settings import RunOptions, RunSettings
from evalkit.sweeps import (
    SWEEP_FILE,
    Asked,
    BenchmarkSweep,
    SpecRun,
    Sweep,
    default_lengths,
    longest_inside,
    read_sweep,
    sweep_benchmark,
)
from evalkit.tasks import SizedBenchmark, load_benchmark, load_spec, option_numbers
from evalkit.verdicts import Side, read_side

__all__ = ["SHARE", "PlannedSweep", "carry_out_sweep", "check_share", "plan_sweep", "read_specs", "rope_sweep"]

SHARE = 0.85
"""Of the reference score that an effective length keeps. RULER's is a fixed 85.6%, the score of Llama-2-7B at 4,096
tokens (Hsieh et al. 2024, arXiv 2404.06654, section 4); a share is one for every benchmark and model."""
GRID_DEFAULTS = {"depths": "25,75", "repeats": "10"}
"""Of grids in a sweep, which has several specs to pay for: few depths, because differences between specs seldom hang on
them, and the haystacks that an interval needs."""
OWN = (SWEEP_FILE, "tables", "figures")
"""What a sweep's folder holds beside one folder for each spec."""


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep, checked and complete."""

    folder: Path
    """Its folder."""
    sessions: Mapping[str, Session]
    """Spec → the run of all benchmarks under it, in the order asked for."""
    share: float
    """Share of the reference score that an effective length keeps."""
    asked_lengths: frozenset[str]
    """Benchmarks that are asked for lengths, in the model's own tokens."""
    notes: tuple[str, ...]
    """What the sweep chose by itself."""

    @property
    def card(self) -> Card:
        """The model's card."""
        return next(iter(self.sessions.values())).card


def read_specs(texts: Sequence[str]) -> list[RopeSpec]:
    """The specs that texts such as `none` and `dynamic:2,4,8` name, in that order; `UserError` for one named twice."""
    specs = [spec for text in texts for spec in parse_ropes(text)]
    if not specs:
        raise UserError("no RoPE spec named: --spec none --spec dynamic:2,4,8; the first one is the reference")
    check_named_once(specs)
    return specs


def check_share(share: float) -> float:
    """The share; `UserError` unless it is above 0, and 1 at most."""
    if not 0 < share <= 1:
        raise UserError(f"--share {share:g}: must be greater than 0, and at most 1")
    return share


def plan_sweep(
    settings: RunSettings, specs: Sequence[RopeSpec], share: float = SHARE, monitor: Monitor | None = None
) -> PlannedSweep:
    """Find and check everything; nothing is run or written. Raises `UserError` for the first thing that is wrong."""
    if settings.shard is not None:
        raise UserError(f"--shard {settings.shard}: a sweep is not cut into parts; `evalkit run` is, spec by spec")
    with spec_words():
        for spec in specs:
            replace(settings, rope=str(spec)).check()
    resolved, card = resolve_model(settings)
    names = [load_spec(each).name for each in settings.benchmarks]
    options, asked_lengths, notes = _with_lengths(resolved, card)
    folder = settings.out or default_folder([card.name, *names, "rope-sweep"])
    sessions: dict[str, Session] = {}
    for spec in specs:
        out = folder / _folder_name(str(spec))
        below = out if len(names) > 1 else out / names[0]  # so that a benchmark more finds those that are there
        given = replace(settings, rope=str(spec), options=options, out=below)
        with spec_words():
            session = open_session(given, monitor)
            session.check_rope()
        sessions[str(spec)] = replace(session, notes=tuple(map(of_specs, session.notes)))
    _check_folder(folder, sessions)
    return PlannedSweep(folder, sessions, check_share(share), asked_lengths, notes)


def _folder_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=+-]+", "-", text)


def _with_lengths(settings: RunSettings, card: Card) -> tuple[dict[str, str], frozenset[str], tuple[str, ...]]:
    """Options with lengths that follow the model's, one of them inside; the benchmarks they are for; what to say."""
    options = dict(settings.options)
    rooms = {}
    for named in settings.benchmarks:
        spec = load_spec(named)
        if "lengths" in spec.options and (room := _room(named, settings)) is not None:
            rooms[spec.name] = room
    if not rooms:
        return options, frozenset(), ()
    room, window = max(rooms.values()), card.original_length
    inside = longest_inside(window, room)
    if "lengths" not in options:
        options["lengths"] = ",".join(map(str, default_lengths(window, room)))
        options = {**GRID_DEFAULTS, **options}
        lengths = option_numbers("lengths", options["lengths"])
        chosen = f"lengths {options['lengths']}, depths {options['depths']}, repeats {options['repeats']}"
        notes = [f"{', '.join(rooms)}: {chosen}; with the answer the lengths are multiples of L = {window:,}"]
    else:
        options = {**GRID_DEFAULTS, **options}
        lengths, notes = option_numbers("lengths", options["lengths"]), []
        if min(lengths) > inside and inside > 0:
            options["lengths"] += f",{inside}"
            notes = [f"{', '.join(rooms)}: length {inside} is added, for a control inside L = {window:,}"]
    if settings.max_seq_len is not None and max(lengths) + room > settings.max_seq_len:
        raise UserError(
            f"--max-seq-len {settings.max_seq_len} cuts prompts of {max(lengths):g} tokens and {room} of an answer, so "
            "they would not have that length; leave it out, or name shorter --lengths"
        )
    return options, frozenset(rooms), tuple(notes)


def _room(named: str, settings: RunSettings) -> int | None:
    """Tokens of an answer behind a prompt of a set length; None where lengths are not the model's own tokens."""
    spec = load_spec(named)
    given = {name: value for name, value in settings.options.items() if name in spec.options}
    benchmark = load_benchmark(named, given)
    if not isinstance(benchmark, SizedBenchmark):
        return None
    whole = benchmark.window(settings.protocol or spec.default_protocol, settings.max_new_tokens)
    if whole is None:
        return None
    longest = max(option_numbers("lengths", given.get("lengths", spec.options["lengths"].default)))
    return whole - int(longest) + (settings.max_reasoning_tokens or 0)


def _check_folder(folder: Path, sessions: Mapping[str, Session]) -> None:
    """Raise `UserError` where the folder holds something else, or runs that are not of this sweep."""
    if folder.exists() and not folder.is_dir():
        raise RunConflictError(f"{folder}: is a file; give --out a folder")
    names = holds_files(folder) if folder.is_dir() else []
    others = [name for name in names if name not in OWN and _is_of_spec(folder / name)]
    if not _may_be_written(folder, names, {*others, *map(_folder_name, sessions)}):
        raise RunConflictError(
            f"{folder}: holds {listed(names)} and no sweep of evalkit, so nothing is written there; give --out a new "
            "or empty folder"
        )
    own = {job.folder for session in sessions.values() for job in session.jobs}
    for job in (job for session in sessions.values() for job in session.jobs):
        _refuse(conflict_with(job.folder, job.identity))
    first = next(iter(sessions.values()))
    for run in (run for name in others for run in _runs_in(folder / name) if run not in own):
        _check_other(run, first.jobs)


def _may_be_written(folder: Path, names: Sequence[str], of_specs: Set[str]) -> bool:
    """Whether a folder that holds `names` is empty, or a sweep's; one that was stopped early has no `sweep.json`."""
    if not names:
        return True
    is_begun = not of_specs.isdisjoint(names)
    if MANIFEST in names or not (is_begun or _is_sweep(folder)):
        return False
    return SWEEP_FILE in names or set(names) <= of_specs | set(OWN)


def _is_sweep(folder: Path) -> bool:
    try:
        read_sweep(folder)
    except UserError:
        return False
    return True


def _is_of_spec(folder: Path) -> bool:
    """Whether the folder holds runs under the spec that it is named after."""
    return any(_folder_name(str(read_manifest(run).identity.get("rope"))) == folder.name for run in _runs_in(folder))


def _runs_in(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))


def _check_other(run: Path, jobs: Sequence[Job]) -> None:
    """Raise where the run of a spec that is not asked for now is of other samples: it could not be compared."""
    earlier = read_manifest(run).identity
    for job in jobs:
        if job.name == earlier.get("benchmark"):
            rope = {name: earlier.get(name) for name in job.identity | earlier if name.startswith("rope")}
            _refuse(conflict_with(run, {**job.identity, **{name: rope[name] for name in rope if name in earlier}}))


def _refuse(conflict: str | None) -> None:
    if conflict is not None:
        raise RunConflictError(conflict)


def carry_out_sweep(planned: PlannedSweep, monitor: Monitor, palette: Palette = "published") -> tuple[Sweep, int]:
    """Run what is missing, compare, and write `sweep.json`, tables and figures; also how many samples failed.

    The same call again continues.
    """
    for note in planned.notes:
        monitor.note(note)
    failed = 0
    with SeveralRuns(planned.sessions, monitor) as runs:
        runs.plan()
        _check_held(planned, runs.plans)
        for spec in planned.sessions:
            failed += runs.execute(spec).failed
        plans = runs.plans
    sides = {spec: _sides(session, monitor, palette) for spec, session in planned.sessions.items()}
    tell(monitor, "comparing specs")
    benchmarks, notes = dict[str, BenchmarkSweep](), list(planned.notes)
    for job in next(iter(planned.sessions.values())).jobs:
        made, said = sweep_benchmark(
            [_spec_run(planned, spec, job, sides[spec][job.name], plans[spec]) for spec in planned.sessions],
            _asked(planned, job, next(iter(plans.values()))),
            planned.share,
        )
        benchmarks[job.name] = made
        notes += said
        for note in said:
            monitor.note(note)
    sweep = Sweep(
        model=planned.card.name,
        window=planned.card.original_length,
        specs=tuple(planned.sessions),
        share=planned.share,
        benchmarks=benchmarks,
        notes=tuple(notes),
        title=planned.card.title,
        folder=str(planned.folder),
    )
    tell(monitor, "writing tables and figures")
    write_text(planned.folder / SWEEP_FILE, json_text(sweep.to_json()))
    write_sweep_tables(planned.folder, sweep)
    draw_sweep(planned.folder, sweep, {name: _scored(planned, name, sides) for name in benchmarks}, palette)
    tell(monitor, "")
    return sweep, failed


def _check_held(planned: PlannedSweep, plans: Mapping[str, Plan]) -> None:
    """Raise where runs of an earlier, larger sweep hold samples that others would lack, whose scores would not compare.

    A run's own scores, and bars of them, are of all samples in its folder.
    """
    held: dict[str, dict[str, frozenset[str]]] = {}
    for spec, session in planned.sessions.items():
        for job in session.jobs:
            asked = {prompt.sample_id for prompt in plans[spec].prompts if prompt.benchmark == job.name}
            answered = {record.id for record in read_records_of_run(job.folder) if record.error is None}
            held.setdefault(job.name, {})[spec] = frozenset(answered - asked)
    for name, more in held.items():
        least = min(more, key=lambda spec: len(more[spec]))
        lacking = frozenset[str]().union(*more.values()) - more[least]
        if lacking:
            most = max(more, key=lambda spec: len(more[spec] & lacking))
            raise RunConflictError(
                f"{planned.folder}: holds answers of {name} under {most} to {counted(len(lacking), 'sample')} that are "
                f"not asked for now and that {least} lacks, so their scores would not compare; ask for the same "
                "samples as then, or give this sweep its own --out"
            )


def _sides(session: Session, monitor: Monitor, palette: Palette) -> dict[str, Side]:
    """Benchmark → its run, scored and reported."""
    found = {}
    for job in session.jobs:
        tell(monitor, f"scoring {session.rope} on {job.name}")
        found[job.name] = side = read_side(job.folder)
        write_report(job.folder, job.folder, side.measured.scores, list(side.measured.rows), palette, "nominal")
    return found


def _scored(planned: PlannedSweep, benchmark: str, sides: Mapping[str, Mapping[str, Side]]) -> dict[str, ScoredRun]:
    """Spec → its run on a benchmark, as figures take it."""
    folders = {
        spec: job.folder for spec, session in planned.sessions.items() for job in session.jobs if job.name == benchmark
    }
    measured = {spec: sides[spec][benchmark].measured for spec in folders}
    return {
        spec: ScoredRun(folder, measured[spec].scores, list(measured[spec].rows)) for spec, folder in folders.items()
    }


def _spec_run(planned: PlannedSweep, spec: str, job: Job, side: Side, plan: Plan) -> SpecRun:
    folder = next(each.folder for each in planned.sessions[spec].jobs if each.name == job.name)
    rotations = {prompt.sample_id: prompt.rope for prompt in plan.prompts if prompt.benchmark == job.name}
    return SpecRun(spec, folder.relative_to(planned.folder).as_posix(), side, rotations)


def _asked(planned: PlannedSweep, job: Job, plan: Plan) -> Asked:
    prompts = [prompt for prompt in plan.prompts if prompt.benchmark == job.name]
    return Asked(
        tokens={prompt.sample_id: prompt.tokens + prompt.max_new_tokens for prompt in prompts},
        window=planned.card.original_length,
        has_lengths=job.name in planned.asked_lengths,
        settings=dict(_facts(next(iter(planned.sessions.values())), job)),
        released=released_setting(planned.card),
    )


def _facts(session: Session, job: Job) -> Iterator[tuple[str, Any]]:
    """What all runs on a benchmark have in common and a reader of their numbers asks for."""
    yield "max_seq_len", job.max_seq_len
    yield "truncation", str(job.mode)
    yield "options", job.options
    for name in ("limit", "samples", "max_new_tokens", "rope_grid", "temperature", "sampling_seed"):
        if (value := getattr(session.settings, name)) is not None:
            yield name, value
    yield "backend", session.backend
    yield "dtype", session.card.dtype


def rope_sweep(
    model: str | Path | RunSettings,
    *benchmarks: str | Path,
    specs: Sequence[str],
    share: float = SHARE,
    monitor: Monitor | None = None,
    progress: bool | None = None,
    **options: Unpack[RunOptions],
) -> Sweep:
    """One run per RoPE spec on the same samples, and where by prompt length the specs differ.

    `specs` are texts such as "none" and "dynamic:2,4,8"; the first one is what the others are held against. Grids that
    are asked for no lengths get multiples of the model's own. `share` of the first spec's score inside the model's own
    length is what an effective length keeps. `options` are those of `evaluate` without `rope`; `out` is the sweep's
    folder. The same call again continues. Raises `UserError` for wrong input.
    """
    with python_words():
        check_list("specs", specs)
        if not specs:
            raise UserError("specs=[]: name conditions, such as ['none', 'dynamic:2,4,8']; the first is the reference")
        if wrong := [each for each in specs if not isinstance(each, str)]:
            raise UserError(f"specs: {shown(wrong[0])}; pass texts such as 'dynamic:4'")
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise UserError(f"share={shown(share)}: a number is meant")
        if "rope" in options:
            raise UserError("rope=: specs= name the conditions; leave it out")
        settings = read_call(model, benchmarks, options, "rope_sweep")
        parsed = read_specs(specs)
        with watching(monitor, progress) as watcher:
            planned = plan_sweep(settings, parsed, check_share(share), watcher)
            if isinstance(watcher, CallMonitor):
                watcher.count_in(next(iter(planned.sessions.values())).tokenizer.unit)
            return carry_out_sweep(planned, watcher)[0]
