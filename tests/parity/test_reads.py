"""What scorers read of answers against what the official code is recorded to have compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evalkit.metrics import UnscorableError
from evalkit.tasks import Answer, load_benchmark

Row = dict[str, Any]
Mismatches = Callable[[str, Callable[[Row], bool | None]], list[Row]]


@pytest.mark.parametrize(
    ("name", "benchmark", "task", "protocol", "field"),
    [
        ("leval_exam_coursera.json", "leval", "coursera", "official", "processed_pred"),
        ("leval_exam_quality.json", "leval", "quality", "official", "processed_pred"),
        ("leval_exam_tpo.json", "leval", "tpo", "official", "processed_pred"),
        ("leval_exam_gsm100.json", "leval", "gsm100", "official", "processed_pred"),
        ("leval_exam_codeU.json", "leval", "codeU", "official", "processed_pred"),
        ("leval_exam_sci_fi.json", "leval", "sci_fi", "official", "processed_pred"),
        ("opencompass_leval_gsm100.json", "leval", "gsm100", "opencompass", "processed_pred"),
        ("needlebench_v2_atc.json", "needlebench-v2-4k", "multi_reasoning_2_en", "opencompass", "processed_pred"),
        ("longbench_v2_extraction.json", "longbench-v2", "longbench-v2", "official", "official_extracted"),
    ],
)
def test_what_is_read_is_what_was_compared(
    mismatches: Mismatches, name: str, benchmark: str, task: str, protocol: str, field: str
) -> None:
    """Row for row; of program outputs without the blanks and capitals that the comparison passes over."""
    loaded = load_benchmark(benchmark)

    def matches(row: Row) -> bool:
        answer = Answer("a", "d", row["prediction"], tuple(row["references"]), {"evaluation": "exam", "index": 0})
        scorer = loaded.scorer(task, protocol, [answer])
        assert scorer.reads is not None
        try:
            found = scorer.reads(answer)
        except UnscorableError:
            return row["raises"] is not None
        expected = row["extra"][field]
        if task == "sci_fi":
            expected = expected and "{} [fact: {}]".format(*expected)
        elif task == "codeU":
            expected = expected.lower().replace(" ", "")
        return bool(found == (expected or ""))

    assert [] == mismatches(name, matches)
