"""What truncation did: counts from ledgers, in figures and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import UserError
from evalkit.reports import SurvivalRun, draw_survival, survival_table
from evalkit.reports._stacks import percent
from evalkit.reports._survival import survival
from evalkit.runs import LedgerRecord
from evalkit.scores import Measured, TaskAnswers, measure_benchmark
from evalkit.tasks import Answer, load_benchmark
from tests.reports.heatmaps.test_figure import words

KEPT = {"whole": 7, "kept": 2, "unknown": 4, "lost": 3}


def ledger(state: str) -> LedgerRecord:
    """A prompt of 9,000 tokens, of which 4,000 are left where it was cut."""
    spans = [(0, 9_000)] if state == "whole" else [(0, 2_000), (7_000, 9_000)]
    evidence = {"whole": True, "kept": True, "unknown": None, "lost": False}[state]
    after = sum(stop - start for start, stop in spans)
    return LedgerRecord(
        mode="middle", before=9_000, after=after, head=2_000, tail=2_000, kept=spans, evidence_kept=evidence,
        evidence_lost=[0] if state == "lost" else [],
    )  # fmt: skip


def measured(*, has_ledger: bool = True) -> Measured:
    """A run of two tasks, the second one whole."""
    states = [state for state, count in KEPT.items() for _ in range(count)]
    first = [Answer(f"longbench/qasper/{index}", f"d{index}", "red", ("red",), {}) for index in range(len(states))]
    second = [Answer(f"longbench/hotpotqa/{index}", f"e{index}", "red", ("red",), {}) for index in range(4)]
    ledgers = {each.id: ledger(state) for each, state in zip(first, states, strict=True)}
    cut = {each.id for each, state in zip(first, states, strict=True) if state != "whole"}
    lost = {each.id for each, state in zip(first, states, strict=True) if state == "lost"}
    given = {
        "qasper": TaskAnswers(
            first, ledgers=ledgers, has_ledger=has_ledger, truncated=frozenset(cut), evidence_lost=frozenset(lost)
        ),
        "hotpotqa": TaskAnswers(
            second, ledgers={each.id: ledger("whole") for each in second}, has_ledger=has_ledger
        ),
    }  # fmt: skip
    return measure_benchmark(load_benchmark("longbench"), "opencompass", given, model="m")


def test_samples_are_counted_once_by_what_became_of_their_evidence() -> None:
    """As many as `scores.json` has cut and lost."""
    made = measured()

    found = survival(made)

    assert KEPT == found["qasper"]._asdict()
    assert (4, 0, 0, 0) == found["hotpotqa"]
    told = made.scores.tasks["qasper"].truncation
    assert told is not None
    assert (told.truncated, told.evidence_lost) == (sum(found["qasper"][1:]), found["qasper"].lost)


def test_the_figure_has_shares_and_numbers_of_every_run(tmp_path: Path) -> None:
    """With the window, and a total over tasks; PARTIAL is said."""
    run = SurvivalRun("model", tmp_path, measured(), 4_096)

    _, svg = draw_survival(tmp_path / "cut", [run, run._replace(name="other", window=8_192)])

    found = words(svg)
    assert 2 == found.count("44% (7)") == found.count("19% (3)") == found.count("100% (4)")
    assert 2 == found.count("55% (11)")  # 7 + 4 of 20
    assert 2 == found.count("20")
    assert {"model · window 4,096", "other · window 8,192", "all tasks", "cut, evidence lost"} <= set(found)
    assert any("PARTIAL" in word for word in found)


def test_the_table_has_the_same_numbers() -> None:
    """A row for each task and one for all."""
    table = survival_table([SurvivalRun("model", Path(), measured(), None)])

    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert ("", "all tasks", "20", "11 (55%)", "2 (10%)", "4 (20%)", "3 (15%)") == rows[-1]
    assert ("model", "qasper", "16", "7 (44%)", "2 (12%)", "4 (25%)", "3 (19%)") in rows


def test_outputs_made_elsewhere_are_refused(tmp_path: Path) -> None:
    """In one line that names the folder; nothing is written."""
    run = SurvivalRun("model", Path("scored"), measured(has_ledger=False), None)

    with pytest.raises(UserError, match=r"--survival: scored: outputs made elsewhere"):
        draw_survival(tmp_path / "cut", [run])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0%"), (1, "< 1%"), (2, "1%"), (100, "50%"), (199, "> 99%"), (200, "100%")]
)
def test_shares_say_nothing_and_all_only_where_that_is_so(count: int, said: str) -> None:
    """One of 200 is not 0%, and 199 are not 100%."""
    assert said == percent(count, 200)
