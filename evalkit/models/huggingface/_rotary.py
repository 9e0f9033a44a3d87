"""Switching the RoPE setting of a loaded transformers model in place, without loading it again."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from evalkit.errors import UserError
from evalkit.rope import RopeModel, RopeSetting, Rotation

from .._planned import check_planned

if TYPE_CHECKING:
    import torch

__all__ = ["RotarySwitch", "State"]

State = tuple[dict[str, Any], "torch.Tensor"]
"""What a rotary embedding is set to, and its frequencies, shape (pairs,)."""

_STATE = ("rope_type", "attention_scaling", "max_seq_len_cached", "original_max_seq_len")
_POWERS = {"default", "linear", "dynamic"}  # every frequency is the same multiple of a power of the base, when loaded
_ORDER_DEPENDENT = {"dynamic", "longrope"}  # transformers recomputes these from the longest position seen
SAME_COSINE = 1e-4  # of float32 cosines; kernels differ in the last places
_COMPUTED_ANEW = {"phi3", "phi4_multimodal", "phimoe"}  # their `prepare_inputs_for_generation` drops the cache there


class RotarySwitch:
    """The rotary embeddings of one model, as loaded and as switched."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._config: Any = model.config
        self._modules: list[Any] = [
            module for module in model.modules() if hasattr(module, "inv_freq") and hasattr(module, "attention_scaling")
        ]
        self._native: list[State] = [(_state(module), module.inv_freq.clone()) for module in self._modules]
        self._current = RopeSetting("native")

    @property
    def is_order_dependent(self) -> bool:
        """Whether the setting in force makes a prompt's numbers depend on the prompts before it."""
        return self._current.rope_type == "native" and any(
            state.get("rope_type") in _ORDER_DEPENDENT for state, _ in self._native
        )

    @property
    def modules(self) -> list[Any]:
        """The rotary embeddings of the model."""
        return self._modules

    @property
    def current(self) -> RopeSetting:
        """The setting in force."""
        return self._current

    def follows_length(self, setting: RopeSetting) -> bool:
        """Whether transformers computes the frequencies of a setting anew in each pass, from its longest row."""
        kinds = {state.get("rope_type") for state, _ in self._native} if setting.rope_type == "native" else set()
        return not _ORDER_DEPENDENT.isdisjoint({*kinds, setting.rope_type})

    def is_computed_anew(self, tokens: int) -> bool:
        """Whether the class drops its cache at a text of so many tokens, the first one behind the original length.

        Else long factors would turn new tokens while the keys of those before keep the short ones.
        """
        original = getattr(self._config, "original_max_position_embeddings", None)
        is_switching = self.is_order_dependent and getattr(self._config, "model_type", None) in _COMPUTED_ANEW
        return is_switching and original is not None and tokens == original + 1

    @property
    def rotations(self) -> list[Rotation]:
        """What each rotary embedding does now."""
        return [Rotation(tuple(module.inv_freq.tolist()), float(module.attention_scaling)) for module in self._modules]

    def check(self, planned: RopeModel) -> None:
        """Raise a `UserError` where the model as loaded does not turn by the base and dimensions of a run."""
        for module, (state, frequencies) in zip(self._modules, self._native, strict=True):
            base = _base(module, state, frequencies.tolist())
            check_planned(planned, dimension=2 * len(frequencies), base=base)

    def apply(self, setting: RopeSetting) -> None:
        """Put a setting in force; the next forward pass uses it."""
        if not self._modules and setting.rope_type != "native":
            raise UserError("this model has no rotary embedding that evalkit can set; only --rope native works")
        for module, (state, frequencies) in zip(self._modules, self.states(setting), strict=True):
            _restore(module, state, frequencies)
            if setting.rope_type != "native":
                _check_in_force(module)
        self._current = setting

    def states(self, setting: RopeSetting) -> list[State]:
        """What a setting makes of each rotary embedding."""
        if setting.rope_type == "native":
            return self._native
        self._refuse_scaled_softmax(setting)
        made = [self._made(module, setting) for module in self._modules]
        for (_, frequencies), (_, native) in zip(made, self._native, strict=True):
            if len(frequencies) != len(native):  # a factor in the file that its class obeys under a scaling only
                turned, kind = 2 * len(native), f"{2 * len(frequencies)} dimensions of a head"
                raise UserError(
                    f"this model turns {turned} as released and {kind} under {setting.rope_type!r}; only --rope native "
                    "works"
                )
        return made

    def reset(self) -> None:
        """Forget what earlier prompts did to an order-dependent setting."""
        self.apply(self._current)

    def _made(self, module: Any, setting: RopeSetting) -> State:
        """State and frequencies as the model's own class makes them from a configuration with that setting."""
        config = copy.deepcopy(self._config)
        parameters = dict(getattr(config, "rope_parameters", None) or {})
        kept = {key: parameters[key] for key in ("partial_rotary_factor",) if key in parameters}
        config.rope_parameters = {**kept, **setting.parameters()}
        if setting.original_length is not None and hasattr(config, "original_max_position_embeddings"):
            config.original_max_position_embeddings = setting.original_length  # Phi-3's class asks this one first
        if getattr(config, "head_dim", 0) is None:  # Mixtral's; yarn and longrope then multiply by nothing (5.19)
            config.head_dim = config.hidden_size // config.num_attention_heads
        fresh = type(module)(config)
        # Nothing is to be computed anew from the model's own configuration as texts grow (longrope).
        return {**_state(fresh), "rope_type": "default"}, fresh.inv_freq.to(module.inv_freq.device)

    def _refuse_scaled_softmax(self, setting: RopeSetting) -> None:
        """Raise `UserError` where attention scales its softmax by a YaRN option as well, which is fixed when loaded.

        DeepSeek's classes do (transformers 5.19, `DeepseekV3Attention.__init__`), with `mscale_all_dim`.
        """
        own = getattr(self._config, "rope_parameters", None) or {}
        is_asked = "mscale_all_dim" in dict(setting.options)
        if getattr(self._config, "qk_rope_head_dim", None) and (own.get("mscale_all_dim") or is_asked):
            raise UserError(
                "this model's attention scales its softmax by the mscale_all_dim that it was loaded with, which "
                "evalkit cannot switch; only --rope native works"
            )


