"""LongBench's ROUGE-L against the package that published scores were made with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.metrics import (
    OFFICIAL_RECURSION_CALLS,
    OFFICIAL_RECURSION_CALLS_ZH,
    RougeReport,
    longbench_rouge_l,
    longbench_rouge_l_report,
    longbench_rouge_l_zh,
    longbench_rouge_l_zh_report,
    opencompass_longbench_rouge_l_zh,
)
from evalkit.metrics._chinese import words

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "A", ".", " . ", "\n", "北京"]), max_size=40).map(" ".join)


@cache
def peer() -> Any:
    """The scorer of package `rouge`."""
    return pytest.importorskip("rouge").Rouge(metrics=["rouge-l"])


def peer_score(prediction: str, target: str) -> float:
    """Its ROUGE-L F-measure, 0 where it raises."""
    try:
        return float(100 * peer().get_scores([prediction], [target])[0]["rouge-l"]["f"])
    except (ValueError, ZeroDivisionError):
        return 0.0


@given(TEXTS | st.text(max_size=40), TEXTS)
@settings(deadline=None)
def test_scores_equal_those_of_rouge(prediction: str, target: str) -> None:
    """On any two texts the score is that of `rouge`, and 0 where it refuses them."""
    expected = peer_score(prediction, target)

    score = longbench_rouge_l(prediction, [target])

    assert expected == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize(("expected", "prediction"), [(0.0, ""), (0.0, "..."), (99.9999995, " . "), (0.0, "x")])
def test_a_sentence_of_white_space_is_one_empty_word(expected: float, prediction: str) -> None:
    """White space before a full stop makes a sentence; a full stop alone does not."""
    assert expected == pytest.approx(longbench_rouge_l(prediction, [" "]), abs=1e-9)


def test_the_best_reference_counts() -> None:
    """The score over several targets is the highest single one."""
    scores = [longbench_rouge_l("a b c", [each]) for each in ("x", "a b", "a b c d")]

    assert max(scores) == longbench_rouge_l("a b c", ["x", "a b", "a b c d"])


def test_the_recursion_limit_zeroes_long_sentences_and_says_so() -> None:
    """One call beyond the limit scores 0, is reported, and scores again once the limit is lifted."""
    numbers = [str(number) for number in range(OFFICIAL_RECURSION_CALLS)]
    below, beyond = " ".join(numbers[:-1]), " ".join(numbers)

    outcomes = [longbench_rouge_l_report(text, [text]) for text in (below, beyond)]
    lifted = longbench_rouge_l_report(beyond, [beyond], recursion_calls=None)

    assert [False, True] == [outcome.is_recursion_hit for outcome in outcomes]
    assert 0.0 == outcomes[1].score
    assert RougeReport(pytest.approx(100.0, abs=1e-5), False) == lifted


@pytest.mark.parametrize(
    ("report", "calls"),
    [
        (longbench_rouge_l_report, OFFICIAL_RECURSION_CALLS),
        (longbench_rouge_l_zh_report, OFFICIAL_RECURSION_CALLS_ZH),
    ],
)
def test_chinese_has_one_recursive_call_less(report: Callable[[str, Sequence[str]], RougeReport], calls: int) -> None:
    """Its official function calls the English one, so texts that need one call more than that leaves score 0."""
    predicted = [" ".join(["k", *(f"p{number}" for number in range(count))]) for count in (calls - 5, calls - 4)]

    outcomes = [report(text, ["k q1 q2 q3"]) for text in predicted]

    assert 1 == OFFICIAL_RECURSION_CALLS - OFFICIAL_RECURSION_CALLS_ZH
    assert [False, True] == [outcome.is_recursion_hit for outcome in outcomes]


def test_a_deep_pair_is_found_behind_full_coverage() -> None:
    """A pair that cannot add a word is still walked when its walk may be too deep."""
    deep = " ".join(str(number) for number in range(OFFICIAL_RECURSION_CALLS))

    outcome = longbench_rouge_l_report(f"0. {deep}", [f"0. x {deep}"])

    assert RougeReport(0.0, True) == outcome


def test_chinese_is_cut_into_words_first() -> None:
    """Two texts that share a word but no white space share something."""
    scores = (longbench_rouge_l("中国的首都是北京", ["北京"]), longbench_rouge_l_zh("中国的首都是北京", ["北京"]))

    assert (0.0, pytest.approx(100 / 3, abs=1e-5)) == scores
    assert scores[1] == longbench_rouge_l_zh_report("中国的首都是北京", ["北京"]).score


def test_opencompass_segments_again_for_each_reference() -> None:
    """The first target scores as in LongBench; for a later one jieba has split 他国 into 他 and 国."""
    text = "驻在他国某个城市"
    assert "他国" in words(text)

    scores = [opencompass_longbench_rouge_l_zh(text, targets) for targets in ([text], ["x", text], [])]

    assert pytest.approx(100.0, abs=1e-5) == scores[0] == longbench_rouge_l_zh(text, ["x", text])
    assert scores[1] < 90.0
    assert 0.0 == scores[2]
