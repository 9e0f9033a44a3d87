"""The public functions and what they return: evaluate, plan, score predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Unpack

from evalkit._python import (
    CallMonitor,
    Chat,
    EvaluationResult,
    MergeResult,
    PlanResult,
    check_list,
    check_names,
    check_places,
    check_predictions,
    check_text,
    loose_options,
    python_words,
    read_call,
    read_model,
    warn_of,
    watching,
)
from evalkit.chatting import Conversation, open_chat
from evalkit.documents import Document, read_document
from evalkit.errors import ReadOnlyError, RunConflictError, UserError
from evalkit.files import user_path
from evalkit.paths import cache_root
from evalkit.published import published
from evalkit.reports import (
    Leaderboard,
    LengthAxis,
    Palette,
    Shown,
    is_comparison,
    model_column,
    plan_json,
    plan_notes,
    rank_scores,
    write_comparison,
    write_figures,
    write_heatmaps,
    write_parts,
    write_tables,
)
from evalkit.runs import (
    Monitor,
    Repair,
    RunOutcome,
    SampleRecord,
    Session,
    chosen_of,
    conflict_with,
    execute,
    holds_files,
    is_being_written,
    listed,
    merge_runs,
    open_session,
    part_folder,
    parts_in,
    plan_session,
    read_manifest,
    read_records_of_run,
    repair_run,
    tell,
)
from evalkit.scores import (
    JUDGEMENTS,
    BenchmarkScores,
    ExtraMetric,
    ExtraMetrics,
    Judgements,
    KeptAnswers,
    KeptOutputs,
    ScoreRow,
    answers_of_outputs,
    check_scores_place,
    holds_answers,
    holds_scores_only,
    keep_answers,
    keep_run,
    misfit_of_run,
    own_rows,
    read_answers,
    read_metrics,
    read_outputs_file,
    read_scores,
    remarks_on,
    run_of_scores,
    score_run,
    with_extra,
    write_scores,
)
from evalkit.settings import RunOptions, RunSettings, read_settings
from evalkit.tasks import BenchmarkSpec, load_spec
from evalkit.verdicts import (
    Comparison,
    PublishedComparison,
    against_published,
    compare_sides,
    names_numbers,
    read_side,
)

__all__ = [
    "Chat",
    "Comparison",
    "EvaluationResult",
    "MergeResult",
    "PlanResult",
    "chat",
    "compare",
    "compare_folders",
    "evaluate",
    "join_runs",
    "leaderboard",
    "make_leaderboard",
    "merge",
    "plan",
    "plan_opened",
    "repair",
    "report_run",
    "run_session",
    "score_files",
    "score_predictions",
    "scores_of_folder",
    "spec_of_run",
    "write_report",
]


def evaluate(
    model: str | Path | RunSettings,
    *benchmarks: str | Path,
    monitor: Monitor | None = None,
    progress: bool | None = None,
    **options: Unpack[RunOptions],
) -> EvaluationResult:
    """Run a model on benchmarks, score it and write the run folders. The same call again continues.

    `model` is a card's name, a card file, a model folder, a hub id or a server's address; `benchmarks` are names as in
    `evalkit benchmarks list`. `options` are the fields of `RunSettings`: protocol, tasks, limit, truncation,
    max_seq_len (tokens), rope, out… A `RunSettings` in place of the model says all of it at once.
    Notes are warnings (`EvalkitWarning`), progress goes to standard error at a terminal and in a notebook; `progress`
    switches it on or off, and a `monitor` of your own gets both instead.
    Raises `UserError` for wrong input. Failed samples do not raise; they are counted in each task's `failed`.
    """
    with python_words():
        settings = read_call(model, benchmarks, options)
        with watching(monitor, progress) as watcher:
            session = open_session(settings, watcher)
            if isinstance(watcher, CallMonitor):
                watcher.count_in(session.tokenizer.unit)
            result = run_session(session, watcher)
            for scores in result.scores.values():
                for remark in (*scores.notes, *remarks_on(scores)):
                    watcher.note(remark)
    return result


def run_session(session: Session, monitor: Monitor) -> EvaluationResult:
    """Generate what is missing, then score and report every run folder of the session; a part is not scored."""
    outcome = execute(session, monitor)
    if (part := session.settings.part) is not None:
        for job in session.jobs:
            monitor.note(_next_of_part(job.folder, part, outcome))
        return EvaluationResult({}, {job.name: part_folder(job.folder, *part) for job in session.jobs}, outcome)
    scores = {job.name: report_run(job.folder, monitor=monitor)[0] for job in session.jobs}
    return EvaluationResult(scores, {job.name: job.folder for job in session.jobs}, outcome)


def _next_of_part(run: Path, part: tuple[int, int], outcome: RunOutcome) -> str:
    """What to do when a part has ended."""
    place = part_folder(run, *part)
    if outcome.failed:
        return f"part {part[0]} of {part[1]} has failures, the same command tries them again: {place}"
    return f"part {part[0]} of {part[1]} is answered: {place}; when all parts are: evalkit merge {run}"


def merge(
    *folders: str | Path, out: str | Path | None = None, monitor: Monitor | None = None, progress: bool | None = None
) -> MergeResult:
    """Join the parts of a run (`shard="1/2"`) in its folder, and score it.

    Several folders, made on machines without a common disk, are joined to the run `out`: parts, runs that hold parts,
    or whole runs of other samples. What is there is joined even where parts are missing, and the parts stay as they
    are. Notes are warnings, and what is missing is one too; a `monitor` of your own gets both.
    Raises `UserError` for folders that are no parts of one run, and while one of them is being written.
    """
    with python_words():
        for folder in folders:
            check_places(folders=folder)
        check_places(**({} if out is None else {"out": out}))
        with watching(monitor, progress) as watcher:
            result = join_runs([Path(folder) for folder in folders], None if out is None else Path(out), watcher)
            for line in (*result.missing, *result.scores.notes, *remarks_on(result.scores)):
                watcher.note(line)
    return result


def join_runs(folders: Sequence[Path], out: Path | None, monitor: Monitor) -> MergeResult:
    """What `merge` does; what is missing is left to the caller to tell."""
    if not folders:
        raise UserError("nothing to join: name a run's folder that holds parts")
    tell(monitor, "joining parts")
    merged = merge_runs(folders, out)
    for line in merged.notes:
        monitor.note(line)
    return MergeResult(report_run(merged.folder, monitor=monitor)[0], merged)


def report_run(
    folder: Path,
    protocol: str | None = None,
    axis: LengthAxis = "nominal",
    palette: Palette = "published",
    metrics: ExtraMetrics = (),
    monitor: Monitor | None = None,
    *,
    out: Path | None = None,
    unwritten: Callable[[ReadOnlyError], None] | None = None,
) -> tuple[BenchmarkScores, list[ScoreRow]]:
    """The protocol's scores of a run folder and their rows, computed again; its files and figures are rewritten.

    `axis` is what heatmaps are drawn against: nominal lengths, or the model's tokens before or after truncation.
    `metrics` as for `score_predictions`. `out` is a folder for scores, tables and figures in place of the run's own.
    `unwritten` is told where that folder is read-only; without it that is an error.
    """
    if out is not None:
        check_scores_place(out)
    tell(monitor, f"scoring {folder.name}")
    scores, rows = score_run(folder, protocol, metrics=read_metrics(metrics))
    own = own_rows(scores, rows)
    tell(monitor, f"writing tables and figures of {folder.name}")
    try:
        write_report(folder, out or folder, scores, rows, palette, axis)
        if out is not None:
            keep_run(out, _origin_of_run(folder, protocol, {}), folder)
    except ReadOnlyError as error:
        if unwritten is None:
            raise
        unwritten(error)
    tell(monitor, "")
    return scores, own


def write_report(
    run: Path, folder: Path, scores: BenchmarkScores, rows: list[ScoreRow], palette: Palette, axis: LengthAxis
) -> None:
    """Scores, tables and figures of a run, in its folder or another one."""
    spec = spec_of_run(run)
    write_scores(folder, scores, rows)
    write_tables(folder, scores, spec)
    write_parts(folder, scores)
    own = own_rows(scores, rows)
    write_figures(folder, scores, own, spec, palette, axis, run=run)


def _origin_of_run(run: Path, protocol: str | None, options: Mapping[str, str]) -> KeptOutputs:
    """Where the scores of a run come from, for the folder that they are written to."""
    manifest = read_manifest(run)
    return KeptOutputs(
        schema=1,
        format="evalkit",
        place=str(run),
        benchmark=str(manifest.settings["benchmark"]),
        protocol=protocol or str(manifest.identity["protocol"]),
        options=dict(options),
        model=str(manifest.identity["model"]),
    )


def repair(folder: str | Path) -> Repair:
    """Make a damaged run folder whole: its manifest from the copy, its log without what is no record of the run.

    Damaged lines are moved out, and the log as it was is kept beside it. Records of no sample are found where benchmark
    and data are at hand. Raises `UserError` for a folder that is no run, and while a run is writing there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name a run folder")
    refusals: list[str] = []
    reason = cache(lambda: misfit_of_run(folder))  # asked for when the manifest is mended

    def misfit(record: SampleRecord) -> str | None:
        try:
            return reason()(record)
        except UserError as error:  # what is wrong with a line by itself can be mended without the data
            refusals.append(str(error))
            return None

    done = repair_run(folder, misfit)
    return replace(done, unchecked=refusals[0]) if refusals else done


