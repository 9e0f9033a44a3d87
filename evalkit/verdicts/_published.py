"""Does a published number hold? Our run beside the numbers that somebody printed of the same model.

    held            the gap is within the margin that was fixed beforehand
    differs         the gap is beyond it
    inconclusive    neither can be said; what would settle it is
    not comparable  the two are answers to two questions, or ours is not whole

The rule is in `_rule.py`, the errors of its three modes in `_gaps.py`, and `docs/verdicts.md` explains both.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evalkit.published import PublishedScore
from evalkit.scores import ALTERED, TaskScore, overall_weights, task_weights

from ._evidence import Evidence, Found, Mode, gather
from ._gaps import mean_gap
from ._knobs import KnobPair, KnobState, compare_knobs, own_knobs, published_knobs
from ._rows import Number, Target, numbers_of
from ._rule import LEVEL, Judged, Verdict, judge
from ._settle import settle
from ._sides import Side
from ._table import Decision, decide
from ._tests import Lean, mcnemar

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NumberVerdict", "PublishedComparison", "compare_published", "explain_published"]

MEANS = ("group", "overall")
"""Kinds of numbers that are means of tasks."""
_PLACES = 4
"""Decimals of points in JSON."""


@dataclass(frozen=True)
class NumberVerdict:
    """What can be said of one published number."""

    name: str
    """What it is called in the table."""
    kind: str
    """`task`, `range`, `length`, `group` or `overall`."""
    published: float
    """The number, 0–100."""
    published_text: str
    """As it was printed."""
    source: str
    """Id of its source."""
    ours: float | None
    """Our score; None where we have none."""
    n: int | None
    """Our samples behind it."""
    mode: Mode | None
    """On what the verdict rests; None where nothing was compared."""
    verdict: Verdict
    """The verdict, after the correction for the numbers of its table."""
    margin: float
    """Points by which the two may lie apart and still count as the same: fixed with the published number."""
    judged: Judged | None
    """The interval; None where nothing was compared."""
    reason: str
    """Why the verdict is what it is, where the numbers do not say it."""
    settle: str
    """What would settle an inconclusive one."""

    @property
    def difference(self) -> float | None:
        """Ours minus the published one, points."""
        return None if self.ours is None else self.ours - self.published

    def to_json(self) -> dict[str, Any]:
        """The verdict for programs; points of 0–100."""
        return {
            "kind": self.kind,
            "published": self.published,
            "published_text": self.published_text,
            "source": self.source,
            "ours": self.ours,
            "difference": _rounded(self.difference),
            "n": self.n,
            "mode": self.mode and str(self.mode),
            "verdict": str(self.verdict),
            "bound": self.judged and _rounded(self.judged.bound),
            "margin": self.margin,
            "low": self.judged and _rounded(self.judged.low),
            "p": self.judged and self.judged.p_differs,
            "reason": self.reason,
            "settle": self.settle,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None or value == float("inf") else round(value, _PLACES)


@dataclass(frozen=True, repr=False)
class PublishedComparison:
    """A run beside the published numbers of its model."""

    run: str
    """Our run, as it was named."""
    benchmark: str
    """Benchmark."""
    model: str
    """The published model."""
    rope: str
    """The published RoPE setting."""
    protocol: str
    """Protocol that our answers are scored under."""
    numbers: tuple[NumberVerdict, ...]
    """Every number of which we have a score, tasks before means."""
    absent: tuple[str, ...]
    """Published numbers of which our run has no samples."""
    knobs: tuple[KnobPair, ...]
    """How both were made, one for each knob; where columns of numbers were made in several ways, the first."""
    notes: tuple[str, ...] = field(default=())
    """What a reader should know of all of it."""

    @property
    def tasks(self) -> dict[str, NumberVerdict]:
        """Verdicts on tasks, ranges of lengths and lengths."""
        return {one.name: one for one in self.numbers if one.kind not in MEANS}

    @property
    def groups(self) -> dict[str, NumberVerdict]:
        """Verdicts on means of groups."""
        return {one.name: one for one in self.numbers if one.kind == "group"}

    @property
    def overall(self) -> NumberVerdict | None:
        """The verdict on the benchmark's one number; None where none is published."""
        return next((one for one in self.numbers if one.kind == "overall"), None)

    @property
    def mode(self) -> Mode | None:
        """The weakest mode that a verdict of the table rests on; None where nothing was compared."""
        modes = {one.mode for one in self.numbers}
        return next((mode for mode in (Mode.UNPAIRED, Mode.RERUN, Mode.PAIRED) if mode in modes), None)

    @property
    def table_verdict(self) -> Verdict:
        """The verdict on the table: held where all of it is (no correction needed), differs where any number does."""
        verdicts = [one.verdict for one in self.numbers]
        if Verdict.DIFFERS in verdicts:
            return Verdict.DIFFERS
        if all(verdict is Verdict.NOT_COMPARABLE for verdict in verdicts):
            return Verdict.NOT_COMPARABLE
        is_held = all(verdict is Verdict.HELD for verdict in verdicts) and not self.absent
        return Verdict.HELD if is_held else Verdict.INCONCLUSIVE

    def to_json(self) -> dict[str, Any]:
        """The comparison for programs."""
        return {
            "schema": 1,
            "run": self.run,
            "benchmark": self.benchmark,
            "model": self.model,
            "rope": self.rope,
            "protocol": self.protocol,
            "mode": self.mode and str(self.mode),
            "tasks": {name: one.to_json() for name, one in self.tasks.items()},
            "groups": {name: one.to_json() for name, one in self.groups.items()},
            "overall": self.overall and self.overall.to_json(),
            "table_verdict": str(self.table_verdict),
            "absent": list(self.absent),
            "knobs": [pair.to_json() for pair in self.knobs],
            "notes": list(self.notes),
        }

    def to_pandas(self) -> pd.DataFrame:
        """One row for each published number: both scores, their difference, and the verdict with its interval."""
        import pandas

        rows = [{"name": one.name, **one.to_json()} for one in self.numbers]
        return pandas.DataFrame(rows, columns=_COLUMNS)

    def __repr__(self) -> str:
        counts = Counter(str(one.verdict) for one in self.numbers)
        if self.absent:
            counts["not in this run"] = len(self.absent)
        counted = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        rope = "" if self.rope == "native" else f" · RoPE {self.rope}"
        named = f"{self.benchmark} · {self.model}{rope} · {self.protocol}"
        return f"<PublishedComparison {named}: {self.table_verdict} ({counted})>"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        """The table of `to_pandas` for notebooks; every text is escaped."""
        shown = self.to_pandas().drop(columns=["kind", "source", "published", "low", "p"])
        table: str = shown.to_html(index=False, escape=True, na_rep="–", border=0, float_format="{:.2f}".format)
        return f"<p>{html.escape(repr(self).strip('<>'))}</p>{table}"


