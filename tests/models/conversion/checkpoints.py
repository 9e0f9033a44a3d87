"""Tiny random checkpoints in the layouts in which models of 2023 and 2024 were published, and what they compute.

The references are written from the definitions, in float32, without transformers: RMSNorm, rotary embedding, grouped
attention, SwiGLU.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

State = dict[str, "torch.Tensor"]

VOCABULARY, HIDDEN, INNER, LAYERS = 400, 64, 96, 2

INDEX = {
    "architectures": ["IndexForCausalLM"], "model_type": "index", "norm_head": 1,
    "auto_map": {
        "AutoConfig": "configuration_index.IndexConfig", "AutoModelForCausalLM": "modeling_index.IndexForCausalLM"
    },
    "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
    "num_attention_heads": 4, "num_key_value_heads": 4, "hidden_act": "silu", "max_length": 4096,
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "rope_scaling": None, "bos_token_id": 0, "eos_token_id": 1,
    "pad_token_id": 0, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "transformers_version": "4.39.2",
    "use_cache": True, "initializer_range": 0.01,
}  # fmt: skip
INTERNLM = {
    "architectures": ["InternLMForCausalLM"], "model_type": "internlm", "bias": True,
    "auto_map": {
        "AutoConfig": "configuration_internlm.InternLMConfig", "AutoModel": "modeling_internlm.InternLMForCausalLM",
        "AutoModelForCausalLM": "modeling_internlm.InternLMForCausalLM",
    },
    "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
    "num_attention_heads": 4, "hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-6,
    "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1, "tie_word_embeddings": False, "torch_dtype": "float16",
    "transformers_version": "4.29.2", "use_cache": True, "initializer_range": 0.02,
}  # fmt: skip
XVERSE = {
    **{key: value for key, value in INDEX.items() if key not in ("norm_head", "max_length", "rope_scaling")},
    "architectures": ["XverseForCausalLM"], "model_type": "xverse",
    "auto_map": {
        "AutoConfig": "configuration_xverse.XverseConfig", "AutoModelForCausalLM": "modeling_xverse.XverseForCausalLM"
    },
    "max_position_embeddings": 8192,
}  # fmt: skip
LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": HIDDEN,
    "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "hidden_act": "silu",
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_scaling": {"factor": 4.0, "type": "linear"},
    "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0, "tie_word_embeddings": False, "torch_dtype": "float16",
    "transformers_version": "4.31.0", "use_cache": True, "initializer_range": 0.02, "pretraining_tp": 1,
}  # fmt: skip
CHATGLM = {
    "architectures": ["ChatGLMModel"], "model_type": "chatglm",
    "auto_map": {
        "AutoConfig": "configuration_chatglm.ChatGLMConfig",
        "AutoModel": "modeling_chatglm.ChatGLMForConditionalGeneration",
        "AutoModelForCausalLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
        "AutoModelForSeq2SeqLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
    },
    "add_bias_linear": False, "add_qkv_bias": True, "apply_query_key_layer_scaling": True,
    "apply_residual_connection_post_layernorm": False, "attention_dropout": 0.0, "attention_softmax_in_fp32": True,
    "bias_dropout_fusion": True, "ffn_hidden_size": INNER, "fp32_residual_connection": False, "hidden_dropout": 0.0,
    "hidden_size": HIDDEN, "kv_channels": 16, "layernorm_epsilon": 1e-5, "multi_query_attention": True,
    "multi_query_group_num": 2, "num_attention_heads": 4, "num_layers": LAYERS, "original_rope": True,
    "padded_vocab_size": VOCABULARY, "post_layer_norm": True, "rmsnorm": True, "seq_length": 32768, "use_cache": True,
    "torch_dtype": "float16", "transformers_version": "4.27.1", "tie_word_embeddings": False, "eos_token_id": 1,
    "pad_token_id": 0,
}  # fmt: skip


def llama_state(config: Mapping[str, Any]) -> State:
    """Random weights under Llama's names, with biases on the attention where the configuration has `bias`."""
    width, inner, kv = config["hidden_size"], config["intermediate_size"], _kv_width(config)
    state = {"model.embed_tokens.weight": (config["vocab_size"], width), "model.norm.weight": (width,)}
    state["lm_head.weight"] = (config["vocab_size"], width)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        for letter, rows in (("q", width), ("k", kv), ("v", kv), ("o", width)):
            state[f"{prefix}self_attn.{letter}_proj.weight"] = (rows, width)
            if config.get("bias"):
                state[f"{prefix}self_attn.{letter}_proj.bias"] = (rows,)
        for name, shape in (("gate", (inner, width)), ("up", (inner, width)), ("down", (width, inner))):
            state[f"{prefix}mlp.{name}_proj.weight"] = shape
        for name in ("input_layernorm", "post_attention_layernorm"):
            state[f"{prefix}{name}.weight"] = (width,)
    return _random(state)


