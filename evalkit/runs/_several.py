"""Several runs of one model on the same prompts as one piece of work: one plan, one progress, one loaded model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

from evalkit.models import Completion, GenerationRequest, HoldsRotations, ModelAdapter, RopeGroup
from evalkit.planning import Counts, Plan
from evalkit.rope import RopeSetting

from ._monitor import Monitor, tell
from ._opening import opener
from ._runner import RunOutcome, execute, longest_sequence, plan_session
from ._session import Session
from .folder import read_records_of_run

__all__ = ["SeveralRuns"]

LARGEST_OF_ALL = ("longest_prompt", "longest_sequence")
"""Fields of `Counts` that do not add up."""


class SeveralRuns:
    """Sessions of one model that ask the same prompts and differ in their RoPE condition alone.

    A context: the model stays loaded until it ends. Every run goes to its own folders and continues by itself.
    """

    def __init__(self, sessions: Mapping[str, Session], monitor: Monitor) -> None:
        self._sessions = sessions
        self._monitor = _OneProgress(monitor)
        self._model: ModelAdapter | None = None
        self.plans: dict[str, Plan] = {}
        """Name of the session → its plan, once `plan` was called."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._model is not None:
            self._model.close()

    def plan(self) -> Counts:
        """Build all prompts once, plan every run, and tell the monitor what there is to do over all of them.

        Raises `UserError` where a condition cannot be, before anything runs.
        """
        for session in self._sessions.values():
            session.check_rope()
        for name, session in self._sessions.items():
            first = next(iter(self.plans.values()), None)
            made = plan_session(session, self._monitor) if first is None else first.under(session.rope_of())
            self.plans[name] = made
        counts, tokens = [], 0
        for name, session in self._sessions.items():
            plan = self.plans[name]
            done = _done(session, plan)
            counts.append(plan.counts(done))
            tokens += sum(group.unique_tokens(plan.spool.tokens) for group in plan.pending(done))
        total = _sum(counts)
        self._monitor.announce(total, tokens)
        return total

    def execute(self, name: str) -> RunOutcome:
        """Run one of the sessions; what is finished already is not asked again."""
        if not self.plans:
            self.plan()
        self._monitor.begin()
        session = self._sessions[name]
        is_bound = session.settings.rope_mode == "engine" and session.backend != "hf"  # to the rule it started with
        return execute(session, self._monitor, None if is_bound else lambda: self._open(session), self.plans[name])

    def _open(self, running: Session) -> ModelAdapter:
        """The model, loaded for the first run that asks; `running` is that run, whose folder is there."""
        if self._model is None:
            # One that turns, where any does: its facts are what the loaded model is held against.
            sessions = list(self._sessions.values())
            session = next((each for each in sessions if each.rope.kind != "native"), sessions[0])
            longest = max(longest_sequence(each, self.plans[name]) for name, each in self._sessions.items())
            options = replace(
                session.backend_options(longest_sequence=longest, note=self._monitor.note),
                rotations=max(len(plan.groups) for plan in self.plans.values()),
                logs=running.logs,
            )
            self._model = opener(session, options)()
        return _KeptOpen(self._model)


def _done(session: Session, plan: Plan) -> frozenset[int]:
    """Prompts of a plan that have a finished record."""
    finished = {
        (job.name, *record.key, record.prompt_sha256)
        for job in session.jobs
        for record in read_records_of_run(job.folder)
        if record.error is None
    }
    return frozenset(
        prompt.index for prompt in plan.prompts if (prompt.benchmark, *prompt.key, prompt.digest) in finished
    )


def _sum(counts: Sequence[Counts]) -> Counts:
    values = [asdict(each) for each in counts]
    return Counts(
        **{name: (max if name in LARGEST_OF_ALL else sum)(each[name] for each in values) for name in values[0]}
    )


class _KeptOpen:
    """A model that several runs use: none of them closes it."""

    def __init__(self, model: ModelAdapter) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def engine_info(self) -> dict[str, Any]:
        return self._model.engine_info

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        return self._model.generate(rope, requests)

    @property
    def spent(self) -> float | None:
        """What a paid endpoint charged so far; None where the model does not tell."""
        return getattr(self._model, "spent", None)

    def holds(self, rope: RopeSetting) -> bool:
        """As the model itself; no setting where it answers one group after the other."""
        return isinstance(self._model, HoldsRotations) and self._model.holds(rope)

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        """Answers of groups that it holds."""
        assert isinstance(self._model, HoldsRotations)
        return self._model.generate_together(groups)

    def close(self) -> None:
        """Nothing: whoever opened the model closes it."""


class _OneProgress:
    """A monitor that is told of all runs at once, and each note once."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._said: set[str] = set()
        self._total: Counts | None = None
        self._finished = 0
        self._is_announced = False

    def announce(self, counts: Counts, pending_tokens: int) -> None:
        self._total = counts
        self._monitor.planned(counts, pending_tokens)

    def begin(self) -> None:
        """A run begins, whose first round was announced."""
        self._is_announced = True

    def note(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._monitor.note(message)

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """Pass on further rounds, whose prompts nobody could know before."""
        if not self._is_announced:
            self._monitor.planned(counts, pending_tokens)
        self._is_announced = False

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        self._monitor.finished(computed_tokens, is_failed)

    def stage(self, what: str, done: int = 0, total: int | None = None) -> None:
        tell(self._monitor, what, done, total)