_COLUMNS = [
    "kind", "name", "published_text", "published", "ours", "difference", "bound", "margin", "low", "p", "n", "mode",
    "verdict", "reason", "settle", "source",
]  # fmt: skip


def explain_published(side: Side, target: Target) -> tuple[KnobPair, ...]:
    """How the published numbers and ours were made, one pair for each knob."""
    return compare_knobs(own_knobs(side), published_knobs(target.rows[0]))


def compare_published(side: Side, target: Target, reruns: Sequence[Side] = ()) -> PublishedComparison:
    """A verdict on every published number of the target.

    Paired where its published answers are at hand, else from `reruns`, else from the printed digits alone. Raises
    `UserError` for reruns that are none.
    """
    evidence = gather(side, target.rows, reruns)
    table = _Table(evidence, target)
    numbers = numbers_of(side.measured, target.rows)
    judged = [table.judge(number) for number in numbers if number.ours is not None or number.name in table.broken]
    done = {one.name for one in judged}
    return PublishedComparison(
        run=side.name,
        benchmark=side.measured.scores.benchmark,
        model=target.model,
        rope=target.rope,
        protocol=side.measured.scores.protocol,
        numbers=tuple(_decided(judged, evidence.draws)),
        absent=tuple(number.name for number in numbers if number.name not in done),
        knobs=explain_published(side, target),
        notes=tuple(dict.fromkeys([*_side_notes([side, *reruns]), *evidence.notes, *_setup_notes(target.rows)])),
    )


def _side_notes(sides: Sequence[Side]) -> Iterator[str]:
    """How our runs were read, and what is odd about them: an edited manifest, answers that could not be checked."""
    for side in sides:
        yield from side.notes
        yield from side.measured.scores.notes


