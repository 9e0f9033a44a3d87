"""The NeedleBench benchmark: which files a task reads, its samples, what is asked, how it is scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from evalkit.errors import UserError
from evalkit.records import Count

from .._opencompass import PromptTurn, chat_messages, fill, plain_text
from .._options import option_number
from .._records import Answer, Request, Sample, Scorer
from .._shape import Shape
from .._spec import BenchmarkSpec
from ._atc import NAMES_FILE, atc_samples
from ._grid import grid_samples
from ._scoring import task_scorer
from ._sets import AtcTask, GridTask, described, expand_set
from ._upstream import document_prompt, few_shot_turns, question_turns

__all__ = ["NeedleBench"]

UNSEEDED_UPSTREAM = {"multi_retrieval", "atc_free"}  # parallel.py, get_unique_entries; version 1 atc.py, load
PROMPT_FILES = {"single": "origin.py", "multi_retrieval": "parallel.py", "multi_reasoning": "multi.py"}


class _ProtocolOptions(BaseModel):
    """What a protocol's options must say."""

    max_new_tokens: Count


class NeedleBench:
    """One set of NeedleBench."""

    shape = Shape(options=("seed", "threshold"), protocol=_ProtocolOptions)

    expand_set = staticmethod(expand_set)

    def __init__(self, spec: BenchmarkSpec, options: Mapping[str, str]) -> None:
        self.spec = spec
        self._seed = str(option_number("seed", options["seed"]))
        self._effective_at = _threshold(options["threshold"])
        self._tasks = {name: described(spec.name, name, task.settings) for name, task in spec.tasks.items()}

    def files(self, task: str) -> Sequence[str]:
        """Haystack and needles, or the names that stories are told about."""
        described = self._tasks[task]
        if isinstance(described, AtcTask):
            return (NAMES_FILE,)
        return (described.haystack, described.needle_file)

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:  # noqa: ARG002
        """The samples of a task, repeat by repeat."""
        described = self._tasks[task]
        if isinstance(described, AtcTask):
            return atc_samples(self.spec.name, task, described, files, self._seed)
        return grid_samples(self.spec.name, task, described, files, self._seed)

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:
        """The one question of the sample."""
        if previous:
            return None
        described = self._tasks[sample.task]
        fields = dict(sample.fields)
        turns = _turns(described, fields)
        return Request(
            sample,
            step=0,
            # The last BOT turn is where the model answers; those of the examples stay.
            messages=chat_messages([turn for turn in turns if turn.role != "BOT" or turn is not turns[-1]]),
            text=plain_text(turns),
            max_new_tokens=int(self.spec.protocol(protocol).options["max_new_tokens"]),
            context=fields.get("context", ""),
        )

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:  # noqa: ARG002
        """The rules of the task's version; both protocols share them."""
        return task_scorer(self._tasks[task], answers, self._effective_at)

    def seeding(self, tasks: Sequence[str]) -> dict[str, str]:
        """The tasks whose draws upstream leaves to chance, and how they are seeded here."""
        described = {task: self._tasks[task] for task in tasks}
        return {
            task: f"sha256 of set, task, needles, length and seed {self._seed}"
            for task, each in described.items()
            if each.form in UNSEEDED_UPSTREAM
        }

    def notes(self, tasks: Sequence[str], max_seq_len: int) -> Iterator[str]:
        """Cells that hold needles only, lengths beyond the window, and draws that differ from upstream's."""
        grids = {name: task for name in tasks if isinstance(task := self._tasks[name], GridTask)}
        for name, task in grids.items():
            bare = [length for length in task.lengths if length <= task.buffer]
            if bare:
                yield f"{name}: {_lengths(bare)} within the buffer of {task.buffer}: needles only, without haystack"
        beyond = sorted({length for task in grids.values() for length in task.lengths if length > max_seq_len})
        if beyond:
            yield f"{_lengths(beyond)} (cl100k) beyond the window of {max_seq_len} tokens: these prompts are cut"
        seeded = ", ".join(self.seeding(tasks))
        if seeded:
            yield f"{seeded}: drawn without a seed upstream, here from content and --seed {self._seed}"


def _lengths(lengths: Sequence[int]) -> str:
    return f"length{'' if len(lengths) == 1 else 's'} {', '.join(map(str, lengths))}"


def _turns(task: GridTask | AtcTask, fields: Mapping[str, str]) -> list[PromptTurn]:
    """The filled template; upstream blanks the answer in it."""
    template = task.template
    if isinstance(task, GridTask):
        prompt = document_prompt(f"{task.code}/{PROMPT_FILES[task.form]}", task.language, fields)
        return fill(question_turns(template.file, template.name), {"prompt": prompt, "answer": ""})
    if task.form == "atc_choice":
        turns = few_shot_turns(template.file, task.examples, task.turns)
    else:
        turns = question_turns(template.file, template.name)
    return fill(turns, {**fields, "answer": ""})


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise UserError(f"--option threshold={text}: expected a score from 0 to 100")
    return value
