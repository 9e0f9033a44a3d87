"""NeedleBench's rules on single predictions."""

from __future__ import annotations

import pytest

from evalkit.metrics import (
    UnscorableError,
    needlebench_atc_answer,
    needlebench_atc_v2,
    needlebench_circular,
    needlebench_maximum_needles,
    needlebench_multi_reasoning_v1,
    needlebench_retrieved_by_depth,
    needlebench_single_v1,
    needlebench_single_v2,
)

REFERENCE = "\nThe box holds the Emerald Orb.\n*Emerald Orb"


def test_a_keyword_in_the_prediction_is_worth_100() -> None:
    """Whatever else is said."""
    assert 100 == needlebench_single_v1("I am not sure, an Emerald Orb?", REFERENCE)


def test_a_keyword_counts_with_its_case_and_spaces() -> None:
    """`EmeraldOrb` is not `Emerald Orb`; it lacks 15 of the needle's 25 letters: 0.2 × 40."""
    assert 8 == pytest.approx(needlebench_single_v1("EmeraldOrb", REFERENCE))


def test_without_the_keyword_a_fifth_of_the_likeness_is_left() -> None:
    """25 letters without blanks, ten of them wrong: 0.2 × 60."""
    assert 12 == pytest.approx(needlebench_single_v1("Thebox holdsthe xxxxxxxxxx.", REFERENCE))


def test_nothing_against_nothing_is_alike() -> None:
    """Both empty after removing blanks: upstream gives 100, of which a fifth is left without the keyword."""
    assert 20 == needlebench_single_v1(" ", " \n*x")


def test_trimming_cuts_what_follows_the_needle() -> None:
    """With it, a repeated needle is as good as one."""
    target = "abcdefghij*X"

    plain = needlebench_single_v1("abcdefghijabcdefghij", target)

    assert (10, 20) == (plain, needlebench_single_v1("abcdefghijabcdefghij", target, use_trim=True))


def test_version_2_gives_all_or_nothing() -> None:
    """The keyword decides alone."""
    assert (100, 0) == (
        needlebench_single_v2("Emerald Orb", REFERENCE),
        needlebench_single_v2("The box holds the", REFERENCE),
    )


def test_a_reference_without_a_keyword_cannot_be_scored() -> None:
    """The official code fails there, so the sample counts as failed."""
    with pytest.raises(UnscorableError, match="no '\\*' before a keyword"):
        needlebench_single_v2("anything", "a needle alone")


def test_reasoning_counts_the_words_of_the_answer() -> None:
    """Two of three words, in any case and as parts of other words."""
    assert 200 / 3 == pytest.approx(
        needlebench_multi_reasoning_v1("HILLARY and Clintons", "Hillary Rodham Clinton*Hillary Rodham Clinton")
    )


def test_an_answer_with_a_star_cannot_be_scored() -> None:
    """The official code cannot unpack it."""
    with pytest.raises(UnscorableError, match="is not ANSWER\\*ANSWER"):
        needlebench_multi_reasoning_v1("a", "a*b*a*b")


def test_each_depth_has_its_keyword() -> None:
    """The second keyword is missing."""
    assert {0: 100, 50: 0} == needlebench_retrieved_by_depth("orb", "orb*crown#0*50", [0, 50])


def test_needles_of_one_depth_add_up() -> None:
    """Upstream merges equal depths, so a depth given twice can reach 200."""
    assert {10: 200} == needlebench_retrieved_by_depth("orb crown", "orb*crown#10*10", [10, 10])


def test_depths_are_those_of_the_first_reference() -> None:
    """A sample's own depths are not looked at."""
    assert {0: 100} == needlebench_retrieved_by_depth("orb", "orb#77", [0])


@pytest.mark.parametrize(
    ("prediction", "answer"),
    [
        ("first \\boxed{Ann}, no: \\boxed{Bob Li}", "Bob Li"),
        ("\\boxed{{Bob}}", "Bob"),
        ("\\boxed{\\text{Bob}}", "Bob"),
        ("\\boxed{'Bob'}", "Bob"),
        ("\\boxed{Bob~Li}", "Bob Li"),
        ("\\boxed{Bob\n  Li}", "Bob Li"),
        ("\\boxed{Bob", "None"),
        ("\\boxed{}", "None"),
        ("\\fbox{Bob}", "None"),
        ("Bob", "None"),
    ],
)
def test_the_last_box_is_the_answer(prediction: str, answer: str) -> None:
    """Cleaned of markup; "None" where nothing is boxed."""
    assert answer == needlebench_atc_answer(prediction)


def test_an_answer_must_be_the_name() -> None:
    """Case counts, blanks around it do not."""
    assert (100, 0) == (needlebench_atc_v2("\\boxed{ Bob }", "Bob"), needlebench_atc_v2("\\boxed{bob}", "Bob"))


def test_a_question_right_in_all_rotations_is_perfect() -> None:
    """Gold is A in the original order, and D, C, B in the rotations."""
    scores = needlebench_circular({"ABCD": "A", "BCDA": "D", "CDAB": "C", "DABC": "B"}, "A")

    assert {100} == {scores[name] for name in ("acc_4", "acc_1", "perf_4", "vote_4", "more_4_3")}


def test_a_vote_is_won_by_the_option_meant_most_often() -> None:
    """Two rotations mean A, one means B, one says nothing."""
    scores = needlebench_circular({"ABCD": "A", "BCDA": "D", "CDAB": "D", "DABC": ""}, "A")

    assert (50, 0, 100) == (scores["acc_4"], scores["perf_4"], scores["vote_4"])


@pytest.mark.parametrize(
    ("scores", "count"),
    [
        ({2: 90.0, 5: 80.0, 8: 70.0}, 8),
        ({2: 90.0, 5: 59.0, 8: 20.0}, 2),
        ({2: 10.0, 5: 90.0}, 0),
        ({2: 90.0, 5: 10.0, 8: 90.0, 11: 10.0}, 8),
    ],
)
def test_the_last_fall_below_60_decides(scores: dict[int, float], count: int) -> None:
    """No fall gives the largest count, a fall at once gives 0, a later fall replaces an earlier one."""
    assert count == needlebench_maximum_needles(scores)