def spec_of_run(folder: Path) -> BenchmarkSpec:
    """The definition of the benchmark that a folder of a run or of scores holds: a shipped one, or the user's file."""
    if holds_answers(folder):
        return load_spec(read_outputs_file(folder).benchmark)
    return load_spec(str(read_manifest(folder).settings["benchmark"]))


def plan(
    model: str | Path | RunSettings,
    *benchmarks: str | Path,
    monitor: Monitor | None = None,
    **options: Unpack[RunOptions],
) -> PlanResult:
    """What a run would cost, counted in samples, tokens and bytes. Needs the tokenizer only; loads no weights.

    Arguments as for `evaluate`; a `monitor` gets the notes.
    """
    with python_words():
        session = open_session(read_call(model, benchmarks, options, "plan"))
        with watching(monitor, False) as watcher:
            result = plan_opened(session, watcher)
            for counts in result.benchmarks.values():
                if counts["conflict"] is not None:
                    watcher.note(f"nothing counts as done: {counts['conflict']}")
            for line in dict.fromkeys(line for counts in result.benchmarks.values() for line in plan_notes(counts)):
                watcher.note(line)
    return result


def chat(
    model: str | Path | RunSettings,
    file: str | Path | Document | None = None,
    *,
    system: str = "",
    **settings: Unpack[RunOptions],
) -> Chat:
    """Ask a model about a document: text, PDF or DOCX. What it is asked is what a run would ask it.

    `model` as for `evaluate`, `settings` as there, but those of benchmarks; answers are drawn as the card says, unless
    `temperature` says otherwise (0 = greedy). Weights are read at the first question. Notes are warnings.
    Raises `UserError` for wrong input.
    """
    with python_words():
        check_text(system=system)
        opened = open_chat(read_model(model, settings), lambda line: warn_of([line]))
        if file is not None and not isinstance(file, Document):
            check_places(file=file)
            file = read_document(user_path(file))
        return Chat(opened, Conversation(file, system))


