"""XVERSE: Llama; the 256K model has its RoPE in code, not in its configuration.

Sources: config.json of xverse/XVERSE-13B-256K, XVERSE-7B and XVERSE-13B (no base, no scaling); deep_training 0.3.0
`nlp/models/xverse/modeling_xverse.py`, a copy of the 13B model's code (no biases, base 10,000). XVERSE-13B-256K is the
one whose `max_tokenizer_truncation` (262,144) goes beyond `max_position_embeddings` (32,768): the defaults of its code
are base 500,000, and beyond L = 32,768 a multiplier of n / (L/2) − 1, which is dynamic NTK with factor 2. The makers'
report states both.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._fields import Fields
from ._llama import THETA, as_llama, plain_rope
from ._record import Published

__all__ = ["read_xverse"]

_LONG_THETA, _LONG_FACTOR = 500000.0, 2.0


def read_xverse(config: Mapping[str, object]) -> Published:
    """A configuration of `XverseForCausalLM`."""
    fields = Fields(config, "llama")
    window, length = fields.count("max_tokenizer_truncation"), fields.count("max_position_embeddings")
    extra: dict[str, object] = {}
    rope = plain_rope(fields.number("rope_theta", THETA))
    if window is not None and length is not None and window > length:
        # Both spellings of the window: transformers counts its scaling from max_position_embeddings.
        extra = {"model_max_length": window, "original_max_position_embeddings": length}
        theta = fields.number("rope_theta", _LONG_THETA)
        rope = {"rope_type": "dynamic", "factor": _LONG_FACTOR, "rope_theta": theta}
    return fields.published("XverseForCausalLM", as_llama(fields, rope, extra=extra))
