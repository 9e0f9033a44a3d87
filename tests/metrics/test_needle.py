"""Needle scores: is the fact there, and how near is the sentence."""

from __future__ import annotations

import pytest

from evalkit.metrics import UnscorableError, needle_keyword, needle_similarity


@pytest.mark.parametrize(
    ("prediction", "score"),
    [("It is 48231.", 100.0), ("48231", 100.0), ("It is 4823.", 0.0), ("It is 4 8231.", 0.0), ("", 0.0)],
)
def test_the_keyword_counts_letter_for_letter(prediction: str, score: float) -> None:
    """A keyword counts wherever it stands, but only whole and as it is written."""
    assert score == needle_keyword(prediction, ["48231"])


def test_one_of_several_keywords_is_enough() -> None:
    """Several targets are alternatives."""
    assert needle_keyword("tram 28", ["bus 12", "tram 28"]) == 100.0


def test_similarity_leaves_blanks_out() -> None:
    """Answers that differ in blanks and line ends alone are the same."""
    assert needle_similarity("The code is\n4823 .", ["The code is 4823."]) == 100.0


def test_similarity_is_one_minus_the_distance_over_the_longer_text() -> None:
    """Two of ten characters wrong give 80."""
    assert needle_similarity("code: 4811", ["code: 4823 "]) == pytest.approx(100 * (1 - 2 / 9))


def test_similarity_of_nothing_to_something_is_zero() -> None:
    """An empty answer has nothing in common with a sentence."""
    assert needle_similarity("", ["The code is 4823."]) == 0.0


def test_the_nearest_reference_counts() -> None:
    """Over several targets the best one decides."""
    assert needle_similarity("ab", ["xy", "ab"]) == 100.0


def test_a_sample_without_reference_cannot_be_scored() -> None:
    """No target is no zero."""
    with pytest.raises(UnscorableError):
        needle_similarity("ab", [])
