"""Families of models whose `config.json` says all that a card needs, so that no class has to be asked.

Asking means importing transformers, which takes seconds. What stands here was read from the classes of transformers
5.19; `tests/cards/test_families.py` holds every entry against them, in every spelling.
"""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.cards._window import Config, rope_parameters, scaling_type

__all__ = ["settled"]

# Heads as wide as `head_dim`, else hidden / heads, turned as a whole; with the base that the class takes where the file
# states none (`default_theta`).
PLAIN = {
    "arcee": 1e4, "bitnet": 5e5, "cohere": 5e5, "cohere2": 1e4, "diffllama": 1e4, "dots1": 1e4, "ernie4_5_moe": 5e5,
    "exaone4": 1e4, "falcon_h1": 1e4, "flex_olmo": 5e5, "granite": 1e4, "granitemoe": 1e4, "granitemoehybrid": 1e4,
    "granitemoeshared": 1e4, "hunyuan_v1_dense": 1e4, "hunyuan_v1_moe": 1e4, "hyperclovax": 1e4, "lfm2": 1e6,
    "lfm2_moe": 1e6, "llama": 1e4, "minimax": 1e6, "ministral": 1e4, "mistral": 1e4, "mixtral": 1e6, "nanochat": 1e4,
    "olmo": 1e4, "olmo2": 1e4, "olmoe": 1e4, "qwen2": 1e4, "qwen2_moe": 1e4, "qwen3_moe": 1e4, "smollm3": 2e6,
    "starcoder2": 1e4,
}  # fmt: skip

# As these, where the base is stated; their classes take longrope for what it is.
LONGROPE = {"phi3", "phi4_multimodal", "phimoe"}

# As these, where the base and `head_dim` are stated; else the class has a number of its own.
WITH_WIDTH = {
    "ernie4_5", "gemma", "gemma2", "helium", "hy_v3", "minimax_m2", "qwen3", "seed_oss", "solar_open", "vaultgemma",
}  # fmt: skip

# Turned in part, where the file says which part; some only with `head_dim` stated. Not bamba, always turned by half.
WITH_PART = {"glm4_moe", "nemotron", "persimmon", "phi", "stablelm"}
WITH_PART_AND_WIDTH = {"glm", "glm4", "qwen3_next"}

# Latent attention, where the file states its turned part.
LATENT = {"deepseek_v2", "deepseek_v3", "glm4_moe_lite", "minicpm3", "youtu"}

# No class of transformers' own: code of the repository alone knows them, and that is not run for a card.
WITHOUT_CLASS = {
    "aquila", "baichuan", "chatglm", "deepseek", "index", "internlm", "internlm2", "minicpm", "orion", "qwen",
    "telechat", "xverse",
}  # fmt: skip


def settled(config: Config) -> Config | None:
    """The configuration with the base that its class takes; None where only the class itself knows all."""
    kind, parameters = config.get("model_type"), rope_parameters(config)
    if not isinstance(kind, str) or kind in WITHOUT_CLASS:
        return config  # no class could be found for it
    if (config.get("rope_parameters") and config.get("rope_scaling")) or _is_by_layer(parameters):
        return None
    if bool(config.get("qk_rope_head_dim")) is not (kind in LATENT) or "rotary_pct" in config:
        return None
    if scaling_type(parameters) in {"longrope", "su"} and kind not in LONGROPE:
        return None
    # Classes read an original length there for longrope alone, and take a base of null at its word.
    if config.get("original_max_position_embeddings") and scaling_type(parameters) not in {"longrope", "su"}:
        return None
    if any(where.get("rope_theta", True) in (None, 0) for where in (config, parameters)):
        return None
    if parameters.get("rope_theta") or config.get("rope_theta"):
        return config if _says_shape(kind, config, parameters) else None
    return {**config, "rope_theta": PLAIN[kind]} if kind in PLAIN else None


def _says_shape(kind: str, config: Config, parameters: Config) -> bool:
    """Whether the file settles how wide a head is and how much of it turns."""
    if kind in PLAIN or kind in LONGROPE:
        return True
    has_width = config.get("head_dim") is not None
    has_part = any(where.get("partial_rotary_factor") is not None for where in (config, parameters))
    return (
        (kind in LATENT and not has_width)
        or (kind in WITH_WIDTH and has_width)
        or (kind in WITH_PART and has_part)
        or (kind in WITH_PART_AND_WIDTH and has_part and has_width)
    )


def _is_by_layer(parameters: Config) -> bool:
    return any(isinstance(value, Mapping) for value in parameters.values())
