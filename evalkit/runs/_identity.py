"""Commits that identify a run, so that records of two different runs never mix."""

from __future__ import annotations

import re

__all__ = ["moved_on_hub", "pinned_commit"]

_HUB_COMMIT = re.compile(r"hub:(.+)@([0-9a-f]+)")


def moved_on_hub(before: str, now: str) -> str | None:
    """What to say where two identities are commits of one model on the hub; None for any others."""
    old, new = (_HUB_COMMIT.fullmatch(each) for each in (before, now))
    if old is None or new is None or old[1] != new[1]:
        return None
    return (
        f"holds a run of {old[1]} at {old[2][:12]}, and the hub's is {new[2][:12]} now; name the model "
        f"{old[1]}@{old[2]} to go on, or give this run its own --out"
    )


def pinned_commit(weights: str) -> tuple[str, str] | None:
    """Repository and commit of the hub that an identity names; None for weights that are no hub's."""
    found = _HUB_COMMIT.fullmatch(weights)
    return None if found is None else (found[1], found[2])
