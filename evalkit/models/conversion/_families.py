"""Which published architecture is converted by which function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ._chatglm import chatglm_tensors
from ._index import index_tensors
from ._llama import llama_tensors

if TYPE_CHECKING:
    import torch

__all__ = ["FAMILIES", "Convert", "unchanged"]

Convert = Callable[[str, "torch.Tensor", Mapping[str, object]], "list[tuple[str, torch.Tensor]]"]
"""Name, tensor, published `config.json` -> names and tensors of the built-in architecture; pure, and right on meta
tensors too, which have a shape and no numbers."""

FAMILIES: dict[str, Convert] = {
    "ChatGLMForConditionalGeneration": chatglm_tensors,
    "ChatGLMModel": chatglm_tensors,
    "IndexForCausalLM": index_tensors,
    "InternLMForCausalLM": llama_tensors,
    "LlamaForCausalLM": llama_tensors,
    "XverseForCausalLM": llama_tensors,
}
"""By the published architecture's name."""


def unchanged(name: str, tensor: torch.Tensor, config: Mapping[str, object]) -> list[tuple[str, torch.Tensor]]:  # noqa: ARG001
    """The tensor as it is: where only the kind of file changes."""
    return [(name, tensor)]
