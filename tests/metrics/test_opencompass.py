"""OpenCompass post-processors and evaluators, case by case. Vectors from its code are in tests/parity."""

from __future__ import annotations

import pytest

from evalkit.metrics import (
    UnscorableError,
    first_capital,
    first_capitals,
    general_postprocess,
    gsm100_postprocess,
    opencompass_accuracy,
    opencompass_leval_em,
    second_character,
    without_commas,
)


@pytest.mark.parametrize(("expected", "text"), [("T", "The answer is B"), ("É", "1 É"), ("", "none")])
def test_the_first_capital_is_of_any_script(expected: str, text: str) -> None:
    """The first upper-case character counts, whatever it is."""
    assert expected == first_capital(text)


@pytest.mark.parametrize(("expected", "text"), [("A", "A, B"), ("C", "NICE"), ("", "none"), ("DAB", "xDABx")])
def test_the_first_run_of_letters_counts(expected: str, text: str) -> None:
    """The first run of A–D counts, also inside a word."""
    assert expected == first_capitals(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("314", "The answer is about -3.14"),
        ("", "42"),
        ("", "the answer is 42"),
        ("12", "The answer is 1/2 The answer is 3"),
        ("", "The answer is below. The answer is 42."),
        ("", "The answer is: The answer is 7"),
    ],
)
def test_only_digits_after_the_marker_count(expected: str, text: str) -> None:
    """Sign, point and slash are lost; without the exact marker there is no answer, and a second one ends the first."""
    assert expected == gsm100_postprocess(text)


def test_general_postprocess_keeps_the_first_clause() -> None:
    """Text after a dot, comma or line feed, punctuation and articles are dropped."""
    assert "topic is womens rights" == general_postprocess('The topic: is  "an" women\'s rights, and more')


def test_references_are_read_as_the_data_sets_load_them() -> None:
    """quality takes the second character, gsm100 drops commas."""
    assert ("B", "70000") == (second_character("(B) yes"), without_commas("70,000"))


def test_a_reference_of_one_character_fails() -> None:
    """Where OpenCompass raises IndexError the sample fails."""
    with pytest.raises(UnscorableError, match="IndexError"):
        second_character("B")


def test_evaluators_differ_in_what_they_call_equal() -> None:
    """Accuracy wants equal strings, L-Eval's exact match a substring."""
    pair = ("It was the art of war.", "the art of war")

    scores = [opencompass_accuracy(*pair), opencompass_leval_em(*pair)]

    assert [0.0, 100.0] == scores


def test_an_empty_reference_lies_in_every_prediction() -> None:
    """The substring test accepts anything for a target of articles and punctuation."""
    assert 100.0 == opencompass_leval_em("anything", "the ...")
