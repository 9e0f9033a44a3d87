"""Index (bilibili): Llama by its tensors; with `norm_head` the rows of its output embedding have length one.

Sources: config.json of IndexTeam/Index-1.9B, -Pure, -Character and -Chat, which state neither base nor `rope_ratio`
(the class takes 10,000, as fine-tunes that write their defaults out show); tensors and head by two re-implementations
(exllamav2; PaddleFormers, `transformers/index/modeling.py`). `rope_ratio` of Index-1.9B-32K multiplies the base: its
report states the base as 32 · 10,000.
"""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.cards._window import number, rope_parameters, scaling_type

from ._fields import Fields
from ._llama import THETA, as_llama, plain_rope
from ._record import Published

__all__ = ["read_index"]

_SCALINGS = {"linear", "dynamic"}  # of Llama in transformers 4.39, which the class was copied from


def read_index(config: Mapping[str, object]) -> Published:
    """A configuration of `IndexForCausalLM`."""
    fields = Fields(config, "llama")
    is_normed = fields.flag("norm_head", default=False)  # the weights are normalised where they are converted
    if is_normed and fields.flag("tie_word_embeddings", default=False):
        fields.refuse("norm_head with tie_word_embeddings: one tensor cannot be normalised and as it is")
    biases = fields.flag("attention_bias", default=False)
    built_in = as_llama(fields, _rope(fields, config), biases=biases)
    return fields.published("IndexForCausalLM", built_in)


def _rope(fields: Fields, config: Mapping[str, object]) -> dict[str, object]:
    theta, ratio = fields.number("rope_theta", THETA), fields.number("rope_ratio", 1.0)
    if ratio != 1.0 and theta != THETA:
        fields.refuse(f"rope_ratio is {ratio:g} beside a rope_theta of {theta:g}, and which one counts is not known")
    parameters = rope_parameters(config)
    fields.ignore("rope_scaling", "rope_parameters")
    kind, factor = scaling_type(parameters), number(parameters, "factor")
    if not parameters or kind == "default":
        return plain_rope(theta * ratio)
    if kind not in _SCALINGS or factor is None or parameters.keys() - {"type", "rope_type", "factor"}:
        fields.refuse("rope_scaling is another than linear or dynamic with a factor")
    return {"rope_type": kind, "factor": factor, "rope_theta": theta * ratio}
