"""The margins that ship are those of the rule."""

from __future__ import annotations

import pytest

from evalkit.published import published, published_benchmarks, published_groups, rule_margin
from evalkit.published._definition import defined_samples, least_samples

SCORES = [score for name in published_benchmarks() for score in published(name) + published_groups(name)]


@pytest.mark.parametrize(
    ("kind", "n", "printed", "digits", "expected"),
    [
        ("overall", 4750, "51.03", "rounded:4", "1"),
        ("group", 4750, "51.03", "rounded:4", "2"),
        ("overall", 999, "51.03", "rounded:4", "2"),
        ("task", 300, "51.03", "rounded:2", "2"),
        ("task", 299, "51.03", "rounded:2", "3"),
        ("task", None, "51.03", "rounded:2", "3"),
        ("task", 500, "6", "rounded:2", "0.6"),
        ("task", 200, "0", "rounded:2", "0.01"),
        ("task", 200, "0.07", "rounded:2", "0.01"),
        ("task", 200, "3", "unknown", "1"),
    ],
)
def test_the_rule_looks_at_kind_size_and_digits_only(
    kind: str, n: int | None, printed: str, digits: str, expected: str
) -> None:
    """1, 2 or 3 points by size, at most a tenth of the score, at least one printed unit."""
    assert expected == format(rule_margin(kind, n, printed, digits), "f")


def test_the_margins_in_the_files_are_those_of_the_rule() -> None:
    """They are written down, so that nobody can choose one later; and they are what the rule gives."""
    differing = [
        (score.where, score.margin)
        for score in SCORES
        if score.margin
        != float(rule_margin(score.kind, least_samples(score), score.printed, score.knobs["digits"].value))
    ]

    assert [] == differing


def test_the_numbers_of_samples_are_the_benchmarks() -> None:
    """A number of samples in the files is that of the definition, of means the sum over their tasks."""
    differing = [
        (score.where, score.n, expected)
        for score in SCORES
        if score.n is not None and (expected := defined_samples(score)) not in (None, score.n)
    ]

    assert [] == differing
