"""Bars of published numbers: one model under several RoPE settings, beside the one trained for long contexts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.published import Measure, Printed, published_sources
from evalkit.tasks import load_spec

from .._bars import Bar, BarPanel, draw_bars
from ..drawing import Texts, joined

__all__ = ["draw_published_bars", "published_panels", "published_texts"]


def draw_published_bars(stem: Path, measures: Sequence[Measure]) -> list[Path]:
    """`stem`.png and `stem`.svg of published numbers, or the file that `stem` names; their paths."""
    return draw_bars(stem, published_panels(measures), published_texts(measures))


def published_panels(measures: Sequence[Measure]) -> list[BarPanel]:
    """One panel for each measure; a single one is named by the figure's subtitle."""
    is_lone = len(measures) == 1
    return [
        BarPanel("" if is_lone else _named(measure), [_bar(number, measure) for number in measure.numbers])
        for measure in measures
    ]


def _named(measure: Measure) -> str:
    """`Needle grid · 2,048 tokens`."""
    task = f"{int(measure.task):,} tokens" if measure.kind == "length" else measure.task
    return joined(load_spec(measure.benchmark).title, task)


def _bar(number: Printed, measure: Measure) -> Bar:
    score = number.score
    label = score.model if score.rope == "native" else joined(score.model, score.rope)
    settings = {each.score.rope for each in measure.numbers if each.score.model == score.model}
    is_reference = score.rope == "native" and len(settings) > 1
    return Bar(label, float(number.text), number.text, is_reference=is_reference)


def published_texts(measures: Sequence[Measure]) -> Texts:
    """Title, what is shown, and in the caption counts, oddities and sources."""
    numbers = [number for measure in measures for number in measure.numbers]
    caption = [_counts(numbers), "numbers as printed, without intervals", _grey(measures)]
    about = _named(measures[0]) if len(measures) == 1 else ""
    protocols = dict.fromkeys(number.score.protocol for number in numbers)
    return Texts(
        "Published scores by RoPE setting",
        joined(about, f"protocol {', '.join(protocols)}"),
        joined(*caption, *_odd(numbers), *_sources(numbers)),
    )


def _counts(numbers: Sequence[Printed]) -> str:
    counts = sorted({number.score.n for number in numbers if number.score.n is not None})
    if not counts:
        return "n not published"
    return f"n = {counts[0]:,}" if len(counts) == 1 else f"n = {counts[0]:,} to {counts[-1]:,}"


def _grey(measures: Sequence[Measure]) -> str:
    is_there = any(bar.is_reference for panel in published_panels(measures) for bar in panel.bars)
    return "grey: the model as released" if is_there else ""


def _odd(numbers: Sequence[Printed]) -> list[str]:
    """What is odd about a number, once."""
    notes = {
        joined(number.score.model, "" if number.score.rope == "native" else number.score.rope): number.score.note
        for number in numbers
        if number.score.note
    }
    return [f"{name.replace(' · ', ' under ')}: {note}" for name, note in notes.items()]


def _sources(numbers: Sequence[Printed]) -> list[str]:
    known = published_sources()
    found = dict.fromkeys(number.source for number in numbers)
    return [f"source: {known[source].title}, {known[source].url}" for source in found]
