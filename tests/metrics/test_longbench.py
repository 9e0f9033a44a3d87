"""LongBench's metrics, case by case. Vectors from the official code are in tests/parity."""

from __future__ import annotations

from functools import partial

import pytest

from evalkit.metrics import (
    CodeBackend,
    UnscorableError,
    first_line,
    longbench_classification,
    longbench_code_sim,
    longbench_count,
    longbench_qa_f1,
    longbench_qa_f1_zh,
    longbench_retrieval,
    longbench_retrieval_zh,
    longbench_rouge_l,
    longbench_rouge_l_zh,
    longbench_v2_accuracy,
    longbench_v2_choice,
)


@pytest.mark.parametrize(("expected", "text"), [("a b ", "\n\na b \nc"), (" \t", " \t\nx"), ("\rx", "\rx"), ("", "\n")])
def test_the_first_line_starts_after_line_feeds_only(expected: str, text: str) -> None:
    """Only line feeds are stripped and only a line feed ends the line."""
    assert expected == first_line(text)


@pytest.mark.parametrize(
    "metric",
    [
        longbench_count,
        longbench_qa_f1,
        longbench_qa_f1_zh,
        longbench_retrieval,
        longbench_retrieval_zh,
        longbench_rouge_l,
        longbench_rouge_l_zh,
        partial(longbench_code_sim, backend="difflib"),
    ],
)
def test_no_reference_scores_zero(metric: object) -> None:
    """eval.py starts each sample at 0 and has nothing to compare with."""
    assert callable(metric)
    assert 0.0 == metric("text 5", [])


def test_chinese_words_lose_their_punctuation() -> None:
    """Full-width marks and letter case do not count; the opening book-title mark does, as upstream."""
    scores = [longbench_qa_f1_zh("你好，World！", ["你好world"]), longbench_qa_f1_zh("《红楼梦》", ["红楼梦"])]

    assert [100.0, pytest.approx(200 / 3)] == scores


@pytest.mark.parametrize(
    ("expected", "prediction"), [(100.0, "5."), (50.0, "5 of 30"), (0.0, "05"), (0.0, "５"), (0.0, "none")]
)
def test_count_is_the_share_of_equal_numbers(expected: float, prediction: str) -> None:
    """Numbers are compared digit for digit."""
    assert expected == longbench_count(prediction, ["5"])


def test_retrieval_reads_the_number_of_the_reference() -> None:
    """The first number after the paragraph mark is the right one."""
    assert (50.0, 100.0) == (longbench_retrieval("3 4", ["Paragraph 3"]), longbench_retrieval_zh("段落3", ["段落3"]))


def test_a_reference_without_its_mark_fails() -> None:
    """Where the official code raises IndexError the sample fails."""
    with pytest.raises(UnscorableError, match="IndexError"):
        longbench_retrieval("3", ["paragraph 3"])


@pytest.mark.parametrize(
    ("expected", "prediction", "target", "classes"),
    [
        (100.0, "Type: State", "State", ["State", "City"]),
        (50.0, "State or City", "State", ["State", "City"]),
        (0.0, "state", "State", ["State", "City"]),
        (100.0, "AB", "AB", ["A", "AB"]),
        (50.0, "ABCD", "ABCD", ["A", "AB", "ABC", "ABCD"]),
        (0.0, "State", "State", []),
    ],
)
def test_classification_shares_the_point(expected: float, prediction: str, target: str, classes: list[str]) -> None:
    """Every class that is named takes a share; parts of the right name are dropped, but every second one stays."""
    assert expected == longbench_classification(prediction, [target], classes)


def test_opencompass_adds_up_over_answers() -> None:
    """With several answers OpenCompass sums what LongBench takes the best of."""
    best = longbench_classification("Food Date", ["Food", "Date"], ["Food", "Date"])
    summed = longbench_classification("Food Date", ["Food", "Date"], ["Food", "Date"], summed=True)

    assert (50.0, 100.0) == (best, summed)
    assert 100.0 == longbench_count("1 2", ["1", "2"], summed=True)


@pytest.mark.parametrize(
    ("expected", "prediction", "target"),
    [
        (100.0, "\n```python\n# note\nreturn x\n```", "return x"),
        (0.0, "x = 1  # set", "x = 1"),
        (100.0, "`only`", ""),
        (0.0, "x", ""),
        (88.0, "foo(bar)", "foo(baz)"),
    ],
)
@pytest.mark.parametrize("backend", ["difflib", "levenshtein"])
def test_code_is_compared_by_its_first_plain_line(
    expected: float, prediction: str, target: str, backend: CodeBackend
) -> None:
    """Lines with a comment or a code fence are passed over; the ratio is in whole percent."""
    assert expected == longbench_code_sim(prediction, [target], backend)


def test_code_backends_differ() -> None:
    """difflib matches the longest block first, Levenshtein the longest common subsequence."""
    pair = ("value self bar None return", ["return ) return None return"])

    scores = (longbench_code_sim(*pair, "difflib"), longbench_code_sim(*pair, "levenshtein"))

    assert (57.0, 60.0) == scores


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("C", "First, the correct answer is B. The correct answer is **(C)**"),
        ("A", "The correct answer is Anna"),
        (None, "the correct answer is (A)"),
        (None, "The correct answer is: A"),
    ],
)
def test_longbench_v2_reads_one_sentence_only(expected: str | None, text: str) -> None:
    """The option is read from the exact sentence, with or without brackets, stars removed."""
    assert expected == longbench_v2_choice(text)


def test_longbench_v2_compensates_only_what_is_unreadable() -> None:
    """Unreadable answers give the chance level on request; wrong ones never."""
    answers = ["The correct answer is A", "The correct answer is B", "A"]

    scores = [
        (longbench_v2_accuracy(each, "A"), longbench_v2_accuracy(each, "A", compensated=True)) for each in answers
    ]

    assert [(100.0, 100.0), (0.0, 0.0), (0.0, 25.0)] == scores
