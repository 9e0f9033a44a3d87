"""How tokens get into a model: new ones over a cache that it fills, or the whole sequence at every step.

A class that keeps its state elsewhere swallows a cache it does not know, and answers each step as if there were no
prompt. So a cache is used only where the class takes it by name and, tried at load, really fills it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from evalkit.errors import CardError, one_line

from ._placement import input_device

if TYPE_CHECKING:
    import torch

__all__ = ["Feeding"]

TRIAL_TOKENS = 3  # more than one: some classes take a single token for a step that continues an earlier state


class Feeding:
    """How one model is fed, found out by its signature and by trying; `CardError` where it cannot be fed at all."""

    def __init__(self, model: Any, make_cache: Callable[[], Any]) -> None:
        self._model = model
        self._device = input_device(model)
        self._parameters = inspect.signature(model.forward).parameters
        _refuse_own_passes(model, self._parameters)
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in self._parameters else {}
        self.cache_argument = _cache_argument(model, self._parameters)
        self.no_cache_reason = self._no_cache_reason(make_cache)
        """Why the whole sequence is computed at every step; None where a cache is used."""
        self.for_one_token: Callable[[], AbstractContextManager[None]] = nullcontext
        """What a step of a single token is computed within."""

    @property
    def takes_positions(self) -> bool:
        """Whether a pass may say where its tokens stand."""
        return "position_ids" in self._parameters

    @property
    def dtype(self) -> torch.dtype:
        """Number format that the model computes in."""
        dtype: torch.dtype = self._model.dtype
        return dtype

    def step(self, ids: list[int], cache: Any) -> torch.Tensor:
        """Logits behind the last of the new tokens `ids`, shape (vocabulary,); the cache holds those before."""
        assert self.cache_argument is not None
        with self.for_one_token() if len(ids) == 1 else nullcontext():
            output = self._model(
                input_ids=self._batch(ids), use_cache=True, **{self.cache_argument: cache}, **self._last_only
            )
        return _last(output)

    def rows(self, ids: list[int], positions: Sequence[int], cache: Any) -> torch.Tensor:
        """Logits behind one new token of each row at its position, shape (rows, vocabulary)."""
        assert self.cache_argument is not None
        arguments = {"position_ids": self._batch(positions).T, self.cache_argument: cache}
        with self.for_one_token():
            output = self._model(input_ids=self._batch(ids).T, use_cache=True, **arguments, **self._last_only)
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def whole(self, ids: list[int]) -> torch.Tensor:
        """Logits behind the last token of the whole sequence, shape (vocabulary,), computed without any cache."""
        batch = self._batch(ids)
        return _last(self._model(**self._whole_arguments(batch), **self._last_only))

    def all_logits(self, ids: list[int]) -> torch.Tensor:
        """Logits behind every token of the whole sequence, shape (tokens, vocabulary), computed without any cache."""
        logits: torch.Tensor = self._model(**self._whole_arguments(self._batch(ids))).logits[0].float()
        return logits

    def _whole_arguments(self, batch: torch.Tensor) -> dict[str, Any]:
        """What `generate` would hand over; XLNet and XLM add a token to be predicted, and masks for it."""
        if self.cache_argument is None and _prepares_inputs_itself(self._model):
            ones = batch.new_ones(batch.shape)
            prepared = self._model.prepare_inputs_for_generation(batch, attention_mask=ones, use_cache=False)
            return {name: value for name, value in prepared.items() if value is not None}
        switch = {"use_cache": False} if "use_cache" in self._parameters else {}
        return {"input_ids": batch, **switch}

    def _batch(self, ids: Sequence[int]) -> torch.Tensor:
        import torch

        return torch.tensor([list(ids)], dtype=torch.long, device=self._device)

    def _no_cache_reason(self, make_cache: Callable[[], Any]) -> str | None:
        name = type(self._model).__name__
        if self.cache_argument is None:
            return f"{name} takes no cache of transformers' kind"
        cache = make_cache()
        try:
            self._try(cache)
            return None if _holds(cache, TRIAL_TOKENS) else f"{name} does not keep its state in the cache it is given"
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            return f"{name} refuses the cache ({one_line(error, 120)})"
        except (RuntimeError, ImportError) as error:  # sizes in config.json that do not fit, no memory, no kernels
            raise CardError(f"{name} cannot compute {TRIAL_TOKENS} tokens: {one_line(error)}") from error

    def _try(self, cache: Any) -> None:
        import torch

        with torch.inference_mode():
            self.step([0] * TRIAL_TOKENS, cache)


def _refuse_own_passes(model: Any, parameters: Any) -> None:
    """Refuse classes whose passes over one text do not agree, so that neither way of feeding is `generate`'s.

    Reformer draws its hashes anew; XLNet's memories are of other states than a pass over the whole text computes.
    """
    own = next((name for name in ("past_buckets_states", "mems") if name in parameters), None)
    if own is not None:
        raise CardError(
            f"{type(model).__name__} keeps a state of its own kind ({own}) under which no two passes over one text "
            "agree, so evalkit cannot decode it greedily; choose another model"
        )


def _cache_argument(model: Any, parameters: Any) -> str | None:
    """The argument that takes the cache: `generate` gives the Mamba classes theirs under a name of its own."""
    if "past_key_values" in parameters:
        return "past_key_values"
    is_mamba = "cache_params" in parameters and "mamba" in type(model).__name__.lower()
    return "cache_params" if is_mamba else None


def _holds(cache: Any, tokens: int) -> bool:
    """Whether a cache was filled: it counts the tokens, or, where no layer attends, has a state."""
    from transformers.cache_utils import LinearAttentionCacheLayerMixin

    is_counting = not all(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in cache.layers)
    if not is_counting:
        return bool(cache.layers) and bool(cache.has_previous_state())
    return int(cache.get_seq_length()) == tokens


def _prepares_inputs_itself(model: Any) -> bool:
    """Whether a class of transformers has its own way of making inputs for `generate`."""
    from transformers.generation import GenerationMixin

    own = getattr(type(model), "prepare_inputs_for_generation", None)
    is_other = own is not None and own is not GenerationMixin.prepare_inputs_for_generation
    return is_other and type(model).__module__.startswith("transformers.")


def _last(output: Any) -> torch.Tensor:
    # In float32, as `generate` has them before its processors: a penalty on bf16 logits rounds to other winners.
    logits: torch.Tensor = output.logits[0, -1].float()
    return logits
