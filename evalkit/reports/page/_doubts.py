"""What would make a reader doubt a run's numbers: the most serious first, each with its count, what to do about it, and
the samples behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.runs import manifest_note
from evalkit.scores import ALTERED, COUNTED_NOTES, TaskScore, decoding_label

from ._cells import samples_route, say
from ._content import PageRun
from ._labels import Labels

__all__ = ["BAD", "LEVELS", "NOTE", "WARN", "Doubt", "Link", "doubts_of"]

BAD, WARN, NOTE = "bad", "warn", "note"
"""How serious a doubt is: the numbers are not those of the benchmark; they may be wrong; worth knowing."""
LEVELS = (BAD, WARN, NOTE)
NAMED = 6
"""Tasks that a doubt names; the rest is a number."""
MANY = 0.05
"""Share of a task's answers from which on it is more than a note that they are empty or cut off."""
GREEDY = "greedy"
SCORED = {"scored": "1"}
"""Parameter of the samples' route: what entered the scores, as counts of scored answers have it."""


@dataclass(frozen=True)
class Link:
    """Samples behind a doubt."""

    text: str
    """What it is called."""
    route: str
    """Where they are; empty where the page has none."""


@dataclass(frozen=True)
class Doubt:
    """One reason to doubt a run."""

    kind: str
    """Which of them it is."""
    level: str
    """`bad`, `warn` or `note`."""
    text: str
    """What, with its count."""
    remedy: str = ""
    """What to do about it."""
    links: Sequence[Link] = ()
    """The samples behind it, by task."""
    run: str = ""
    """Name of the run."""


def doubts_of(run: PageRun, index: int, words: Labels) -> list[Doubt]:
    """The doubts of a run that is the page's `index`-th; empty where nothing gives reason for one."""
    return sorted(_Doubts(run, index, words).all(), key=lambda doubt: LEVELS.index(doubt.level))


