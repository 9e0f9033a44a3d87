"""Checkpoints under Llama's own names: Llama, Vicuna, LongChat, XGen, and InternLM-7B and XVERSE, whose code differs.

InternLM has biases on its attention, which Llama has by `attention_bias`; XVERSE has another rule for long prompts,
which is a RoPE scaling. Both are the configuration's business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["llama_tensors"]

# Frequencies that transformers before 4.31 (and code made from it) stored with each layer; they are computed today.
_BUFFER = re.compile(r"model\.layers\.\d{1,9}\.self_attn\.rotary_emb\.inv_freq")


def llama_tensors(name: str, tensor: torch.Tensor, config: Mapping[str, object]) -> list[tuple[str, torch.Tensor]]:  # noqa: ARG001
    """The tensor under its name; nothing for a stored rotary frequency."""
    return [] if _BUFFER.fullmatch(name) else [(name, tensor)]
