"""RoPE inside a running vLLM engine: read the rotation that is in force, or put another one in force.

These functions run inside the engine's workers (`LLM.apply_model`), where a rotary embedding is a table of cosines and
sines by position. Writing that table in place switches the setting without loading the model again; compiled graphs and
the prefix cache go on pointing at the same memory. The formulas are vLLM's own, so that a switched engine equals one
that was started with the setting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    import torch

__all__ = ["RotaryTable", "class_name", "fresh_overrides", "read_tables", "write_tables"]

# Classes of `vllm.model_executor.layers.rotary_embedding` whose whole effect is one table of all rotated dimensions.
PLAIN_CLASSES = {
    "DynamicNTKAlphaRotaryEmbedding",
    "DynamicNTKScalingRotaryEmbedding",
    "LinearScalingRotaryEmbedding",
    "Llama3RotaryEmbedding",
    "NTKScalingRotaryEmbedding",
    "RotaryEmbedding",
    "YaRNScalingRotaryEmbedding",
}


def fresh_overrides(rope: RopeSetting, window: int) -> dict[str, Any]:
    """`--hf-overrides` that start a vLLM server under a setting, with a table that reaches the end of the window.

    vLLM multiplies the positions of "linear" by its factor, and takes those of "yarn" to be multiplied already.
    """
    factor = rope.factor or 1.0
    positions = window
    if rope.rope_type == "linear":
        positions = math.ceil(window / factor)
    elif rope.rope_type == "yarn":
        positions = math.ceil((rope.original_length or window) * factor)
    return {"max_position_embeddings": positions, "rope_parameters": rope.parameters()}


@dataclass(frozen=True)
class RotaryTable:
    """What one worker's rotary embedding does."""

    kind: str
    """Class in vLLM."""
    rows: int
    """Positions that the table covers; the engine reads beyond it without an error."""
    dimension: int
    """Rotated dimensions of a head."""
    dtype: str
    """Number format of the table."""
    values: dict[int, list[float]]
    """Position → its cosines, then its sines."""

    @property
    def is_plain(self) -> bool:
        """Whether writing the table changes all there is to change."""
        return self.kind in PLAIN_CLASSES


def class_name(model: torch.nn.Module) -> str:
    """vLLM's class of a worker's model."""
    return type(model).__name__


def read_tables(model: torch.nn.Module, positions: Sequence[int]) -> list[RotaryTable]:
    """The tables of a worker's model at those positions, as far as they reach."""
    return [
        RotaryTable(
            kind=type(module).__name__,
            rows=len(module.cos_sin_cache),
            dimension=int(module.rotary_dim),
            dtype=str(module.cos_sin_cache.dtype).removeprefix("torch."),
            values={
                position: module.cos_sin_cache[position].float().tolist()
                for position in positions
                if position < len(module.cos_sin_cache)
            },
        )
        for module in _embeddings(model)
    ]


def write_tables(model: torch.nn.Module, parameters: dict[str, Any], rows: range | None = None) -> int:
    """Put `rope_parameters` in force in a worker's model; how many rotary embeddings were written.

    Where a table holds several settings, `rows` are those of this one, the first of them for position 0.
    """
    modules = _embeddings(model)
    for module in modules:
        cache = module.cos_sin_cache if rows is None else module.cos_sin_cache[rows.start : rows.stop]
        cache.copy_(_table(parameters, int(module.rotary_dim), len(cache), cache.device))
    return len(modules)


def _embeddings(model: torch.nn.Module) -> list[Any]:
    """The rotary embeddings of a model, each once: layers with equal settings share one."""
    found = {id(module): module for module in model.modules() if hasattr(module, "cos_sin_cache")}
    return list(found.values())


def _table(parameters: dict[str, Any], dimension: int, rows: int, device: torch.device) -> torch.Tensor:
    """Cosines and sines for `rows` positions, in float32 as vLLM computes them before it casts them."""
    import torch

    base, kind, factor = parameters["rope_theta"], parameters["rope_type"], parameters.get("factor", 1.0)
    positions = torch.arange(rows, dtype=torch.float, device=device)
    scale = 1.0
    if kind == "yarn":
        length = parameters["original_max_position_embeddings"]
        inverse, scale = _yarn(base, factor, length, dimension)
    else:
        from vllm.model_executor.layers.rotary_embedding.base import RotaryEmbeddingBase

        inverse = RotaryEmbeddingBase._compute_inv_freq(SimpleNamespace(rotary_dim=dimension), base)
        positions = positions / factor if kind == "linear" else positions
    angles = torch.einsum("i,j -> ij", positions, inverse.to(device))
    return torch.cat((angles.cos() * scale, angles.sin() * scale), dim=-1)


def _yarn(base: float, factor: float, length: int, dimension: int) -> tuple[torch.Tensor, float]:
    from vllm.model_executor.layers.rotary_embedding.common import yarn_get_mscale
    from vllm.model_executor.layers.rotary_embedding.yarn_scaling_rope import YaRNScalingRotaryEmbedding

    like = SimpleNamespace(
        base=base, rotary_dim=dimension, beta_fast=32, beta_slow=1, max_position_embeddings=length, truncate=True
    )  # the defaults of vLLM's class, which transformers shares
    return YaRNScalingRotaryEmbedding._compute_inv_freq(like, factor), float(yarn_get_mscale(factor))
