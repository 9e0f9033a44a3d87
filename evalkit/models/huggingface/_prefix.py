"""One moving KV cache: keep what the next prompt shares, crop the rest.

Kept exact by cropping to min(common prefix, length − 1), so that an identical prompt recomputes one token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evalkit.planning import common_prefix
from evalkit.prompts import TokenIds, token_array

__all__ = ["MovingCache", "cache_maker", "can_prefill_in_pieces", "trim", "unsuitable_reason"]


def _all(shared: int, _: int) -> int:
    return shared


class MovingCache:
    """A transformers cache and the ids whose keys and values it holds."""

    def __init__(self, make_cache: Callable[[], Any], *, is_reusing: bool) -> None:
        self.is_reusing = is_reusing
        self._make_cache = make_cache
        self.clear()

    def clear(self) -> None:
        """Forget everything: another rope group, or a fault in the middle of a forward pass."""
        self.cache = self._make_cache()
        self._ids: TokenIds = token_array([])
        self._is_given_away = False

    def start(self, ids: TokenIds, keep: Callable[[int, int], int] = _all) -> int:
        """Make the cache hold a prefix of `ids`, shorter than it; the length of that prefix, in tokens.

        `keep` says how many of the shared tokens are worth keeping for a prompt of so many.
        """
        kept = keep(min(common_prefix(self._ids, ids), len(ids) - 1), len(ids)) if self.is_reusing else 0
        if kept == 0:
            self.clear()
            return 0
        if self._is_given_away:
            self.cache = self.cache.beginning(kept)
            self._is_given_away = False
        surplus = int(self.cache.get_seq_length()) - kept
        if surplus > 0:
            self.cache.crop(-surplus)  # a negative number removes that many tokens; 5.x deprecates a positive one
        self._ids = ids[:kept]
        return kept

    def hold(self, ids: TokenIds, generated: list[int]) -> None:
        """Remember what the cache holds after a forward pass over `ids` and the generated tokens fed back so far.

        What a pass that broke off has appended beyond them is dropped.
        """
        self._ids = np.concatenate([ids, token_array(generated)])
        if self.is_reusing and int(self.cache.get_seq_length()) > len(self._ids):
            trim(self.cache, len(self._ids))

    def give_away(self, ids: TokenIds) -> Any:
        """The cache, which holds `ids`, for an answer that goes on while the next prompt starts from a copy."""
        self._ids = ids
        self._is_given_away = True
        return self.cache


def trim(cache: Any, tokens: int) -> None:
    """Leave so many tokens in each layer that holds more."""
    for layer in cache.layers:
        surplus = int(layer.get_seq_length()) - tokens
        if surplus > 0:
            layer.crop(-surplus)


def cache_maker(model: Any) -> Callable[[], Any]:
    """What makes empty caches for a model: ours where every layer keeps all tokens, else transformers' own."""
    from transformers import DynamicCache

    from ._cache import GrowingCache

    is_plain = not _runs_own_code(model) and not _special_layers(model)
    return GrowingCache if is_plain else lambda: DynamicCache(config=model.config)


def unsuitable_reason(model: Any) -> str | None:
    """Why a model's cache cannot be cropped exactly, or None where it can."""
    if _runs_own_code(model):
        return "the model runs its own code"
    special = _special_layers(model)
    return f"the model has cache layers that forget tokens ({', '.join(special)})" if special else None


def can_prefill_in_pieces(model: Any) -> bool:
    """Whether a prompt may be computed in several passes: every layer attends, to all tokens or inside a window.

    Some classes with a running state (Mamba, FalconMamba, Jamba) begin it anew at each pass of more than one token.
    """
    return not _runs_own_code(model) and set(_special_layers(model)) <= {"DynamicSlidingWindowLayer"}


def _runs_own_code(model: Any) -> bool:
    """Whether the model's class came with its weights (`--trust-remote-code`) and not with transformers."""
    return not type(model).__module__.startswith("transformers.")


def _special_layers(model: Any) -> list[str]:
    """Kinds of cache layer, other than the plain one, that the model's configuration asks for."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    layers = DynamicCache(config=model.config).layers
    return sorted({type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer})
