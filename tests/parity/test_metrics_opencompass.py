"""OpenCompass metrics for L-Eval against vectors made by its evaluators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from evalkit.metrics import (
    bootstrap_medians,
    first_capital,
    first_capitals,
    general_postprocess,
    gsm100_postprocess,
    opencompass_accuracy,
    opencompass_leval_em,
    rouge1,
    rouge2,
    rouge_l,
    without_commas,
)

Row = dict[str, Any]
Mismatches = Callable[[str, Callable[[Row], bool | None]], list[Row]]

_ROUGE = {"rouge1": rouge1, "rouge2": rouge2, "rougeL": rouge_l}
_POSTPROCESSORS = {
    "first_capital_postprocess": first_capital,
    "first_capital_postprocess_multi": first_capitals,
}


def test_accuracy_of_letters_matches(mismatches: Mismatches) -> None:
    """Both letter post-processors and the accuracy that follows them match."""

    def matches(row: Row) -> bool:
        answer = _POSTPROCESSORS[row["extra"]["postprocessor"]](row["prediction"])
        score = opencompass_accuracy(answer, row["references"][0])
        return (row["extra"]["processed_pred"], row["score"]) == (answer, score)

    assert [] == mismatches("opencompass_leval_acc.json", matches)


def test_accuracy_of_numbers_matches(mismatches: Mismatches) -> None:
    """The gsm100 post-processor, its target and the accuracy match."""

    def matches(row: Row) -> bool:
        answer, target = gsm100_postprocess(row["prediction"]), without_commas(row["references"][0])
        expected = (row["extra"]["processed_pred"], row["extra"]["processed_gt"], row["score"])
        return expected == (answer, target, opencompass_accuracy(answer, target))

    assert [] == mismatches("opencompass_leval_gsm100.json", matches)


def test_substring_matches_match(mismatches: Mismatches) -> None:
    """The evaluator of topic_retrieval gives the same score after one round of post-processing."""

    def matches(row: Row) -> bool:
        answer = general_postprocess(row["prediction"])
        score = opencompass_leval_em(answer, row["references"][0])
        return (row["extra"]["general_postprocess"], row["score"]) == (answer, score)

    assert [] == mismatches("opencompass_leval_em.json", matches)


def test_rouge_of_single_samples_matches(mismatches: Mismatches) -> None:
    """All three kinds match on corpora of one sample."""

    def matches(row: Row) -> bool:
        scores = {kind: metric(row["prediction"], row["references"]) for kind, metric in _ROUGE.items()}
        return bool({kind: row["extra"][kind] for kind in _ROUGE} == pytest.approx(scores, abs=1e-9))

    assert [] == mismatches("opencompass_rouge_single.json", matches)


def test_bootstrap_medians_match(mismatches: Mismatches, leval_predictions: Callable[[str], list[Row] | None]) -> None:
    """The corpus values of real prediction files and of random small corpora match in all three kinds."""

    def texts(row: Row) -> tuple[Sequence[str], Sequence[str]] | None:
        if not isinstance(row["prediction"], str):
            return row["prediction"], row["references"]
        records = leval_predictions(row["prediction"])
        if records is None:
            return None
        key = next(key for key in records[0] if "_pred" in key)
        return [record[key] for record in records], [record["gt"] for record in records]

    def matches(row: Row) -> bool | None:
        corpus = texts(row)
        if corpus is None:
            return None
        pairs = list(zip(*corpus, strict=True))
        columns = [[metric(answer, [target]) for answer, target in pairs] for metric in _ROUGE.values()]
        expected = [row["extra"][kind] for kind in _ROUGE]
        return bool(expected == pytest.approx(bootstrap_medians(columns), abs=1e-9))

    assert [] == mismatches("opencompass_rouge_corpus.json", matches)
