"""Samples of the grids: what is hidden where, in which order, and what a run needs to know about it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.errors import DataError
from evalkit.tasks import Sample
from evalkit.tasks._spread import spread
from evalkit.tasks.needlebench import NeedleBench
from evalkit.tasks.needlebench._needles import draw_unique, needles

Samples = Callable[..., list[Sample]]

pytestmark = pytest.mark.usefixtures("wheel")


def test_a_single_needle_stands_at_its_depth(samples: Samples) -> None:
    """Between newlines, before int(T × depth / 100) of the T tokens that buffer and needle leave."""
    sample = next(each for each in samples("needlebench-4k", "single_en") if each.metadata["depth"] == 52)
    total = sample.metadata["length"] - 600 - len(f"\n{sample.evidence[0]}\n")

    context = sample.fields["context"]

    assert int(total * (52 / 100)) == context.index(f"\n{sample.evidence[0]}\n")
    assert sample.metadata["length"] - 600 == len(context)


def test_the_needle_of_a_repeat_is_drawn_under_its_seed(samples: Samples, folder: Path) -> None:
    """The same needle serves all lengths and depths of a repeat."""
    found = {(sample.metadata["repeat"], sample.evidence[0]) for sample in samples("needlebench-4k", "single_en")}

    english = needles(folder / "needles.jsonl", "en")
    assert {(repeat, random.Random(repeat).choice(english).text) for repeat in range(10)} == found


def test_every_cell_comes_once_per_repeat(samples: Samples) -> None:
    """4 lengths × 20 depths × 10 repeats."""
    cells = [
        (each.metadata["length"], each.metadata["depth"], each.metadata["repeat"])
        for each in samples("needlebench-4k", "single_zh")
    ]

    assert 800 == len(cells) == len(set(cells))


def test_the_first_samples_span_the_grid(samples: Samples) -> None:
    """A limit of 20 shows all lengths at five depths, both ends among them."""
    first = samples("needlebench-4k", "single_en")[:20]

    assert {1000, 2000, 3000, 4000} == {each.metadata["length"] for each in first}
    assert {0, 21, 47, 73, 100} == {each.metadata["depth"] for each in first}


@pytest.mark.parametrize("count", [1, 2, 3, 11, 20])
def test_spreading_loses_no_depth(count: int) -> None:
    """The order changes, the depths do not."""
    depths = list(range(count))

    assert depths == sorted(spread(depths))


def test_samples_of_a_repeat_are_one_cluster(samples: Samples) -> None:
    """They share a haystack order and a needle, so intervals are drawn over repeats."""
    assert 10 == len({each.document for each in samples("needlebench-4k", "single_en")})


def test_a_length_within_the_buffer_holds_the_needle_alone(samples: Samples) -> None:
    """Version 2 asks 1,000 tokens with a buffer of 3,000: upstream's prompt has no haystack then, and so has ours."""
    sample = next(each for each in samples("needlebench-v2-32k", "single_en") if each.metadata["length"] == 1000)

    assert f"\n{sample.evidence[0]}\n" == sample.fields["context"]


def test_all_needles_of_a_retrieval_are_in_one_document(samples: Samples) -> None:
    """Twenty needles in the order of their depths, and one question that joins theirs."""
    sample = samples("needlebench-4k", "multi_retrieval_en")[3]

    context = sample.fields["context"]

    places = [context.index(f"\n{needle}\n") for needle in sample.evidence]
    assert 20 == len(places)
    assert sorted(places) == places
    assert 19 == sample.fields["retrieval_question"].count("?、What is in box")


def test_a_retrieval_reference_names_keywords_and_depths(samples: Samples) -> None:
    """`kw1*kw2…#d1*d2…`, the needles' own keywords."""
    sample = samples("needlebench-32k", "multi_retrieval_en")[0]

    keywords, depths = sample.targets[0].split("#")

    assert "0*10*21*31*42*52*63*73*84*94*100" == depths
    assert [needle.removesuffix(".").rpartition(" ")[2] for needle in sample.evidence] == keywords.split("*")


def test_the_seed_decides_which_needles_are_retrieved(samples: Samples) -> None:
    """Equal seeds draw equal needles in any process, another seed draws others."""
    task = ("needlebench-32k", "multi_retrieval_en")

    first, again, other = samples(*task), samples(*task), samples(*task, seed="1")

    assert [each.evidence for each in first] == [each.evidence for each in again]
    assert [each.evidence for each in first] != [each.evidence for each in other]


def test_the_seed_changes_no_task_that_upstream_seeds(samples: Samples) -> None:
    """Single-needle retrieval draws under the repeat's number."""
    task = ("needlebench-32k", "single_en")

    assert [each.evidence for each in samples(*task)] == [each.evidence for each in samples(*task, seed="1")]


def test_reasoning_hides_all_derivations_of_a_record(samples: Samples) -> None:
    """Three sentences in their order; the target is the answer twice."""
    sample = samples("needlebench-4k", "multi_reasoning_3_en")[0]

    serial = sample.targets[0].removeprefix("end ").partition("*")[0]
    assert tuple(f"Fact {serial}.{step} of 3" for step in range(3)) == sample.evidence
    assert f"end {serial}*end {serial}" == sample.targets[0]


def test_reasoning_of_version_2_is_about_a_chain_of_ancestors(samples: Samples) -> None:
    """Three sentences about four people; the eldest is the answer, the youngest is asked about."""
    sample = samples("needlebench-v2-4k", "multi_reasoning_3_en")[0]

    people = random.Random(0).sample([f"E{index}" for index in range(600)], 4)
    assert 3 == len(sample.evidence)
    assert (people[0],) == sample.targets
    assert people[-1] == sample.fields["last_person"]
    assert f"'{people[-1]}'" in sample.fields["retrieval_question"]


def test_a_language_without_needles_is_an_error(folder: Path) -> None:
    """The message names the file and the language."""
    path = folder / "needles.jsonl"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "Chinese" not in line))

    with pytest.raises(DataError, match=r"needles.jsonl: no needle has language 'Chinese'"):
        needles(path, "zh")


def test_too_few_different_needles_is_an_error(folder: Path) -> None:
    """Multi-needle retrieval needs one needle per depth, all of other subjects and keywords."""
    with pytest.raises(DataError, match="only 25 English needles of different subjects and keywords, 30 are needed"):
        draw_unique(folder / "needles.jsonl", "en", 30, random.Random(0))


def test_a_file_without_such_records_is_an_error(folder: Path, load: Callable[..., NeedleBench]) -> None:
    """Multi-needle reasoning needs records of as many derivations as needles."""
    (folder / "multi_needle_reasoning_en.json").write_text("[]")
    benchmark = load("needlebench-4k")
    files = {name: folder / name for name in benchmark.files("multi_reasoning_2_en")}

    with pytest.raises(DataError, match="no record has 2 derivations"):
        next(benchmark.samples("multi_reasoning_2_en", "opencompass", files))
