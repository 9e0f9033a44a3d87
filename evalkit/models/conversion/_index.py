"""Index-1.9B: Llama whose output embedding has rows of length one (`norm_head`).

The published code divides each row by its L2 norm before it multiplies (technical report of Index-1.9B; `normalize(W,
dim=-1)` in the PaddleFormers implementation). Divided once, it is a plain Llama.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._llama import llama_tensors

if TYPE_CHECKING:
    import torch

__all__ = ["index_tensors"]

SMALLEST_NORM = 1e-12  # eps of torch.nn.functional.normalize: a row of zeros stays one


def index_tensors(name: str, tensor: torch.Tensor, config: Mapping[str, object]) -> list[tuple[str, torch.Tensor]]:
    """Llama's tensors, the rows of the output embedding divided by their norms where `norm_head` is set.

    In float32, whatever they are stored in, so that they are rounded once: to the format that the model runs in.
    """
    if name == "lm_head.weight" and config.get("norm_head"):
        return [(name, _normalised(tensor))]
    return llama_tensors(name, tensor, config)


def _normalised(tensor: torch.Tensor) -> torch.Tensor:
    """The rows divided by their L2 norms, as `torch.nn.functional.normalize` divides them, within one copy."""
    import torch

    rows = tensor.to(torch.float32, copy=True)
    return rows.div_(rows.norm(dim=-1, keepdim=True).clamp_min_(SMALLEST_NORM))
