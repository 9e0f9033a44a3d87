"""A KV cache that grows in place: room for many tokens at once, written and cropped without copying.

transformers' `DynamicLayer` joins old and new keys into a new tensor at every token, which at long contexts costs more
than the token's own arithmetic. Imported only where a model is loaded.
"""

from __future__ import annotations

import torch
from transformers.cache_utils import Cache, DynamicLayer

__all__ = ["GrowingCache"]

ROOM_TOKENS = 1024  # allocated beyond what is needed, so that decoding an answer rarely allocates


class _GrowingLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """Keys and values of one layer, shape (1, heads, tokens, head dimension), as views of larger buffers."""

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Make empty buffers of the right kind; the first update gives them room."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self._buffers = (key_states[..., :0, :], value_states[..., :0, :])
        self.keys, self.values = self._buffers
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append new states; all keys and values so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.keys.shape[-2]
        end = start + key_states.shape[-2]
        if end > self._buffers[0].shape[-2]:
            self._buffers = (_grown(self.keys, key_states, end), _grown(self.values, value_states, end))
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., start:end, :] = states
        self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)
        return self.keys, self.values

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens; `tokens_to_remove` is negative, as transformers 5 wants it."""
        end = self.keys.shape[-2] - abs(tokens_to_remove)
        self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)

    def beginning(self, tokens: int) -> _GrowingLayer:
        """A layer that holds the first tokens of this one, read from its buffers until it is written to."""
        layer = _GrowingLayer()
        layer.dtype, layer.device, layer.is_initialized = self.dtype, self.device, True
        layer._buffers = (self.keys[..., :tokens, :], self.values[..., :tokens, :])
        layer.keys, layer.values = layer._buffers
        return layer


def _grown(held: torch.Tensor, new: torch.Tensor, tokens: int) -> torch.Tensor:
    """A buffer with room for `tokens` and some more, holding what was held."""
    buffer = new.new_empty((*new.shape[:-2], tokens + ROOM_TOKENS, new.shape[-1]))
    buffer[..., : held.shape[-2], :] = held
    return buffer


class GrowingCache(Cache):  # type: ignore[misc]  # transformers is not typed
    """A cache of growing layers, for models whose every layer attends to all tokens."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=_GrowingLayer)

    def beginning(self, tokens: int) -> GrowingCache:
        """A cache of the first tokens; both may grow, and nothing is copied that neither writes to."""
        cache = GrowingCache()
        cache.layers = [layer.beginning(tokens) for layer in self.layers]
        return cache
