"""Free memory of a device, in bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["free_memory"]

_GROUP = Path("/sys/fs/cgroup")  # version 2, as containers see their own


def free_memory(device: str) -> int | None:
    """What a process may still allocate on a device (`cpu`, `cuda:0`, `mps`); None where nobody tells."""
    import torch

    kind = device.partition(":")[0]
    if kind == "cpu":
        return _free_on_host()
    if kind == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    module: Any = getattr(torch, kind, None)
    if not hasattr(module, "mem_get_info"):
        return None
    free, _ = module.mem_get_info(device)
    cached = module.memory_reserved(device) - module.memory_allocated(device)  # torch's own, which it hands out again
    return int(free + cached)


def _free_on_host() -> int | None:
    """The machine's free memory or the container's, whichever is less."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # neither Windows nor macOS tells
        return None
    most, used = (_number(_GROUP / name) for name in ("memory.max", "memory.current"))
    return free if most is None or used is None else max(0, min(free, most - used))


def _number(path: Path) -> int | None:
    try:
        text = path.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdecimal() else None
