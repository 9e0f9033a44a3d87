"""The section `curves`: scores by length, of whole and cut prompts, and by number of needles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .._length_points import ALL, RANGES, CurvePoint, PointCurve, cut_curves, length_curves, needle_curves
from ._content import PageRun, Part
from ._labels import Labels
from ._lengths import nominal_unit, prompt_unit

__all__ = ["curves_part"]

KINDS = ("length", "cut", "needles")


class _Curve(NamedTuple):
    """One curve of one run."""

    run: int
    """Index of the run."""
    curve: PointCurve
    label: str
    """Task, group or all samples, in the page's words."""
    unit: str
    """What its axis counts, in the page's words."""


def curves_part(runs: Sequence[PageRun], words: Labels) -> Part | None:
    """The section; None where no run has a point."""
    curves = [curve for index, run in enumerate(runs) for curve in _curves(index, run, words)]
    if not curves:
        return None
    drawn = [_drawn(curve, runs[curve.run], words) for curve in curves]
    values = {"tables": _tables(curves, runs, words), "notes": list(_notes(curves, runs, words))}
    return Part("curves", "curves.html.j2", values, {"curves": drawn})


def _curves(index: int, run: PageRun, words: Labels) -> Iterator[_Curve]:
    if run.measured is None:
        return
    unit = "tokens" if run.manifest is None else str(run.manifest.settings.get("unit", "tokens"))
    found = [
        *length_curves(run.measured, run.options, unit), *cut_curves(run.measured), *needle_curves(run.measured)
    ]  # fmt: skip
    for curve in found:
        label = words["curves_all"] if curve.task == ALL else curve.label
        yield _Curve(index, curve, label, _unit(curve, run, words))


def _unit(curve: PointCurve, run: PageRun, words: Labels) -> str:
    if curve.kind != "length":
        return words[f"curves_unit_{curve.kind}"]
    if curve.axis == "own" and run.spec.kind == "longbench":
        return words["lengths_words"]
    return prompt_unit(run, words) if curve.axis == "kept" else nominal_unit(run, words)


def _scope(curve: PointCurve, run: PageRun) -> str:
    """Whether the curve is of all samples, of a group or of a task."""
    return "all" if curve.task == ALL else "task" if curve.task in run.spec.tasks else "group"


def _drawn(found: _Curve, run: PageRun, words: Labels) -> dict[str, Any]:
    curve = found.curve
    return {
        "run": found.run,
        "kind": curve.kind,
        "task": curve.task,
        "scope": _scope(curve, run),
        "label": found.label,
        "unit": found.unit,
        "pooled": curve.is_pooled and _scope(curve, run) != "task",
        "points": [_point(curve, point, words) for point in curve.points if point.score is not None],
    }


def _point(curve: PointCurve, point: CurvePoint, words: Labels) -> dict[str, Any]:
    return {
        "place": point.place,
        "name": _name(curve, point, words),
        "score": point.score,
        "n": point.n,
        "clusters": point.clusters,
        "low": point.low,
        "high": point.high,
        "filter": dict(point.filter),
    }


def _name(curve: PointCurve, point: CurvePoint, words: Labels) -> str:
    if curve.kind == "cut":
        return words[f"curves_cut_{point.name}"]
    return words["curves_over"] if point.name == RANGES[-1] else point.name


def _tables(curves: Sequence[_Curve], runs: Sequence[PageRun], words: Labels) -> list[dict[str, Any]]:
    """One table for each benchmark, kind and unit: a row for each task and run, a column for each place."""
    tables: dict[tuple[str, str, str], list[_Curve]] = {}
    for found in curves:
        tables.setdefault((runs[found.run].spec.title, found.curve.kind, found.unit), []).append(found)
    return [
        _table(f"{title} · {words[f'curves_kind_{kind}']}", unit, members, runs, words)
        for (title, kind, unit), members in tables.items()
    ]


def _table(
    title: str, unit: str, members: Sequence[_Curve], runs: Sequence[PageRun], words: Labels
) -> dict[str, Any]:  # fmt: skip
    places = {point.place: _name(each.curve, point, words) for each in members for point in each.curve.points}
    columns = sorted(places)
    ordered = sorted(members, key=lambda each: _order(each, members))
    return {
        "title": title,
        "unit": unit,
        "columns": [places[place] for place in columns],
        "rows": [(each.label, runs[each.run].name, _cells(each.curve, columns, words)) for each in ordered],
    }


def _order(found: _Curve, members: Sequence[_Curve]) -> int:
    """All runs of one task stand together."""
    return next(place for place, each in enumerate(members) if each.curve.task == found.curve.task)


def _cells(curve: PointCurve, columns: Sequence[float], words: Labels) -> list[str]:
    points: Mapping[float, CurvePoint] = {point.place: point for point in curve.points}
    return [_cell(points[place], words) if place in points else "–" for place in columns]


def _cell(point: CurvePoint, words: Labels) -> str:
    if point.score is None:
        return "–"
    if point.low is None or point.high is None:
        return words["curves_table_cell_open"].format(score=f"{point.score:.2f}", n=f"{point.n:,}")
    return words["curves_table_cell"].format(
        score=f"{point.score:.2f}", low=f"{point.low:.2f}", high=f"{point.high:.2f}", n=f"{point.n:,}"
    )


def _notes(curves: Sequence[_Curve], runs: Sequence[PageRun], words: Labels) -> Iterator[str]:
    """Which runs lack which curves, and why."""
    lacking: dict[str, list[str]] = {}
    for index, run in enumerate(runs):
        kinds = {each.curve.kind for each in curves if each.run == index}
        known = [] if run.measured is None else [each.truncated for each in run.measured.values.values()]
        if "length" not in kinds:
            lacking.setdefault("curves_none_length", []).append(run.name)
        if "cut" not in kinds:
            is_known = any(truncated is not None for truncated in known)
            lacking.setdefault("curves_none_cut" if is_known else "curves_unknown_cut", []).append(run.name)
    for reason, names in lacking.items():
        yield words[reason].format(runs=", ".join(names))
