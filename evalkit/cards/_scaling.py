"""The RoPE scaling of a configuration as a spec (`yarn:4,beta_fast=16`), where a spec says all of it.

Read as transformers 5.19 reads it (`modeling_rope_utils.py`): what a class takes by default is left out of the spec,
and so is what another key makes count for nothing.

>>> spec_of({"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 16}}, None)
'yarn:4,beta_fast=16'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from evalkit.cards._window import Config, ConfigError, count, number, rope_parameters, scaling_type
from evalkit.errors import shown

__all__ = ["SPEC", "LongFactors", "is_same_scaling", "long_factors", "spec_of"]

LARGEST_FACTOR = 1_000_000  # of a scaling, and of its options; published ones go up to 64
LONGROPE = {"longrope", "su"}  # the first spelling is that of Phi-3's first files

_NUMBER = r"[0-9]+([.][0-9]+)?(e[+-]?[0-9]+)?"
_YARN_OPTION = "beta_fast|beta_slow|mscale|mscale_all_dim|attention_factor|truncate"
SPEC = (
    rf"native|longrope|(linear|ntk|dynamic):{_NUMBER}|yarn:{_NUMBER}(,({_YARN_OPTION})={_NUMBER})*"
    rf"|llama3:{_NUMBER}(,(low|high)_freq_factor={_NUMBER})*"
)
"""What a card may give as the scaling of its weights."""


class LongFactors(NamedTuple):
    """What a model was released with under LongRoPE."""

    short: tuple[float, ...]
    """Divisors of the frequencies up to the original length, fastest first."""
    long: tuple[float, ...]
    """Those beyond it."""
    scale: float
    """Factor on sine and cosine."""


def spec_of(config: Config, original: int | None, turned: int | None = None) -> str | None:
    """The scaling as a spec; None where there is none, `native` where no spec expresses it.

    `original` is the length that the card gives as the one that is extended, None where that is the window.
    """
    parameters = rope_parameters(config)
    kind = scaling_type(parameters)
    if kind == "default":
        return None
    if kind in LONGROPE:
        return "longrope" if long_factors(config, original, turned) is not None else "native"
    factor = number(parameters, "factor")
    if factor is None or factor < 1 or (kind == "llama3" and original is None):
        return "native"  # below 1 it shortens, which no spec expresses; llama3 counts from a length
    options = _options(kind, parameters)
    if options is None:
        return "native"
    if factor > LARGEST_FACTOR:
        raise ConfigError(f"factor: expected at most {LARGEST_FACTOR:,}, found {shown(factor)}")
    # 8, not 8.0, as a spec would be written
    return ",".join([f"{kind}:{factor:.12g}", *(f"{name}={options[name]:.12g}" for name in sorted(options))])


def _options(kind: str, parameters: Config) -> dict[str, float] | None:
    """What stands beside the factor; None where no spec has words for the rule, or where its numbers cannot be."""
    if kind in {"linear", "dynamic"}:
        return {}
    if kind == "llama3":
        low, high = _value(parameters, "low_freq_factor"), _value(parameters, "high_freq_factor")
        is_possible = low is not None and high is not None and 0 < low < high
        return {"low_freq_factor": low, "high_freq_factor": high} if is_possible else None  # type: ignore[dict-item]
    return _yarn_options(parameters) if kind == "yarn" else None


def _yarn_options(parameters: Config) -> dict[str, float] | None:
    names = ("beta_fast", "beta_slow", "mscale", "mscale_all_dim", "attention_factor")
    given = {name: _value(parameters, name) for name in names if parameters.get(name) is not None}
    if None in given.values() or given.get("attention_factor") == 0:
        return None
    found = {name: value for name, value in given.items() if value}  # 0 is as good as not given
    fast, slow = found.pop("beta_fast", None) or 32.0, found.pop("beta_slow", None) or 1.0  # the defaults there
    if not slow < fast:
        return None
    if "attention_factor" in found or not {"mscale", "mscale_all_dim"} <= found.keys():
        found.pop("mscale", None)
        found.pop("mscale_all_dim", None)
    values = {name: value for name, value in found.items() if value is not None}
    values |= {"beta_fast": fast} if fast != 32.0 else {}
    values |= {"beta_slow": slow} if slow != 1.0 else {}
    return values | ({} if parameters.get("truncate", True) else {"truncate": 0.0})


# What a spec means by what it leaves out, as `evalkit.rope` has it too, which is no room below this one.
_MEANT = {"beta_fast": 32.0, "beta_slow": 1.0, "truncate": 1.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
_ONCE_UNSPELLED = ("llama3", "longrope")


def is_same_scaling(ours: str | None, theirs: str | None) -> bool:
    """Whether a card says what its weights' configuration says, however much of the defaults it spells out.

    Cards of older releases have `native` for rules that no spec expressed then.
    """
    if ours is None or theirs is None:
        return ours == theirs
    return _meaning(ours) == _meaning(theirs) or (ours == "native" and theirs.startswith(_ONCE_UNSPELLED))


def _meaning(spec: str) -> tuple[str, float, dict[str, float]]:
    kind, _, rest = spec.partition(":")
    factor, *options = rest.split(",")
    said = {name: float(value) for name, _, value in (option.partition("=") for option in options)}
    return kind, float(factor or 1), _MEANT | said


def _value(parameters: Config, key: str) -> float | None:
    """A number that a spec can write; None for anything else."""
    value = parameters.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST_FACTOR:
        return None
    return float(value)


def long_factors(config: Config, original: int | None, turned: int | None) -> LongFactors | None:
    """The factors of LongRoPE and the scale that follows from them; None where a file leaves one of them open."""
    parameters = rope_parameters(config)
    short, long = (_listed(parameters, name, turned) for name in ("short_factor", "long_factor"))
    scale = _long_scale(config, parameters, original)
    if scaling_type(parameters) not in LONGROPE or None in (short, long, scale):
        return None
    return LongFactors(short, long, scale)  # type: ignore[arg-type]


def _listed(parameters: Config, key: str, turned: int | None) -> tuple[float, ...] | None:
    """A list of positive numbers, one for each pair of turned dimensions."""
    values = parameters.get(key)
    if not isinstance(values, list) or turned is None or len(values) != turned // 2:
        return None
    numbers = [value for value in (_value({key: value}, key) for value in values) if value]
    return tuple(numbers) if len(numbers) == len(values) else None


def _long_scale(config: Config, parameters: Mapping[str, object], original: int | None) -> float | None:
    """√(1 + ln s / ln L) for an extension by s (Ding et al. 2024; `_compute_longrope_parameters`), unless it is stated.

    None where it is one for short and another for long texts (PhiMoE), or where the original length is not stated.
    """
    if original is None or original < 2 or {"short_mscale", "long_mscale"} & parameters.keys():
        return None
    if parameters.get("attention_factor") is not None:
        return _value(parameters, "attention_factor") or None
    stretch = number(parameters, "factor") or (count(config, "max_position_embeddings") or original) / original
    return math.sqrt(1 + math.log(stretch) / math.log(original)) if stretch > 1 else 1.0
