"""Folders of runs and of scores, read for the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.runs import is_being_written, read_manifest
from evalkit.scores import holds_answers, look_at, measure_run, read_answers
from evalkit.tasks import load_spec

from ._content import PageRun

__all__ = ["read_runs"]


def read_runs(folders: Sequence[Path]) -> list[PageRun]:
    """The runs in the order named. Nothing is written there."""
    return [_read(folder, folder.name) for folder in folders]


def _read(folder: Path, name: str) -> PageRun:
    if holds_answers(folder):
        measured = read_answers(folder).measure()
        return PageRun(name, folder, measured.scores, measured.spec, measured, None, list(look_at(folder)))
    manifest, measured = read_manifest(folder), measure_run(folder)
    spec = load_spec(str(manifest.settings["benchmark"]))
    samples = list(look_at(folder))
    return PageRun(
        name, folder, measured.scores, spec, measured, manifest, samples, is_being_written=is_being_written(folder)
    )