def plan_opened(session: Session, monitor: Monitor | None = None) -> PlanResult:
    """The plan of an opened session."""
    made = plan_session(session, monitor)
    chosen = chosen_of(session, made)
    folders = {job.name: [job.folder, *parts_in(job.folder)] for job in session.jobs}
    conflicts = {job.name: _conflict(folders[job.name], job.identity) for job in session.jobs}
    finished = {job.name: set() if conflicts[job.name] else _finished(folders[job.name]) for job in session.jobs}
    done = frozenset(
        prompt.index
        for prompt in made.prompts
        if (prompt.sample_id, prompt.draw, prompt.digest) in finished[prompt.benchmark]
    )
    return PlanResult(
        {job.name: plan_json(session, job, made, done, conflicts[job.name], chosen) for job in session.jobs}
    )


def _conflict(folders: Sequence[Path], identity: Mapping[str, Any]) -> str | None:
    """Why a run could not go on in its folder, or with the parts in it; None where it could."""
    return next(filter(None, (conflict_with(folder, identity) for folder in folders)), None)


def _finished(folders: Sequence[Path]) -> set[tuple[str, int, str]]:
    """Sample id, draw and prompt digest of the finished steps in a run's folder and its parts."""
    records = (record for folder in folders for record in read_records_of_run(folder))
    return {(record.id, record.draw, record.prompt_sha256) for record in records if record.error is None}