def chatglm_state(config: Mapping[str, Any]) -> State:
    """Random weights under the names of ChatGLM2, the stored rotary frequencies included."""
    import torch

    width, inner, head = config["hidden_size"], config["ffn_hidden_size"], config["kv_channels"]
    queries, keys = head * config["num_attention_heads"], head * config["multi_query_group_num"]
    state: dict[str, tuple[int, ...]] = {
        "transformer.embedding.word_embeddings.weight": (config["padded_vocab_size"], width),
        "transformer.encoder.final_layernorm.weight": (width,),
        "transformer.output_layer.weight": (config["padded_vocab_size"], width),
    }
    for layer in range(config["num_layers"]):
        prefix = f"transformer.encoder.layers.{layer}."
        state |= {
            f"{prefix}input_layernorm.weight": (width,),
            f"{prefix}self_attention.query_key_value.weight": (queries + 2 * keys, width),
            f"{prefix}self_attention.query_key_value.bias": (queries + 2 * keys,),
            f"{prefix}self_attention.dense.weight": (width, queries),
            f"{prefix}post_attention_layernorm.weight": (width,),
            f"{prefix}mlp.dense_h_to_4h.weight": (2 * inner, width),
            f"{prefix}mlp.dense_4h_to_h.weight": (width, inner),
        }
    frequencies = 1.0 / 10000 ** (torch.arange(0, head // 2, 2).float() / (head // 2))
    return {**_random(state), "transformer.rotary_pos_emb.inv_freq": frequencies}


def write_checkpoint(
    folder: Path,
    config: Mapping[str, Any],
    state: State,
    *,
    shards: int = 2,
    is_pickled: bool = True,
    is_legacy: bool = False,
) -> Path:
    """The published files of a model, without its code: configuration, index, shards."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    base, suffix = ("pytorch_model", "bin") if is_pickled else ("model", "safetensors")
    names = sorted(state)
    places = {name: number * shards // len(names) for number, name in enumerate(names)}
    files = {
        number: f"{base}.{suffix}" if shards == 1 else f"{base}-{number + 1:05}-of-{shards:05}.{suffix}"
        for number in range(shards)
    }
    for number, file in files.items():
        part = {name: state[name] for name in names if places[name] == number}
        if is_pickled:
            torch.save(part, folder / file, _use_new_zipfile_serialization=not is_legacy)
        else:
            save_file(part, folder / file, metadata={"format": "pt"})
    if shards > 1:
        total = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
        weight_map = {name: files[place] for name, place in places.items()}
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (folder / f"{base}.{suffix}.index.json").write_text(json.dumps(index), "utf-8")
    return folder


def llama_logits(state: State, config: Mapping[str, Any], ids: list[int], *, factor: float = 1.0) -> torch.Tensor:
    """Logits of a Llama at every place, shape (tokens, vocabulary); positions divided by `factor`."""
    import torch

    heads, eps = config["num_attention_heads"], config["rms_norm_eps"]
    width = config["hidden_size"] // heads
    angles = _angles(len(ids), width, config.get("rope_theta", 10000.0), factor)
    hidden = state["model.embed_tokens.weight"][torch.tensor(ids)].float()
    for layer in range(config["num_hidden_layers"]):
        part = _part(state, f"model.layers.{layer}.")
        normed = _norm(hidden, part["input_layernorm.weight"], eps)
        queries, keys, values = (
            _linear(part, f"self_attn.{letter}_proj", normed).view(len(ids), -1, width).transpose(0, 1)
            for letter in "qkv"
        )
        mixed = _attend(_turn_halves(queries, angles), _turn_halves(keys, angles), values)
        hidden = hidden + _linear(part, "self_attn.o_proj", mixed)
        normed = _norm(hidden, part["post_attention_layernorm.weight"], eps)
        gate, up = (_linear(part, f"mlp.{name}_proj", normed) for name in ("gate", "up"))
        hidden = hidden + _linear(part, "mlp.down_proj", torch.nn.functional.silu(gate) * up)
    return _norm(hidden, state["model.norm.weight"], eps) @ state["lm_head.weight"].float().T


def index_logits(state: State, config: Mapping[str, Any], ids: list[int]) -> torch.Tensor:
    """Llama's, with every row of the output embedding divided by its length."""
    rows = state["lm_head.weight"].float()
    return llama_logits({**state, "lm_head.weight": rows / rows.norm(dim=1, keepdim=True)}, config, ids)


def chatglm_logits(
    state: State, config: Mapping[str, Any], ids: list[int], *, base: float = 10000.0, factor: float = 1.0
) -> torch.Tensor:
    """Logits of a ChatGLM2 at every place: adjacent pairs of the first half of each head turn, heads share groups."""
    import torch

    width, groups, heads = config["kv_channels"], config["multi_query_group_num"], config["num_attention_heads"]
    eps, turned = config["layernorm_epsilon"], width // 2
    angles = _angles(len(ids), turned, base, factor)
    hidden = state["transformer.embedding.word_embeddings.weight"][torch.tensor(ids)].float()
    for layer in range(config["num_layers"]):
        part = _part(state, f"transformer.encoder.layers.{layer}.")
        normed = _norm(hidden, part["input_layernorm.weight"], eps)
        joined = _linear(part, "self_attention.query_key_value", normed)
        split = joined.split([heads * width, groups * width, groups * width], dim=1)
        queries, keys, values = (each.view(len(ids), -1, width).transpose(0, 1) for each in split)
        turn = [_turn_pairs(each, angles, turned) for each in (queries, keys)]
        hidden = hidden + _linear(part, "self_attention.dense", _attend(turn[0], turn[1], values))
        normed = _norm(hidden, part["post_attention_layernorm.weight"], eps)
        gate, up = _linear(part, "mlp.dense_h_to_4h", normed).chunk(2, dim=1)
        hidden = hidden + _linear(part, "mlp.dense_4h_to_h", torch.nn.functional.silu(gate) * up)
    last = _norm(hidden, state["transformer.encoder.final_layernorm.weight"], eps)
    return last @ state["transformer.output_layer.weight"].float().T


def _random(shapes: Mapping[str, tuple[int, ...]]) -> State:
    """Numbers under which answers vary: matrices of standard deviation 0.2, norms near one, small biases."""
    import torch

    draw = torch.Generator().manual_seed(7)
    state = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=draw) * (0.2 if len(shape) > 1 else 0.1)
        state[name] = values + 1 if name.endswith("norm.weight") else values
    return state


def _kv_width(config: Mapping[str, Any]) -> int:
    heads = config["num_attention_heads"]
    kv_heads: int = config.get("num_key_value_heads", heads)
    return kv_heads * config["hidden_size"] // heads


def _part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): tensor.float() for name, tensor in state.items() if name.startswith(prefix)}


