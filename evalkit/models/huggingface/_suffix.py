"""Attention of new tokens over a cached prefix, without a mask.

transformers takes causality from a flag only where queries and keys are equally many. Behind a cached prefix it builds
a boolean mask of new × all tokens, and kernels then compute that whole rectangle, the slower ones. Here the same
numbers come from a kernel that aligns causality with the last key, or from two passes, over the prefix and over the new
tokens, joined by their log-sum-exp. Imported only where a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend
from torch.nn.attention.bias import causal_lower_right
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import causal_mask_function, sdpa_mask

from ._switch import AttentionSwitch

__all__ = ["MASKED", "SPLIT", "SuffixAttention"]

NAME = "evalkit_suffix"
MASKED = "masked"
SPLIT = frozenset({"cpu", "cudnn"})
"""Ways that compute prefix and new tokens apart and join them."""

JOINED_ROWS = 8192  # joined at once in float32, so that long suffixes take no second copy of their states

_Part = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, bool, float | None], tuple[torch.Tensor, torch.Tensor]]

_ways: set[str] = set()


class SuffixAttention:
    """Switches a model's sdpa attention to one that needs no mask behind a prefix, pass by pass."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._switch = AttentionSwitch(model, NAME)

    @contextmanager
    def in_force(self) -> Iterator[set[str]]:
        """Within it the model attends so; yields the ways that its layers took, filled as they compute."""
        _ways.clear()
        with self._switch.in_force():
            yield _ways


def _mask(*arguments: Any, **asked: Any) -> torch.Tensor | None:
    """None where every token sees all tokens up to itself, which `_attend` does by itself; else sdpa's mask."""
    is_plain = (
        not arguments
        and asked.get("mask_function") is causal_mask_function
        and asked.get("attention_mask") is None
        and asked.get("local_size") is None
        and asked.get("allow_is_causal_skip", True)
        and asked.get("kv_offset") == 0
        and isinstance(asked.get("q_length"), int)  # earlier releases hand over positions: these keep the mask
        and asked.get("q_offset", 0) + asked["q_length"] == asked["kv_length"]
    )
    mask: torch.Tensor | None = None if is_plain else sdpa_mask(*arguments, **asked)
    return mask


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """As `sdpa_attention_forward`, but that without a mask the last query stands at the last key."""
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    new, tokens = query.shape[2], key.shape[2]
    if attention_mask is None and causal and 1 < new < tokens:
        way, key, value = _way(query, key, value, scaling)
        if way != MASKED and others.get("position_bias") is None:
            _ways.add(way)
            return _WAYS[way](query, key, value, scaling).transpose(1, 2).contiguous(), None
        attention_mask = torch.ones(new, tokens, dtype=torch.bool, device=query.device).tril(tokens - new)[None, None]
    if attention_mask is not None:
        _ways.add(MASKED)
    output: tuple[torch.Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, dropout, scaling, is_causal, **others
    )
    return output


def _way(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
) -> tuple[str, torch.Tensor, torch.Tensor]:
    """How to attend without a mask, with the kernel that torch chooses for a whole prompt; keys and values for it."""
    groups = query.shape[1] // key.shape[1]
    new = query.shape[2]

    def choice(keys: torch.Tensor, values: torch.Tensor) -> str:
        is_grouped = keys.shape[1] != query.shape[1]
        last = (query, keys[:, :, -new:], values[:, :, -new:])
        chosen = torch._fused_sdp_choice(*last, None, 0.0, True, scale=scaling, enable_gqa=is_grouped)
        return _CHOICES.get((query.device.type, int(chosen)), MASKED)

    way = choice(key, value)
    if groups == 1 or (way != MASKED and _shares_keys(way)):
        return way, key, value
    keys, values = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    way = choice(keys, values)
    return (way, key, value) if way == MASKED else (way, keys, values)


def _shares_keys(way: str) -> bool:
    """Whether the kernel takes fewer heads of keys than of queries; the CPU's, only in releases where that was seen."""
    return way != "cpu" or tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 13)


def _lower_right(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None) -> torch.Tensor:
    output: torch.Tensor = torch.nn.functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=causal_lower_right(query.shape[2], key.shape[2]),
        scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return output


def _split(part: _Part) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float | None], torch.Tensor]:
    """Attention over the prefix and over the new tokens by that kernel, joined."""

    def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None) -> torch.Tensor:
        cached = key.shape[2] - query.shape[2]
        own, own_sum = part(query, key[:, :, cached:], value[:, :, cached:], True, scaling)
        prefix, prefix_sum = part(query, key[:, :, :cached], value[:, :, :cached], False, scaling)
        shape = (*query.shape[:3], 1)  # cuDNN gives the sums with a last dimension, the CPU without
        return _joined(own, prefix, torch.sigmoid(prefix_sum.reshape(shape) - own_sum.reshape(shape)))

    return attend


def _joined(own: torch.Tensor, prefix: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Both outputs by the prefix's share of the whole softmax, in float32; written over `own`."""
    for start in range(0, own.shape[2], JOINED_ROWS):
        rows = slice(start, start + JOINED_ROWS)
        joined = torch.lerp(own[:, :, rows].float(), prefix[:, :, rows].float(), share[:, :, rows])
        own[:, :, rows] = joined
    return own


def _cpu_part(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, is_causal: bool, scaling: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    output, log_sum = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, is_causal, scale=scaling
    )
    return output, log_sum


def _cudnn_part(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, is_causal: bool, scaling: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    output, log_sum, *_ = torch.ops.aten._scaled_dot_product_cudnn_attention(
        query, key, value, None, True, 0.0, is_causal, False, scale=scaling
    )
    return output, log_sum


_CHOICES = {
    ("cpu", SDPBackend.FLASH_ATTENTION.value): "cpu",
    ("cuda", SDPBackend.FLASH_ATTENTION.value): "flash",
    ("cuda", SDPBackend.EFFICIENT_ATTENTION.value): "efficient",
    ("cuda", SDPBackend.CUDNN_ATTENTION.value): "cudnn",
}
_WAYS = {"cpu": _split(_cpu_part), "cudnn": _split(_cudnn_part), "flash": _lower_right, "efficient": _lower_right}

AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, _mask)
