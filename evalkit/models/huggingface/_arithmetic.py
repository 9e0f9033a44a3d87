"""What a model takes of memory beside its weights, by the sizes in its configuration: keys and values, activations."""

from __future__ import annotations

from typing import Any

__all__ = ["LEAST_PASS", "ONE_PASS_TOKENS", "activation_bytes", "cache_bytes", "pass_tokens", "tokens_in_pass"]

ONE_PASS_TOKENS = 2**16
"""Most tokens of a prompt in one pass: an 8B model's activations take 10 GiB at 128k in one."""
LEAST_PASS = 2**10  # an accelerator computes fewer tokens hardly faster
PASS_SHARE = 8  # of what is free beside weights, keys and values, activations of a pass may take the eighth
STATES, INNER_STATES = 8, 3  # of a layer's width and of its inner width, that one token has at once
_EXPERTS = ("num_experts_per_tok", "moe_top_k")


def cache_bytes(config: Any, itemsize: int, tokens: int) -> int:
    """Keys and values of so many tokens; layers that forget tokens keep their window, running states count nothing."""
    text = config.get_text_config(decoder=True)
    layers, heads = _number(text, "num_hidden_layers"), _number(text, "num_attention_heads")
    kinds = getattr(text, "layer_types", None)
    kinds = kinds if isinstance(kinds, list) else ["full_attention"] * layers
    window = _number(text, "sliding_window") or tokens
    per_kind = {"full_attention": tokens, "sliding_attention": min(tokens, window), "chunked_attention": 0}
    return sum(per_kind.get(str(kind), 0) for kind in kinds) * _numbers_per_token(text, heads) * itemsize


def _numbers_per_token(text: Any, heads: int) -> int:
    """Numbers that one layer keeps of one token; transformers keeps latent attention (DeepSeek) unfolded."""
    if _number(text, "kv_lora_rank"):
        keys = _number(text, "qk_nope_head_dim") + _number(text, "qk_rope_head_dim")
        return heads * (keys + _number(text, "v_head_dim"))
    width = _number(text, "head_dim") or _number(text, "hidden_size") // max(1, heads)
    return 2 * (_number(text, "num_key_value_heads") or heads) * width


def activation_bytes(config: Any, itemsize: int, longest: int, attention: str) -> int:
    """What one new token of a pass takes at once: states, gate, up and their product; eager attention its scores."""
    text = config.get_text_config(decoder=True)
    experts = max([1, *(_number(text, name) for name in _EXPERTS)])
    inner = max(_number(text, "intermediate_size"), experts * _number(text, "moe_intermediate_size"))
    scores = 0
    if attention == "eager":  # in the model's numbers, in float32 for the softmax, and back
        scores = _number(text, "num_attention_heads") * longest * (2 * itemsize + 4)
    return (STATES * _number(text, "hidden_size") + INNER_STATES * inner) * itemsize + scores


def pass_tokens(token_bytes: int, free: int | None) -> int:
    """New tokens in one pass, a power of two, so that their activations take a small share of what is free."""
    if free is None or token_bytes <= 0:
        return ONE_PASS_TOKENS
    most = max(1, free // PASS_SHARE // token_bytes)
    return max(LEAST_PASS, min(ONE_PASS_TOKENS, 1 << most.bit_length() - 1))


def tokens_in_pass(model: Any, longest: int, free: int | None) -> int | None:
    """Most new tokens in one pass of a loaded model beside its longest sequence; None on a CPU."""
    if model.device.type == "cpu":
        return None
    config, itemsize = model.config, int(model.dtype.itemsize)
    attention = str(getattr(config, "_attn_implementation", None))
    beside = None if free is None else max(0, free - cache_bytes(config, itemsize, longest))
    return pass_tokens(activation_bytes(config, itemsize, longest, attention), beside)


def _number(config: Any, name: str) -> int:
    """A size of a configuration; 0 where there is none, or one for each layer."""
    value = getattr(config, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