class _Doubts:
    """The doubts of one run, kind by kind."""

    def __init__(self, run: PageRun, index: int, words: Labels) -> None:
        self.run, self.index, self.words = run, index, words
        self.scores = run.scores
        self.tasks: Mapping[str, TaskScore] = run.scores.tasks
        self.answers = sum(task.answers for task in self.tasks.values())

    def all(self) -> Iterator[Doubt]:
        yield from self._written()
        yield from self._partial()
        yield from self._counted("failed", BAD, lambda task: task.failed, self._asked(), failed="1")
        starved: Mapping[str, str] = {"starved": "1", **SCORED}
        yield from self._counted("starved", BAD, lambda task: task.lost_to_reasoning, self.answers, **starved)
        yield from self._counted("lost", BAD, _lost, self._cut_prompts(), lost="1", **SCORED)
        yield from self._altered()
        yield from self._decoding()
        yield from self._counted("limit", self._level(_cut), _cut, self.answers, limit="1", **SCORED)
        yield from self._counted("empty", self._level(_empty), _empty, self.answers, empty="1", starved="0")
        known = sum(task.margins or 0 for task in self.tasks.values())
        yield from self._counted("fragile", NOTE, lambda task: task.fragile, known, fragile="1", **SCORED)
        yield from self._clusters()
        yield from self._notes()

    def _doubt(self, kind: str, level: str, links: Sequence[Link] = (), remedy: str = "", **values: object) -> Doubt:
        """One whose words are the labels `doubt_KIND` and `doubt_KIND_do`."""
        text = say(self.words, f"doubt_{kind}", **values)
        return Doubt(kind, level, text, say(self.words, remedy or f"doubt_{kind}_do", **values), links, self.run.name)

    def _links(self, counts: Mapping[str, int], **filters: str) -> list[Link]:
        """The samples of each task behind a count, most first; without filters none are there to be shown."""
        ordered = sorted(counts, key=counts.__getitem__, reverse=True)
        links = [
            Link(self._counted_name(name, counts[name], **filters), self._filtered({"task": name}, filters))
            for name in ordered[:NAMED]
        ]
        rest = len(ordered) - NAMED
        if rest > 0:
            links.append(Link(say(self.words, "doubt_more_tasks", count=rest), self._filtered({}, filters)))
        return links

    def _counted_name(self, task: str, count: int, **filters: str) -> str:
        """A task with what is counted of it; without the count where samples are counted and the link shows draws."""
        is_of_samples = self.tasks[task].draws is not None and not {"failed", "lost"}.isdisjoint(filters)
        return task if is_of_samples else f"{task} ({count:,})"

    def _filtered(self, chosen: Mapping[str, str], filters: Mapping[str, str]) -> str:
        return samples_route(self.run, self.index, **chosen, **filters) if filters else ""

    def _counted(
        self, kind: str, level: str, count: Callable[[TaskScore], int | None], total: int, **filters: str
    ) -> Iterator[Doubt]:
        """One for a count of tasks, where it is not 0."""
        counts = {name: found for name, task in self.tasks.items() if (found := count(task))}
        if counts:
            values = {"count": f"{sum(counts.values()):,}", "total": f"{total:,}"}
            yield self._doubt(kind, level, self._links(counts, **filters), **values)

    def _level(self, count: Callable[[TaskScore], int]) -> str:
        """A word of warning where many answers of a task are counted, a note where few are."""
        return WARN if any(count(task) > MANY * task.answers for task in self.tasks.values()) else NOTE

    def _asked(self) -> int:
        """Samples of the tasks that are there, as far as their number is known."""
        return sum(task.expected or task.n + task.failed for task in self.tasks.values())

    def _cut_prompts(self) -> int:
        return sum(task.truncation.truncated for task in self.tasks.values() if task.truncation is not None)

    def _written(self) -> Iterator[Doubt]:
        if self.run.is_being_written:
            yield self._doubt("written", BAD, count=f"{self.answers:,}")

    def _partial(self) -> Iterator[Doubt]:
        """Tasks that are missing, samples that nobody asked, draws that are not there."""
        missing, there = self.scores.missing, len(self.tasks)
        if missing:
            names = ", ".join(missing[:NAMED]) + ("…" if len(missing) > NAMED else "")
            yield self._doubt("tasks", BAD, count=there, total=there + len(missing), names=names)
        lacking = {
            name: gap for name, task in self.tasks.items() if (gap := (task.expected or 0) - task.n - task.failed) > 0
        }
        if lacking:
            settings = self.run.manifest.settings if self.run.manifest is not None else {}
            is_chosen = bool(settings.get("limit") or settings.get("samples"))
            remedy = "doubt_samples_chosen" if is_chosen else "doubt_samples_do"
            scored = sum(task.n for task in self.tasks.values())
            yield self._doubt(
                "samples", BAD, self._links(lacking), remedy, count=f"{scored:,}", total=f"{self._asked():,}"
            )
        yield from self._counted("draws", BAD, lambda task: task.missing_draws, self._all_draws(), failed="1")

    def _all_draws(self) -> int:
        return sum(task.n * task.draws.per_sample for task in self.tasks.values() if task.draws is not None)

    def _altered(self) -> Iterator[Doubt]:
        """Data that is not the pinned one, and a manifest that is not the one written."""
        altered = [name for name, task in self.tasks.items() if task.is_altered]
        if altered:
            named = [Link(name, samples_route(self.run, self.index, task=name)) for name in altered[:NAMED]]
            yield self._doubt("altered", BAD, named, count=len(altered), total=len(self.tasks))
        if note := self._manifest_note():
            yield self._doubt("edited", BAD, note=note)

    def _manifest_note(self) -> str | None:
        return None if self.run.run_folder is None else manifest_note(self.run.run_folder)

    def _decoding(self) -> Iterator[Doubt]:
        if self.run.manifest is None:
            return
        for part in decoding_label(self.run.manifest):
            kind = "sampled" if part == "not-greedy" else "left_out"
            yield self._doubt(kind, BAD, what=part.removeprefix("without-"))
        sampling = str(self.run.manifest.identity.get("sampling", GREEDY))
        if sampling != GREEDY:
            yield self._doubt("drawn", WARN, what=sampling, count=self.run.manifest.draws)

    def _clusters(self) -> Iterator[Doubt]:
        loose = [name for name, task in self.tasks.items() if task.cluster_unit == "sample" and task.ci95 is not None]
        if loose:
            yield self._doubt("clusters", NOTE, count=len(loose), total=len(self.tasks))

    def _notes(self) -> Iterator[Doubt]:
        """What was said when the folder was read, when the answers were scored, and of single tasks."""
        edited = self._manifest_note()
        yield from (Doubt("read", WARN, note, run=self.run.name) for note in self.run.notes)
        yield from (Doubt("score", NOTE, note, run=self.run.name) for note in self.scores.notes if note != edited)
        if self.scores.skipped:
            yield self._doubt("skipped", NOTE, names=", ".join(self.scores.skipped))
        for name, task in self.tasks.items():
            link = Link(name, samples_route(self.run, self.index, task=name))
            for note in task.notes:
                if note != ALTERED and not any(part in note for part in COUNTED_NOTES):
                    yield Doubt("task", NOTE, note, links=[link], run=self.run.name)
            for metric, extra in task.extra.items():
                for line in extra.errors[:1]:
                    values = {"metric": metric, "count": f"{extra.failed - task.failed:,}", "first": line}
                    yield self._doubt("metric", WARN, [link], **values)


def _lost(task: TaskScore) -> int:
    return 0 if task.truncation is None else task.truncation.evidence_lost


def _cut(task: TaskScore) -> int:
    return task.cut or 0


def _empty(task: TaskScore) -> int:
    """Empty answers that are not counted as starved already."""
    return max(0, task.empty - (task.lost_to_reasoning or 0))
