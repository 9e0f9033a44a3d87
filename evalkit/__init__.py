"""evalkit measures how well language models use long contexts, and tells whether a published score holds."""

from __future__ import annotations

from . import _start as _start  # before any other import: see there

# isort: split

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit._api import (
        Chat,
        EvaluationResult,
        MergeResult,
        PlanResult,
        chat,
        compare,
        evaluate,
        leaderboard,
        merge,
        plan,
        score_predictions,
    )
    from evalkit._page import report
    from evalkit._reproduce import reproduce
    from evalkit._sweep import rope_sweep
    from evalkit.cards import Card, load_card
    from evalkit.errors import EvalkitError, EvalkitWarning, SampleError, UserError
    from evalkit.reports import Leaderboard
    from evalkit.runs import Monitor
    from evalkit.scores import BenchmarkScores, TaskScore
    from evalkit.settings import RunOptions, RunSettings
    from evalkit.sweeps import Sweep
    from evalkit.verdicts import Comparison

__all__ = [
    "BenchmarkScores",
    "Card",
    "Chat",
    "Comparison",
    "EvalkitError",
    "EvalkitWarning",
    "EvaluationResult",
    "Leaderboard",
    "MergeResult",
    "Monitor",
    "PlanResult",
    "RunOptions",
    "RunSettings",
    "SampleError",
    "Sweep",
    "TaskScore",
    "UserError",
    "__version__",
    "chat",
    "compare",
    "evaluate",
    "leaderboard",
    "load_card",
    "merge",
    "plan",
    "report",
    "reproduce",
    "rope_sweep",
    "score_predictions",
]

__version__ = version("evalkit")

_HOMES = {
    "BenchmarkScores": "scores",
    "Card": "cards",
    "Chat": "_api",
    "Comparison": "verdicts",
    "EvalkitError": "errors",
    "EvalkitWarning": "errors",
    "EvaluationResult": "_api",
    "Leaderboard": "reports",
    "MergeResult": "_api",
    "Monitor": "runs",
    "PlanResult": "_api",
    "RunOptions": "settings",
    "RunSettings": "settings",
    "SampleError": "errors",
    "Sweep": "sweeps",
    "TaskScore": "scores",
    "UserError": "errors",
    "chat": "_api",
    "compare": "_api",
    "evaluate": "_api",
    "leaderboard": "_api",
    "load_card": "cards",
    "merge": "_api",
    "plan": "_api",
    "report": "_page",
    "reproduce": "_reproduce",
    "rope_sweep": "_sweep",
    "score_predictions": "_api",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: `import evalkit` alone stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
    return getattr(import_module(f"evalkit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """All public names, imported or not."""
    return sorted([*globals(), *_HOMES])