def score_predictions(
    path: str | Path,
    output_format: str,
    protocol: str | None = None,
    *,
    benchmark: str | None = None,
    ignore_unknown: bool = False,
    options: Mapping[str, object] | None = None,
    metrics: ExtraMetrics = (),
    out: str | Path | None = None,
) -> BenchmarkScores:
    """Score outputs that exist: a folder in a published format (`leval`, …) or a run folder (`evalkit`).

    Scores are 0–100. `path` may be relative to `EVALKIT_DATA` or to the download cache. Without `protocol`, outputs are
    scored as the format's own code does: `official`, or `opencompass` for its format.
    `options` are the benchmark's own, such as LongBench's `code-backend`. `out` is a new or empty folder for scores,
    tables and heatmaps; one with scores that evalkit wrote before is written anew.
    `metrics` score beside the protocol and never change its numbers: names that installed packages offer, or a mapping
    from name to function of an answer. What judges among them say is kept, in the run folder or else in the cache.
    """
    with python_words():
        check_predictions(path, output_format)
        texts = read_settings(".", (), {"options": loose_options(options)}).options if options else None
        return score_files(
            path,
            output_format,
            protocol,
            benchmark=benchmark,
            ignore_unknown=ignore_unknown,
            options=texts,
            metrics=metrics,
            out=out,
        )


def score_files(
    path: str | Path,
    output_format: str,
    protocol: str | None = None,
    *,
    benchmark: str | None = None,
    ignore_unknown: bool = False,
    options: Mapping[str, str] | None = None,
    metrics: ExtraMetrics = (),
    out: str | Path | None = None,
) -> BenchmarkScores:
    """What `score_predictions` does, for callers who name settings by their flags."""
    extra = read_metrics(metrics)
    target = None if out is None else Path(out)
    if target is not None:
        check_scores_place(target)
    if output_format != "evalkit":
        scored = answers_of_outputs(
            path, output_format, protocol, benchmark=benchmark, ignore_unknown=ignore_unknown, options=options
        )
        return _score_answers(scored, extra, target)
    folder = Path(path)
    if not holds_answers(folder):
        return _score_run(folder, protocol, options or {}, extra, target)
    if (run := run_of_scores(folder)) is not None:
        kept = read_outputs_file(folder)
        return _score_run(run, protocol or kept.protocol, {**kept.options, **(options or {})}, extra, target)
    return _score_answers(read_answers(folder, protocol, options), extra, target)


