"""`--rope-mode engine`: a spec handed to the engine as its own configuration, which it follows by rules of its own.

Nothing here makes engines agree: transformers' `dynamic` follows the longest position of each forward pass
(`modeling_rope_utils.py`, `dynamic_rope_update`), and vLLM's is one base for all prompts, that of its maximum length
(`rotary_embedding/dynamic_ntk_scaling_rope.py`).
"""

from __future__ import annotations

from dataclasses import replace

from evalkit.errors import UserError

from ._specs import RopeModel, RopeSetting, RopeSpec, dynamic_multiplier, ntk_base, rope_setting

__all__ = ["engine_base", "engine_refusal", "engine_setting"]

_COUNTING_WITH_THE_WINDOW = {"vllm", "endpoint"}

_NO_WORD = {
    ("ntk", "hf"): "transformers has no rule of that name",
    ("ntk", "vllm"): "vLLM's ntk is another rule (kexue.fm/archives/9706), and its dynamic with an alpha is this one",
    ("dynamic-yarn", "hf"): "transformers has no such rule",
    ("dynamic-yarn", "vllm"): "vLLM has no such rule",
}


def engine_setting(spec: RopeSpec, model: RopeModel, backend: str, window: int) -> RopeSetting:
    """What an engine is told for all prompts of a run whose prompts and answers end within `window`.

    A `UserError` names the specs that the engine has no word for.
    """
    if backend not in {"hf", *_COUNTING_WITH_THE_WINDOW}:
        raise UserError(f"--rope-mode engine: what the backend {backend} makes of a spec is not known; leave it out")
    if (why := engine_refusal(spec, backend)) is not None:
        raise UserError(f"--rope-mode engine with --rope {spec}: {why}; leave --rope-mode out, or choose another spec")
    if model.beneath is not None:
        raise UserError("--rope-mode engine: an engine has one rule, beneath which the model's own cannot stay")
    if spec.kind == "longrope":  # engines take its factors from the released configuration, and choose among them
        rope_setting(spec, model, model.length)  # refused where there are none
        return RopeSetting("native", is_engines=True)
    if spec.kind == "dynamic":
        return _dynamic(spec, model, max(window, model.length) if backend in _COUNTING_WITH_THE_WINDOW else None)
    setting = rope_setting(spec, model, window)
    # `none` and `base:B` leave nothing to an engine, and are the same setting in both modes
    return setting if setting.rope_type == "default" else replace(setting, is_engines=True)


def _dynamic(spec: RopeSpec, model: RopeModel, window: int | None) -> RopeSetting:
    factor = spec.number or 1.0
    told = RopeSetting("dynamic", model.base, factor, model.length, is_engines=True, window=window)
    if window is None:
        return told
    base = engine_base(told, model.dimension)
    return replace(told, own_base=base, multiplier=dynamic_multiplier(factor, window, model.length))


def engine_refusal(spec: RopeSpec, backend: str) -> str | None:
    """Why the engine behind a backend has no word for a spec; None where it has one."""
    return _NO_WORD.get((spec.kind, "hf" if backend == "hf" else "vllm"))


def engine_base(setting: RopeSetting, dimension: int, tokens: int | None = None) -> float:
    """The base that an engine's own `dynamic` turns by at a length, by default the one it counts with."""
    counted = setting.window if tokens is None else tokens
    if setting.base is None or setting.original_length is None or counted is None:
        raise UserError(f"RoPE setting {setting.key!r} follows the length of each prompt, and none is given")
    model = RopeModel(setting.base, setting.original_length, dimension)
    return ntk_base(model, dynamic_multiplier(setting.factor or 1.0, counted, model.length))
