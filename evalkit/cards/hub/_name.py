"""Names of models on the hub: `owner/name`, and `owner/name@revision`."""

from __future__ import annotations

import re
from typing import NamedTuple

from evalkit.errors import CardError

__all__ = ["COMMIT", "HubName", "hub_name"]

COMMIT = re.compile(r"[0-9a-f]{40}")
"""A commit, written in full."""

# What the hub takes as names: 96 characters, no two dots or dashes in a row, so never a path to somewhere else.
_PART = r"(?!.*(\.\.|--))[A-Za-z0-9][A-Za-z0-9_.-]{0,95}"
_REPO = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./+-]{0,254}")
_FILES = (".yaml", ".yml", ".gguf", ".json", ".safetensors", ".git")


class HubName(NamedTuple):
    """A model of the hub as a user names it."""

    repo: str
    """`owner/name`."""
    revision: str | None
    """Commit, tag or branch; None = the default branch."""

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"


def hub_name(text: str) -> HubName | None:
    """The name of a model on the hub; None for what cannot be one. `CardError` for a revision nothing can have."""
    repo, sign, revision = text.partition("@")
    if not _REPO.fullmatch(repo) or repo.endswith(_FILES):
        return None
    if not sign:
        return HubName(repo, None)
    if not _REVISION.fullmatch(revision) or revision.endswith("/") or "//" in revision:
        raise CardError(f"{text!r:.120}: a commit, tag or branch stands after @ ({repo}@main)")
    return HubName(repo, revision)