def _check_in_force(module: Any) -> None:
    """Raise `UserError` where a class turns position 1 by anything else than the frequencies just put in force.

    PhiMoE's computes them anew at every pass, from the model's own configuration. What a class returns in another form
    than cosines and sines is not judged.
    """
    import torch

    position = torch.ones((1, 1), dtype=torch.long, device=module.inv_freq.device)
    try:
        with torch.inference_mode():
            cosines, _ = module(module.inv_freq.new_zeros((1, 1, 1)).float(), position)
        found = cosines.flatten().float()
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return
    wanted = module.inv_freq.float().cos() * module.attention_scaling
    distance = (found[:, None] - wanted[None]).abs()
    if max(distance.amin(0).max(), distance.amin(1).max()) > SAME_COSINE:
        kind = type(module).__name__
        raise UserError(
            f"this model's {kind} does not turn by the frequencies that it is given; only --rope native works"
        )


def _base(module: Any, state: dict[str, Any], frequencies: list[float]) -> float | None:
    """The base in force: from fastest and slowest frequency where all of them are powers of it, else as configured."""
    turned = 2 * len(frequencies)
    if state.get("rope_type") in _POWERS and turned > 2:
        return float((frequencies[0] / frequencies[-1]) ** (turned / (turned - 2)))
    parameters = getattr(getattr(module, "config", None), "rope_parameters", None) or {}
    base = parameters.get("rope_theta")
    return None if base is None else float(base)


def _state(module: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in _STATE if hasattr(module, name)}


def _restore(module: Any, state: dict[str, Any], frequencies: torch.Tensor) -> None:
    for name, value in state.items():
        setattr(module, name, value)
    for name in ("inv_freq", "original_inv_freq"):
        if hasattr(module, name):
            setattr(module, name, frequencies.clone())
