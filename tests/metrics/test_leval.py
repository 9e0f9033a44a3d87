"""L-Eval's official exam rules, case by case. Vectors from the official code are in tests/parity."""

from __future__ import annotations

import pytest

from evalkit.metrics import (
    SciFiScores,
    UnscorableError,
    leval_codeu,
    leval_coursera,
    leval_exact_match,
    leval_geometric_mean,
    leval_gsm100,
    leval_quality,
    leval_sci_fi,
    leval_sci_fi_parts,
)
from evalkit.metrics.leval import official_choice, official_choices, official_code_output, official_number


@pytest.mark.parametrize(
    ("expected", "prediction", "target"),
    [
        (100.0, "AB", "AB"),
        (25.0, "A", "AB"),
        (25.0, "", "A"),
        (0.0, "C", "AB"),
        (100.0, "42.0", "42"),
        (0.0, "420", "42"),
        (0.0, "nan", "nan"),
        (100.0, "about the New  York mayor", "new york"),
        (0.0, "x", ""),
    ],
)
def test_exact_match(expected: float, prediction: str, target: str) -> None:
    """Letters may be partly right, numbers compare as numbers, other texts by containment."""
    assert expected == leval_exact_match(prediction, [target])


@pytest.mark.parametrize(
    ("expected", "prediction"),
    [
        ("None", " \n"),
        ("BC", "BC"),
        ("AB", "BA"),
        ("AC", "A. foo\nC. bar"),
        ("AB", "A.\nB.\nQuestion 2: C."),
        ("A", "nothing to read"),
        ("ACD", "A\nC\nD\n"),
        ("BC", "Options B\tand C\u00a0apply"),
        ("AB", "AB and C."),
        ("ABD", "ABD because C is wrong"),
        ("BD", "DEAR user, B."),
        ("C", "CED,"),
        ("A", "Question: D"),
        ("BB", "**BB**"),
        ("DA", '"DA"'),
    ],
)
def test_several_letters_are_read(expected: str, prediction: str) -> None:
    """Coursera takes a leading run, else letters marked up to the next question, else any run, and guesses A."""
    assert expected == official_choices(prediction)


@pytest.mark.parametrize(("expected", "prediction"), [("B", "(B) or C"), ("A", "Answer: C"), ("A", "none")])
def test_one_letter_is_read(expected: str, prediction: str) -> None:
    """quality and tpo read the first letter A–D, even inside a word, and guess A."""
    assert expected == official_choice(prediction)


@pytest.mark.parametrize(
    ("expected", "prediction"),
    [
        ("1234", "The answer is $1,234.50"),
        ("", "The answer is twelve. 12"),
        ("7", "3 apples and 7\n\n9 pears"),
        ("", "no digits"),
    ],
)
def test_a_number_is_read(expected: str, prediction: str) -> None:
    """The stated answer counts first, then the last number of the first paragraph, whole part only."""
    assert expected == official_number(prediction)


def test_code_output_is_cut_around_the_final_output() -> None:
    """Only as many words as the target has, and three more, are kept after the last final output."""
    output = official_code_output("So the final output is [1, 2] and nothing else at all", "[3, 4]")

    assert " [1 2] and nothing" == output


@pytest.mark.parametrize(
    ("expected", "prediction", "target"),
    [
        (100.0, "the final output is the result of f: 5", "5"),
        (0.0, "would the result ofbe 5 w x y z", "5"),
        (0.0, "7 a b c d", " 7"),
        (0.0, "5 one two three four", "5\n"),
        (100.0, "5 6 1 2 3 4", "5 , 6"),
        (0.0, "the , final output 9 a b c d e f", "9"),
        (100.0, "the is final output 9 a b c", "9"),
        (100.0, "the final output\n\n 9 a b c d", "9"),
    ],
)
def test_code_output_is_cleaned_in_the_official_order(expected: float, prediction: str, target: str) -> None:
    """Gaps left by deletions hide the mark, each phrase goes in its turn, and the raw target gives the length."""
    assert expected == leval_codeu(prediction, [target])


@pytest.mark.parametrize(
    ("expected", "prediction", "target"),
    [
        (100.0, "The answer is 1200", "1,200"),
        (100.0, "The answer is $18.", "$18"),
        (100.0, "The answer is 7 apples", "7 apples"),
        (100.0, "", "nan"),
    ],
)
def test_the_reference_of_a_number_is_read_like_a_prediction(expected: float, prediction: str, target: str) -> None:
    """Own data may write thousands separators, units and currencies."""
    assert expected == leval_gsm100(prediction, [target])


def test_scores_of_tasks_use_the_best_reference() -> None:
    """Every exam metric accepts several targets."""
    scores = [
        leval_coursera("A. x\nB. y", ["C", "AB"]),
        leval_quality("C", ["(B) no", "(C) yes"]),
        leval_gsm100("The answer is 5.", ["4", "5"]),
        leval_codeu("the final output is 5", ["6", "5"]),
    ]

    assert [100.0] * 4 == scores


def test_sci_fi_scores_both_halves() -> None:
    """Loyalty and fact are compared apart; the sample's score is their mean."""
    parts = leval_sci_fi_parts("True [fact: true]", "True [fact: False]")

    assert SciFiScores(100.0, 0.0) == parts
    assert 50.0 == leval_sci_fi("True [fact: true]", ["True [fact: False]"])


@pytest.mark.parametrize(
    ("expected", "prediction", "target"),
    [
        ((100, 100), "False. The claim is not true. [fact: False, although it sounds true]", "False [fact: False]"),
        ((0, 100), "True or False [fact: true/false]", "False [fact: True]"),
        ((100, 0), "True [fact: True", "True [fact: True]"),
        ((0, 0), "False [fact: unknown] [fact: False]", "True [fact: False]"),
        ((0, 100), "True [fact: False]", "Not true [fact: False]"),
        ((0, 0), "x [fact: y]", "unclear [fact: unclear]"),
        ((0, 0), "True [fact:", "False [fact: True]"),
    ],
)
def test_sci_fi_reads_the_first_word_that_decides(expected: tuple[float, float], prediction: str, target: str) -> None:
    """A fact ends at the next mark and loses its last character, and gold answers are compared as text."""
    assert expected == leval_sci_fi_parts(prediction, target)


@pytest.mark.parametrize(
    ("metric", "prediction", "target"),
    [
        (leval_sci_fi, "True", "True [fact: False]"),
        (leval_coursera, "A", " "),
        (leval_quality, "A", ""),
    ],
)
def test_what_the_official_code_cannot_score_fails(metric: object, prediction: str, target: str) -> None:
    """Where the official code raises IndexError the sample fails."""
    assert callable(metric)
    with pytest.raises(UnscorableError, match="IndexError"):
        metric(prediction, [target])


def test_the_geometric_mean_is_zero_when_a_part_is() -> None:
    """One corpus mean of 0 gives an L-Eval score of 0."""
    assert 0.0 == leval_geometric_mean(50.0, 0.0, 30.0)
    assert pytest.approx(20.0) == leval_geometric_mean(10.0, 20.0, 40.0)
