"""The public functions and what they return: evaluate, plan, score predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from evalkit.errors import UserError
from evalkit.paths import cache_root
from evalkit.reports import (
    LengthAxis,
    Palette,
    Shown,
    plan_json,
    write_figures,
    write_heatmaps,
    write_parts,
    write_tables,
)
from evalkit.runs import (
    Monitor,
    RunOutcome,
    Session,
    SilentMonitor,
    conflict_with,
    execute,
    open_session,
    plan_session,
    read_manifest,
    read_records_of_run,
)
from evalkit.scores import (
    JUDGEMENTS,
    BenchmarkScores,
    ExtraMetric,
    ExtraMetrics,
    Judgements,
    ScoreRow,
    default_protocol,
    find_outputs,
    output_benchmark,
    read_metrics,
    read_outputs,
    score_benchmark,
    score_run,
    with_extra,
    write_scores,
)
from evalkit.settings import RunOptions, RunSettings, read_settings
from evalkit.tasks import BenchmarkSpec, load_benchmark, load_spec

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EvaluationResult",
    "PlanResult",
    "evaluate",
    "plan",
    "plan_opened",
    "report_run",
    "run_session",
    "score_predictions",
    "spec_of_run",
]


@dataclass(frozen=True)
class EvaluationResult:
    """Scores of one call of `evaluate`, and where everything is."""

    scores: dict[str, BenchmarkScores]
    """Benchmark name → scores."""
    folders: dict[str, Path]
    """Benchmark name → run folder."""
    outcome: RunOutcome
    """What this call computed."""

    def to_pandas(self) -> pd.DataFrame:
        """One row per benchmark and task; scores 0–100. Columns as in `BenchmarkScores.to_pandas`."""
        import pandas as pd

        return pd.concat([scores.to_pandas() for scores in self.scores.values()], ignore_index=True)


@dataclass(frozen=True)
class PlanResult:
    """What a run would cost."""

    benchmarks: dict[str, dict[str, Any]]
    """Benchmark name → the object of `evalkit plan --json`; counts in samples, tokens and bytes."""

    def to_pandas(self) -> pd.DataFrame:
        """One row per benchmark and task: samples, prompt_tokens, unique_prompt_tokens, truncated, kv_bytes…"""
        import pandas as pd

        rows = [
            {"benchmark": name, "task": task, **counts}
            for name, plan in self.benchmarks.items()
            for task, counts in plan["tasks"].items()
        ]
        return pd.DataFrame(rows)


def evaluate(
    model: str | Path | RunSettings, *benchmarks: str, monitor: Monitor | None = None, **options: Unpack[RunOptions]
) -> EvaluationResult:
    """Run a model on benchmarks, score it and write the run folders. The same call again continues.

    `model` is a card name, a card file or a model folder; `benchmarks` are names as in `evalkit benchmarks list`.
    `options` are the fields of `RunSettings`: protocol, tasks, limit, truncation, max_seq_len (tokens), rope, out…
    A `RunSettings` in place of the model says all of it at once.
    Raises `UserError` for wrong input. Failed samples do not raise; they are counted in each task's `failed`.
    """
    return run_session(open_session(read_settings(model, benchmarks, options)), monitor or SilentMonitor())


def run_session(session: Session, monitor: Monitor) -> EvaluationResult:
    """Generate what is missing, then score and report every run folder of the session."""
    outcome = execute(session, monitor)
    scores = {job.name: report_run(job.folder)[0] for job in session.jobs}
    return EvaluationResult(scores, {job.name: job.folder for job in session.jobs}, outcome)


def report_run(
    folder: Path,
    protocol: str | None = None,
    axis: LengthAxis = "nominal",
    palette: Palette = "published",
    metrics: ExtraMetrics = (),
) -> tuple[BenchmarkScores, list[ScoreRow]]:
    """The protocol's scores of a run folder and their rows, computed again; its files and figures are rewritten.

    `axis` is what heatmaps are drawn against: nominal lengths, or the model's tokens before or after truncation.
    `metrics` as for `score_predictions`.
    """
    scores, rows = score_run(folder, protocol, metrics=read_metrics(metrics))
    spec = spec_of_run(folder)
    write_scores(folder, scores, rows)
    write_tables(folder, scores, spec)
    write_parts(folder, scores)
    own = [row for row in rows if row.metric not in scores.tasks[row.task].extra]
    write_figures(folder, scores, own, spec, palette, axis)
    return scores, own


def spec_of_run(folder: Path) -> BenchmarkSpec:
    """The definition of the benchmark that a run folder holds: a shipped one, or the user's own YAML file."""
    return load_spec(str(read_manifest(folder).settings["benchmark"]))


