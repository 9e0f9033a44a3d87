"""How long prompts may be and from which length a RoPE scaling counts, read from a model's configuration.

Configurations spell both in many ways. What is followed here: the keys and the order of vLLM 0.32
(`derive_max_model_len_and_key`, `_get_and_verify_max_len`), the original lengths of transformers 5
(`modeling_rope_utils.py`), and the makers' own advice to add YaRN to a `config.json` whose `max_position_embeddings`
stays at the original length, where older vLLM and evalkit multiply and newer vLLM does not.

>>> lengths_of({"max_position_embeddings": 1024, "rope_scaling": {"type": "yarn", "factor": 4.0}})
Lengths(stated={'max_position_embeddings': 1024}, window=4096, original=1024)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from evalkit.errors import shown
from evalkit.records import LARGEST_COUNT, LARGEST_NUMBER

__all__ = ["NESTED", "ConfigError", "Lengths", "count", "language_config", "lengths_of", "number", "rope_parameters"]

Config = Mapping[str, object]

NESTED = ("text_config", "llm_config", "language_config", "thinker_config")
"""Where multimodal models keep the configuration of their language model."""

# vLLM's list, without those of encoders; `max_sequence_length` is what LMSYS models carry, `seq_length` ChatGLM.
KEYS = (
    "max_position_embeddings", "seq_length", "model_max_length", "n_positions", "max_seq_len", "max_sequence_length",
    "max_seq_length", "seq_len",
)  # fmt: skip

# Scalings whose `max_position_embeddings` is the extended length already; `mrope` numbers positions, it scales nothing.
ALREADY_EXTENDED = {"default", "llama3", "longrope", "su", "mrope", "proportional"}


LEAST = 1e-6  # of bases, factors and shares of a head; published ones go down to 0.1

_ROPE_DICTS = ("rope_scaling", "rope_parameters")


class ConfigError(ValueError):
    """A value of the configuration that cannot be what it stands for: `key: what was expected, what was found`."""


class Lengths(NamedTuple):
    """What a configuration says about lengths, in tokens."""

    stated: dict[str, int]
    """Lengths by the key that states them, the one asked first in front."""
    window: int | None
    """Prompt and answer that the model takes with the scaling it was released with; None where nothing is stated."""
    original: int | None
    """Length that the scaling extends; None where nothing is scaled, or where it is the window."""


def language_config(config: Config) -> Config:
    """The configuration of the language model: its nested record, what that lacks taken from the top."""
    nested = next((config[name] for name in NESTED if isinstance(config.get(name), dict)), None)
    if not isinstance(nested, dict):
        return config
    inner = language_config(nested)  # thinker_config.text_config
    # RoPE parameters of the nested record hold alone: its class never sees those of the top.
    left = {*NESTED, *(_ROPE_DICTS if any(inner.get(key) for key in _ROPE_DICTS) else ())}
    top = {key: value for key, value in config.items() if key not in left}
    return {**top, **{key: value for key, value in inner.items() if value is not None}}


def rope_parameters(config: Config) -> Config:
    """The RoPE parameters in force: `rope_scaling` where it is given, else `rope_parameters`; empty without either.

    transformers 5 reads them in this order (`convert_rope_params_to_dict`): a block that a README tells to add to a
    file of transformers 5 replaces what stands there, and nothing of the other dictionary is mixed in.
    """
    for key in _ROPE_DICTS:
        value = config.get(key)
        if value is not None and not isinstance(value, dict):
            raise ConfigError(f"{key}: expected an object, found {shown(value)}")
    return next((value for key in _ROPE_DICTS if isinstance(value := config.get(key), dict) and value), {})


def lengths_of(config: Config) -> Lengths:
    """The lengths of a language model's configuration; `ConfigError` for values no length can have."""
    stated = {key: value for key in KEYS if (value := count(config, key)) is not None}
    if not stated:
        return Lengths({}, None, None)
    # Command-R states its window as `model_max_length` beside a smaller number; among others the smallest holds (vLLM).
    base = stated.get("model_max_length") or min(stated.values())
    original = _stated_original(config)
    for scaling in _scalings(config):
        kind, factor = scaling_type(scaling), number(scaling, "factor")
        if kind in ALREADY_EXTENDED or factor is None or "gemma3" in str(config.get("model_type")):
            continue  # vLLM: "Gemma3's max_model_len (128K) is already scaled"
        if kind == "linear" and "max_sequence_length" in stated:  # LMSYS: the window, whatever else is written
            window = stated["max_sequence_length"]
            return Lengths(stated, window, original or max(int(window / factor), 1))
        first = original or base
        return Lengths(stated, max(base, int(first * factor)), first)
    return Lengths(stated, base, original if original is not None and original < base else None)


def scaling_type(parameters: Config) -> str:
    """The kind of a scaling in either spelling; `default` where it scales nothing."""
    for key in ("rope_type", "type"):
        value = parameters.get(key)
        if value:
            if not isinstance(value, str):
                raise ConfigError(f"{key}: expected a word, found {shown(value)}")
            return value
    if parameters.get("factor") not in (None, 1):  # transformers 4 refuses it, 5 leaves the factor out
        raise ConfigError(f"RoPE scaling: a factor of {shown(parameters['factor'])} without a rope_type: add the type")
    return "default"


def _scalings(config: Config) -> Iterator[Config]:
    """The scaling, or those of every kind of layer."""
    parameters = rope_parameters(config)
    inner: list[Config] = [value for value in parameters.values() if isinstance(value, dict)]
    yield from inner or [parameters]


def _stated_original(config: Config) -> int | None:
    """The original length, wherever it stands: with the scaling, at the top (Phi-3), or with dual-chunk attention."""
    dual = config.get("dual_chunk_attention_config")
    places = [*_scalings(config), config]
    if isinstance(dual, dict):
        places.append(dual)
    found = (count(place, "original_max_position_embeddings") for place in places)
    return next((value for value in found if value is not None), None)


def count(config: Config, key: str) -> int | None:
    """A positive whole number of the configuration; None where it is absent or null."""
    value = config.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # some tools write 4096.0
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ConfigError(f"{key}: expected a positive whole number, found {shown(value)}")
    if value > LARGEST_COUNT:
        raise ConfigError(f"{key}: expected at most {LARGEST_COUNT:,}, found {shown(value)}")
    return value


def number(config: Config, key: str) -> float | None:
    """A positive number of the configuration; None where it is absent or null."""
    value = config.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigError(f"{key}: expected a positive number, found {shown(value)}")
    if not LEAST <= value <= LARGEST_NUMBER:
        raise ConfigError(f"{key}: expected a number from {LEAST:g} to {LARGEST_NUMBER:g}, found {shown(value)}")
    return float(value)
