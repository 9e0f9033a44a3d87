"""`evalkit score`: score outputs that exist."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit.errors import ReadOnlyError
    from evalkit.scores import BenchmarkScores, TaskScore
    from evalkit.tasks import BenchmarkSpec


def score(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of outputs, or a run folder.")],
    output_format: Annotated[
        str, typer.Option("--format", help="evalkit, leval, longbench(-v2), opencompass.")
    ] = "evalkit",
    protocol: Annotated[
        str | None, typer.Option(help="Protocol, or `all`; default: the format's own (official, or opencompass).")
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Benchmark, where the format does not say it.")] = None,
    ignore_unknown: Annotated[bool, typer.Option("--ignore-unknown", help="Leave out files of no known task.")] = False,
    by_length: Annotated[bool, typer.Option("--e", help="These are LongBench-E outputs; scores by length.")] = False,
    out: o.Out = None,
    code_backend: Annotated[str | None, typer.Option(help="LongBench code tasks: difflib or levenshtein.")] = None,
    metric: o.Metrics = None,
    json: o.Json = None,
) -> int:
    """Score outputs that exist, made by evalkit or elsewhere."""
    from evalkit.errors import UserError

    from .terminal import check_target, print_json, shown

    check_target(json)
    if output_format == "evalkit" and (benchmark or ignore_unknown):
        raise UserError("--benchmark and --ignore-unknown are for outputs made elsewhere; name their --format")
    if out is not None and protocol == "all":
        raise UserError("--out takes the scores of one protocol: choose it with --protocol")
    if metric and protocol == "all":
        raise UserError("--metric: an extra metric stands beside one protocol's scores; choose it with --protocol")
    if by_length:
        benchmark = _longbench_e(output_format, benchmark)
    options = {} if code_backend is None else {"code-backend": code_backend}
    with shown(f"scoring {path.name}"):
        scores = _all_protocols(path, output_format, protocol, benchmark, ignore_unknown, options, metric or [], out)
    if json is not None:
        objects = {name: result.to_json() for name, result in scores.items()}
        print_json({"protocols": objects} if protocol == "all" else next(iter(objects.values())), json)
    warn(*scores.values())
    if json != "-":
        results, spec = list(scores.values()), _spec(path, output_format, benchmark)
        _print(results, spec, _lengths(path, output_format, spec))
    if out is not None:
        note_place(next(iter(scores.values())), out)
    return 1 if any(_has_failed(task) for result in scores.values() for task in result.tasks.values()) else 0


def show_run(folder: Path, scores: BenchmarkScores, *, is_shown: bool) -> None:
    """What a reader of a run's scores must know, the tables where they `is_shown`, and where results are."""
    from evalkit.reports import buckets_table, lengths_of_run, terminal_table

    from .terminal import print_table

    warn(scores)
    if is_shown:
        print_table(terminal_table(scores, _spec(folder, "evalkit", None)))
        if (parts := buckets_table(scores, lengths_of_run(folder))) is not None:
            print_table(parts)
    note_place(scores, folder)


def note_place(scores: BenchmarkScores, folder: Path) -> None:
    """Say where results are, and what tells whether they are the published ones, where such are known."""
    from evalkit.published import published_benchmarks, published_models

    from .terminal import note

    is_published = scores.benchmark in published_benchmarks() and scores.model in published_models(scores.benchmark)
    note(f"{scores.benchmark}: results in {folder}")
    if is_published:
        note(f"to hold them against the published numbers: evalkit compare {quote(str(folder))} published")


def _lengths(path: Path, output_format: str, spec: BenchmarkSpec) -> str:
    """What the lengths of parts count, for people."""
    from evalkit.reports import length_label, lengths_of_run
    from evalkit.scores import holds_answers, run_of_scores

    run = path if output_format == "evalkit" else None
    if run is not None and holds_answers(run):
        run = run_of_scores(run)
    return length_label(spec, "nominal") if run is None else lengths_of_run(run)


