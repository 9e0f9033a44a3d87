"""Verdicts of a table: what Holm and leaning answers take back."""

from __future__ import annotations

import pytest

from evalkit.verdicts import Decision, Gap, Lean, Verdict, decide, judge, mcnemar


def test_a_difference_among_many_must_be_clearer() -> None:
    """p = 0.03 alone differs, one of two tested does not; p = 0.001 does either way."""
    weak, strong = judge(Gap(-4.0, 1.0, float("inf"), 0.1), 2.0), judge(Gap(-6.0, 1.0, float("inf"), 0.1), 2.0)
    held = judge(Gap(0.0, 0.1, float("inf"), 0.1), 2.0)

    assert 0.025 < weak.p_differs < 0.05
    assert Decision(Verdict.DIFFERS, "") == decide({"one": weak})["one"]
    both = decide({"one": weak, "two": held})
    assert Verdict.INCONCLUSIVE is both["one"].verdict
    assert "once 2 numbers are tested" in both["one"].reason
    assert Decision(Verdict.HELD, "") == both["two"]
    assert Verdict.DIFFERS is decide({"one": strong, "two": held})["one"].verdict


def test_answers_that_lean_are_not_held() -> None:
    """However small the gap; the reason says how they lean. Leaning makes nothing differ."""
    held, differs = judge(Gap(-0.5, 0.3, 199, 0.05), 2.0), judge(Gap(-9.0, 0.3, 199, 0.05), 2.0)

    found = decide({"held": held, "differs": differs}, {"held": Lean(10, 0, 0.002), "differs": Lean(30, 0, 1e-9)})

    assert Verdict.INCONCLUSIVE is found["held"].verdict
    assert "lean one way (10 worse, 0 better)" in found["held"].reason
    assert Verdict.DIFFERS is found["differs"].verdict
    assert Verdict.HELD is decide({"held": held}, {"held": Lean(5, 1, 0.22)})["held"].verdict


@pytest.mark.parametrize(
    ("worse", "better", "expected"), [(1, 0, False), (0, 5, False), (0, 6, True), (9, 1, True), (7, 1, False)]
)
def test_answers_lean_where_the_sign_test_says_so(worse: int, better: int, expected: bool) -> None:
    """One flip is no lean; six of six are p = 0.03."""
    assert expected == Lean(worse, better, mcnemar(worse, better)).is_one_sided


def test_an_empty_table_has_no_verdicts() -> None:
    """Nothing was compared."""
    assert {} == decide({})
