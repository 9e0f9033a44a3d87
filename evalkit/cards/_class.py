"""What a configuration leaves to the class that loads it: which RoPE parameters win, and how many dimensions turn.

Read are the rules of transformers 5.19: `rope_scaling` replaces `rope_parameters` where both are given, base included
(`convert_rope_params_to_dict`), and each family has defaults and exceptions of its own. So the class itself is asked
wherever the file does not settle the answer; where transformers is not installed, the file alone is read.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.cards._families import settled
from evalkit.cards._window import Config, ConfigError, count, lengths_of, number, rope_parameters, scaling_type

__all__ = ["completed", "head_dim", "is_by_layer", "is_latent", "rotary_dim", "stated_theta"]

_ROPE_KEYS = {
    "rope_parameters", "rope_scaling", "rope_theta", "rotary_emb_base", "partial_rotary_factor", "rotary_pct",
}  # fmt: skip

# Families whose `compute_default_rope_parameters` obeys `partial_rotary_factor`; all others of transformers 5.19 turn
# whole heads, whatever their files say.
TURNS_A_PART = {
    "bamba", "fuyu", "glm", "glm4", "glm4_moe", "glm4_moe_lite", "gpt_neox", "gpt_neox_japanese", "minimax_m2",
    "minimax_m3_vl_text", "nemotron", "persimmon", "phi", "phi3", "phi4_multimodal", "qwen3_5_moe_text", "qwen3_5_text",
    "qwen3_next", "qwen4_exp_text", "recurrent_gemma", "solar_open", "stablelm",
}  # fmt: skip


def completed(folder: Path, config: Config) -> Config:
    """The configuration with what its class makes of it, asked only where the file does not settle length and RoPE.

    Importing transformers takes seconds; it runs no code of the folder.
    """
    is_length_stated = lengths_of(config).window is not None
    known = settled(config) if is_length_stated else None
    if known is not None:
        return known
    loaded = _loaded(folder)
    if loaded is None:
        return config
    filled: dict[str, Any] = loaded.to_dict()
    stated = {key: value for key, value in config.items() if value is not None}
    # Gemma 3's published file states no length at all; what a file does state is what its makers mean.
    return _with_rope({**({} if is_length_stated else filled), **stated}, loaded, filled)


def is_by_layer(parameters: Config) -> bool:
    """Whether every kind of layer has RoPE parameters of its own."""
    return any(isinstance(value, Mapping) for value in parameters.values())


def _loaded(folder: Path) -> Any:
    """The language model's configuration as transformers loads it; None where nobody can tell."""
    try:
        from transformers import AutoConfig
        from transformers.utils import logging
    except ImportError:
        return None
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # what it says of odd keys is said again when the model is loaded
    try:
        with warnings.catch_warnings(action="ignore"):
            return AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config()
    except Exception:  # a model that it does not know or refuses: loading it says why
        return None
    finally:
        logging.set_verbosity(level)


def _with_rope(config: Config, loaded: Any, filled: Mapping[str, Any]) -> Config:
    """The configuration with the class's RoPE parameters and width of a head instead of the file's."""
    changes: dict[str, object] = {"model_type": loaded.model_type}  # the nested record may leave it out
    if filled.get("rope_parameters"):
        config = {key: value for key, value in config.items() if key not in _ROPE_KEYS}
        changes["rope_parameters"] = filled["rope_parameters"]
    try:
        width = getattr(loaded, "head_dim", None)
    except Exception:  # Gemma 4: one width per kind of layer, and asking for a single one is an error of its own
        width = None
    if width is not None:
        changes["qk_rope_head_dim" if is_latent(config) else "head_dim"] = width
    return {**config, **changes}


def stated_theta(config: Config) -> float | None:
    """The one base of the rotation, by the class's order of keys; None where none is stated."""
    return (
        number(rope_parameters(config), "rope_theta")
        or number(config, "rope_theta")
        or number(config, "rotary_emb_base")
    )


def is_latent(config: Config) -> bool:
    """Whether attention is multi-head latent (DeepSeek, MiniCPM3): keys have a turned part and one that is not."""
    return bool(config.get("qk_rope_head_dim"))


def head_dim(config: Config) -> int | None:
    """The width of a head; None for latent attention, whose keys and values have widths of their own."""
    if is_latent(config):
        return None
    hidden, heads = count(config, "hidden_size"), count(config, "num_attention_heads")
    stated = count(config, "head_dim")
    return hidden // heads if stated is None and hidden and heads else stated


def rotary_dim(config: Config) -> int | None:
    """Dimensions that RoPE turns where they are a part of a head; None where they are all of it."""
    if is_latent(config):
        return count(config, "qk_rope_head_dim")
    width = head_dim(config)
    factor = (
        number(rope_parameters(config), "partial_rotary_factor")
        or number(config, "partial_rotary_factor")
        or number(config, "rotary_pct")
    )
    if not (width and factor and factor < 1 and _obeys_the_factor(config)):
        return None
    if width * factor < 1:
        raise ConfigError(f"partial_rotary_factor: {factor:g} of a head of {width} leaves no dimension to turn")
    return int(width * factor)


def _obeys_the_factor(config: Config) -> bool:
    """Whether the family turns a part of a head where its file says so; code of a repository is taken at its word.

    Under a scaling every family does: `ROPE_INIT_FUNCTIONS` are shared, but "proportional" fills up with zeros.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or isinstance(config.get("auto_map"), Mapping):
        return True
    return kind in TURNS_A_PART or scaling_type(rope_parameters(config)) not in {"default", "proportional"}