def _setup_notes(rows: Sequence[PublishedScore]) -> Iterator[str]:
    setups = list(dict.fromkeys(row.setup for row in rows))
    if len(setups) > 1:
        yield f"the numbers were made in {len(setups)} ways ({', '.join(setups)}); the knobs shown are of the first"


@dataclass(frozen=True)
class _Judgement:
    """A number before its table is corrected for how many it has."""

    number: Number
    found: Found | None
    judged: Judged | None
    reason: str
    lean: Lean | None

    @property
    def name(self) -> str:
        return self.number.name


class _Table:
    """The numbers of one model, judged one by one."""

    def __init__(self, evidence: Evidence, target: Target) -> None:
        self.evidence = evidence
        self.measured = evidence.side.measured
        self.target = target
        self.own = own_knobs(evidence.side)
        self.altered = _altered(evidence.side)
        self.broken = {
            name
            for name, task in self.measured.scores.tasks.items()
            if task.score is None  # asked, and nothing of it could be scored: to be said, not left out
        }

    def judge(self, number: Number) -> _Judgement:
        """The number's interval, or why there is none."""
        row = number.row
        reason = self._obstacle(number)
        found = None
        if not reason:
            found = self._mean(number) if row.kind in MEANS else self.evidence.of_row(row)
            reason = found.reason if found else "too little is known of its samples"
        judged = judge(found.gap, row.margin) if found else None
        return _Judgement(number, found, judged, reason, found.lean if found else None)

    def _obstacle(self, number: Number) -> str:
        """Why two numbers cannot be compared whatever they are; empty where they can."""
        row = number.row
        if row.protocol != self.measured.protocol:
            return (
                f"ours is scored under {self.measured.protocol}, the published number under {row.protocol}: "
                f"--protocol {row.protocol} scores again"
            )
        if differing := self._differing(row):
            return differing
        if row.kind in MEANS:
            return self._mean_obstacle(row)
        whole = [self._part_obstacle(task) for task in self._tasks_of(row)]
        if any(whole):
            return next(filter(None, whole))
        if row.n is not None and number.n != row.n:
            return f"of {number.n} samples, the published number of {row.n}"
        return ""

    def _differing(self, row: PublishedScore) -> str:
        """Which knob makes them answers to two questions."""
        pairs = compare_knobs(self.own, published_knobs(row))
        wrong = [pair for pair in pairs if pair.is_identity and pair.state is KnobState.DIFFERS]
        return "; ".join(
            f"{pair.name}: ours {pair.ours.value}, published {pair.published.value} ({pair.published.basis})"
            for pair in wrong
        )

    def _tasks_of(self, row: PublishedScore) -> list[str]:
        return [row.task] if row.kind in ("task", "range") else list(self.measured.scores.tasks)

    def _part_obstacle(self, task: str) -> str:
        """What a task of ours lacks to be the whole task; empty where it is whole."""
        score = self.measured.scores.tasks.get(task)
        if score is None:
            return f"{task} is not in this run"
        return f"{task}: {lacking}" if (lacking := _lacking(score)) else self.altered.get(task, "")

    def _mean_obstacle(self, row: PublishedScore) -> str:
        weights = self._weights(row)
        lacking = [reason for reason in map(self._part_obstacle, weights) if reason]
        if lacking:
            return lacking[0]
        siblings = {
            other.task
            for other in self.target.rows
            if other.kind == "task" and (other.source, other.protocol) == (row.source, row.protocol)
        }
        dashes = [task for task in weights if siblings & set(weights) and task not in siblings]
        if dashes:
            return f"the published mean has no score of {', '.join(dashes)} in it"
        return ""

    def _weights(self, row: PublishedScore) -> Mapping[str, float]:
        spec, protocol = self.measured.spec, self.measured.protocol
        return overall_weights(spec, protocol) if row.kind == "overall" else task_weights(spec, protocol, row.task)

    def _mean(self, number: Number) -> Found | None:
        """The mean of tasks: their errors add, each as far as it is known."""
        weights = self._weights(number.row)
        rows = {row.task: row for row in reversed(self.target.rows) if row.kind == "task"}
        found = {task: self.evidence.of_task(task, rows.get(task)) for task in weights}
        parts = {task: each for task, each in found.items() if each is not None}
        if len(parts) < len(weights) or number.ours is None:
            return None
        modes = {each.mode for each in parts.values()}
        mode = next(each for each in (Mode.UNPAIRED, Mode.RERUN, Mode.PAIRED) if each in modes)
        low, high = number.row.digits_range
        gaps = {task: each.gap for task, each in parts.items()}
        spreads = {task: each.spread for task, each in parts.items() if each.spread is not None}
        leans = [each.lean for each in parts.values() if each.lean is not None]
        gap = mean_gap(number.ours, low, high, gaps, weights, spreads)
        return Found(mode, gap, None, lean=_summed(leans) if mode is Mode.PAIRED else None)


