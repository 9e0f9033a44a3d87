"""ChatGLM2, ChatGLM3 and GLM-4 as published (`ChatGLMModel`), as the `Glm` of transformers names and splits them.

Queries, keys and values lie below one another in one matrix: all heads' queries, then the keys of the KV groups, then
their values (vLLM's and bigdl's `chatglm` agree). Gate and up projection lie so too, in the order that `Glm` wants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["chatglm_tensors"]

_DROPPED = "transformer.rotary_pos_emb.inv_freq"  # frequencies, which are computed today
_WHOLE = {
    "transformer.embedding.word_embeddings.weight": "model.embed_tokens.weight",
    "transformer.encoder.final_layernorm.weight": "model.norm.weight",
    "transformer.output_layer.weight": "lm_head.weight",
}
_LAYER = re.compile(r"transformer\.encoder\.layers\.(\d{1,9})\.(.+)")
_IN_LAYER = {
    "input_layernorm.weight": "input_layernorm.weight",
    "post_attention_layernorm.weight": "post_attention_layernorm.weight",
    "self_attention.dense.weight": "self_attn.o_proj.weight",
    "mlp.dense_h_to_4h.weight": "mlp.gate_up_proj.weight",
    "mlp.dense_4h_to_h.weight": "mlp.down_proj.weight",
}
_JOINED = "self_attention.query_key_value."


def chatglm_tensors(name: str, tensor: torch.Tensor, config: Mapping[str, object]) -> list[tuple[str, torch.Tensor]]:
    """The tensor under Glm's name, queries, keys and values apart; a name that Glm has no place for as it is."""
    if name == _DROPPED:
        return []
    if name in _WHOLE:
        return [(_WHOLE[name], tensor)]
    layer = _LAYER.fullmatch(name)
    if layer is None:
        return [(name, tensor)]
    prefix, rest = f"model.layers.{layer[1]}.", layer[2]
    if rest in _IN_LAYER:
        return [(prefix + _IN_LAYER[rest], tensor)]
    if rest.startswith(_JOINED) and config.get("multi_query_attention"):
        return _split(f"{prefix}self_attn.", rest.removeprefix(_JOINED), tensor, config)
    return [(name, tensor)]


def _split(
    prefix: str, kind: str, tensor: torch.Tensor, config: Mapping[str, object]
) -> list[tuple[str, torch.Tensor]]:
    """Queries, keys and values of a joined weight, shape (heads + 2 groups, hidden), or bias; all that is left is v."""
    width = _count(config, "kv_channels")
    queries = width * _count(config, "num_attention_heads")
    keys = queries + width * _count(config, "multi_query_group_num")
    parts = {"q": tensor[:queries], "k": tensor[queries:keys], "v": tensor[keys:]}
    return [(f"{prefix}{letter}_proj.{kind}", part) for letter, part in parts.items()]


def _count(config: Mapping[str, object], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) else 0
