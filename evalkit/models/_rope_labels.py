"""What each engine makes of one RoPE label at one length: the rotation itself, from the engine's own code where it is.

transformers is asked through the rotary embedding of its Llama class, with a pass that ends at that length; vLLM
through the class that it chooses for the label. Where one is not installed, its formula as of the pinned release stands
in, and the label says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from evalkit.rope import (
    RopeModel,
    RopeSetting,
    RopeSpec,
    Rotation,
    engine_base,
    engine_refusal,
    engine_setting,
    rope_setting,
    rotation,
)

__all__ = ["RopeLabel", "own_overrides", "rope_labels"]

Engine = Literal["transformers", "vllm", "evalkit"]
FORMULA_OF = {"transformers": "5.19", "vllm": "0.32"}
"""Releases whose formulas stand in: those that the tests hold them against."""
BY_LENGTH = {"dynamic", "dynamic-yarn", "longrope"}


@dataclass(frozen=True)
class RopeLabel:
    """One engine's meaning of one spec for prompts of one length."""

    spec: str
    """The label."""
    length: int
    """Tokens of prompt and answer."""
    engine: Engine
    """Whose meaning."""
    counts: str
    """Which length decides: `the length seen`, `the window, for all prompts`, `prompt + answer`, or `no length`, where
    the rotation is the same at all."""
    counted: int | None = None
    """That length in tokens; None where none decides."""
    multiplier: float | None = None
    """m of the effective base, or the factor that divides slow frequencies; None where there is no one number."""
    base: float | None = None
    """Base of the rotation."""
    scale: float | None = None
    """Factor on sine and cosine."""
    fastest: float | None = None
    """Wavelength of the fastest pair, in tokens."""
    slowest: float | None = None
    """Wavelength of the slowest pair, in tokens."""
    how: str = ""
    """`computed` with whose code, or `formula of` a release that is not installed here."""
    instead: str | None = None
    """What there is instead of a rotation of the label: why the engine has none, or the released model as it is."""

    def to_json(self) -> dict[str, Any]:
        """The row for programs."""
        return asdict(self)


def rope_labels(spec: RopeSpec, lengths: Sequence[int], model: RopeModel, window: int) -> Iterator[RopeLabel]:
    """A spec at every length in every engine; `window` is what a vLLM engine is started with, once for all."""
    for length in lengths:
        yield _of_engine(spec, length, model, window, "transformers")
        yield _of_engine(spec, length, model, window, "vllm")
        yield _ours(spec, length, model)


def own_overrides(setting: RopeSetting, window: int) -> dict[str, Any]:
    """`--hf-overrides` under which a vLLM server follows a setting of an engine by its own rule."""
    from .vllm._rope import fresh_overrides

    return fresh_overrides(setting, window)


def _ours(spec: RopeSpec, length: int, model: RopeModel) -> RopeLabel:
    setting = rope_setting(spec, model, length)
    if setting.rope_type == "native":
        released = "the released model as it is, up to its original length"
        return RopeLabel(str(spec), length, "evalkit", "prompt + answer", length, 1.0, instead=released)
    return _label(spec, length, "evalkit", setting, rotation(setting, model.dimension), length, "computed")


def _of_engine(spec: RopeSpec, length: int, model: RopeModel, window: int, engine: Engine) -> RopeLabel:
    backend = "hf" if engine == "transformers" else "vllm"
    if (why := engine_refusal(spec, backend)) is not None:
        return RopeLabel(str(spec), length, engine, "no length", instead=why)
    counted = length if engine == "transformers" else window
    setting = engine_setting(spec, model, backend, window)
    if setting.rope_type == "native":  # LongRoPE's two lists: which one is in force is all that an engine decides
        setting = rope_setting(spec, model, counted)
    counted = setting.window or counted
    version = _version(engine)
    if version is None:
        found, how = _by_formula(setting, model, counted), f"formula of {_NAMES[engine]} {FORMULA_OF[engine]}"
    else:
        found, how = _asked(engine)(setting, model, counted), f"computed by {_NAMES[engine]} {version}"
    return _label(spec, length, engine, setting, found, counted, how)


_NAMES = {"transformers": "transformers", "vllm": "vLLM"}


def _label(
    spec: RopeSpec, length: int, engine: Engine, setting: RopeSetting, found: Rotation, counted: int, how: str
) -> RopeLabel:
    is_by_length = spec.kind in BY_LENGTH
    deciding = {"transformers": "the length seen", "vllm": "the window, for all prompts", "evalkit": "prompt + answer"}
    base, multiplier = setting.base, setting.multiplier
    if setting.rope_type == "dynamic" and base is not None:  # what the engine did, not what it was told
        base = _fitted_base(found)
        dimension = 2 * len(found.frequencies)
        multiplier = (base / (setting.base or base)) ** ((dimension - 2) / dimension)
    waves = [2 * math.pi / frequency for frequency in (found.frequencies[0], found.frequencies[-1])]
    return RopeLabel(
        spec=str(spec),
        length=length,
        engine=engine,
        counts=deciding[engine] if is_by_length else "no length",
        counted=counted if is_by_length else None,
        multiplier=setting.factor if multiplier is None else multiplier,
        base=base,
        scale=found.scale,
        fastest=waves[0],
        slowest=waves[1],
        how=how,
    )


def _fitted_base(found: Rotation) -> float:
    """The base of frequencies that are its powers, from all of them: each is rounded to 32 bits."""
    dimension = 2 * len(found.frequencies)
    powers = [2 * pair / dimension for pair in range(dimension // 2)]
    logs = [-math.log(frequency) for frequency in found.frequencies]
    return math.exp(sum(p * log for p, log in zip(powers, logs, strict=True)) / sum(p * p for p in powers))


def _by_formula(setting: RopeSetting, model: RopeModel, counted: int) -> Rotation:
    if setting.rope_type == "dynamic":
        setting = RopeSetting("default", engine_base(setting, model.dimension, counted))
    return rotation(setting, model.dimension)


@cache
def _version(engine: Engine) -> str | None:
    """The release of an engine that can be asked here; None where there is none."""
    try:
        if engine == "vllm":
            from .vllm._own_rule import version

            return version()
        import torch  # noqa: F401
        import transformers

        return str(transformers.__version__)
    except ImportError:
        return None


def _asked(engine: Engine) -> Callable[[RopeSetting, RopeModel, int], Rotation]:
    return _transformers_rotation if engine == "transformers" else _vllm_rotation


def _vllm_rotation(setting: RopeSetting, model: RopeModel, window: int) -> Rotation:
    from .vllm._own_rule import own_rotation

    return own_rotation(setting, model.dimension, window)


def _transformers_rotation(setting: RopeSetting, model: RopeModel, tokens: int) -> Rotation:
    """What is in force in transformers' rotary embedding after a first pass whose last token is the `tokens`-th."""
    import torch
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    # Only `dynamic` counts from there; transformers wants the extended length of the others.
    positions = model.length if setting.rope_type == "dynamic" else math.ceil(model.length * (setting.factor or 2.0))
    config = LlamaConfig(
        hidden_size=model.dimension, num_attention_heads=1, head_dim=model.dimension,
        max_position_embeddings=positions, rope_parameters=setting.parameters(),
    )  # fmt: skip
    module = LlamaRotaryEmbedding(config)
    with torch.inference_mode():
        module(torch.zeros(1), torch.tensor([[tokens - 1]]))
    return Rotation(tuple(module.inv_freq.tolist()), float(module.attention_scaling))
