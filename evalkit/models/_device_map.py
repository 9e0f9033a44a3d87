"""Whether a model can be spread over devices, checked before work that a machine without them makes useless."""

from __future__ import annotations

from importlib.util import find_spec

from evalkit.errors import MissingDependencyError, UserError

__all__ = ["check_device_map", "has_accelerate"]


def has_accelerate() -> bool:
    """Whether the package is installed by which transformers places layers."""
    return find_spec("accelerate") is not None


def check_device_map(device_map: str | None) -> None:
    """Raise `UserError` where `--device-map` is asked for and there is nothing to spread over, or nothing to do it."""
    if device_map is None:
        return
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("torch and transformers", "hf", "running a model with --backend hf") from error
    if not has_accelerate():
        raise MissingDependencyError("accelerate", "large", f"--device-map {device_map}")
    if not torch.accelerator.is_available():
        raise UserError(
            f"--device-map {device_map}: this machine has no accelerator to spread layers over; leave it out, and the "
            "model runs on the CPU"
        )
