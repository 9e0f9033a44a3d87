"""Runs a session: plan all pending prompts together, generate, record each as it finishes, go on to the next step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from evalkit.cards import weights_digest
from evalkit.errors import RunConflictError, UserError
from evalkit.models import (
    Completion,
    HoldsRotations,
    ModelAdapter,
    PlannedRequests,
    RopeGroup,
    check_attention,
    check_device_map,
    check_sampling,
    endpoint_key,
)
from evalkit.planning import Plan, PlannedGroup, PlannedPrompt, make_plan
from evalkit.printable import counted
from evalkit.prompts import Prompt
from evalkit.tasks import Request

from ._asked import manifest_of
from ._failures import FailureWatch
from ._merge import check_parts, join_parts
from ._monitor import Monitor, tell, told
from ._opening import OpenModel, opener
from ._session import Job, Session
from ._shard import Share, check_run, in_part, note_end, share_of
from .folder import (
    Manifest,
    PromptEnds,
    Recorded,
    RunStore,
    SampleRecord,
    check_place,
    conflict_with,
    has_manifest,
    misfit,
    misfit_refusal,
    read_manifest,
    run_of_part,
    sample_record,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RunOutcome", "execute", "longest_sequence", "plan_session"]

PREVIEW_CHARACTERS = 300
"""Of each end of a prompt that are recorded."""
PREVIEW_TOKENS = 150
"""Of each end that are turned into text for them: enough of most prompts, and cheap."""

BROKEN = "\N{REPLACEMENT CHARACTER}"
"""What tokenizers write for part of a character."""


class Decode(Protocol):
    """How token ids become text."""

    def __call__(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text of ids."""


@dataclass
class RunOutcome:
    """What one call of `execute` did."""

    finished: int = 0
    """Steps answered by this call."""
    reused: int = 0
    """Steps that had a finished record already."""
    failed: int = 0
    """Steps of this run whose latest attempt failed."""
    planned_tokens: int = 0
    """Prompt tokens that had to be computed at least, over the prompts of this call."""
    computed_tokens: int = 0
    """Prompt tokens computed, as far as the backend says."""
    is_reuse_known: bool = True
    """Whether the backend said of every prompt how much of it came from a cache."""
    spent: float = 0.0
    """What a paid endpoint charged for all attempts of this call; the worst case of those it does not tell of."""
    currency: str | None = None
    """Currency of `spent`; None where nobody names prices."""
    engine_info: dict[str, Any] = field(default_factory=dict)
    """What the backend ran with; empty where nothing was left to run."""


def plan_session(session: Session, monitor: Monitor | None = None) -> Plan:
    """The plan of the first step of every draw of every sample. Loads no model."""
    session.check_rope()
    for note in session.notes if monitor else ():
        monitor.note(note)  # type: ignore[union-attr]
    return _first_plan(session, monitor)


def _first_plan(session: Session, monitor: Monitor | None) -> Plan:
    prompts = told(session.first_prompts(), monitor, "building prompts", session.expected)
    plan = make_plan(prompts, session.rope_of())
    _check_replicas(session, plan)
    return plan


def execute(
    session: Session, monitor: Monitor, open_model: OpenModel | None = None, plan: Plan | None = None
) -> RunOutcome:
    """Generate what is not yet recorded, in every run folder of the session.

    `plan` is that of `plan_session`, where it is made already. The same call again continues. Raises
    `RunConflictError` where a folder holds another run or is in use.
    """
    session = in_part(session)
    session.check_rope()
    check_attention(session.backend, session.settings.attention)
    check_device_map(session.settings.device_map)
    check_sampling(session.backend, session.sampling)
    for note in session.notes:
        monitor.note(note)
    for job in session.jobs:
        check_place(job.folder)  # before the weights are read, which takes minutes
    tell(monitor, "reading the weights")
    weights = _weights(session)
    outcome = RunOutcome()
    with ExitStack() as stack:
        tell(monitor, "reading records")
        there = {job.name: stack.enter_context(_store(session, job)) for job in session.jobs if job.folder.is_dir()}
        for job in session.jobs:
            _check_identity(job, weights)
            _check_others(session, job, {**job.identity, "weights": weights})
            if job.name in there:
                _check_records(there[job.name], job)
        # Before a folder is made or its manifest changed: what cannot be built leaves nothing behind.
        plan = plan or _first_plan(session, monitor)
        share = share_of(session, plan)
        stores = {job.name: there.get(job.name) or stack.enter_context(_store(session, job)) for job in session.jobs}
        for job in session.jobs:
            if job.name not in there:  # whoever came first while prompts were built
                _check_others(session, job, {**job.identity, "weights": weights})
            for warning in _open(stores[job.name], job, manifest_of(session, job, weights), share):
                monitor.note(f"{job.name}: {warning}")
        model = _LazyModel(open_model or _opener(session, plan, monitor), monitor)
        stack.callback(model.close)
        work = _Worker(session, stores, model, monitor, outcome)
        work.run(plan, share)
        for step in range(1, max(job.steps for job in session.jobs)):
            prompts = _next_prompts(session, stores, step, share)
            work.run(make_plan(told(prompts, monitor, f"building prompts of step {step + 1}", None), session.rope_of()))
        work.note_late_facts()
        for job in session.jobs:
            note_end(stores[job.name], job, plan, share)
    return outcome


