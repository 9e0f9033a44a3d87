"""The two sides of a comparison: run folders, scores of outputs made elsewhere, and folders of such outputs.

Whatever a folder's `scores.json` says, a side is scored again from its answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.errors import RunConflictError, UnknownNameError, UserError
from evalkit.files import user_path
from evalkit.runs import Manifest, is_being_written, only_parts, read_manifest
from evalkit.scores import (
    FORMATS,
    Measured,
    answers_of_outputs,
    holds_answers,
    likely_command,
    measure_run,
    read_answers,
    read_outputs_file,
    run_of_scores,
    strange_scores,
)
from evalkit.tasks import load_spec

__all__ = ["Side", "read_side"]


@dataclass(frozen=True)
class Side:
    """One of the things compared, scored again from its answers."""

    name: str
    """As the user named it."""
    measured: Measured
    """Scores and the samples behind them."""
    manifest: Manifest | None
    """What the run was; None for outputs made elsewhere."""
    notes: Sequence[str] = ()
    """What a reader should know of how it was read."""
    run: Path | None = None
    """The run folder that holds its records; None for outputs made elsewhere."""


def read_side(
    path: Path, output_format: str | None = None, protocol: str | None = None, benchmark: str | None = None
) -> Side:
    """A run folder, a folder of `evalkit score --out` or, in the format named, outputs made elsewhere; scored again.

    `output_format` and `benchmark` are for folders that are not evalkit's own. Raises `UserError` for what is none of
    them, and `RunConflictError` for a run that is still being written.
    """
    folder = user_path(path)
    if output_format not in (None, "evalkit", *FORMATS):
        raise UnknownNameError("format", str(output_format), [*FORMATS, "evalkit"])
    if any((folder / name).exists() for name in ("run.json", "run.copy.json")):
        return _checked(_of_run(path, folder, protocol), benchmark)
    if holds_answers(folder):
        return _checked(_of_scores(path, folder, protocol), benchmark)
    if output_format in (None, "evalkit"):
        raise UserError(f"{path}: {_advice(folder)}")
    return Side(str(path), answers_of_outputs(path, output_format, protocol, benchmark=benchmark).measure(), None)


def _checked(side: Side, benchmark: str | None) -> Side:
    """The side, which says itself what it is of; `UserError` where that is another benchmark than the one named."""
    own = side.measured.scores.benchmark
    if benchmark is not None and load_spec(benchmark).name != own:
        raise UserError(f"{side.name}: of {own}, not of {benchmark}; leave the benchmark out")
    return side


def _advice(folder: Path) -> str:
    """Why a folder without run and format cannot be read, and what to do."""
    if not folder.exists():
        return "no such folder; outputs below EVALKIT_DATA need their --format"
    if (folder / "scores.json").is_file():
        return "holds scores without the answers they are of; score the outputs again with --out"
    if (what := only_parts(folder)) is not None:
        return what
    command = likely_command(folder)
    _, mark, output_format = command.rpartition("--format ")
    named = f"name the format of its outputs: --format {output_format if mark else 'FORMAT'}"
    return f"not a run folder of evalkit (it has no run.json); {named}"


def _of_run(path: Path, run: Path, protocol: str | None, options: Mapping[str, str] | None = None) -> Side:
    if is_being_written(run):
        raise RunConflictError(f"{run}: a run is still being written there: compare it when it has ended")
    measured = measure_run(run, protocol, options)
    return Side(str(path), measured, read_manifest(run), tuple(strange_scores(run, measured.scores)), run)


def _of_scores(path: Path, folder: Path, protocol: str | None) -> Side:
    run = run_of_scores(folder)
    if run is not None:
        kept = read_outputs_file(folder)
        return replace(_of_run(run, run, protocol or kept.protocol, kept.options), name=str(path))
    measured = read_answers(folder, protocol).measure()
    return Side(str(path), measured, None, tuple(strange_scores(folder, measured.scores)))
