"""Samples of the Ancestral Trace Challenge: kinship stories in which every sentence counts.

Samples go repeat by repeat through all needle counts, so that the first few (`--limit`) already cover the range.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evalkit.metrics import NEEDLEBENCH_ROTATIONS
from evalkit.seeds import content_seed

from .._records import Sample
from ._needles import Chain, chain, names
from ._sets import AtcTask
from ._upstream import UPSTREAM_SUFFIXES, kinship, kinship_generations, story_question, template_text

__all__ = ["QUESTION_TYPES", "atc_samples", "free_generator"]

NAMES_FILE = "names.json"
OPTIONS = 4


class _Ask(NamedTuple):
    """How version 2 asks about a chain."""

    template: str
    """Name of the template, without its language."""
    fields: Mapping[str, str]
    """Field of the template → what fills it: the `eldest` or `youngest` name, or the `span` in generations."""
    answer: str
    """Which of these is the answer."""


# atc.py of version 2: `QuestionType`, in the order of its values, and the branches of `load`.
QUESTION_TYPES: Mapping[str, _Ask] = {
    "eldest_ancestor": _Ask("shuffled_story_with_prompt", {"last_person": "youngest"}, "eldest"),
    "nth_ancestor": _Ask("nth_ancestor_prompt", {"person": "youngest", "n": "span"}, "eldest"),
    "nth_descendant": _Ask("nth_descendant_prompt", {"person": "eldest", "n": "span"}, "youngest"),
    "relationship_distance": _Ask(
        "relationship_distance_prompt", {"person_a": "eldest", "person_b": "youngest"}, "span"
    ),
}
SEEDS_PER_TYPE = 10_000  # seeds of version 2: repeat + 1 + this times the question type


def atc_samples(benchmark: str, name: str, task: AtcTask, files: Mapping[str, Path], seed: str) -> Iterator[Sample]:
    """The samples of a task."""
    known = names(files[NAMES_FILE], task.language)  # in file order: draws are by position
    for index, sample in enumerate(_FORMS[task.form](benchmark, name, task, known, seed)):
        yield Sample(
            id=f"{benchmark}/{name}/{index}",
            task=name,
            document=f"{benchmark}/{name}/{sample.story}",
            fields=sample.fields,
            targets=(sample.target,),
            metadata={"language": task.language, **sample.metadata},
        )


class _Asked(NamedTuple):
    """One sample without its place in the task."""

    story: str
    fields: dict[str, str]
    target: str
    metadata: dict[str, object]


def free_generator(benchmark: str, name: str, count: int, seed: str) -> random.Random:
    """The generator of all stories of one needle count, which upstream draws unseeded."""
    return random.Random(content_seed(benchmark, name, count, seed))


def _free(benchmark: str, name: str, task: AtcTask, known: Sequence[str], seed: str) -> Iterator[_Asked]:
    words = kinship(task.code, task.language)
    generators = {count: free_generator(benchmark, name, count, seed) for count in task.counts}
    for repeat in range(task.repeats):
        for count, generator in generators.items():
            line = chain(generator.sample(known, count), words, generator)
            # No blank between sentences, one before the question: upstream's bytes.
            story = "".join(line.sentences) if task.is_ordered else _shuffled(line, generator)
            prompt = f"{story} {story_question(task.code, task.language, line.people[-1])}"
            eldest = line.people[0]
            yield _Asked(f"{count}/{repeat}", {"prompt": prompt}, f"{eldest}*{eldest}", {"needles": count})


def _choice(benchmark: str, name: str, task: AtcTask, known: Sequence[str], seed: str) -> Iterator[_Asked]:  # noqa: ARG001
    words = kinship(task.code, task.language)
    for repeat in range(task.repeats):
        for count in task.counts:
            generator = random.Random(repeat)
            line = chain(generator.sample(known, count), words, generator)
            story = _shuffled(line, generator)
            question = f"{story} {story_question(task.code, task.language, line.people[-1])}".strip()
            options = _options(line.people, known, generator)
            for pattern in NEEDLEBENCH_ROTATIONS:
                text = question + "\n" + _lettered([options["ABCD".index(letter)] for letter in pattern])
                metadata = {"needles": count, "question": f"{count}/{repeat}", "rotation": pattern}
                # CircularEvaluator reads question, right letter and rotation from this text.
                target = f"{repeat}--{'ABCD'[pattern.index('A')]}--{pattern}"
                yield _Asked(f"{count}/{repeat}", {"question": text}, target, metadata)


def _options(people: Sequence[str], known: Sequence[str], generator: random.Random) -> list[str]:
    """The first four names of the chain, the eldest first; strangers where the chain is shorter."""
    if len(people) < OPTIONS:
        strangers = [name for name in known if name not in people]
        return [*people, *generator.sample(strangers, OPTIONS - len(people))]
    return list(people[:OPTIONS])


def _lettered(options: Sequence[str]) -> str:
    return "".join(f"{letter}. {option}\n" for letter, option in zip("ABCD", options, strict=True))


def _shuffled(line: Chain, generator: random.Random) -> str:
    """The story of version 1: upstream shuffles an empty last fragment along, which decides where the others go."""
    fragments = [*line.sentences, ""]
    generator.shuffle(fragments)
    return "".join(fragments)


def _version_2(benchmark: str, name: str, task: AtcTask, known: Sequence[str], seed: str) -> Iterator[_Asked]:  # noqa: ARG001
    for repeat in range(task.repeats):
        for value, kind in enumerate(QUESTION_TYPES):
            for count in task.counts:
                # A generator for each story: upstream seeds anew, so no story depends on the ones before.
                generator = random.Random(repeat + 1 + SEEDS_PER_TYPE * value)
                yield _asked(task, kind, count, repeat, generator, known)


def _asked(task: AtcTask, kind: str, count: int, repeat: int, generator: random.Random, known: Sequence[str]) -> _Asked:
    """One question about a chain of one name more than `count`."""
    ask, spans = QUESTION_TYPES[kind], kinship_generations(task.code, task.language)
    line = chain(generator.sample(known, count + 1), kinship(task.code, task.language), generator)
    generator.shuffle(line.sentences)
    span = sum(spans[term] for term in line.terms)
    known_values = {"eldest": line.people[0], "youngest": line.people[-1], "span": str(span)}
    template = template_text(task.code, f"{ask.template}_{UPSTREAM_SUFFIXES[task.language]}")
    values = {field: known_values[value] for field, value in ask.fields.items()}
    prompt = template.format(shuffled_story="".join(line.sentences), **values)
    metadata = {"needles": count, "question_type": kind}
    return _Asked(f"{count}/{kind}/{repeat}", {"prompt": prompt}, known_values[ask.answer], metadata)


_FORMS: Mapping[str, Callable[[str, str, AtcTask, Sequence[str], str], Iterator[_Asked]]] = {
    "atc_free": _free,
    "atc_choice": _choice,
    "atc_v2": _version_2,
}