def _store(session: Session, job: Job) -> RunStore:
    """The folder that a job writes to; a part also knows what its run has answered."""
    return RunStore(job.folder, beside=None if session.settings.part is None else run_of_part(job.folder))


def _check_others(session: Session, job: Job, identity: Mapping[str, Any]) -> None:
    """Raise `RunConflictError` for parts of the job's run, or the run of its part, that it cannot go with."""
    if session.settings.part is None:
        check_parts(job.folder, identity)
    else:
        check_run(job.folder, identity)


def _open(store: RunStore, job: Job, manifest: Manifest, share: Share | None) -> list[str]:
    """Bind a folder to the run, with what its own parts have answered; what to tell of it."""
    if share is not None:
        return store.open_as(share.manifest(job, store, manifest))
    manifest, joining, notes = join_parts(store.folder, manifest)
    notes += store.open_as(manifest)
    joining.write(store)
    return notes


def _check_replicas(session: Session, plan: Plan) -> None:
    """Raise `UserError` where more replicas are asked for than there are prompts, however many have answers."""
    asked, prompts = session.settings.replicas or 1, len(plan.prompts)
    if asked > max(1, prompts):
        raise UserError(
            f"--replicas {asked}: there {'is' if prompts == 1 else 'are'} {counted(prompts, 'prompt')} to answer, each "
            f"by one replica; ask for at most {prompts}"
        )


def _check_records(store: RunStore, job: Job) -> None:
    """Raise `DataError` for a record of no task or step of the job, which nothing would ever score."""
    manifest = read_manifest(store.folder) if store.latest and has_manifest(store.folder) else None
    digest, draws = ("", 1) if manifest is None else (manifest.identity_digest, manifest.draws)

    def reason(record: SampleRecord | Recorded) -> str | None:
        return misfit(record, job.name, job.benchmark.spec.tasks, job.steps, digest, draws)

    if any(map(reason, store.latest.values())) and not conflict_with(store.folder, job.identity):
        raise misfit_refusal(store.folder, reason)


def _check_identity(job: Job, weights: str) -> None:
    """Raise `RunConflictError` where the job's folder holds records of another run."""
    if not has_manifest(job.folder):
        return  # a new folder, or one whose records nobody can tell of: refused when it is opened
    conflict = conflict_with(job.folder, {**job.identity, "weights": weights})
    if conflict is not None:
        raise RunConflictError(conflict)


