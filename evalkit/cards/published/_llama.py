"""Networks that are Llama under other names, and Llama whose RoPE is written as it no longer is.

The scaling of LongChat is the one that transformers does not read: `rope_condense_ratio`, by which positions are
divided (lm-sys/LongChat, `llama_condense_monkey_patch.py`; lmsys/longchat-7b-16k before 981bdbd has nothing else).
Where `rope_scaling` stands beside it, transformers and FastChat follow that, and the model runs as it is.

>>> legacy_llama({"rope_condense_ratio": 8, "max_position_embeddings": 2048}).config["rope_parameters"]
{'rope_type': 'linear', 'factor': 8.0, 'rope_theta': 10000.0}
"""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.cards._window import number, rope_parameters, scaling_type

from ._fields import Fields
from ._record import Published

__all__ = ["THETA", "as_llama", "legacy_llama", "plain_rope"]

THETA = 10000.0  # base that Llama's class and its copies take where none is stated

_OLD = {"auto_map", "rope_condense_ratio", "rope_parameters", "rope_scaling", "rope_theta", "transformers_version"}


def plain_rope(theta: float) -> dict[str, object]:
    """RoPE without a scaling, as transformers 5 writes it."""
    return {"rope_type": "default", "rope_theta": theta}


def as_llama(
    fields: Fields, rope: Mapping[str, object], *, biases: bool = False, extra: Mapping[str, object] | None = None
) -> dict[str, object]:
    """`config.json` of a Llama with the widths of the published configuration; obstacles are noted in `fields`."""
    hidden, vocabulary = fields.needed("hidden_size"), fields.needed("vocab_size")
    heads = fields.needed("num_attention_heads")
    fields.parts("num_attention_heads", hidden, of="hidden_size")
    fields.activation()
    fields.unquantised()
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": fields.needed("intermediate_size"),
        "num_hidden_layers": fields.needed("num_hidden_layers"),
        "num_attention_heads": heads,
        "num_key_value_heads": fields.parts("num_key_value_heads", heads, of="num_attention_heads") or heads,
        "head_dim": hidden // max(heads, 1),
        "hidden_act": "silu",
        "max_position_embeddings": fields.needed("max_position_embeddings"),
        "rms_norm_eps": fields.epsilon("rms_norm_eps"),
        "attention_bias": biases,
        "mlp_bias": False,
        "tie_word_embeddings": fields.flag("tie_word_embeddings", default=False),
        "rope_parameters": dict(rope),
        **fields.tokens(vocabulary),
        **fields.dtype(),
        **(extra or {}),
    }


def legacy_llama(config: Mapping[str, object]) -> Published | None:
    """A Llama whose scaling only its makers' patch reads; None where transformers reads what is there."""
    ratio = number(config, "rope_condense_ratio")
    parameters = rope_parameters(config)
    if ratio in (None, 1.0) or scaling_type(parameters) != "default":
        return None
    theta = number(parameters, "rope_theta") or number(config, "rope_theta") or THETA
    kept = {key: value for key, value in config.items() if key not in _OLD}
    rope = {"rope_type": "linear", "factor": ratio, "rope_theta": theta}
    changed: dict[str, object] = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "rope_parameters": rope}
    if "torch_dtype" in kept:
        changed["dtype"] = kept.get("dtype") or kept.pop("torch_dtype")
    return Published("LlamaForCausalLM", "llama", {**kept, **changed})