def _print(results: list[BenchmarkScores], spec: BenchmarkSpec, lengths: str) -> None:
    """Scores under one protocol or several, then their parts; `lengths` says what such parts count."""
    from evalkit.reports import buckets_table, protocols_list, protocols_table, terminal_table

    from .terminal import print_table

    if len(results) == 1:
        print_table(terminal_table(results[0], spec))
    else:
        print_table(protocols_table(results, spec), lambda: protocols_list(results, spec))
    for parts in filter(None, (buckets_table(result, lengths) for result in results)):
        print_table(parts)


def _has_failed(task: TaskScore) -> bool:
    return bool(task.failed or any(extra.failed for extra in task.extra.values()))


def _longbench_e(output_format: str, benchmark: str | None) -> str:
    """The benchmark that `--e` stands for."""
    from evalkit.errors import UserError

    if output_format != "longbench" or benchmark not in (None, "longbench", "longbench-e"):
        raise UserError("--e: LongBench-E outputs are folders of --format longbench; leave --e or the other option out")
    return "longbench-e"


def _all_protocols(
    path: Path,
    output_format: str,
    protocol: str | None,
    benchmark: str | None,
    ignore_unknown: bool,
    options: dict[str, str],
    metrics: list[str],
    out: Path | None,
) -> dict[str, BenchmarkScores]:
    """Protocol name → scores: the one asked for, or every one of the benchmark."""
    from evalkit._api import report_run, score_files
    from evalkit.scores import holds_answers

    if output_format == "evalkit":
        _check_run_folder(path)
    if output_format == "evalkit" and protocol is None and not options and not holds_answers(path):
        return {"": report_run(path, metrics=metrics, out=out, unwritten=unwritten_in(out or path))[0]}
    names = [protocol] if protocol != "all" else list(_spec(path, output_format, benchmark).protocols)
    return {
        name or "": score_files(
            path,
            output_format,
            name,
            benchmark=benchmark,
            ignore_unknown=ignore_unknown,
            options=options,
            metrics=metrics,
            out=out,
        )
        for name in names
    }


def _check_run_folder(path: Path) -> None:
    """Say which format to name for outputs made elsewhere, and what had to be rebuilt of a run."""
    from evalkit.errors import UserError
    from evalkit.files import user_path
    from evalkit.runs import only_parts
    from evalkit.scores import FORMATS, holds_answers, likely_command

    restore(path)
    if path.exists() and not (user_path(path) / "run.json").exists() and not holds_answers(path):
        named = ", ".join(name for name in FORMATS if name != "evalkit")
        if (what := only_parts(path)) is not None:
            raise UserError(f"{path}: {what}")
        advice = likely_command(path) or f"outputs made elsewhere are scored with --format ({named})"
        raise UserError(f"{path}: not a run folder of evalkit (it has no run.json); {advice}")


def restore(folder: Path) -> None:
    """Rebuild a damaged `run.json` from its copy, and say so."""
    from evalkit.runs import restore_manifest

    from .terminal import note

    if line := restore_manifest(folder):
        note(line)


def unwritten_in(folder: Path) -> Callable[[ReadOnlyError], None]:
    """What says that scores could not be written to a folder, which is read-only."""
    from .terminal import note

    def say(error: ReadOnlyError) -> None:
        reason = getattr(error.__cause__, "strerror", None) or "read-only"
        note(f"{folder}: scores, tables and figures were not written there ({reason}); --out DIR writes them elsewhere")

    return say


def _spec(path: Path, output_format: str, benchmark: str | None) -> BenchmarkSpec:
    """The definition of the benchmark whose outputs these are."""
    from evalkit._api import spec_of_run
    from evalkit.scores import find_outputs, output_benchmark
    from evalkit.tasks import load_spec

    if output_format == "evalkit":
        return spec_of_run(path)
    return load_spec(benchmark or output_benchmark(find_outputs(path, output_format), output_format))


def warn(*results: BenchmarkScores) -> None:
    """Say what a reader of these scores must know: samples left out and why, empty answers, quirks of the protocol."""
    from evalkit.scores import remarks_on

    from .terminal import note

    for line in dict.fromkeys(line for result in results for line in result.notes):
        note(line)
    for line in (line for result in results for line in remarks_on(result)):
        note(line)