class _Worker:
    """Runs the plan of one step of all samples."""

    def __init__(
        self,
        session: Session,
        stores: dict[str, RunStore],
        model: _LazyModel,
        monitor: Monitor,
        outcome: RunOutcome,
    ) -> None:
        self._session = session
        self._stores = stores
        self._model = model
        self._monitor = monitor
        self._outcome = outcome
        self._is_engine_noted = False
        self._rope_spec = str(session.rope)
        self._watch = FailureWatch()

    def run(self, plan: Plan, share: Share | None = None) -> None:
        """Answer the prompts of a plan, or the share of it that is this process's."""
        every = frozenset(range(len(plan.prompts)))
        chosen = every if share is None else share.chosen
        done = frozenset(index for index in sorted(chosen) if self._is_done(plan.prompts[index]))
        pending = plan.pending(done | (every - chosen))
        tokens = sum(group.unique_tokens(plan.spool.tokens) for group in pending)
        self._outcome.reused += len(done)
        self._outcome.planned_tokens += tokens
        self._monitor.planned(plan.counts(done, lambda prompt: prompt.index in chosen), tokens)
        for prompt in plan.prompts:
            if prompt.error is not None and prompt.index in chosen:
                self._fail(prompt)
        for groups in self._rounds(pending):
            self._run_round(plan, groups)

    def _rounds(self, pending: list[PlannedGroup]) -> list[list[PlannedGroup]]:
        """The groups that the backend answers together, and each of the others for itself."""
        adapter = self._model.adapter if len(pending) > 1 else None
        if not isinstance(adapter, HoldsRotations):
            return [[group] for group in pending]
        held: list[PlannedGroup] = []
        alone: list[list[PlannedGroup]] = []
        for group in pending:
            if adapter.holds(group.rope):
                held.append(group)
            else:
                alone.append([group])
        return [held, *alone] if held else alone

    def _run_round(self, plan: Plan, groups: Sequence[PlannedGroup]) -> None:
        """Every prompt of the groups gets one record: what the backend answered, or that it did not."""
        unanswered = {index for group in groups for index in group.order}
        completions = self._completions(plan, groups)
        try:
            for completion in completions:
                if completion.index not in unanswered:
                    raise RuntimeError(f"the backend answered request {completion.index}, which is not open")
                unanswered.remove(completion.index)
                self._note_engine()
                self._record(plan, completion)
                self._watch.take(completion)
        finally:
            if isinstance(completions, Generator):  # what it has under way ends now, not when nobody refers to it
                completions.close()
        for index in sorted(unanswered):
            self._record(plan, Completion(index, finish_reason="error", error="the backend gave no answer"))

    def _completions(self, plan: Plan, groups: Sequence[PlannedGroup]) -> Iterator[Completion]:
        stop = self._session.card.stop
        thoughts = {job.name: job.reasoning.rule for job in self._session.jobs}
        asked = [
            RopeGroup(group.rope, PlannedRequests(plan, group.order, stop, thoughts, self._session.sampling))
            for group in groups
        ]
        adapter = self._model.adapter
        if len(asked) > 1 and isinstance(adapter, HoldsRotations):
            return adapter.generate_together(asked)
        (group,) = asked
        return adapter.generate(group.rope, group.requests)

    def _note_engine(self) -> None:
        """Record what the backend runs with, which it knows with its first answer; a change on resume is a warning."""
        if self._is_engine_noted:
            return
        self._is_engine_noted = True
        self._outcome.engine_info = self._model.adapter.engine_info
        for name, store in self._stores.items():
            for warning in store.note_engine(self._outcome.engine_info):
                self._monitor.note(f"{name}: {warning}")

    def note_late_facts(self) -> None:
        """Record what the backend knows only now that others of its engines have answered too."""
        self._outcome.engine_info, known = self._model.engine_info, self._outcome.engine_info
        if self._is_engine_noted and self._outcome.engine_info.keys() - known.keys():
            for store in self._stores.values():
                store.note_engine({**self._outcome.engine_info, **known})

    def _is_done(self, prompt: PlannedPrompt) -> bool:
        """Whether the step has a finished record; one of another prompt or rotation is a conflict, never an answer."""
        store = self._stores[prompt.benchmark]
        record = store.known(prompt.key)
        if record is None or record.error is not None:
            return False
        if record.prompt_sha256 != prompt.digest:
            if prompt.step and record is not store.latest.get(prompt.key):
                return False  # the run went on from another answer than this part's
            raise RunConflictError(
                f"{store.folder}: {prompt.sample_id} was answered for another prompt "
                f"({record.prompt_sha256[:12]}, now {prompt.digest[:12]}); data or libraries changed: use a new --out"
            )
        if record.rope != prompt.rope.key:
            raise RunConflictError(
                f"{store.folder}: {prompt.sample_id} was answered under RoPE {record.rope}, "
                f"now {prompt.rope.key}; what is known of the model's own RoPE changed: use a new --out"
            )
        return True

    def _fail(self, prompt: PlannedPrompt) -> None:
        store = self._stores[prompt.benchmark]
        earlier = store.latest.get(prompt.key)
        self._outcome.failed += 1
        if earlier is None or earlier.error != prompt.error:  # the same refusal again is no news
            completion = Completion(prompt.index, finish_reason="error", error=prompt.error)
            store.append(sample_record(prompt, completion, store.attempt(prompt.key), PromptEnds(""), self._rope_spec))

    def _record(self, plan: Plan, completion: Completion) -> None:
        prompt = plan.prompts[completion.index]
        store = self._stores[prompt.benchmark]
        attempt = store.attempt(prompt.key)
        ends = prompt_ends(plan.ids(prompt.index), self._session.tokenizer.decode)
        store.append(sample_record(prompt, completion, attempt, ends, self._rope_spec))
        is_failed = completion.error is not None
        computed = _computed(prompt, completion)
        self._outcome.failed += is_failed
        self._outcome.finished += not is_failed
        self._count_cost(prompt, completion)
        self._outcome.computed_tokens += 0 if is_failed else computed
        self._outcome.is_reuse_known &= is_failed or completion.cached_tokens is not None
        self._monitor.finished(computed, is_failed)

    def _count_cost(self, prompt: PlannedPrompt, completion: Completion) -> None:
        """What a backend says that all its attempts have cost, failed ones included; else what the answers have."""
        endpoint = self._session.card.endpoint
        if endpoint is None or endpoint.prices is None:
            return
        self._outcome.currency = endpoint.prices.currency
        spent = getattr(self._model.adapter, "spent", None)
        if spent is not None:
            self._outcome.spent = float(spent)
        elif completion.error is None:
            counted, cached = completion.prompt_tokens or prompt.tokens, completion.cached_tokens or 0
            self._outcome.spent += endpoint.prices.cost(counted, completion.output_tokens, cached)


