"""What a check of a card noticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """One thing a check noticed."""

    level: Literal["error", "warning", "note"]
    """`error` = the card cannot be used or contradicts the weights, `warning` = look again, `note` = worth knowing."""
    message: str
    """What, where, and what to do."""
