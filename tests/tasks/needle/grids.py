"""Samples of a needle grid, and the prompts made of them."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.prompts import Prompt, PromptBuilder
from evalkit.tasks import Benchmark, Sample


def samples_of(grid: Benchmark) -> list[Sample]:
    """All samples of its one task."""
    return list(grid.samples("single", "keyword", {}))


def prompts_of(grid: Benchmark, builder: PromptBuilder) -> Iterator[tuple[Sample, Prompt]]:
    """Each sample with its prompt."""
    for sample in samples_of(grid):
        request = grid.request(sample, "keyword", ())
        assert request is not None
        yield sample, next(builder.build([request]))
