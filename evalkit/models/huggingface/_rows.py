"""One pass over several answers that grow at once: each row of the batch attends to a cache of its own.

Rows need no padding and no mask: all but attention is computed for the whole batch, attention row by row, with the
kernel that a single answer takes, so memory and time follow the tokens that there are. Imported only where a model is
loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache, DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from ._prefix import trim
from ._switch import AttentionSwitch

__all__ = ["RowAttention", "RowsCache"]

NAME = "evalkit_rows"


class _States(NamedTuple):
    """Keys, or values, of each row, shape (1, heads, tokens, head dimension); rows differ in tokens."""

    rows: tuple[torch.Tensor, ...]


class _RowsLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """One layer of the caches of all rows."""

    def __init__(self, layers: Sequence[Any]) -> None:
        super().__init__()
        self._layers = layers

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object) -> Any:
        """Append one token to each row; all keys and values so far, for `_attend`."""
        held = [
            layer.update(key_states[row : row + 1], value_states[row : row + 1])
            for row, layer in enumerate(self._layers)
        ]
        keys, values = zip(*held, strict=True)
        return _States(keys), _States(values)

    def get_seq_length(self) -> int:
        """Refused: a class that counts positions by it would turn all rows alike."""
        raise TypeError("rows of different lengths have no length in common")

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """What no mask is made of, since `_mask` makes none."""
        return query_length, 0


class RowsCache(Cache):  # type: ignore[misc]  # transformers is not typed
    """The caches of several answers as one, for a pass over one new token of each."""

    def __init__(self, caches: Sequence[Any], lengths: Sequence[int]) -> None:
        """Of caches that hold so many tokens; what a pass that broke off has appended is dropped."""
        for cache, tokens in zip(caches, lengths, strict=True):
            if int(cache.get_seq_length()) != tokens:  # the first layer's, which such a pass wrote before all others
                trim(cache, tokens)
        layers = zip(*(cache.layers for cache in caches), strict=True)
        super().__init__(layers=[_RowsLayer(row_layers) for row_layers in layers])

    def get_query_offset(self, *_: object, **__: object) -> int:
        """What no mask is made of either."""
        return 0


class RowAttention(AttentionSwitch):
    """Switches a model's sdpa attention to one that takes the states of rows, pass by pass."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__(model, NAME)


def _mask(*_: Any, **__: Any) -> None:
    """Each row holds what it attends to and nothing else."""


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: _States, value: _States, *_: Any,
    scaling: float | None = None, **others: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """The attention of each row's one query, shape (rows, 1, heads, head dimension)."""
    if not isinstance(key, _States) or query.shape[2] != 1 or others.get("position_bias") is not None:
        raise TypeError("attention that rows of a batch cannot have")
    outputs = [
        sdpa_attention_forward(module, query[row : row + 1], keys, values, None, scaling=scaling)[0]
        for row, (keys, values) in enumerate(zip(key.rows, value.rows, strict=True))
    ]
    return torch.cat(outputs), None


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, _mask)
