"""Joins the parts of a run: checks that they are parts of one run, and tells what is still missing of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from evalkit.errors import RunConflictError, UserError, one_line
from evalkit.printable import counted
from evalkit.tasks import BenchmarkSpec, join_options, load_spec

from .folder import (
    ENDED,
    PART,
    Joining,
    Manifest,
    Misfit,
    Part,
    RunStore,
    changes,
    conflict_with,
    continued,
    difference,
    digest_of_prompts,
    has_manifest,
    has_records,
    is_being_written,
    misfit,
    part_of,
    parts_in,
    read_manifest,
    sum_of_digests,
    survey,
    was_begun,
)

__all__ = ["Merged", "check_parts", "join_parts", "merge_runs"]


@dataclass(frozen=True)
class Merged:
    """What `merge_runs` did."""

    folder: Path
    """The run."""
    sources: int
    """Folders that were joined to it."""
    joined: int
    """Records that it lacked and has now."""
    answered: int
    """Steps of it that have an answer."""
    failed: int
    """Steps of which the last attempt failed."""
    missing: tuple[str, ...]
    """A line for each part that is not there, or not whole."""
    notes: tuple[str, ...]
    """What else a user should know."""


class _Source(NamedTuple):
    """A folder to be joined to a run."""

    folder: Path
    manifest: Manifest
    part: Part | None


def check_parts(run: Path, identity: Mapping[str, Any], own: Path | None = None) -> None:
    """Raise `RunConflictError` where a part of a run is another run's by its identity.

    `own` is the part that asks; where a run asks, also a part that a process writes is in its way. A part that ended
    before its first record has nothing to protect.
    """
    for part in parts_in(run):
        if own is None:
            _check_is_free(part)
        found = None if part == own else difference(identity, read_manifest(part).identity)
        if found is not None and (has_records(part) or is_being_written(part)):
            raise RunConflictError(_other_run(part, found, "now"))


def join_parts(run: Path, manifest: Manifest) -> tuple[Manifest, Joining, list[str]]:
    """What joining a run's own parts to it comes to, its manifest then, and what to tell of it.

    `manifest` is that of the run as it goes on, its settings the ones in force.
    """
    sources = [_source(part) for part in parts_in(run) if has_records(part)]
    if not sources:
        return manifest, Joining(), []
    spec = load_spec(str(manifest.settings["benchmark"]))
    joining = survey(run, [(each.folder, _misfit(each.manifest, spec)) for each in sources])
    if not joining.taken:
        return manifest, joining, []
    notes = [f"{counted(len(joining.taken), 'record')} of {counted(len(sources), 'part')} joined"]
    together = [*(each.manifest for each in sources), manifest]
    notes += [*filter(None, [joining.double_note]), *_changes(sources, manifest)]
    return _united(together, spec), joining, notes


def merge_runs(folders: Sequence[Path], out: Path | None = None) -> Merged:
    """Join the parts in a run's folder to it, or those folders, and the parts in them, to the run `out`.

    What is there is joined even where parts are missing; the parts stay as they are. Raises a `UserError` for folders
    that are no parts of one run, and for one that is being written.
    """
    run = _target(folders, out)
    sources = _of_one_run(list(_sources(folders, run)))
    first = sources[0]
    if (conflict := conflict_with(run, first.manifest.identity)) is not None:
        raise RunConflictError(conflict)
    spec = load_spec(str(first.manifest.settings["benchmark"]))
    checked = [(each.folder, _misfit(each.manifest, spec)) for each in sources]
    joining = None if run.is_dir() else survey(run, checked)  # a new folder is made when nothing more can be wrong
    with RunStore(run) as store:
        if joining is None or store.latest:  # another merge made the folder meanwhile
            joining = survey(run, checked)
        manifests = [
            *([read_manifest(run)] if store.latest and has_manifest(run) else []),
            *(s.manifest for s in sources),
        ]
        notes = store.open_as(_united(manifests, spec))
        joining.write(store)
        asked = _Asked.of(read_manifest(run), store)
        failed = sum(record.error is not None for record in store.latest.values())
        answered = len(store.latest) - failed
    steps = spec.protocol(str(first.manifest.identity["protocol"])).steps
    missing = [*_missing(run, sources, joining, asked, steps)]
    notes += [*_changes(sources, first.manifest), *filter(None, [joining.double_note])]
    return Merged(run, len(sources), len(joining.taken), answered, failed, tuple(missing), tuple(notes))


class _Asked(NamedTuple):
    """What a run was asked, as far as its log says."""

    digest: str
    """`digest_of_prompts` of its first steps."""
    prompts: int
    """How many they are."""
    has_ended: bool
    """Whether all later steps of them were asked."""

    @classmethod
    def of(cls, manifest: Manifest, store: RunStore) -> Self:
        first = [(key, record.prompt_sha256) for key, record in store.latest.items() if key[1] == 0]
        digest = digest_of_prompts(first)
        return cls(digest, len(first), manifest.settings.get(ENDED) == digest)


def _of_one_run(sources: Sequence[_Source]) -> list[_Source]:
    """Those of the folders that are of one run; `RunConflictError` where one with answers is another's."""
    for each in sources:
        _check_is_free(each.folder)
    answered = [each for each in sources if has_records(each.folder)]
    first = (answered or sources)[0]
    ours, together = [], first.manifest
    for each in sources:
        if (found := difference(together.identity, each.manifest.identity)) is None:
            together = continued(together, each.manifest)  # with the data of all tasks
            ours.append(each)
        elif has_records(each.folder):
            raise RunConflictError(_other_run(each.folder, found, f"{first.folder} has"))
    return ours