def plan(model: str | Path | RunSettings, *benchmarks: str, **options: Unpack[RunOptions]) -> PlanResult:
    """What a run would cost, counted in samples, tokens and bytes. Needs the tokenizer only; loads no weights.

    Arguments as for `evaluate`.
    """
    return plan_opened(open_session(read_settings(model, benchmarks, options)))


def plan_opened(
    session: Session, monitor: Monitor | None = None, built: Callable[[int], None] | None = None
) -> PlanResult:
    """The plan of an opened session; `built` is told how many prompts are built so far."""
    made = plan_session(session, monitor, built)
    conflicts = {job.name: conflict_with(job.folder, job.identity) for job in session.jobs}
    finished = {job.name: set() if conflicts[job.name] else _finished(job.folder) for job in session.jobs}
    done = frozenset(
        prompt.index for prompt in made.prompts if (prompt.sample_id, prompt.digest) in finished[prompt.benchmark]
    )
    return PlanResult({job.name: plan_json(session, job, made, done, conflicts[job.name]) for job in session.jobs})


def _finished(folder: Path) -> set[tuple[str, str]]:
    """Sample id and prompt digest of the finished first steps in a run folder."""
    return {(record.id, record.prompt_sha256) for record in read_records_of_run(folder) if record.error is None}


def score_predictions(
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
    """Score outputs that exist: a folder in a published format (`leval`, …) or a run folder (`evalkit`).

    Scores are 0–100. `path` may be relative to `EVALKIT_DATA` or to the download cache. Without `protocol`, outputs are
    scored as the format's own code does: `official`, or `opencompass` for its format.
    `options` are the benchmark's own, such as LongBench's `code-backend`. `out` is a folder for scores, tables and
    heatmaps of outputs made elsewhere.
    `metrics` score beside the protocol and never change its numbers: names that installed packages offer, or a mapping
    from name to function of an answer. What judges among them say is kept, in the run folder or else in the cache.
    """
    extra = read_metrics(metrics)
    if output_format == "evalkit":
        return score_run(Path(path), protocol, options, extra)[0]
    scores, rows = _score_outputs(path, output_format, protocol, benchmark, ignore_unknown, options, extra)
    if out is not None:
        _write_outputs(Path(out), scores, rows, load_spec(scores.benchmark))
    return scores


def _write_outputs(folder: Path, scores: BenchmarkScores, rows: list[ScoreRow], spec: BenchmarkSpec) -> None:
    """Scores, tables and heatmaps of outputs made elsewhere, in a folder that is no run's."""
    if (folder / "run.json").exists():
        raise UserError(f"{folder}: holds a run of evalkit, whose scores would be lost: name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}): name another folder") from error
    write_scores(folder, scores, rows)
    write_tables(folder, scores, spec)
    write_parts(folder, scores)
    write_heatmaps(folder, Shown(scores, rows, spec, {}))


def _score_outputs(
    path: str | Path,
    output_format: str,
    protocol: str | None,
    benchmark: str | None,
    ignore_unknown: bool,
    options: Mapping[str, str] | None,
    extra: Mapping[str, ExtraMetric],
) -> tuple[BenchmarkScores, list[ScoreRow]]:
    """Scores and rows of outputs made elsewhere."""
    folder = find_outputs(Path(path), output_format)
    scored = load_benchmark(benchmark or output_benchmark(folder, output_format), options)
    name = protocol or default_protocol(scored.spec, output_format)
    scored.spec.protocol(name)
    read = read_outputs(folder, scored, output_format, ignore_unknown=ignore_unknown)
    label = "+".join([name, *(f"{option}-{value}" for option, value in (options or {}).items())])
    model = folder.resolve().name
    scores, rows = score_benchmark(scored, name, read.tasks, model=model, label=label, notes=read.notes)
    if not extra:
        return scores, rows
    kept = Judgements(cache_root() / JUDGEMENTS)
    scores, more = with_extra(scores, scored, name, read.tasks, extra, lambda task: read.tasks[task].answers, kept)
    return scores, [*rows, *more]
