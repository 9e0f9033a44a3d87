"""How verdicts on published numbers are printed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from _pytest.capture import CaptureIO

from evalkit.cli._verdicts import print_comparison
from evalkit.verdicts import Gap, NumberVerdict, PublishedComparison, judge
from evalkit.verdicts._evidence import Mode

GAP = Gap(difference=-0.001, error=0.0, df=float("inf"), digits=0.005)
NUMBER = NumberVerdict(
    name="passage_retrieval_en", kind="task", published=68.0, published_text="68.00", source="page", ours=67.999,
    n=200, mode=Mode.PAIRED, verdict=judge(GAP, 2.268).verdict, margin=2.268, judged=judge(GAP, 2.268), reason="",
    settle="",
)  # fmt: skip
COMPARISON = PublishedComparison(
    run="run", benchmark="longbench", model="m", rope="native", protocol="official", numbers=(NUMBER,), absent=(),
    knobs=(),
)  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str], *numbers: NumberVerdict) -> list[str]:
    """The lines that are printed of these numbers."""
    print_comparison(replace(COMPARISON, numbers=numbers))
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()


def test_numbers_have_two_decimals_and_no_minus_before_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The bound is rounded up; a mode that all numbers have stands above them."""
    lines = printed(capsys, NUMBER)

    assert lines[0].endswith("published: page · mode P")
    assert ["passage_retrieval_en", "68.00", "68.00", "0.00", "±0.01", "2.27", "200", "held"] == lines[2].split()


def test_a_minus_is_a_minus_sign(capsys: pytest.CaptureFixture[str]) -> None:
    """The same sign as in a comparison of two runs."""
    assert "−0.50" in printed(capsys, replace(NUMBER, ours=67.5))[2]


def test_what_is_said_of_several_numbers_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below the table, behind their names; at eighty columns no line is wider."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)
    reason = "ours is scored under official, the published number under index: --protocol index scores again"
    odd = [replace(NUMBER, name=f"task{index}", reason=reason) for index in range(5)]

    lines = printed(capsys, *odd, replace(NUMBER, mode=Mode.UNPAIRED, settle="cannot be settled"))

    assert 80 >= max(map(len, lines[1:]))
    text = " ".join(" ".join(lines).split())
    assert 1 == text.count(reason)
    assert f"task0, task1, task2 and 2 more: {reason}" in text
    assert "passage_retrieval_en: cannot be settled" in text


def test_a_comparison_shows_itself_in_a_notebook() -> None:
    """In one line, as a data frame, and as a table whose texts are escaped."""
    comparison = replace(COMPARISON, numbers=(replace(NUMBER, reason="<script>"),), absent=("lcc",))

    assert "<PublishedComparison longbench · m · official: inconclusive (1 held, 1 not in this run)>" == repr(
        comparison
    )
    assert ["passage_retrieval_en", "held"] == list(comparison.to_pandas().loc[0, ["name", "verdict"]])
    page = comparison._repr_html_()
    assert "<table" in page
    assert "<script" not in page
