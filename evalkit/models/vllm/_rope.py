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

    vLLM multiplies the positions of "linear" by its factor, and takes those of "yarn" to be multiplied already. It has
    words of its own for the scale of "longrope", one for each of its two lists.
    """
    factor = rope.factor or 1.0
    positions = window
    if rope.rope_type == "linear":
        positions = math.ceil(window / factor)
    elif rope.rope_type == "yarn":
        positions = math.ceil(round((rope.original_length or window) * factor, 6))
    parameters = rope.parameters()
    if rope.rope_type == "longrope":
        parameters |= {"short_mscale": rope.scale, "long_mscale": rope.scale}
    return {"max_position_embeddings": positions, "rope_parameters": parameters}


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


def write_tables(model: torch.nn.Module, parameters: dict[str, Any]) -> int:
    """Put `rope_parameters` in force in a worker's model; how many rotary embeddings were written."""
    modules = _embeddings(model)
    for module in modules:
        cache = module.cos_sin_cache
        cache.copy_(_table(parameters, int(module.rotary_dim), len(cache), cache.device))
    return len(modules)


def _embeddings(model: torch.nn.Module) -> list[Any]:
    """The rotary embeddings of a model, each once: layers with equal settings share one."""
    found = {id(module): module for module in model.modules() if hasattr(module, "cos_sin_cache")}
    return list(found.values())


def _table(parameters: dict[str, Any], dimension: int, rows: int, device: torch.device) -> torch.Tensor:
    """Cosines and sines for `rows` positions, in float32 as vLLM computes them before it casts them."""
    import torch

    kind, scale = parameters["rope_type"], 1.0
    positions = torch.arange(rows, dtype=torch.float, device=device)
    if kind == "yarn":
        inverse, scale = _yarn(parameters, dimension)
    elif kind == "llama3":
        inverse = _llama3(parameters, dimension)
    elif kind == "longrope":
        inverse, scale = _longrope(parameters, dimension), float(parameters["attention_factor"])
    else:
        inverse = _plain(parameters["rope_theta"], dimension)
        positions = positions / parameters.get("factor", 1.0) if kind == "linear" else positions
    angles = torch.einsum("i,j -> ij", positions, inverse.to(device))
    return torch.cat((angles.cos() * scale, angles.sin() * scale), dim=-1)


def _plain(base: float, dimension: int) -> torch.Tensor:
    from vllm.model_executor.layers.rotary_embedding.base import RotaryEmbeddingBase

    found: torch.Tensor = RotaryEmbeddingBase._compute_inv_freq(SimpleNamespace(rotary_dim=dimension), base)
    return found


def _yarn(parameters: dict[str, Any], dimension: int) -> tuple[torch.Tensor, float]:
    from vllm.model_executor.layers.rotary_embedding.common import yarn_get_mscale
    from vllm.model_executor.layers.rotary_embedding.yarn_scaling_rope import YaRNScalingRotaryEmbedding

    factor = parameters["factor"]
    like = SimpleNamespace(
        base=parameters["rope_theta"],
        rotary_dim=dimension,
        beta_fast=parameters.get("beta_fast", 32),  # the defaults of vLLM's class, which transformers shares
        beta_slow=parameters.get("beta_slow", 1),
        max_position_embeddings=parameters["original_max_position_embeddings"],
        truncate=parameters.get("truncate", True),
    )
    scale = parameters.get("attention_factor")
    if scale is None:  # as the class's `__init__` chooses
        weights = parameters.get("mscale"), parameters.get("mscale_all_dim")
        scale = yarn_get_mscale(factor)
        if all(weights):
            scale = yarn_get_mscale(factor, weights[0]) / yarn_get_mscale(factor, weights[1])
    return YaRNScalingRotaryEmbedding._compute_inv_freq(like, factor), float(scale)


def _llama3(parameters: dict[str, Any], dimension: int) -> torch.Tensor:
    from vllm.model_executor.layers.rotary_embedding.llama3_rope import Llama3RotaryEmbedding

    like: Any = object.__new__(Llama3RotaryEmbedding)  # its method asks its parent's, so no other object will do
    like.__dict__.update(
        rotary_dim=dimension,
        scaling_factor=parameters["factor"],
        low_freq_factor=parameters["low_freq_factor"],
        high_freq_factor=parameters["high_freq_factor"],
        orig_max_position=parameters["original_max_position_embeddings"],
    )
    found: torch.Tensor = Llama3RotaryEmbedding._compute_inv_freq(like, parameters["rope_theta"])
    return found


def _longrope(parameters: dict[str, Any], dimension: int) -> torch.Tensor:
    from vllm.model_executor.layers.rotary_embedding.phi3_long_rope_scaled_rope import Phi3LongRoPEScaledRotaryEmbedding

    like = SimpleNamespace(base=parameters["rope_theta"], rotary_dim=dimension)
    found: torch.Tensor = Phi3LongRoPEScaledRotaryEmbedding._compute_inv_freq(like, parameters["long_factor"])
    return found
