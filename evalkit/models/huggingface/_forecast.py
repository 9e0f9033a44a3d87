"""What a run takes of memory, told before a model is loaded: weights, keys and values, activations of a pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import UserError

from .._base import BackendOptions
from ._arithmetic import LEAST_PASS, ONE_PASS_TOKENS, activation_bytes, cache_bytes, pass_tokens
from ._memory import available_memory
from ._placement import device_of
from ._stored import StoredTensor

__all__ = ["Forecast", "check_memory", "forecast_for", "free_for"]

TIGHT = 0.9  # of what is free: other programs, fragments and the libraries' own buffers take some
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_ASKED = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Forecast:
    """Bytes that a run takes."""

    weights: int
    """Of the model."""
    cache: int
    """Keys and values of the longest sequence."""
    activations: int
    """Of one pass."""
    tokens: int
    """Of the longest sequence; 0 where that is not known."""
    itemsize: int
    """Bytes of a number that the model computes with."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.activations

    @property
    def said(self) -> str:
        """The parts, for a message."""
        return (
            f"{_gib(self.weights)} of weights, {_gib(self.cache)} of keys and values for {self.tokens:,} tokens "
            f"and {_gib(self.activations)} of activations"
        )


def forecast_for(
    config: Any, tensors: Iterable[StoredTensor], files: Iterable[Path], options: BackendOptions, free: int | None
) -> Forecast:
    """The forecast of a model by its configuration of transformers and its stored tensors.

    `files` count by their size where there are no headers to read (`tensors` is empty).
    """
    itemsize = _itemsize(config, options.dtype)
    is_quantised = getattr(config, "quantization_config", None) is not None
    weights = sum(_loaded(each, 0 if is_quantised else itemsize) for each in tensors)
    weights = weights or sum(path.stat().st_size for path in files if path.is_file())
    longest = options.longest_sequence or 0
    cache = cache_bytes(config, itemsize, longest)
    attention = "eager" if options.attention == "eager" else "sdpa"
    token = activation_bytes(config, itemsize, longest, attention)
    is_cpu = options.device_map is None and device_of(options).startswith("cpu")
    beside = None if free is None or is_cpu else max(0, free - weights - cache)
    tokens = min(longest, ONE_PASS_TOKENS if is_cpu else pass_tokens(token, beside))
    return Forecast(weights, cache, tokens * token, longest, itemsize)


def _itemsize(config: Any, asked: str) -> int:
    if asked in _ASKED:
        return _ASKED[asked]
    text = config.get_text_config(decoder=True)
    stored = getattr(config, "dtype", None) or getattr(text, "dtype", None)
    return _ASKED.get(str(stored).removeprefix("torch."), 2)


def _loaded(tensor: StoredTensor, itemsize: int) -> int:
    """Bytes of a tensor as it is loaded; those of quantised weights stay as they are stored."""
    stored = _BYTES.get(tensor.kind)
    return tensor.size if stored is None or itemsize == 0 else tensor.size // stored * itemsize


def check_memory(place: str, forecast: Forecast, options: BackendOptions, free: int | None) -> None:
    """Refuse a run that cannot fit, with its numbers and what to change; say where it is tight."""
    if free is None:
        return
    device = "all devices together" if options.device_map is not None else device_of(options)
    least = forecast.weights + forecast.cache
    if least > free:
        raise UserError(
            f"{place}: {forecast.said} are more than the {_gib(free)} free on {device}: "
            f"{'; '.join(_ways(forecast, options, free))}"
        )
    rows = options.batch or 1
    needed = forecast.total + (rows - 1) * forecast.cache
    if needed > TIGHT * free:
        many = f"; {rows} answers at once may take {_gib(needed)}" if rows > 1 else ""
        options.note(
            f"memory is tight: {forecast.said}, with {_gib(free)} free on {device}{many}; if it does not suffice: "
            f"{'; '.join(_ways(forecast, options, free))}"
        )


def _gib(size: int) -> str:
    """A size as devices and plans state it."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**27 else f"{size / 2**20:.1f} MiB"


def _ways(forecast: Forecast, options: BackendOptions, free: int) -> list[str]:
    """What would make it fit, as far as it would."""
    ways = []
    beside = TIGHT * free - forecast.weights
    if forecast.cache and beside > 0:
        fitting = int(beside * forecast.tokens / (forecast.cache + forecast.activations))
        fitting -= fitting % LEAST_PASS
        if 0 < fitting < forecast.tokens:
            ways.append(f"--max-seq-len {fitting}")
    if forecast.itemsize == 4:
        ways.append("--dtype bfloat16 (half of it)")
    if (options.batch or 1) > 1:
        ways.append("--batch 1")
    if options.device_map is None and not device_of(options).startswith("cpu"):
        ways.append("--device-map auto (several devices and the host's memory)")
    return [*ways, "quantised weights"] if beside <= 0 or not ways else ways


def free_for(options: BackendOptions) -> int | None:
    """Bytes free where the model is to go; None where nobody tells."""
    if options.device_map is None:
        return available_memory(device_of(options))
    import torch

    kind = torch.accelerator.current_accelerator()
    places = [] if kind is None else [f"{kind.type}:{index}" for index in range(torch.accelerator.device_count())]
    known = [available_memory(place) for place in (*places, "cpu")]
    return None if None in known else sum(filter(None, known))