def _score_run(
    run: Path, protocol: str | None, options: Mapping[str, str], extra: Mapping[str, ExtraMetric], out: Path | None
) -> BenchmarkScores:
    """Scores of a run, written to `out` where there is one."""
    scores, rows = score_run(run, protocol, options, extra)
    if out is not None:
        origin = _origin_of_run(run, protocol, options)
        _refuse_other_answers(out, origin)
        write_report(run, out, scores, rows, "published", "nominal")
        keep_run(out, origin, run)
    return scores


def _score_answers(scored: KeptAnswers, extra: Mapping[str, ExtraMetric], out: Path | None) -> BenchmarkScores:
    """Scores of outputs made elsewhere, written to `out` where there is one."""
    measured = scored.measure()
    scores, rows, tasks = measured.scores, list(measured.rows), scored.tasks
    if extra:
        kept, name = Judgements(cache_root() / JUDGEMENTS), scored.origin.protocol
        scores, more = with_extra(scores, scored.benchmark, name, tasks, extra, lambda task: tasks[task].answers, kept)
        rows += more
    if out is not None:
        _write_outputs(out, scores, rows, scored)
    return scores


def _refuse_other_answers(folder: Path, origin: KeptOutputs) -> None:
    """Raise `UserError` where a folder keeps the answers of something else, which may be the only ones left."""
    if not holds_answers(folder):
        return
    kept = read_outputs_file(folder)
    if kept.run is None and (kept.format, kept.benchmark, kept.model) != (
        origin.format, origin.benchmark, origin.model,
    ):  # fmt: skip
        raise UserError(
            f"{folder}: keeps the answers of {kept.model} to {kept.benchmark}, which would be lost; name another folder"
        )


def _write_outputs(folder: Path, scores: BenchmarkScores, rows: list[ScoreRow], scored: KeptAnswers) -> None:
    """Scores, tables and heatmaps of outputs made elsewhere, and the answers, so that they can be scored again."""
    _refuse_other_answers(folder, scored.origin)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}): name another folder") from error
    spec = scored.benchmark.spec
    write_scores(folder, scores, rows)
    keep_answers(folder, scored)
    write_tables(folder, scores, spec)
    write_parts(folder, scores)
    write_heatmaps(folder, Shown(scores, rows, spec, {}))


def leaderboard(
    benchmark: str,
    *runs: str | Path,
    protocol: str | None = None,
    source: str | None = None,
    tasks: Sequence[str] = (),
    sort: str | None = None,
) -> Leaderboard:
    """Published scores of a benchmark and runs of it, ranked by the mean of their ranks over its tasks.

    `runs` are run folders, which are scored again, and folders that `score_predictions(out=…)` wrote; nothing is
    written there. `protocol` keeps the rows of one protocol, `source` the published ones of one source; `tasks` (or
    groups) are what the mean rank is over, without them all tasks that every protocol shown has. `sort` is `mean-rank`,
    `overall`, `model`, a task or a group. Raises `UserError` for names that are not there and runs of other benchmarks.
    """
    with python_words():
        check_names(benchmark=benchmark or "", protocol=protocol, source=source, sort=sort)
        check_list("tasks", tasks)
        for run in runs:
            check_places(runs=run)
        for task in tasks:
            check_names(tasks=task)
        return make_leaderboard(
            benchmark, [Path(run) for run in runs], protocol=protocol, source=source, tasks=tasks, sort=sort
        )[0]


def make_leaderboard(
    benchmark: str,
    runs: Sequence[Path],
    *,
    protocol: str | None = None,
    source: str | None = None,
    tasks: Sequence[str] = (),
    sort: str | None = None,
) -> tuple[Leaderboard, list[BenchmarkScores]]:
    """What `leaderboard` does, and the scores of the runs, for callers who name settings by their flags."""
    published(benchmark)  # an unknown name is said before runs are scored
    twice = next((run for index, run in enumerate(runs) if run.resolve() in map(Path.resolve, runs[:index])), None)
    if twice is not None:
        raise UserError(f"{twice}: the run is named twice; leave one out")
    if (busy := next(filter(is_being_written, runs), None)) is not None:
        raise RunConflictError(f"{busy}: a run is still being written there: rank it when it has ended")
    scores = [scores_of_folder(run) if holds_scores_only(run) else score_run(run)[0] for run in runs]
    columns = [model_column(run, each) for run, each in zip(runs, scores, strict=True)]
    board = rank_scores(benchmark, columns, protocol=protocol, source=source, tasks=tasks, sort=sort)
    return board, scores


