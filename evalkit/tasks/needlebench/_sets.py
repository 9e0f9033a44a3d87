"""NeedleBench's sets as rows of one table: what a set's tasks are made of, and how many samples they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from evalkit.errors import DataError
from evalkit.records import Amount, Count, FrozenRecord, explain

from .._options import MOST_VALUES, expand

__all__ = ["AtcTask", "GridTask", "Template", "described", "expand_set"]

MOST_REPEATS = 10_000
Repeats = Annotated[Count, Field(le=MOST_REPEATS)]
Percent = Annotated[Amount, Field(le=100)]
Language = Literal["en", "zh"]
GridForm = Literal["single", "multi_retrieval", "multi_reasoning"]
AtcForm = Literal["atc_free", "atc_choice", "atc_v2"]

ATC_QUESTIONS = {"atc_free": 1, "atc_choice": 4, "atc_v2": 4}
"""Samples of one story: a choice is asked in four rotations, version 2 asks four kinds of questions."""


class Template(FrozenRecord):
    """Where the wheel says how a sample becomes turns."""

    file: str
    """Configuration inside the wheel."""
    name: str
    """What it assigns the template to."""


class GridTask(FrozenRecord):
    """A task whose samples are the cells of a grid of lengths and depths, several times."""

    form: GridForm
    """Kind of needles and question."""
    metric: str
    """Name of the scorer."""
    language: Language
    """Language of haystack and question."""
    code: str
    """Folder of the wheel whose classes build the prompts."""
    template: Template
    """Turns around the prompt."""
    haystack: str
    """Data file of the haystack."""
    needle_file: str
    """Data file of the needles."""
    lengths: Annotated[tuple[Count, ...], Field(min_length=1, max_length=MOST_VALUES)]
    """Nominal lengths, cl100k tokens."""
    depths: Annotated[tuple[Percent, ...], Field(min_length=1, max_length=MOST_VALUES)]
    """Percent of the haystack before the (first) needle; one needle each for multi-needle retrieval."""
    buffer: Amount
    """Tokens of the nominal length that are left free."""
    repeats: Repeats
    """Samples of a cell; the number of a repeat is its seed."""
    needles: Annotated[Count, Field(le=MOST_VALUES)]
    """Needles in one document."""
    diff: Percent
    """Percent of the haystack between the needles of multi-needle reasoning."""

    @property
    def samples(self) -> int:
        """Samples of the task."""
        cells = len(self.lengths) * (1 if self.form == "multi_retrieval" else len(self.depths))
        return cells * self.repeats


class AtcTask(FrozenRecord):
    """A task of kinship stories without a haystack."""

    form: AtcForm
    """Kind of story and question."""
    metric: str
    """Name of the scorer."""
    language: Language
    """Language of story and question."""
    code: str
    """File of the wheel whose class builds the prompts."""
    template: Template
    """Turns around the prompt."""
    counts: Annotated[tuple[Annotated[Count, Field(le=MOST_VALUES)], ...], Field(max_length=MOST_VALUES)]
    """Names in a story (version 1) or kinship sentences (version 2), as upstream counts needles."""
    repeats: Repeats
    """Stories of each count."""
    is_ordered: bool = False
    """Whether the sentences stay in the order of the chain."""
    examples: str = ""
    """Name of the list of examples before a choice."""
    turns: Amount = 0
    """Turns of a choice prompt, the examples included."""

    @property
    def samples(self) -> int:
        """Samples of the task."""
        return len(self.counts) * self.repeats * ATC_QUESTIONS[self.form]


class _Family(FrozenRecord):
    """What the sets of a family have in common; keys of `BenchmarkSpec` beside those below are passed on."""

    model_config = ConfigDict(extra="allow")

    tasks: dict[str, dict[str, Any]]
    code: str
    template: Template
    metrics: dict[str, str]
    haystacks: dict[str, str] = {}
    needle_files: dict[str, dict[str, str]] = {}
    repeats: dict[str, int] = {}
    diff: int = 0
    turns: int = 0


class _Set(FrozenRecord):
    """One row of the table."""

    title: str
    family: str
    lengths: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()
    buffers: dict[str, dict[str, int]] = {}
    counts: tuple[int, ...] = ()
    repeats: int = 0

    @field_validator("counts", mode="before")
    @classmethod
    def _written_out(cls, value: object) -> object:
        return [int(number) for number in expand(value)] if isinstance(value, str) else value


def expand_set(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The definition of one set, as if it stood in a file of its own."""
    row = _Set.model_validate(raw["sets"][name])
    families = raw.get("families", {})
    if row.family not in families:
        raise DataError(f"set {name}: no family {row.family!r} (there are: {', '.join(families) or 'none'})")
    family = _Family.model_validate(families[row.family])
    common = {key: value for key, value in raw.items() if key not in {"sets", "families", "depths"}}
    tasks = {task: _task(name, row, family, entry, raw.get("protocols", {})) for task, entry in family.tasks.items()}
    about = f"{(family.model_extra or {}).get('about', '')} {_extent(row)}".strip()
    return {**common, **(family.model_extra or {}), "name": name, "title": row.title, "about": about, "tasks": tasks}


def _extent(row: _Set) -> str:
    """What a row spans, for people."""
    numbers, what = (row.lengths, "tokens (cl100k)") if row.lengths else (row.counts, "names or sentences a story")
    return f"{len(numbers)} steps from {numbers[0]:,} to {numbers[-1]:,} {what}." if numbers else ""


def described(benchmark: str, task: str, settings: Mapping[str, Any]) -> GridTask | AtcTask:
    """The typed description of a task, from `TaskSpec.settings`; `DataError` naming the field that is wrong."""
    try:
        return _typed(settings)
    except ValidationError as error:
        raise DataError(f"{benchmark}: tasks.{task}.settings.{explain(error)}") from error


def _typed(settings: Mapping[str, Any]) -> GridTask | AtcTask:
    form = settings.get("form")
    is_story = isinstance(form, str) and form in ATC_QUESTIONS
    return AtcTask.model_validate(settings) if is_story else GridTask.model_validate(settings)


def _task(
    name: str, row: _Set, family: _Family, entry: Mapping[str, Any], protocols: Mapping[str, Any]
) -> dict[str, Any]:
    settings = {"code": family.code, "template": family.template, **entry["settings"]}
    try:
        form, language = settings["form"], settings["language"]
        settings |= {"metric": family.metrics[form]}
        settings |= _atc(row, family, form) if form in ATC_QUESTIONS else _grid(row, family, settings, form, language)
    except KeyError as error:
        raise DataError(f"set {name}: its tasks need {error}, which neither it nor its family gives") from error
    task = _typed(settings)
    return {**entry, "settings": task.model_dump(), "expected": dict.fromkeys(protocols, task.samples)}


def _grid(row: _Set, family: _Family, settings: Mapping[str, Any], form: str, language: str) -> dict[str, Any]:
    depths = settings.get("depths", row.depths)
    return {
        "haystack": family.haystacks[language],
        "needle_file": family.needle_files[form][language],
        "lengths": row.lengths,
        "depths": depths,
        "buffer": row.buffers[language][form],
        "repeats": family.repeats[form],
        "needles": len(depths) if form == "multi_retrieval" else settings.get("needles", 1),
        "diff": family.diff,
    }


def _atc(row: _Set, family: _Family, form: str) -> dict[str, Any]:
    turns = {"turns": family.turns} if form == "atc_choice" else {}
    return {"counts": row.counts, "repeats": row.repeats, **turns}
