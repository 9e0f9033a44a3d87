"""Bag-of-words F1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.metrics import UnscorableError, normalized_words, word_f1


def test_words_are_normalized_as_squad_does() -> None:
    """Case, ASCII punctuation and articles do not count; hyphenated words merge."""
    words = normalized_words("The cat—a state-of-the-art CAT, an animal!")

    assert ("cat—", "stateoftheart", "cat", "animal") == words


@pytest.mark.parametrize(
    ("expected", "prediction", "targets"),
    [
        (100.0, "PARIS!!!", ["Paris."]),
        (0.0, "", [""]),
        (0.0, "the", ["an"]),
        (40.0, "word word word word", ["word"]),
        (200 / 3, "x", ["nothing here", "x y"]),
    ],
)
def test_scores(expected: float, prediction: str, targets: list[str]) -> None:
    """Shared words count as often as both texts have them; the best target counts."""
    assert expected == pytest.approx(word_f1(prediction, targets))


@given(st.text(), st.text())
def test_the_score_is_symmetric_and_bounded(first: str, second: str) -> None:
    """Swapping prediction and target changes nothing, and the score lies in 0–100."""
    score = word_f1(first, [second])

    assert score == word_f1(second, [first])
    assert 0.0 <= score <= 100.0


def test_a_sample_without_a_reference_is_not_scored() -> None:
    """No target is a failure, not a zero."""
    with pytest.raises(UnscorableError):
        word_f1("text", [])
