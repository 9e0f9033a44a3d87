"""The two kinds of pydantic record: strict ones that people write, lenient ones that are read back from run folders."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["FrozenRecord", "StoredRecord"]


class FrozenRecord(BaseModel):
    """A record that never changes and refuses fields it does not know, so that a misspelt one is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredRecord(BaseModel):
    """A record that never changes and passes over fields it does not know, which a later release may have written."""

    model_config = ConfigDict(frozen=True, extra="ignore")
