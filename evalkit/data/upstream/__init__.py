"""What the pinned OpenCompass release says of prompts and scoring: parsed, never imported or run."""

from ._literals import Symbol, assignments, call, evaluate
from ._opencompass import (
    COLLECTIONS,
    DatasetConfig,
    Turn,
    UpstreamCheck,
    dataset_configs,
    verify_upstream,
    wheel_text,
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
    "verify_upstream",
    "wheel_text",
]
