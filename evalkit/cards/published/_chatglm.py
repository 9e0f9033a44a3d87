"""ChatGLM2, ChatGLM3 and GLM-4-9B, one line of code: GLM with joined tensors, half of each head turned in pairs.

Sources: config.json of THUDM/chatglm3-6b-32k, copies of those of chatglm2-6b, chatglm2-6b-32k and glm-4-9b-chat(-1m);
vLLM 0.32 `model_executor/models/chatglm.py` and `transformers_utils/configs/chatglm.py` (defaults of the class);
lmdeploy 0.18 `pytorch/models/chatglm2.py`; bigdl-llm 2.4 `transformers/models/chatglm2_32k.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._fields import Fields
from ._llama import THETA
from ._record import Published

__all__ = ["read_chatglm"]

_NAME = "ChatGLMForConditionalGeneration"

# `rope_ratio` has two meanings in this line of code, and no other field says which. chatglm2-6b-32k (16) divides
# positions by it: bigdl-llm's chatglm2_32k.py, rtp-llm's chat_glm_v2.py, and v2_6b of MindIE's flash_causal_chatglm.py.
# chatglm3-6b-32k (50), chatglm3-6b-128k and glm-4-9b-chat (500), and glm-4-9b-chat-1m (10,000) multiply the base by it:
# rtp-llm's chat_glm_v3.py, v3_6b and v4_9b of MindIE, and chatglm3-6b-32k's own file, which vLLM cites.
_OF_POSITIONS = {16.0}
_OF_BASE = {50.0, 500.0, 10000.0}
_GLM4_VOCABULARY = 151552  # GLM-4 multiplies whatever the ratio

# First generation: a prefix of the prompt sees itself both ways, positions have two dimensions, norms have biases.
_FIRST = ("position_encoding_2d", "inner_hidden_size")
_VISION = ("vision_config", "boi_token_id", "eoi_token_id")


def read_chatglm(config: Mapping[str, object]) -> Published:
    """A configuration of `ChatGLMModel` or `ChatGLMForConditionalGeneration`."""
    fields = Fields(config, "glm")
    for keys, network in ((_FIRST, "the first ChatGLM-6B"), (_VISION, "a model that reads images")):
        found = next((key for key in keys if fields.has(key)), None)
        if found is not None:
            fields.refuse(f"{found} belongs to {network}, another network than glm")
            return fields.published(_NAME, {})
    _check_block(fields)
    head_dim, hidden = fields.needed("kv_channels"), fields.needed("hidden_size")
    vocabulary = fields.needed("padded_vocab_size")
    heads = fields.needed("num_attention_heads")
    if head_dim % 4:
        fields.refuse(f"kv_channels is {head_dim}, of which no half can be turned in pairs")
    rope, length = _rope(fields, vocabulary)
    built_in = {
        "architectures": ["GlmForCausalLM"],
        "model_type": "glm",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": fields.needed("ffn_hidden_size"),
        "num_hidden_layers": fields.needed("num_layers"),
        "num_attention_heads": heads,
        "num_key_value_heads": _groups(fields, heads),
        "head_dim": head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": length,
        "rms_norm_eps": fields.epsilon("layernorm_epsilon"),
        "attention_bias": fields.flag("add_qkv_bias", default=False),
        "tie_word_embeddings": False,
        "rope_parameters": rope,
        **fields.tokens(vocabulary),
        **fields.dtype(),
    }
    # vLLM takes heads as hidden / heads and wants `original_rope` stated. It multiplies the base by any ratio: where it
    # is one of positions, the backend writes the rotation into its table. vLLM 0.32 has no class for `glm`.
    is_native = head_dim * heads == hidden and fields.has("original_rope")
    return fields.published(_NAME, built_in, {"vllm"} if is_native else ())


def _check_block(fields: Fields) -> None:
    """Note what is not as in GLM's layers; defaults are those of the class."""
    fields.expect("rmsnorm", True, default=True)
    fields.expect("post_layer_norm", True, default=True)
    fields.expect("original_rope", True, default=True)
    fields.expect("multi_query_attention", True, default=False)
    fields.expect("apply_residual_connection_post_layernorm", False, default=False)
    fields.expect("add_bias_linear", False, default=False)
    fields.expect("fp32_residual_connection", False, default=False)
    fields.expect("interleaved_qkv", False, default=False)
    fields.expect("tie_word_embeddings", False, default=False)
    fields.unquantised()
    for key in ("quantization_bit", "pre_seq_len"):  # packed weights, and a trained prefix before every prompt
        fields.expect_none(key)
    # Scores divided by the layer's number in float16 and multiplied again in the softmax, which float32 does not need.
    fields.ignore("apply_query_key_layer_scaling", "attention_softmax_in_fp32", "bias_dropout_fusion", "hidden_dropout")
    fields.ignore("prefix_projection")  # of the trained prefix
    fields.ignore("vocab_size", "num_hidden_layers", "max_position_embeddings")  # other names of fields that are read


def _groups(fields: Fields, heads: int) -> int:
    """Heads of keys and values, a part of the query heads."""
    fields.needed("multi_query_group_num")
    return fields.parts("multi_query_group_num", heads, of="num_attention_heads")


def _rope(fields: Fields, vocabulary: int) -> tuple[dict[str, object], int]:
    """RoPE on half of each head, and the length that its scaling counts from."""
    length, ratio = fields.needed("seq_length"), fields.number("rope_ratio", 1.0)
    shape = {"partial_rotary_factor": 0.5}
    if ratio == 1.0 or vocabulary == _GLM4_VOCABULARY or ratio in _OF_BASE:
        return {"rope_type": "default", "rope_theta": THETA * ratio, **shape}, length
    if ratio not in _OF_POSITIONS:
        fields.refuse(
            f"rope_ratio is {ratio:g}: chatglm2's code divides positions by it, chatglm3's multiplies the base, and "
            "nothing here says whose it is"
        )
    rope = {"rope_type": "linear", "factor": ratio, "rope_theta": THETA, **shape}
    return rope, max(1, int(length / ratio))