def _linear(part: State, name: str, values: torch.Tensor) -> torch.Tensor:
    product = values @ part[f"{name}.weight"].T
    return product + part[f"{name}.bias"] if f"{name}.bias" in part else product


def _norm(values: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    import torch

    return weight.float() * values * torch.rsqrt(values.pow(2).mean(-1, keepdim=True) + eps)


def _angles(tokens: int, turned: int, base: float, factor: float) -> torch.Tensor:
    """Angle of every position and pair, shape (tokens, turned / 2)."""
    import torch

    frequencies = base ** (-torch.arange(0, turned, 2).double() / turned)
    return (torch.arange(tokens).double()[:, None] / factor * frequencies).float()


def _turn_halves(values: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Dimension i turns with dimension i + half, shape (heads, tokens, width)."""
    import torch

    first, second = values.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def _turn_pairs(values: torch.Tensor, angles: torch.Tensor, turned: int) -> torch.Tensor:
    """Of the first `turned` dimensions each even one turns with the odd one behind it; the others stay."""
    result = values.clone()
    even, odd = values[..., 0:turned:2], values[..., 1:turned:2]
    result[..., 0:turned:2] = even * angles.cos() - odd * angles.sin()
    result[..., 1:turned:2] = odd * angles.cos() + even * angles.sin()
    return result


def _attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Causal attention, shape (tokens, heads · width); neighbouring query heads share a head of keys."""
    import torch

    shared = queries.shape[0] // keys.shape[0]
    keys, values = (each.repeat_interleave(shared, dim=0) for each in (keys, values))
    scores = queries @ keys.transpose(1, 2) / queries.shape[-1] ** 0.5
    tokens = queries.shape[1]
    future = torch.triu(torch.ones(tokens, tokens, dtype=torch.bool), diagonal=1)
    mixed = scores.masked_fill(future, float("-inf")).softmax(-1) @ values
    return mixed.transpose(0, 1).reshape(tokens, -1)
