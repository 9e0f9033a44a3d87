"""Tiny random checkpoints in the layout in which models were published: pickled shards, names and fields of 2023.

Heads have 32 or 64 dimensions, which vLLM's attention on a CPU asks for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

VOCABULARY, HIDDEN, INNER, LAYERS, HEADS = 256, 64, 96, 2, 2
WINDOW = 1024
State = dict[str, "torch.Tensor"]

LLAMA_LIKE = {
    "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS, "hidden_act": "silu", "rms_norm_eps": 1e-6, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0, "tie_word_embeddings": False, "torch_dtype": "float32", "use_cache": True,
    "initializer_range": 0.02,
}  # fmt: skip
GLM_HIDDEN, GLM_HEADS, GLM_GROUPS, GLM_HEAD = 256, 4, 2, 64


def own_code(family: str, name: str) -> dict[str, Any]:
    """What `config.json` says of a class that comes with the weights."""
    return {
        "architectures": [name],
        "model_type": family,
        "auto_map": {
            "AutoConfig": f"configuration_{family}.{name}Config",
            "AutoModelForCausalLM": f"modeling_{family}.{name}",
        },
    }


CHATGLM = {
    **own_code("chatglm", "ChatGLMModel"), "add_bias_linear": False, "add_qkv_bias": True,
    "apply_query_key_layer_scaling": True, "apply_residual_connection_post_layernorm": False,
    "attention_dropout": 0.0, "attention_softmax_in_fp32": True, "bias_dropout_fusion": True,
    "ffn_hidden_size": INNER, "fp32_residual_connection": False, "hidden_dropout": 0.0, "hidden_size": GLM_HIDDEN,
    "kv_channels": GLM_HEAD, "layernorm_epsilon": 1e-05, "multi_query_attention": True,
    "multi_query_group_num": GLM_GROUPS, "num_attention_heads": GLM_HEADS, "num_layers": LAYERS,
    "original_rope": True, "padded_vocab_size": VOCABULARY, "post_layer_norm": True, "rmsnorm": True,
    "seq_length": WINDOW, "use_cache": True, "torch_dtype": "float32", "tie_word_embeddings": False,
    "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip

CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "index": {
        **LLAMA_LIKE, **own_code("index", "IndexForCausalLM"), "max_position_embeddings": WINDOW, "max_length": WINDOW,
        "num_key_value_heads": HEADS, "rope_scaling": None, "norm_head": 1,
    },
    "internlm": {
        **LLAMA_LIKE, **own_code("internlm", "InternLMForCausalLM"), "max_position_embeddings": WINDOW, "bias": True,
        "rotary": {"base": 10000, "type": "dynamic"},
    },
    "xverse": {**LLAMA_LIKE, **own_code("xverse", "XverseForCausalLM"), "max_position_embeddings": WINDOW},
    "longchat": {
        **LLAMA_LIKE, "architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 256,
        "num_key_value_heads": HEADS, "rope_scaling": {"type": "linear", "factor": 8.0},
    },
    "chatglm2-6b": CHATGLM,
    "chatglm2-6b-32k": CHATGLM | {"rope_ratio": 16},  # of positions
    "chatglm3-6b-32k": CHATGLM | {"rope_ratio": 50},  # of the base
}  # fmt: skip
"""`config.json` by model, as the makers wrote it but for its sizes."""


def llama_names(draw: Callable[..., torch.Tensor], *, biases: bool) -> State:
    """Tensors under the names that Llama, Index, InternLM and XVERSE share."""
    state = {"model.embed_tokens.weight": draw(VOCABULARY, HIDDEN), "model.norm.weight": 1 + draw(HIDDEN)}
    state["lm_head.weight"] = draw(VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            state[f"{prefix}self_attn.{name}.weight"] = draw(HIDDEN, HIDDEN)
            if biases:
                state[f"{prefix}self_attn.{name}.bias"] = draw(HIDDEN)
        state[f"{prefix}self_attn.rotary_emb.inv_freq"] = torch.ones(HIDDEN // HEADS // 2)  # a buffer saved in 2023
        state[f"{prefix}mlp.gate_proj.weight"] = draw(INNER, HIDDEN)
        state[f"{prefix}mlp.up_proj.weight"] = draw(INNER, HIDDEN)
        state[f"{prefix}mlp.down_proj.weight"] = draw(HIDDEN, INNER)
        state[f"{prefix}input_layernorm.weight"] = 1 + draw(HIDDEN)
        state[f"{prefix}post_attention_layernorm.weight"] = 1 + draw(HIDDEN)
    return state


def chatglm_names(draw: Callable[..., torch.Tensor]) -> State:
    """Tensors under the names of ChatGLM2."""
    joined = (GLM_HEADS + 2 * GLM_GROUPS) * GLM_HEAD
    state = {
        "transformer.embedding.word_embeddings.weight": draw(VOCABULARY, GLM_HIDDEN),
        "transformer.rotary_pos_emb.inv_freq": torch.ones(GLM_HEAD // 4),
        "transformer.encoder.final_layernorm.weight": 1 + draw(GLM_HIDDEN),
        "transformer.output_layer.weight": draw(VOCABULARY, GLM_HIDDEN),
    }
    for layer in range(LAYERS):
        prefix = f"transformer.encoder.layers.{layer}."
        state[f"{prefix}input_layernorm.weight"] = 1 + draw(GLM_HIDDEN)
        state[f"{prefix}post_attention_layernorm.weight"] = 1 + draw(GLM_HIDDEN)
        state[f"{prefix}self_attention.query_key_value.weight"] = draw(joined, GLM_HIDDEN)
        state[f"{prefix}self_attention.query_key_value.bias"] = draw(joined)
        state[f"{prefix}self_attention.dense.weight"] = draw(GLM_HIDDEN, GLM_HEADS * GLM_HEAD)
        state[f"{prefix}mlp.dense_h_to_4h.weight"] = draw(2 * INNER, GLM_HIDDEN)
        state[f"{prefix}mlp.dense_4h_to_h.weight"] = draw(GLM_HIDDEN, INNER)
    return state


def save_published(folder: Path, name: str) -> Path:
    """A checkpoint of that model: two pickled shards with their index, and `config.json`."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.2  # large enough that prompts get different answers

    state = chatglm_names(draw) if name.startswith("chatglm") else llama_names(draw, biases=name == "internlm")
    names = sorted(state)
    shards = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
    for file, members in shards.items():
        torch.save({member: state[member] for member in members}, folder / file)
    places = {member: file for file, members in shards.items() for member in members}
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), "utf-8")
    (folder / "config.json").write_text(json.dumps(CONFIGS[name]), "utf-8")
    return folder
