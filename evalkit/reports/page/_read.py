"""Folders of runs and of scores, read for the page.

Whatever `scores.json` and `scores.jsonl` say, scores are made again from the answers; where these differ, or cannot be
read, a note says so. Folders that keep no answers show their scores as they stand.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.errors import DataError, UserError
from evalkit.files import user_path
from evalkit.runs import SampleRecord, is_being_written, only_parts, read_manifest
from evalkit.scores import (
    BenchmarkScores,
    LookedAt,
    holds_answers,
    likely_command,
    look_over,
    read_outputs_file,
    read_scores,
    rows_by_answer,
    run_of_scores,
    strange_rows,
    strange_scores,
)
from evalkit.tasks import load_spec

from ._content import PageRun
from ._texts import Text, shortened

__all__ = ["read_runs"]

MOST_REASONING = 1000
"""Characters of what a model thought, of both ends together."""
AS_WRITTEN = "the scores stand as they were written, and no samples can be shown"


def read_runs(folders: Sequence[Path]) -> list[PageRun]:
    """The runs in the order named. Nothing is written there.

    Raises `UserError` for a folder that holds neither a run nor scores of evalkit.
    """
    places = [user_path(folder) for folder in folders]
    return [_read(place, name) for place, name in zip(places, _names(places), strict=True)]


def _names(places: Sequence[Path]) -> list[str]:
    """The last part of each path, and as many before it as tell it from the others; one named again gets a number."""
    paths = [Path(os.path.abspath(place)) for place in places]  # noqa: PTH100  a link keeps its own name
    different = list(dict.fromkeys(paths))
    known = dict(zip(different, _told_apart(different), strict=True))
    names: list[str] = []
    for path in paths:
        numbered = (f"{known[path]} ({number})" for number in itertools.count(2))
        names.append(next(name for name in itertools.chain([known[path]], numbered) if name not in names))
    return names


def _told_apart(paths: Sequence[Path]) -> list[str]:
    parts = [path.parts[1:] or path.parts for path in paths]
    lengths = [1] * len(parts)
    while True:
        names = ["/".join(each[-length:]) for each, length in zip(parts, lengths, strict=True)]
        known = Counter(names)
        longer = [
            min(len(each), length + (known[name] > 1)) for name, each, length in zip(names, parts, lengths, strict=True)
        ]
        if longer == lengths:
            return names
        lengths = longer


def _read(folder: Path, name: str) -> PageRun:
    if any((folder / each).exists() for each in ("run.json", "run.copy.json")):
        return _of_run(folder, name, folder)
    if holds_answers(folder):
        return _of_scores(folder, name)
    if (folder / "scores.json").is_file():
        scores = read_scores(folder)
        note = f"{folder}: holds scores without the answers they are of: {AS_WRITTEN}"
        return PageRun(name, folder, scores, load_spec(scores.benchmark), None, None, (), [note])
    raise UserError(f"{folder}: {_advice(folder)}")


def _advice(folder: Path) -> str:
    """Why a folder cannot be shown, and what to do."""
    if not folder.exists():
        return "no such folder; name run folders, or folders of: evalkit score … --out"
    if (what := only_parts(folder)) is not None:
        return what
    command = likely_command(folder)
    said = f"{command} --out FOLDER" if "evalkit score" in command else command or "evalkit score … --out FOLDER"
    return f"neither a run nor scores of evalkit (no run.json, no scores.json); {said}"


def _of_scores(folder: Path, name: str) -> PageRun:
    """A folder of `evalkit score --out`: of answers that it keeps, or of a run."""
    kept = read_outputs_file(folder)
    try:
        run = run_of_scores(folder)
    except DataError as error:
        note = f"{error}; {AS_WRITTEN}"
        return PageRun(name, folder, read_scores(folder), load_spec(kept.benchmark), None, None, (), [note])
    if run is not None:
        return _of_run(folder, name, run, kept.protocol, kept.options)
    found = look_over(folder)
    scores, spec = found.measured.scores, found.measured.spec
    return _with_stored(PageRun(name, folder, scores, spec, found.measured, None, found.samples))


def _of_run(
    folder: Path, name: str, run: Path, protocol: str | None = None, options: Mapping[str, str] | None = None
) -> PageRun:
    """A run folder, or the folder of its scores under a protocol and with options."""
    is_written = is_being_written(run)
    thoughts: dict[tuple[str, int, int], Text] = {}

    def recorded(record: SampleRecord) -> None:
        thoughts.pop(record.key, None)  # of an earlier attempt
        if record.reasoning is not None:
            thoughts[record.key] = shortened(record.reasoning, MOST_REASONING)

    found = look_over(run, protocol, options, recorded)
    read = PageRun(
        name,
        folder,
        found.measured.scores,
        found.measured.spec,
        found.measured,
        read_manifest(run),
        found.samples,
        is_being_written=is_written,
        run_folder=run,
        thoughts=thoughts,
    )
    return read if is_written else _with_stored(read)  # a run writes its scores when it ends


def _with_stored(run: PageRun) -> PageRun:
    """The run with what its files say beside the protocol's scores, or with notes where they say other scores."""
    if run.measured is None:
        return run
    notes = [*strange_scores(run.folder, run.scores), *strange_rows(run.folder, run.measured.rows)]
    if notes or not (run.folder / "scores.json").is_file():
        return replace(run, notes=notes)
    return _with_extra(run, read_scores(run.folder))


def _with_extra(run: PageRun, stored: BenchmarkScores) -> PageRun:
    """The run with metrics beside the protocol's: a judge may have given them, who is not asked again."""
    extra = {task: score.extra for task, score in stored.tasks.items() if score.extra and task in run.scores.tasks}
    if not extra:
        return run
    tasks = {name: score.model_copy(update={"extra": extra.get(name, {})}) for name, score in run.scores.tasks.items()}
    rows = rows_by_answer(run.folder)

    def looked(each: LookedAt) -> LookedAt:
        names = extra.get(each.sample.task, {})
        found = rows.get((each.sample.id, each.draw), ())
        return replace(each, scores=tuple((name, score) for name, score in found if name in names))

    return replace(run, scores=run.scores.model_copy(update={"tasks": tasks}), samples=tuple(map(looked, run.samples)))
