"""The two sides of a comparison: run folders, scores of outputs made elsewhere, and folders of such outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import UserError
from evalkit.runs import Manifest, read_manifest
from evalkit.scores import (
    Measured,
    default_protocol,
    find_outputs,
    measure_benchmark,
    measure_run,
    output_benchmark,
    read_outputs,
)
from evalkit.tasks import load_benchmark

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


def read_side(
    path: Path, output_format: str | None = None, protocol: str | None = None, benchmark: str | None = None
) -> Side:
    """A run folder or, in the format named, a folder of outputs made elsewhere, scored under a protocol.

    `output_format` is for folders that are not evalkit's own. Raises `UserError` for what is neither.
    """
    if (path / "run.json").exists():
        return Side(str(path), measure_run(path, protocol), read_manifest(path))
    if output_format is None:
        raise UserError(f"{path}: not a run folder of evalkit (it has no run.json); name the --format of its outputs")
    return Side(str(path), _measure_outputs(path, output_format, protocol, benchmark), None)


def _measure_outputs(path: Path, output_format: str, protocol: str | None, benchmark: str | None) -> Measured:
    folder = find_outputs(path, output_format)
    scored = load_benchmark(benchmark or output_benchmark(folder, output_format))
    name = protocol or default_protocol(scored.spec, output_format)
    read = read_outputs(folder, scored, output_format)
    return measure_benchmark(scored, name, read.tasks, model=folder.resolve().name, label=name, notes=read.notes)
