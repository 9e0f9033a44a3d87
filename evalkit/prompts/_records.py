"""The records of the prompt layer: a prompt as token ids, and the ledger of its truncation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evalkit.tasks import StopRule

from ._truncation import Range, drops_tokens

__all__ = ["Ledger", "Prompt", "TokenIds", "digest_ids", "token_array"]

TokenIds = NDArray[np.int32]


def token_array(ids: Sequence[int]) -> TokenIds:
    """The ids as the one array type that prompts travel in: shape (tokens,), int32."""
    return np.asarray(ids, dtype=np.int32)


def digest_ids(ids: TokenIds) -> str:
    """sha256 over the ids as little-endian int32: the identity of a prompt."""
    # Width and byte order are part of the digest: a run begun on one machine goes on upon another.
    return hashlib.sha256(ids.astype("<i4").tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Ledger:
    """What truncation did to one prompt."""

    mode: str
    """Truncation mode."""
    before: int
    """Tokens before truncation: of the whole prompt, or of the text alone for the modes that cut texts."""
    after: int
    """Tokens that go to the model."""
    kept: tuple[Range, ...]
    """Ranges of the tokens before truncation that were kept, half-open."""
    evidence_kept: bool | None
    """Whether the needle or gold answer is still inside; None where it never stood there verbatim."""
    evidence_lost: tuple[int, ...] = ()
    """Which of the sample's evidence truncation removed, by index."""
    evidence_tokens: tuple[int, ...] = ()
    """Index before truncation of each needle's first token; empty where needles are not put in between tokens."""
    evidence_depths: tuple[float, ...] = ()
    """Where each needle really stands, in percent of the haystack's tokens; empty where the task does not tell."""

    @property
    def is_truncated(self) -> bool:
        """Whether any token was dropped."""
        return drops_tokens(self.before, self.kept)

    @property
    def head(self) -> int:
        """Tokens kept from the very start."""
        return self.kept[0].stop if self.kept and self.kept[0].start == 0 else 0

    @property
    def tail(self) -> int:
        """Tokens kept up to the very end, not counted again where the whole prompt is kept."""
        last = self.kept[-1] if self.kept else Range(0, 0)
        return last.tokens if last.stop == self.before and last.start > 0 else 0


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request as token ids for one model, or the reason why there is none."""

    sample_id: str
    """Sample id."""
    task: str
    """Task name."""
    step: int
    """Step of the sample."""
    ids: TokenIds
    """Token ids, shape (tokens,), int32; empty where `error` is set."""
    ledger: Ledger | None
    """What truncation did; None where `error` is set."""
    max_new_tokens: int
    """Generation limit of thoughts and answer together, in tokens."""
    stop: tuple[str, ...] = ()
    """Stop strings."""
    error: str | None = None
    """Why this sample cannot be run."""
    stop_rule: StopRule = field(default_factory=StopRule)
    """How the answer ends and is read."""
    draw: int = 0
    """Which of the sample's draws it is for, from 0."""

    @property
    def digest(self) -> str:
        """sha256 of the ids."""
        return digest_ids(self.ids)
