"""What a caller from Python meets: results as objects, arguments checked, errors in Python's words, progress."""

from ._arguments import (
    check_list,
    check_names,
    check_places,
    check_predictions,
    check_text,
    loose_options,
    read_call,
    read_model,
)
from ._chat import Chat
from ._results import EvaluationResult, MergeResult, PlanResult
from ._watching import CallMonitor, warn_of, watching
from ._wording import in_python, python_words

__all__ = [
    "CallMonitor",
    "Chat",
    "EvaluationResult",
    "MergeResult",
    "PlanResult",
    "check_list",
    "check_names",
    "check_places",
    "check_predictions",
    "check_text",
    "in_python",
    "loose_options",
    "python_words",
    "read_call",
    "read_model",
    "warn_of",
    "watching",
]
