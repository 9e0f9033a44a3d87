"""`--shard I/N`: one part of a run's work, answered in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.errors import RunConflictError, UserError
from evalkit.planning import Plan, PlannedPrompt
from evalkit.planning.shards import shard_of, work_cost
from evalkit.printable import counted

from ._merge import check_parts
from ._session import Job, Session
from .folder import (
    ENDED,
    PART,
    Manifest,
    Part,
    RunStore,
    check_place,
    conflict_with,
    digest_of_prompts,
    is_being_written,
    part_folder,
    parts_in,
    read_manifest,
    run_of_part,
)

__all__ = ["Share", "check_run", "chosen_of", "in_part", "note_end", "share_of"]

PATIENCE = 2.0
"""Seconds in which others may ask whether a run is being written, which all parts do that start at once."""


@dataclass(frozen=True)
class Share:
    """The part of a plan that this process answers."""

    plan: Plan
    """The whole plan, of the first step."""
    chosen: frozenset[int]
    """Indexes of the prompts that are this part's."""
    samples: frozenset[tuple[str, str]]
    """Their benchmarks and samples, whose later steps are this part's too."""
    index: int
    """Which part it is, from 1."""
    count: int
    """Of how many."""

    def manifest(self, job: Job, store: RunStore, manifest: Manifest) -> Manifest:
        """The manifest of the job's part, saying which part it is and what of it is not answered yet."""
        whole = [prompt for prompt in self.plan.prompts if prompt.benchmark == job.name]
        own = [prompt for prompt in whole if prompt.index in self.chosen]
        known = [store.known(prompt.key) for prompt in own]
        part = Part(
            index=self.index,
            count=self.count,
            prompts=len(own),
            whole=len(whole),
            digest=_digest(own),
            plan=_digest(whole),
            pending=sum(each is None or each.error is not None for each in known),
            had=sum(each.step == 0 and each.error is None for each in store.latest.values()),
        )
        return manifest.model_copy(update={"settings": {**manifest.settings, PART: part.model_dump()}})


def note_end(store: RunStore, job: Job, plan: Plan, share: Share | None) -> None:
    """Write into the manifest that all steps were asked: of a part, and of a run that has parts."""
    if share is not None:
        said = read_manifest(store.folder).settings[PART]
        store.note_settings({PART: {**said, "is_ended": True, "held": len(store.latest)}})
    elif job.steps > 1 and parts_in(store.folder):
        whole = [prompt for prompt in plan.prompts if prompt.benchmark == job.name]
        if len(whole) == sum(step == 0 for _, step, _ in store.latest):  # not some of what was asked before
            store.note_settings({ENDED: _digest(whole)})


def _digest(prompts: list[PlannedPrompt]) -> str:
    return digest_of_prompts((prompt.key, prompt.digest) for prompt in prompts)


def in_part(session: Session) -> Session:
    """The session as it runs: where it answers a part, its jobs write to the part's folders."""
    if (part := session.settings.part) is None:
        return session
    return replace(session, jobs=tuple(replace(job, folder=part_folder(job.folder, *part)) for job in session.jobs))


def check_run(part: Path, identity: Mapping[str, object]) -> None:
    """Raise `RunConflictError` where the run that a part belongs to is another by its identity, or is being written."""
    run = run_of_part(part)
    check_place(run)
    if is_being_written(run, PATIENCE):
        raise RunConflictError(f"{run}: an evalkit process writes here, whose answers are not asked again: wait for it")
    if (conflict := conflict_with(run, identity)) is not None:
        raise RunConflictError(conflict)
    check_parts(run, identity, own=part)


def chosen_of(session: Session, plan: Plan) -> frozenset[int]:
    """Indexes of the prompts of the session's part; `UserError` where there are fewer samples than parts."""
    part = session.settings.part
    if part is None:
        return frozenset(range(len(plan.prompts)))
    samples = len({(prompt.benchmark, prompt.sample_id) for prompt in plan.prompts})
    if part[1] > samples:
        raise UserError(f"--shard {session.settings.shard}: {counted(samples, 'sample')} cannot be {part[1]} parts")
    return shard_of(plan, work_cost(session.card), *part)


def share_of(session: Session, plan: Plan) -> Share | None:
    """The session's part of the plan; None where it answers all of it."""
    part = session.settings.part
    if part is None:
        return None
    chosen = chosen_of(session, plan)
    samples = frozenset((plan.prompts[index].benchmark, plan.prompts[index].sample_id) for index in chosen)
    return Share(plan, chosen, samples, *part)