def _target(folders: Sequence[Path], out: Path | None) -> Path:
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; name a run's folder")
    if out is None and len(folders) > 1:
        raise UserError("several folders are joined to a run in another one: name it with --out")
    return folders[0] if out is None else out


def _sources(folders: Sequence[Path], run: Path) -> Iterator[_Source]:
    """What is to be joined: those folders, and the parts in them and in the run's own folder, each once."""
    seen = {run.resolve()}
    for folder in (*folders, run):
        parts = parts_in(folder)
        is_run = was_begun(folder)
        if not parts and folder != run and not is_run:
            raise UserError(f"{folder}: no run, and no parts of one in it; `evalkit run … --shard I/N` makes them")
        for each in (*([folder] if is_run else []), *parts):
            if each.resolve() not in seen:
                seen.add(each.resolve())
                yield _source(each)
    if len(seen) == 1:
        raise UserError(f"{run}: has no parts to join; `evalkit run … --shard I/N` makes them")


def _source(folder: Path) -> _Source:
    manifest = read_manifest(folder)
    return _Source(folder, manifest, part_of(folder, manifest))


def _check_is_free(folder: Path) -> None:
    if is_being_written(folder):
        raise RunConflictError(f"{folder}: an evalkit process writes this part; wait for it")


def _other_run(folder: Path, found: tuple[str, str, str], where: str) -> str:
    field, ours, theirs = (one_line(text, 60) for text in found)
    return f"{folder}: is of a run with another {field} ({theirs}, {where} {ours}), so it is not joined"


def _misfit(manifest: Manifest, spec: BenchmarkSpec) -> Misfit:
    steps = spec.protocol(str(manifest.identity["protocol"])).steps
    return lambda record: misfit(record, spec.name, spec.tasks, steps, manifest.identity_digest, manifest.draws)


def _united(manifests: Sequence[Manifest], spec: BenchmarkSpec) -> Manifest:
    """The manifest of a run that holds the samples of all of them; what they do not share is the last one's."""
    result = manifests[0]
    for manifest in manifests[1:]:
        settings = {**manifest.settings, **_united_settings(result.settings, manifest.settings, spec)}
        result = continued(result, manifest.model_copy(update={"settings": settings}))
    settings = {name: value for name, value in result.settings.items() if name != PART}
    return result.model_copy(update={"settings": settings})


