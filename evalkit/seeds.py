"""Seeds made of content: the same draws in every process, on every machine, in any order of calls."""

from __future__ import annotations

import hashlib

__all__ = ["content_seed"]


def content_seed(*parts: object) -> int:
    """A seed of 64 bits that the texts of `parts` and their order decide, and nothing else."""
    # The separator keeps ("ab", "c") and ("a", "bc") apart. Every byte here decides drawn needles and intervals.
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big")