def scores_of_folder(folder: Path) -> BenchmarkScores:
    """The scores of a folder of `evalkit score --out`: made from its answers, or from the run they are of.

    Folders without answers, of older releases, and scores of a run that is gone are taken as they stand; the notes say
    where they are, and where `scores.json` says other numbers than the answers give.
    """
    if not holds_answers(folder):
        return read_scores(folder)
    if (run := read_outputs_file(folder).run) is not None and not Path(run).exists():
        stored = read_scores(folder)
        return _with_notes(stored, [f"{folder}: scores as they stand there: the run {run} is not there any more"])
    side = read_side(folder)
    return _with_notes(side.measured.scores, side.notes)


def _with_notes(scores: BenchmarkScores, notes: Sequence[str]) -> BenchmarkScores:
    return scores.model_copy(update={"notes": [*scores.notes, *notes]}) if notes else scores


def compare(
    left: str | Path,
    right: str | Path,
    output_format: str | None = None,
    *,
    protocol: str | None = None,
    benchmark: str | None = None,
    common: bool = False,
    out: str | Path | None = None,
    model: str | None = None,
    reruns: Sequence[str | Path] = (),
) -> Comparison | PublishedComparison:
    """Two runs on the same samples: differences left − right in points, how sure they are, and where they lie.

    Each side is a run folder, a folder that `evalkit score --out` wrote, or a folder of outputs in `output_format`
    (`leval`, …), and is scored again under `protocol`. Samples that one side lacks raise a `UserError`, unless the
    `common` ones are asked for. `out` is a new or empty folder for `comparison.json` and tables.

    With "published" or a CSV file on the right, the left side is held against published numbers, and a
    `PublishedComparison` comes back: `model` is the published name where the run's is another one, `reruns` are
    further runs of the left side.
    """
    with python_words():
        check_places(left=left, right=right, **({} if out is None else {"out": out}))
        check_names(output_format=output_format, protocol=protocol, benchmark=benchmark, model=model)
        check_list("reruns", reruns)
        for each in reruns:
            check_places(reruns=each)
        if names_numbers(str(right)):
            if common or out is not None:
                raise UserError("common= and out= are for two runs; leave them out")
            return against_published(
                Path(left),
                str(right),
                reruns=[Path(each) for each in reruns],
                model=model,
                output_format=output_format,
                protocol=protocol,
                benchmark=benchmark,
            )
        if model is not None or reruns:
            raise UserError("model= and reruns= are for published scores; leave them out")
        return compare_folders(
            left, right, output_format, protocol=protocol, benchmark=benchmark, common=common, out=out
        )


def compare_folders(
    left: str | Path,
    right: str | Path,
    output_format: str | None = None,
    *,
    protocol: str | None = None,
    benchmark: str | None = None,
    common: bool = False,
    out: str | Path | None = None,
) -> Comparison:
    """What `compare` does, for callers who name settings by their flags."""
    if out is not None:
        _check_comparison_place(Path(out))
    ours, theirs = (read_side(Path(path), output_format, protocol, benchmark) for path in (left, right))
    comparison = compare_sides(ours, theirs, common)
    if out is not None:
        write_comparison(Path(out), comparison)
    return comparison


def _check_comparison_place(folder: Path) -> None:
    """Raise `UserError` for a folder that holds anything but a comparison."""
    names = holds_files(folder) if folder.is_dir() else []
    if names and not is_comparison(folder):
        raise UserError(f"{folder}: holds {listed(names)} and no comparison; give --out a new or empty folder")
