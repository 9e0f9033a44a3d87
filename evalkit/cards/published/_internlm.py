"""InternLM-7B: Llama with biases on queries, keys, values and output; RoPE under `rotary` since November 2023.

Sources: config.json of internlm/internlm-7b; InternLM/InternLM at aaaf4d7, `tools/transformers/modeling_internlm.py`
(biases by `bias`, none elsewhere); its pull request 470 and two copies of the later file for `rotary`: `origin` is
plain RoPE, `dynamic` multiplies the base by (f·n/L − (f − 1))^(d/(d−2)) beyond L, with a `scaling_factor` f that is 1
where it is not stated and L `max_position_embeddings`. That is the dynamic scaling of transformers, except that this
class turns every cached key again with the base of the present length, and transformers leaves them.
"""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.cards._window import ConfigError, number
from evalkit.errors import shown

from ._fields import Fields
from ._llama import THETA, as_llama, plain_rope
from ._record import Published

__all__ = ["read_internlm"]


def read_internlm(config: Mapping[str, object]) -> Published:
    """A configuration of `InternLMForCausalLM`."""
    fields = Fields(config, "llama")
    biases = fields.flag("bias", default=True)
    built_in = as_llama(fields, _rope(fields, config), biases=biases)
    return fields.published("InternLMForCausalLM", built_in)


def _rope(fields: Fields, config: Mapping[str, object]) -> dict[str, object]:
    fields.ignore("rotary")
    rotary = config.get("rotary")
    if rotary is None:
        return plain_rope(THETA)  # the code beside such a configuration is older than `rotary`
    if not isinstance(rotary, dict):
        raise ConfigError(f"rotary: expected an object, found {shown(rotary)}")
    theta, factor = number(rotary, "base") or THETA, number(rotary, "scaling_factor") or 1.0
    kind = rotary.get("type")
    if kind == "dynamic" and not rotary.keys() - {"type", "base", "scaling_factor"}:
        return {"rope_type": "dynamic", "factor": factor, "rope_theta": theta}
    if kind != "origin" or rotary.keys() - {"type", "base"}:
        fields.refuse(f"rotary is {shown(rotary)}, and known are the types origin and dynamic")
    return plain_rope(theta)
