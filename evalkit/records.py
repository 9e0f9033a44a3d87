"""The two kinds of pydantic record: strict ones that people write, lenient ones that are read back from run folders."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from evalkit.errors import one_line, shown

__all__ = ["LARGEST_COUNT", "LARGEST_NUMBER", "Amount", "Count", "FrozenRecord", "Number", "StoredRecord", "explain"]

LARGEST_COUNT = 2**50
"""Of tokens, widths, parameters: far beyond any, and floats still hold it exactly."""

LARGEST_NUMBER = 1e18
"""Of bases, prices, seconds; published RoPE bases go up to 1e11."""


def _no_truth(value: object) -> object:
    """The value, where it is not true or false: pydantic would take these for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


Number = Annotated[float, BeforeValidator(_no_truth), Field(le=LARGEST_NUMBER, allow_inf_nan=False)]
"""A number of a file that people write."""

Count = Annotated[int, BeforeValidator(_no_truth), Field(gt=0, le=LARGEST_COUNT)]
"""A whole number from 1."""

Amount = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=LARGEST_COUNT)]
"""A whole number from 0."""


class FrozenRecord(BaseModel):
    """A record that never changes and refuses fields it does not know, so that a misspelt one is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredRecord(BaseModel):
    """A record that never changes and passes over fields it does not know, which a later release may have written."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def explain(error: ValidationError, known: Iterable[str] = ()) -> str:
    """The first thing that is wrong as `field: what`, and how many more there are; `known` are fields to suggest."""
    errors = error.errors(include_url=False)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return _explain_one(errors[0], known) + more


def _explain_one(error: Mapping[str, Any], known: Iterable[str]) -> str:
    # Tags of unions start with "~", so that they can be left out here.
    parts = [str(part) for part in error["loc"] if not str(part).startswith("~")]
    field = ".".join(parts)[:200]
    if error["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(field, known, n=1)
        return f"{field}: unknown field" + (f": did you mean {nearest[0]!r}?" if nearest else ": remove it")
    if error["type"] == "missing":
        return f"{field}: missing: add it"
    message = one_line(str(error["msg"]).removeprefix("Value error, "))
    return f"{field}: {message}, found {shown(error['input'])}" if field else message