def _computed(prompt: PlannedPrompt, completion: Completion) -> int:
    """Tokens of the prompt that came from no cache; a server counts both in tokens that may not be ours."""
    counted = completion.prompt_tokens or prompt.tokens
    return round(prompt.tokens * (1 - (completion.cached_tokens or 0) / counted)) if counted else 0


def prompt_ends(ids: NDArray[np.int32], decode: Decode) -> PromptEnds:
    """Both ends of a prompt; a character whose tokens lie on both sides of a cut is left out."""
    if len(ids) <= 2 * PREVIEW_TOKENS:
        whole = decode(ids.tolist(), skip_special=False)
        if len(whole) <= 2 * PREVIEW_CHARACTERS:
            return PromptEnds(whole)
        return PromptEnds(whole[:PREVIEW_CHARACTERS], whole[-PREVIEW_CHARACTERS:])
    start = decode(ids[:PREVIEW_TOKENS].tolist(), skip_special=False).rstrip(BROKEN)
    end = decode(ids[-PREVIEW_TOKENS:].tolist(), skip_special=False).lstrip(BROKEN)
    return PromptEnds(start[:PREVIEW_CHARACTERS], end[-PREVIEW_CHARACTERS:])


class _LazyModel:
    """The model, loaded when the first prompt needs it: a run with nothing left to do loads none."""

    def __init__(self, opener: OpenModel, monitor: Monitor) -> None:
        self._opener = opener
        self._monitor = monitor
        self._adapter: ModelAdapter | None = None

    @property
    def adapter(self) -> ModelAdapter:
        if self._adapter is None:
            tell(self._monitor, "loading the model")
            self._adapter = self._opener()
            tell(self._monitor, "")
        return self._adapter

    @property
    def engine_info(self) -> dict[str, Any]:
        return self._adapter.engine_info if self._adapter is not None else {}

    def close(self) -> None:
        if self._adapter is not None:
            self._adapter.close()


def _opener(session: Session, plan: Plan, monitor: Monitor) -> OpenModel:
    options = session.backend_options(longest_sequence=longest_sequence(session, plan), note=monitor.note)
    if session.settings.is_replicated:  # a replica starts with a part of the work, which may be of one group
        options = replace(options, rotations=len(plan.groups))
    return opener(session, options)


def longest_sequence(session: Session, plan: Plan) -> int:
    """Tokens of the longest prompt with its answer, later steps included, whose prompts are not known yet."""
    first = max((prompt.tokens + prompt.max_new_tokens for prompt in plan.prompts if prompt.error is None), default=1)
    return max([first, *(job.max_seq_len for job in session.jobs if job.steps > 1)])


def _weights(session: Session) -> str:
    """The digest of the weights, or their name at a server, which shows no more of them."""
    if session.backend == "endpoint" and session.card.endpoint is not None:
        endpoint_key(session.card.endpoint)  # before the run has a folder
        return f"served:{session.card.endpoint.model}"
    return weights_digest(session.card, trust_remote_code=session.settings.trust_remote_code)


def _next_prompts(
    session: Session, stores: dict[str, RunStore], step: int, share: Share | None
) -> Iterator[tuple[str, Prompt]]:
    """What the draws whose earlier steps are all answered ask next; each goes on from its own answers."""
    for job in session.jobs:
        for draw in range(job.draws) if step < job.steps else ():
            for prompt in job.builder.build(_next_requests(job, stores[job.name], step, draw, share)):
                yield job.name, replace(prompt, draw=draw)


def _next_requests(job: Job, store: RunStore, step: int, draw: int, share: Share | None) -> Iterator[Request]:
    for sample in job.all_samples():
        if share is not None and (job.name, sample.id) not in share.samples:
            continue
        answers = (store.answer((sample.id, earlier, draw)) for earlier in range(step))
        texts = [text for text in answers if text is not None]
        request = job.benchmark.request(sample, job.protocol, texts) if len(texts) == step else None
        if request is not None:
            yield request
