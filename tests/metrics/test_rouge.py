"""ROUGE against the package that published scores were made with."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.metrics import UnscorableError, bootstrap_medians, rouge, rouge1, rouge2, rouge_l

METRICS = {"rouge1": rouge1, "rouge2": rouge2, "rougeL": rouge_l}
WORDS = st.lists(st.sampled_from(["the", "cat", "Cat.", "sat", "\n", "\n\n", "3.5", "naïve", "北京", "K"]), max_size=30)
TEXTS = WORDS.map(" ".join) | st.text(max_size=60)


@cache
def peer() -> Any:
    """A scorer of `rouge_score` with all kinds."""
    rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")
    return rouge_scorer.RougeScorer(list(METRICS))


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_every_kind_equals_rouge_score(prediction: str, target: str) -> None:
    """On any two texts all three kinds equal those of `rouge_score`."""
    expected = {kind: 100 * score.fmeasure for kind, score in peer().score(target, prediction).items()}

    scores = {kind: metric(prediction, [target]) for kind, metric in METRICS.items()}

    assert expected == pytest.approx(scores, abs=1e-9)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
@settings(deadline=None)
def test_several_references_give_the_best(prediction: str, targets: list[str]) -> None:
    """The score over several targets is the highest single one, per kind."""
    expected = {kind: 100 * score.fmeasure for kind, score in peer().score_multi(targets, prediction).items()}

    scores = {kind: metric(prediction, targets) for kind, metric in METRICS.items()}

    assert expected == pytest.approx(scores, abs=1e-9)


def test_a_sample_without_a_reference_is_not_scored() -> None:
    """No target is a failure, not a zero."""
    with pytest.raises(UnscorableError, match="no target"):
        rouge1("text", [])


@pytest.mark.parametrize("size", [1, 2, 7, 200])
def test_bootstrap_medians_equal_the_aggregator(size: int) -> None:
    """Medians of several columns equal `rouge_score`'s aggregator under numpy's global seed 0, in the same order."""
    scoring = pytest.importorskip("rouge_score.scoring")
    columns = np.random.default_rng(size).random((4, size))
    aggregator = scoring.BootstrapAggregator()
    for row in columns.T:
        aggregator.add_scores({str(kind): scoring.Score(0, 0, value) for kind, value in enumerate(row)})
    state = np.random.get_state()
    np.random.seed(0)
    expected = [each.mid.fmeasure for each in aggregator.aggregate().values()]
    np.random.set_state(state)

    medians = bootstrap_medians(columns.tolist())

    assert expected == pytest.approx(medians, abs=1e-12)


def test_bootstrap_medians_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the resamples in many small blocks walks the same random stream."""
    columns = [[1.0, 5.0, 9.0], [2.0, 0.0, 4.0]]
    expected = bootstrap_medians(columns)
    monkeypatch.setattr(rouge, "_DRAWS_AT_ONCE", 21)

    medians = bootstrap_medians(columns)

    assert expected == medians


def test_bootstrap_medians_leave_the_global_generator_alone() -> None:
    """numpy's global random state is the same before and after."""
    before = np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]

    bootstrap_medians([[1.0, 2.0]])

    assert before == np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]


def test_an_empty_column_has_no_median() -> None:
    """A bootstrap of nothing is refused."""
    with pytest.raises(ValueError, match="at least one score"):
        bootstrap_medians([[]])
