"""On which devices the layers of a model are put, and where its inputs go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalkit.errors import UserError, one_line

from .._base import BackendOptions
from .._device_map import check_device_map, has_accelerate

if TYPE_CHECKING:
    import torch

    from ._forecast import Forecast

__all__ = ["check_device", "device_facts", "device_of", "input_device", "loading_arguments", "placed"]

HOST_SHARE = 0.8  # of the host's free memory that layers may take which fit on no accelerator


def device_of(options: BackendOptions) -> str:
    """The device asked for, or that of `auto`: CUDA where there is one."""
    import torch

    if options.device != "auto":
        return options.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def check_device(options: BackendOptions) -> None:
    """Raise `UserError` for a device that is not there, before anything is read for it."""
    import torch

    if options.device_map is not None:
        check_device_map("auto" if options.device_map == "auto" else None)
        return
    device = device_of(options)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # no such device, no driver for it
        raise UserError(
            f"--device {device}: the model cannot be put there ({one_line(error)}); choose another"
        ) from error


def loading_arguments(options: BackendOptions, forecast: Forecast, *, is_quantised: bool) -> dict[str, Any]:
    """What `from_pretrained` is told of devices: a map, or nothing where the model is moved when it is whole.

    Weights go straight to an accelerator where accelerate is installed; else they pass through the host's memory.
    """
    if options.device_map is None:
        device = device_of(options)
        is_direct = has_accelerate() and (is_quantised or not device.startswith("cpu"))
        return {"device_map": {"": device}} if is_direct else {}
    if options.device_map != "auto":
        return {"device_map": options.device_map}
    return {"device_map": "auto", "max_memory": _room_for_weights(forecast)}


def _room_for_weights(forecast: Forecast) -> dict[int | str, int]:
    """Bytes of weights for each device: keys and values follow the layers, and each device computes a pass."""
    import torch

    from ._memory import free_memory

    count = torch.accelerator.device_count()
    kind = torch.accelerator.current_accelerator().type  # type: ignore[union-attr]
    kept = forecast.cache // count + forecast.activations
    room: dict[int | str, int] = {index: max(0, (free_memory(f"{kind}:{index}") or 0) - kept) for index in range(count)}
    return {**room, "cpu": int(HOST_SHARE * (free_memory("cpu") or 0))}


def placed(model: Any, options: BackendOptions) -> Any:
    """The model on the device that was asked for, ready to answer."""
    if getattr(model, "hf_device_map", None) is not None:
        return model.eval()
    device = device_of(options)
    try:
        return model.to(device).eval()
    except (RuntimeError, AssertionError) as error:  # not enough memory on it
        raise UserError(
            f"--device {device}: the model cannot be put there ({one_line(error)}); choose another"
        ) from error


def input_device(model: Any) -> torch.device:
    """Where token ids go, and logits come back: the device that computes the embedding, which may keep none there."""
    import torch

    hook = getattr(model.get_input_embeddings(), "_hf_hook", None)
    for each in (*getattr(hook, "hooks", ()), hook):
        if (device := getattr(each, "execution_device", None)) is not None:
            return torch.device(device)
    device = model.device
    return torch.device("cpu") if device.type == "meta" else device


def device_facts(model: Any) -> dict[str, Any]:
    """For the manifest: the device of the inputs, and how many parts are where, where there are several places."""
    facts: dict[str, Any] = {"device": str(input_device(model))}
    places = [str(place) for place in (getattr(model, "hf_device_map", None) or {}).values()]
    if len(set(places)) > 1:
        facts["device_map"] = {place: places.count(place) for place in sorted(set(places))}
    return facts
