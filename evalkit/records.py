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
    """A record that never changes and refuses fields it does not know, so that a misspelt one is noticed.

    Its numbers are finite: JSON has no others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StoredRecord(BaseModel):
    """A record that never changes and passes over fields it does not know, which a later release may have written.

    Its numbers are finite.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


def explain(error: ValidationError, known: Iterable[str] = (), also_missing: Iterable[str] = ()) -> str:
    """All missing fields at once; then the first other error as `field: what`, and how many more there are.

    `known` are fields to suggest; `also_missing` is added to the missing ones, where there are any.
    """
    errors = error.errors(include_url=False)
    missing = [_field(each) for each in errors if each["type"] == "missing"]
    missing += also_missing if missing else ()
    others = [each for each in errors if each["type"] != "missing"]
    parts = [f"{', '.join(missing)}: missing: add {'it' if len(missing) == 1 else 'them'}"] if missing else []
    parts += [_explain_one(others[0], known)] if others else []
    return "; ".join(parts) + (f" (and {len(others) - 1} more)" if len(others) > 1 else "")


def _field(error: Mapping[str, Any]) -> str:
    # Tags of unions start with "~", so that they can be left out here.
    return ".".join(str(part) for part in error["loc"] if not str(part).startswith("~"))[:200]


def _explain_one(error: Mapping[str, Any], known: Iterable[str]) -> str:
    field = _field(error)
    if error["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(field, known, n=1)
        return f"{field}: unknown field" + (f": did you mean {nearest[0]!r}?" if nearest else ": remove it")
    message = one_line(str(error["msg"]).removeprefix("Value error, "))
    # An address may hold a user, a password or a key, which is what is wrong with it.
    found = "" if field.rpartition(".")[2] == "base_url" else f", found {shown(error['input'])}"
    return f"{field}: {message}{found}" if field else message
