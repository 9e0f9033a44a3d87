"""What vLLM's own classes make of a RoPE configuration, asked without an engine and without its tables."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from evalkit.rope import RopeSetting, Rotation

from ._environment import prepare_environment
from ._rope import _table, fresh_overrides

__all__ = ["own_rotation", "version"]


def version() -> str:
    """vLLM's version; `ImportError` where it cannot be imported."""
    prepare_environment()
    import vllm

    return str(vllm.__version__)


def own_rotation(setting: RopeSetting, dimension: int, window: int) -> Rotation:
    """The rotation of every prompt in an engine that was started under the setting, with that window."""
    import torch

    parameters = fresh_overrides(setting, window)["rope_parameters"]
    if setting.rope_type == "dynamic":
        parameters = {
            "rope_type": "default",
            "rope_theta": _dynamic_base(parameters, dimension, setting.window or window),
        }
    row = _table(parameters, dimension, 2, torch.device("cpu"))[1].tolist()
    pairs = list(zip(row[: len(row) // 2], row[len(row) // 2 :], strict=True))
    return Rotation(tuple(math.atan2(sine, cosine) for cosine, sine in pairs), math.hypot(*pairs[0]))


def _dynamic_base(parameters: dict[str, Any], dimension: int, window: int) -> float:
    """The base that the class of "dynamic" asks frequencies for; of a table without columns, which takes no memory."""
    import torch
    from vllm.model_executor.layers.rotary_embedding.dynamic_ntk_scaling_rope import DynamicNTKScalingRotaryEmbedding

    asked: list[float] = []

    def frequencies(base: float) -> torch.Tensor:
        asked.append(base)
        return torch.zeros(0)

    like = SimpleNamespace(
        base=parameters["rope_theta"], scaling_factor=parameters["factor"], rotary_dim=dimension,
        max_position_embeddings=window, max_trained_positions=parameters["max_trained_positions"],
        _compute_inv_freq=frequencies,
    )  # fmt: skip
    DynamicNTKScalingRotaryEmbedding._compute_cos_sin_cache(like)
    return asked[0]
