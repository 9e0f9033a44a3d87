"""Kinship stories: who is in them, what is asked, and which draws are seeded how."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from evalkit.tasks import Sample
from evalkit.tasks.needlebench._needles import chain
from evalkit.tasks.needlebench._upstream import Kinship

Samples = Callable[..., list[Sample]]

pytestmark = pytest.mark.usefixtures("wheel")

NAMES = [f"E{index}" for index in range(600)]


def test_a_chain_tells_of_each_two_neighbours() -> None:
    """The elder is A, the younger B; a template is drawn before the term."""
    words = Kinship(terms=["father"], templates=["{A} is {B}'s {relationship}."])

    line = chain(["Ann", "Bob", "Cy"], words, random.Random(0))

    assert ["Ann is Bob's father.", "Bob is Cy's father."] == line.sentences


def test_free_form_asks_for_the_first_name(samples: Samples) -> None:
    """A story of n names has n − 1 sentences about the youngest, whom the question names; answer*answer is gold."""
    sample = next(each for each in samples("needlebench-atc", "en_ordered") if each.metadata["needles"] == 5)

    eldest = sample.targets[0].partition("*")[0]
    assert f"{eldest}*{eldest}" == sample.targets[0]
    assert eldest in sample.fields["prompt"]
    assert 990 == len(samples("needlebench-atc", "en_ordered"))


def test_free_form_covers_all_counts_before_it_repeats(samples: Samples) -> None:
    """A limit of 33 has one story of each needle count."""
    first = samples("needlebench-atc", "en")[:33]

    assert list(range(2, 99, 3)) == [each.metadata["needles"] for each in first]


def test_free_form_is_seeded_from_content(samples: Samples) -> None:
    """Upstream draws without a seed; here the set, task, count and seed decide."""
    first, again, other = (samples("needlebench-atc", "en", seed=seed)[0] for seed in ("0", "0", "1"))

    assert first.fields["prompt"] == again.fields["prompt"] != other.fields["prompt"]


def test_a_choice_is_asked_in_four_rotations(samples: Samples) -> None:
    """The gold letter follows the eldest name through the rotations."""
    four = samples("needlebench-atc-choice-20", "en")[:4]

    assert ["0--A--ABCD", "0--D--BCDA", "0--C--CDAB", "0--B--DABC"] == [each.targets[0] for each in four]
    assert 1 == len({each.document for each in four})


def test_options_begin_with_the_chain(samples: Samples) -> None:
    """The eldest is option A of the original order; a short chain is filled up with strangers."""
    two = samples("needlebench-atc-choice-20", "en")[0]

    people = random.Random(0).sample(NAMES, 2)
    options = [line.partition(". ")[2] for line in two.fields["question"].splitlines()[-4:]]
    assert people == options[:2]
    assert 4 == len(set(options))


@pytest.mark.parametrize(
    ("kind", "seed", "answer"), [("eldest_ancestor", 1, 0), ("nth_ancestor", 10001, 0), ("nth_descendant", 20001, -1)]
)
def test_version_2_asks_four_kinds_of_questions(samples: Samples, kind: str, seed: int, answer: int) -> None:
    """Seeds are repeat + 1 plus 10,000 per kind; the answer is the eldest or youngest of the chain."""
    found = samples("needlebench-atc-v2", "en")
    sample = next(each for each in found if each.metadata == {"language": "en", "needles": 4, "question_type": kind})

    assert (random.Random(seed).sample(NAMES, 5)[answer],) == sample.targets
    assert 9 * 10 * 4 == len(found)


def test_a_distance_counts_generations(samples: Samples) -> None:
    """Between as many steps as sentences and twice as many, since grandparents count two."""
    found = [
        each
        for each in samples("needlebench-atc-v2", "en")
        if each.metadata["question_type"] == "relationship_distance"
    ]

    assert all(each.metadata["needles"] <= int(each.targets[0]) <= 2 * each.metadata["needles"] for each in found)
