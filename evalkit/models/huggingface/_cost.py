"""What computing a prompt costs, whole or behind a cached prefix, in operations: which of the ways is cheapest.

A shared prefix that is short costs more to use than to compute again, and how short that is depends on the model and
the rest of the prompt. Times that are no arithmetic count as the operations that the device would do meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Device", "PrefillCost", "Way", "prefill_cost"]

Way = Literal["whole", "joined", "aligned", "masked"]
"""How a prompt is computed: from its first token; behind a prefix by two passes of attention that are joined, by a
kernel whose causality is aligned with the last key, or with a boolean mask."""

LEAST_PIECE = 512


@dataclass(frozen=True)
class Device:
    """What a kind of device adds to arithmetic, in operations."""

    layer: float
    """Time for which a pass keeps one layer busy that computes next to nothing."""
    join: float
    """Launching the second pass of attention and the joining, for each layer."""
    joined: float
    """Joining one number of two outputs of attention."""
    masked: float
    """What a pair of query and key costs with a boolean mask, relative to one without."""


# One core of a server CPU at 100 Gflop/s: 0.4 ms a layer, 50 µs, 5 ns; masked attention took 1.2 to 1.5 times as long.
CPU = Device(layer=4e7, join=5e6, joined=500, masked=1.3)
# An H100 at 400 Tflop/s: 0.4 ms a layer from Python, 8 launches of 5 µs, 30 bytes at 3 TB/s.
GPU = Device(layer=1.6e11, join=1.6e10, joined=4000, masked=2.5)


@dataclass(frozen=True)
class PrefillCost:
    """The costs of one model on one kind of device, in operations."""

    token: float
    """All but attention, for one token."""
    pair: float
    """Attention of all layers, for one pair of query and key."""
    layers: int
    """Layers of the model."""
    width: int
    """Numbers that attention gives for one token in one layer."""
    device: Device
    """What the device adds."""
    is_eager: bool = False
    """Whether attention computes every pair, future ones too, of whole prompts also."""

    def of(self, way: Way, cached: int, tokens: int, piece: int) -> float:
        """Operations for a prompt of so many tokens of which `cached` are there, computed in pieces."""
        new = tokens if way == "whole" else tokens - cached
        pieces = -(-new // piece)
        future = new * min(piece, new) / 2  # pairs that lie in the future, which a mask hides and does not save
        pairs = new * (tokens - new) + new * new / 2
        if way == "masked" or self.is_eager:
            pairs = (pairs + future) * (1.0 if self.is_eager else self.device.masked)
        joining = 0.0
        if way == "joined":
            joining = self.layers * (pieces * self.device.join + new * self.width * self.device.joined)
        return pieces * self.layers * self.device.layer + new * self.token + pairs * self.pair + joining

    def attention(self, cached: int, tokens: int) -> float:
        """Operations of attention alone, without a mask, for the tokens of a prompt behind the first `cached`."""
        new = tokens - cached
        return (new * cached + new * new / 2) * self.pair

    def masked_piece(self) -> int:
        """New tokens at once behind a mask: the fewer, the fewer future pairs; the more, the fewer passes."""
        waste = self.pair * self.device.masked / 2  # of a token, for each token of its piece
        best: float = (self.layers * self.device.layer / waste) ** 0.5
        return max(LEAST_PIECE, 1 << round(best).bit_length() - 1)


def prefill_cost(model: Any) -> PrefillCost:
    """The costs of a loaded model, from its parameters and its configuration."""
    config: Any = model.config
    text = config.get_text_config(decoder=True)
    layers, heads = _number(text, "num_hidden_layers", 1), _number(text, "num_attention_heads", 1)
    width = heads * _number(text, "head_dim", max(1, _number(text, "hidden_size", 1) // heads))
    return PrefillCost(
        token=2.0 * _active_parameters(model, text),
        pair=4.0 * width * layers,
        layers=layers,
        width=width,
        device=CPU if next(model.parameters()).device.type == "cpu" else GPU,
        is_eager=config._attn_implementation == "eager",
    )


def _number(config: Any, name: str, other: int) -> int:
    """A size of a configuration; `other` where there is none, or one for each layer."""
    value = getattr(config, name, None)
    return value if isinstance(value, int) and value > 0 else other


def _active_parameters(model: Any, config: Any) -> float:
    """Parameters that each token of a prompt is multiplied with: embeddings and idle experts are not."""
    names = ("num_local_experts", "num_experts", "n_routed_experts")
    experts = max(_number(config, name, 1) for name in names)
    share = min(_number(config, "num_experts_per_tok", experts), experts) / experts
    ends: Any = (model.get_input_embeddings(), model.get_output_embeddings())
    outside = {id(getattr(each, "weight", None)) for each in ends}
    active: float = sum(
        each.numel() * (share if ".experts." in name else 1.0)
        for name, each in model.named_parameters()
        if each.dim() > 1 and id(each) not in outside
    )
    return active