def _united_settings(earlier: Mapping[str, Any], now: Mapping[str, Any], spec: BenchmarkSpec) -> dict[str, Any]:
    """The settings that name samples, of two manifests of one run."""
    before, after = earlier.get("options") or {}, now.get("options") or {}
    tasks = [*(earlier.get("tasks") or []), *(now.get("tasks") or [])]
    altered = [*(earlier.get("altered") or []), *(now.get("altered") or [])]
    limits = [each for each in (earlier.get("limit"), now.get("limit")) if isinstance(each, int)]
    return {
        "options": join_options(spec, before, {**before, **after}),
        "tasks": [task for task in spec.tasks if task in tasks],
        "altered": sorted(set(map(str, altered))),
        "limit": max(limits) if len(limits) == 2 else None,
    }


def _changes(sources: Sequence[_Source], first: Manifest) -> list[str]:
    """What was not the same where the parts were answered, a line for each difference."""
    places: dict[str, list[Path]] = defaultdict(list)
    for each in sources:
        for line in changes(_facts(first), _facts(each.manifest)):
            places[line].append(each.folder)
    return [f"{folders[0]}{_and_more(folders)}: {line}" for line, folders in places.items()]


def _facts(manifest: Manifest) -> dict[str, object]:
    """Environment and engine side by side."""
    rest = dict(manifest.environment)
    engine = rest.pop("engine", None)
    return {**rest, **(engine if isinstance(engine, dict) else {})}


def _and_more(folders: Sequence[Path]) -> str:
    return f" and {counted(len(folders) - 1, 'other part')}" if len(folders) > 1 else ""


def _missing(run: Path, sources: Sequence[_Source], joining: Joining, asked: _Asked, steps: int) -> Iterator[str]:
    """A line for each part of the run that is not there or not whole."""
    by_count: dict[int, list[tuple[Path, Part]]] = defaultdict(list)
    for folder, _, part in sources:
        if part is not None:
            is_whole = part.is_ended and joining.held[folder] >= part.held
            by_count[part.count].append((folder, part.model_copy(update={"is_ended": is_whole})))
    found = [_lacking(run, by_count[count], joining, asked, steps) for count in sorted(by_count)]
    whole = {plan for plan, lines in found if not lines}
    for plan, lines in found:
        yield from lines if plan not in whole else ()
    if joining.lacking:
        later = counted(joining.lacking, "later step")
        yield f"{run}: {later} followed from answers that do not count; the same `evalkit run` asks again"


def _lacking(
    run: Path, parts: Sequence[tuple[Path, Part]], joining: Joining, asked: _Asked, steps: int
) -> tuple[str, list[str]]:
    """The largest plan that was cut into so many parts, and a line for each part of it that is not there or not whole.

    Parts of a plan whose prompts the run has all been asked are not missed.
    """
    largest = max((part for _, part in parts), key=lambda part: part.whole)
    ours: dict[int, tuple[Path, Part]] = {}
    others: dict[int, tuple[Path, Part]] = {}
    for folder, part in parts:
        same = ours if part.plan == largest.plan else others
        if part.index not in same or part.is_ended:
            same[part.index] = folder, part
    lines = [_unfinished(*each, joining) for each in ours.values() if not each[1].is_ended]
    if asked.digest == largest.plan:
        return largest.plan, [] if steps == 1 or asked.has_ended else lines
    for index in range(1, largest.count + 1):
        if index not in ours and index in others:
            folder, part = others[index]
            lines.append(
                f"{folder}: {part.named} was cut from another selection ({counted(part.whole, 'prompt')}, not "
                f"{largest.whole}); answer it anew with the settings of the others"
            )
        elif index not in ours:
            lines.append(f"{run}: part {index} of {largest.count} was never run")
    if not lines and sum_of_digests(part.digest for _, part in ours.values()) != largest.plan:
        lines.append(
            f"{run}: its {largest.count} parts were cut in different ways; the same `evalkit run` answers the rest"
        )
    if not lines and asked.prompts <= largest.whole:
        lines.append(
            f"{run}: prompts that its parts left to the run beside them are in none of these folders; join that too, "
            "or the same `evalkit run` answers them"
        )
    return largest.plan, lines


def _unfinished(folder: Path, part: Part, joining: Joining) -> str:
    left = part.pending - (joining.answered[folder] - part.had)
    what = f"{left} of its {part.prompts} prompts have no answer" if left > 0 else "later steps have no answer"
    return f"{folder}: {part.named} is unfinished, {what}; the same command goes on"
