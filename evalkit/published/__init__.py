"""Published scores with their sources, and what is known of the runs behind them."""

from ._check import PublishedCheck, check_published
from ._conditions import Measure, Printed, conditions_of, published_conditions
from ._finding import MEANINGS, Finding
from ._margins import rule_margin
from ._outputs import PinnedOutputs, pinned_outputs
from ._records import KNOBS, Knob, PublishedScore, PublishedSource
from ._scores import (
    published,
    published_benchmarks,
    published_files,
    published_for,
    published_groups,
    published_models,
    published_sources,
    read_published_file,
)

__all__ = [
    "KNOBS",
    "MEANINGS",
    "Finding",
    "Knob",
    "Measure",
    "PinnedOutputs",
    "Printed",
    "PublishedCheck",
    "PublishedScore",
    "PublishedSource",
    "check_published",
    "conditions_of",
    "pinned_outputs",
    "published",
    "published_benchmarks",
    "published_conditions",
    "published_files",
    "published_for",
    "published_groups",
    "published_models",
    "published_sources",
    "read_published_file",
    "rule_margin",
]
