"""Published scores with their sources, and what is known of the runs behind them."""

from ._scores import (
    PublishedScore,
    PublishedSource,
    published,
    published_benchmarks,
    published_for,
    published_groups,
    published_sources,
)

__all__ = [
    "PublishedScore",
    "PublishedSource",
    "published",
    "published_benchmarks",
    "published_for",
    "published_groups",
    "published_sources",
]
