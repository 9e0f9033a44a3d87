"""Which published architecture is converted by which function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._chatglm import chatglm_tensors
from ._index import index_tensors
from ._llama import llama_tensors

if TYPE_CHECKING:
    import torch

__all__ = ["FAMILIES", "Convert", "Family", "unchanged"]

Convert = Callable[[str, "torch.Tensor", Mapping[str, object]], "list[tuple[str, torch.Tensor]]"]
"""Name, tensor, published `config.json` -> names and tensors of the built-in architecture; pure, and right on meta
tensors too, which have a shape and no numbers."""


@dataclass(frozen=True)
class Family:
    """Published checkpoints of one layout."""

    convert: Convert
    """What becomes of each tensor."""
    beginnings: tuple[str, ...]
    """How every name of it begins."""


def unchanged(name: str, tensor: torch.Tensor, config: Mapping[str, object]) -> list[tuple[str, torch.Tensor]]:  # noqa: ARG001
    """The tensor as it is: where only the kind of file changes."""
    return [(name, tensor)]


_LLAMA = ("model.", "lm_head.")
_CHATGLM = Family(chatglm_tensors, ("transformer.",))

FAMILIES: dict[str, Family] = {
    "ChatGLMForConditionalGeneration": _CHATGLM,
    "ChatGLMModel": _CHATGLM,
    "IndexForCausalLM": Family(index_tensors, _LLAMA),
    "InternLMForCausalLM": Family(llama_tensors, _LLAMA),
    "LlamaForCausalLM": Family(llama_tensors, _LLAMA),
    "XverseForCausalLM": Family(llama_tensors, _LLAMA),
}
"""By the published architecture's name."""
