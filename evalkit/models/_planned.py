"""Holds a loaded model's rotation against what a run counts with: a setting of another base is another condition."""

from __future__ import annotations

import math

from evalkit.errors import UserError
from evalkit.rope import RopeModel

__all__ = ["check_planned"]

TOLERANCE = 2**-7  # of a base: what a table kept in bfloat16 still tells


def check_planned(planned: RopeModel, *, dimension: int | None = None, base: float | None = None) -> None:
    """Raise a `UserError` where a model, as loaded, turns other dimensions or by another base than a run counts with.

    A card, or a file that the model's class reads otherwise, may have said something else than the weights do.
    """
    if dimension is not None and dimension != planned.dimension:
        fact, found, expected = "architecture.rotary_dim", f"{dimension} dimensions of a head", f"{planned.dimension}"
    elif base is not None and not math.isclose(base, planned.base, rel_tol=TOLERANCE):
        fact, found, expected = "rope.theta", f"by base {base:g}", f"{planned.base:g}"
    else:
        return
    raise UserError(f"the loaded model turns {found}, and --rope counts with {expected}: correct {fact} in its card")
