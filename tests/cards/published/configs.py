"""`config.json` as the models of the published tables have it."""

from __future__ import annotations

from typing import Any

__all__ = ["CHATGLM2", "CONFIGS", "INDEX", "INTERNLM", "LONGCHAT", "XVERSE_256K", "tiny"]

_CODE = {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}

# huggingface.co/IndexTeam/Index-1.9B, config.json (the same in -Pure and -Character)
INDEX: dict[str, Any] = {
    "architectures": ["IndexForCausalLM"], "auto_map": _CODE, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.01, "intermediate_size": 5888,
    "max_length": 4096, "max_position_embeddings": 4096, "model_type": "index", "num_attention_heads": 16,
    "num_hidden_layers": 36, "num_key_value_heads": 16, "rms_norm_eps": 1e-06, "rope_scaling": None,
    "tie_word_embeddings": False, "norm_head": 1, "torch_dtype": "bfloat16", "transformers_version": "4.39.2",
    "use_cache": True, "vocab_size": 65029,
}  # fmt: skip

# huggingface.co/internlm/internlm-7b, config.json since 2023-11-07
INTERNLM: dict[str, Any] = {
    "architectures": ["InternLMForCausalLM"], "auto_map": _CODE, "bias": True, "bos_token_id": 1, "eos_token_id": 2,
    "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 11008,
    "max_position_embeddings": 2048, "model_type": "internlm", "num_attention_heads": 32, "num_hidden_layers": 32,
    "pad_token_id": 2, "rms_norm_eps": 1e-06, "rotary": {"base": 10000, "type": "dynamic"},
    "tie_word_embeddings": False, "torch_dtype": "float16", "transformers_version": "4.29.2", "use_cache": True,
    "vocab_size": 103168,
}  # fmt: skip

# huggingface.co/xverse/XVERSE-13B-256K, config.json
XVERSE_256K: dict[str, Any] = {
    "architectures": ["XverseForCausalLM"], "auto_map": _CODE, "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3,
    "hidden_act": "silu", "hidden_size": 5120, "initializer_range": 0.02, "intermediate_size": 13824,
    "max_position_embeddings": 32768, "max_tokenizer_truncation": 262144, "model_type": "xverse",
    "num_attention_heads": 40, "num_hidden_layers": 40, "rms_norm_eps": 1e-06, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "transformers_version": "4.28.1", "use_cache": False, "vocab_size": 100534,
}  # fmt: skip

# Copies of THUDM/chatglm2-6b, config.json
CHATGLM2: dict[str, Any] = {
    "_name_or_path": "THUDM/chatglm2-6b", "model_type": "chatglm", "architectures": ["ChatGLMModel"],
    "auto_map": _CODE, "add_bias_linear": False, "add_qkv_bias": True, "apply_query_key_layer_scaling": True,
    "apply_residual_connection_post_layernorm": False, "attention_dropout": 0.0, "attention_softmax_in_fp32": True,
    "bias_dropout_fusion": True, "ffn_hidden_size": 13696, "fp32_residual_connection": False, "hidden_dropout": 0.0,
    "hidden_size": 4096, "kv_channels": 128, "layernorm_epsilon": 1e-05, "multi_query_attention": True,
    "multi_query_group_num": 2, "num_attention_heads": 32, "num_layers": 28, "original_rope": True,
    "padded_vocab_size": 65024, "post_layer_norm": True, "rmsnorm": True, "seq_length": 32768, "use_cache": True,
    "torch_dtype": "float16", "transformers_version": "4.27.1", "tie_word_embeddings": False, "eos_token_id": 2,
    "pad_token_id": 0, "pre_seq_len": None, "prefix_projection": False, "quantization_bit": 0,
}  # fmt: skip

# huggingface.co/lmsys/longchat-7b-16k before its `rope_scaling`
LONGCHAT: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 11008,
    "max_position_embeddings": 2048, "max_sequence_length": 16384, "model_type": "llama", "num_attention_heads": 32,
    "num_hidden_layers": 32, "rms_norm_eps": 1e-06, "rope_condense_ratio": 8, "tie_word_embeddings": False,
    "torch_dtype": "float16", "transformers_version": "4.28.1", "use_cache": True, "vocab_size": 32000,
}  # fmt: skip

_GLM4 = CHATGLM2 | {
    "layernorm_epsilon": 1.5625e-07, "num_layers": 40, "num_hidden_layers": 40, "padded_vocab_size": 151552,
    "vocab_size": 151552, "classifier_dropout": None, "torch_dtype": "bfloat16", "pad_token_id": 151329,
    "eos_token_id": [151329, 151336, 151338],
}  # fmt: skip

CONFIGS: dict[str, dict[str, Any]] = {
    "index-1.9b": INDEX,
    "index-1.9b-32k": INDEX | {"max_length": 32768, "max_position_embeddings": 32768, "rope_ratio": 32},
    "internlm-7b, old": {key: value for key, value in INTERNLM.items() if key != "rotary"},
    "internlm-7b": INTERNLM,
    "xverse-7b": XVERSE_256K
    | {
        "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
        "max_position_embeddings": 8192, "max_tokenizer_truncation": 6144,
    },
    "xverse-13b-256k": XVERSE_256K,
    "chatglm2-6b": CHATGLM2,
    "chatglm2-6b-32k": CHATGLM2 | {"rope_ratio": 16},
    "chatglm3-6b-32k": CHATGLM2 | {"rope_ratio": 50, "transformers_version": "4.30.2"},
    "glm-4-9b-chat": _GLM4 | {"rope_ratio": 500, "seq_length": 131072},
    "glm-4-9b-chat-1m": _GLM4 | {"rope_ratio": 10000, "seq_length": 1048576, "multi_query_group_num": 4},
    "longchat-7b-16k": LONGCHAT,
}  # fmt: skip


def tiny(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with two layers and widths of a test."""
    is_glm = "num_layers" in config
    widths = {
        "num_layers" if is_glm else "num_hidden_layers": 2,
        "ffn_hidden_size" if is_glm else "intermediate_size": 48,
        "hidden_size": 32, "num_attention_heads": 4,
        "padded_vocab_size" if is_glm else "vocab_size": 120,
        **({"kv_channels": 8, "multi_query_group_num": 2} if is_glm else {}),
        **({"num_key_value_heads": 4} if "num_key_value_heads" in config else {}),
    }  # fmt: skip
    return {**config, **widths}