def _altered(side: Side) -> dict[str, str]:
    """Task → why its data is not the published one's."""
    return {
        name: f"{name}: {ALTERED}"
        for name, score in side.measured.scores.tasks.items()
        if any(note == ALTERED for note in score.notes)
    }


def _lacking(score: TaskScore) -> str:
    if score.score is None:
        return "no sample could be scored"
    if score.failed:
        return f"{score.failed} samples failed"
    if score.expected is not None and score.n != score.expected:
        return f"{score.n} of {score.expected} samples"
    return f"{score.missing_draws} answers are missing" if score.missing_draws else ""


def _summed(leans: Sequence[Lean]) -> Lean:
    """Which way the answers of several tasks went."""
    worse, better = (sum(getattr(one, name) for one in leans) for name in ("worse", "better"))
    return Lean(worse, better, mcnemar(worse, better))


def _decided(judgements: Sequence[_Judgement], draws: int) -> Iterator[NumberVerdict]:
    """The verdicts, each table's `differs` corrected for how many numbers it has."""
    decisions: dict[str, Decision] = {}
    for family in dict.fromkeys(one.number.row.family for one in judgements):
        members = [one for one in judgements if one.number.row.family == family]
        decisions |= _decided_table(members)
    for one in judgements:
        decision = decisions.get(one.name)
        verdict = Verdict.NOT_COMPARABLE if decision is None else decision.verdict
        reasons = [one.reason, "" if decision is None else decision.reason]
        yield _number_verdict(one, verdict, "; ".join(filter(None, reasons)), draws)


def _decided_table(members: Sequence[_Judgement]) -> dict[str, Decision]:
    """The verdicts of one table's numbers that were compared.

    Too few answers change in a task for their lean to show, but over the table it may: then none is held of whose
    answers any went that way.
    """
    leans = {one.name: one.lean for one in members if one.lean is not None}
    decisions = decide({one.name: one.judged for one in members if one.judged is not None}, leans)
    table = _summed([one.lean for one in members if one.lean is not None and one.number.row.kind not in MEANS])
    if table.p > LEVEL:
        return decisions
    way = "worse" if table.worse > table.better else "better"
    leaning = Decision(
        Verdict.INCONCLUSIVE,
        "within the margin, but over the table the answers that changed lean one way "
        f"({table.worse:,} worse, {table.better:,} better)",
    )
    moved = {name for name, lean in leans.items() if getattr(lean, way) and decisions[name].verdict is Verdict.HELD}
    return {**decisions, **dict.fromkeys(moved, leaning)}


def _number_verdict(one: _Judgement, verdict: Verdict, reason: str, draws: int) -> NumberVerdict:
    row = one.number.row
    return NumberVerdict(
        name=one.name,
        kind=row.kind,
        published=row.score,
        published_text=row.printed,
        source=row.source,
        ours=one.number.ours,
        n=one.number.n,
        mode=one.found.mode if one.found else None,
        verdict=verdict,
        margin=row.margin,
        judged=one.judged,
        reason=reason,
        settle=_settled(one, draws) if verdict is Verdict.INCONCLUSIVE else "",
    )


def _settled(one: _Judgement, draws: int) -> str:
    """What would settle the number."""
    assert one.found is not None  # an inconclusive number was compared
    row, found, n = one.number.row, one.found, one.number.n or 0
    if found.mode is Mode.PAIRED:
        return "nothing on these samples: they are all there are, and the published answers to them are known"
    if one.judged is not None and one.judged.verdict is Verdict.DIFFERS:
        return "more samples or runs of one's own may: it differs by itself, but many numbers are tested"
    return settle(found.gap, row.margin, n, found.noise, row.runs_averaged, draws)
