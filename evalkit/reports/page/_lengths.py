"""What lengths count, in the words of the page."""

from __future__ import annotations

from pathlib import Path

from ._content import PageRun
from ._labels import Labels

__all__ = ["limit_unit", "nominal_unit", "prompt_unit"]


def nominal_unit(run: PageRun, words: Labels) -> str:
    """Name of the axis of a run's lengths as its benchmark names them; in English as figures name it."""
    if run.spec.kind == "needlebench":
        return words["lengths_cl100k"]
    if run.spec.kind != "needle-grid":
        return words["lengths_benchmark"]
    counter = run.options.get("length-tokenizer")
    if counter:
        return words["lengths_counted"].format(name=Path(counter).name)
    return words["lengths_model"].format(unit=_unit(run, words))


def prompt_unit(run: PageRun, words: Labels) -> str:
    """Name of the axis of prompt lengths as they were sent."""
    return words["lengths_sent"].format(unit=_unit(run, words))


def limit_unit(run: PageRun | None, words: Labels) -> str:
    """Name of the axis of the buckets of a sweep: prompt and answer limit together."""
    return words["lengths_limit"].format(unit=_unit(run, words))


def _unit(run: PageRun | None, words: Labels) -> str:
    """What the run's prompts are counted in; tokens where there is no run."""
    unit = "tokens" if run is None or run.manifest is None else str(run.manifest.settings.get("unit", "tokens"))
    return words.get(f"lengths_unit_{unit}", unit)
