"""What a run was asked for: the cells of its grids, and what their lengths count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import DataError, one_line
from evalkit.tasks import BenchmarkSpec, option_numbers

from ._grid import LengthAxis, Places

__all__ = ["asked_places", "has_counts", "length_label"]


def asked_places(spec: BenchmarkSpec, tasks: Iterable[str], options: Mapping[str, str]) -> dict[str, Places]:
    """Task → lengths and depths of its grid, from the run's options or the benchmark's table; others are left out."""
    if {"lengths", "depths"} <= options.keys():
        places = Places(*(option_numbers(name, options[name]) for name in ("lengths", "depths")))
        return dict.fromkeys(tasks, places)
    described = {task: spec.tasks[task].settings for task in tasks}
    return {
        task: _places(f"{spec.name}: tasks.{task}.settings", settings)
        for task, settings in described.items()
        if {"lengths", "depths"} <= settings.keys()
    }


def _places(place: str, settings: Mapping[str, Any]) -> Places:
    try:
        return Places(tuple(map(float, settings["lengths"])), tuple(dict.fromkeys(map(float, settings["depths"]))))
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{place}: lengths and depths: expected lists of numbers ({one_line(error, 80)})") from error


def has_counts(spec: BenchmarkSpec) -> bool:
    """Whether the parts of a benchmark's scores are counts of what a story tells (ATC), not lengths."""
    return all("counts" in task.settings for task in spec.tasks.values())


def length_label(
    spec: BenchmarkSpec, axis: LengthAxis, options: Mapping[str, str] | None = None, unit: str = "tokens"
) -> str:
    """The name of a length axis, which says whose tokens it counts; `unit` is what the run's prompts are counted in.

    Where a benchmark counts what its stories tell, not tokens, that is its nominal axis.
    """
    if axis != "nominal":
        return f"Prompt {unit} {'before' if axis == 'prompt' else 'after'} truncation"
    if has_counts(spec):
        return "Names or sentences of a story"
    if spec.kind == "needlebench":
        return "Length (cl100k tokens, nominal)"
    if spec.kind != "needle-grid":
        return "Length (as the benchmark counts it)"
    counter = (options or {}).get("length-tokenizer")
    return f"Prompt length (tokens of {Path(counter).name})" if counter else f"Prompt length (the model's {unit})"
