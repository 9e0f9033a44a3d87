"""Equal numbers in two columns of one table."""

from __future__ import annotations

from evalkit.published import published
from evalkit.published._coincidences import find_coincidences

from .conftest import HEADER, Read

MODELS = ("gpt-x", "llama-7b", "llama-7b-32k", "qwen-1b")


def table(task: str, *scores: str) -> list[str]:
    return [f"leval,task,{task},{model},{score},a page" for model, score in zip(MODELS, scores, strict=True)]


def found(read: Read, *rows: str) -> list[tuple[str, str]]:
    scores = read(*rows, header=f"{HEADER},source")
    return [(finding.task, finding.model) for finding in find_coincidences(scores).findings]


def test_two_columns_of_one_model_are_seldom_equal(read: Read) -> None:
    """56.51 twice, of 269 samples, in the columns of a model and its longer version."""
    rows = table("tpo", "74.72", "56.51", "56.51", "17.1")

    assert [("tpo", "llama-7b-32k")] == found(read, *rows)


def test_equal_numbers_of_different_models_are_counted_only(read: Read) -> None:
    """Among many pairs of columns some are equal by chance."""
    scores = read(*table("tpo", "56.51", "56.51", "44.61", "17.1"), header=f"{HEADER},source")

    coincidences = find_coincidences(scores)

    assert ([], 1, 6) == (coincidences.findings, coincidences.unrelated, coincidences.pairs)


def test_a_task_whose_numbers_crowd_is_no_finding(read: Read) -> None:
    """Few right answers of 100 make few numbers: 3 and 3, where others have 3 as well."""
    assert [] == found(read, *table("gsm100", "3", "3", "3", "8"))


def test_nothing_and_everything_right_are_no_coincidence(read: Read) -> None:
    """0 and 100 are where scores end."""
    assert [] == found(read, *table("tpo", "74.72", "0", "0", "17.1"))


def test_numbers_of_two_tables_are_not_paired(read: Read) -> None:
    """What one publication copies from another is no coincidence."""
    first, second = (f"leval,task,tpo,{model},56.51,{page}" for model, page in zip(MODELS[1:3], "ab", strict=True))
    others = ("leval,task,tpo,x,80.3,a", "leval,task,tpo,y,17.1,b")

    assert [] == found(read, first, second, *others)


def test_the_count_among_different_models_is_told_with_what_chance_makes() -> None:
    """L-Eval's numbers hold three equal ones in columns of different models, where chance would make two."""
    coincidences = find_coincidences(published("leval"))

    assert (3, 2) == (coincidences.unrelated, round(coincidences.expected))
