"""What the pinned OpenCompass release says of prompts and scoring: parsed, never imported or run."""

from ._literals import Symbol, assignments, call, evaluate
from ._opencompass import (
    COLLECTIONS,
    DatasetConfig,
    Turn,
    UpstreamCheck,
    dataset_configs,
    read_wheel_text,
    verify_upstream,
)

__all__ = [
    "COLLECTIONS",
    "DatasetConfig",
    "Symbol",
    "Turn",
    "UpstreamCheck",
    "assignments",
    "call",
    "dataset_configs",
    "evaluate",
    "read_wheel_text",
    "verify_upstream",
]
