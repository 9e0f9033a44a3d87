"""Whether keys and values of the longest prompt fit, told before anything is loaded."""

from __future__ import annotations

import math
import os

from evalkit.cards import Card
from evalkit.errors import UserError

from ._loaded import Loaded

__all__ = ["check_memory"]

GIB = 2**30
CPU_SEQUENCES = 8  # sequences of the longest kind that a CPU's key-value space holds where nobody set its size


def check_memory(card: Card, loaded: Loaded, window: int) -> None:
    """Refuse before loading where one sequence of the longest kind cannot fit, by the card's own numbers."""
    per_token = card.kv_bytes_per_token
    if per_token is None:
        return
    needed = per_token * window
    room, source = _room(card, loaded, needed)
    if room is not None and needed > room:
        raise UserError(
            f"{card.name}: keys and values of the longest prompt ({window:,} tokens) take {needed / GIB:.1f} GiB and "
            f"{source} leaves {room / GIB:.1f}; lower --max-seq-len, or give the engine more"
        )


def _room(card: Card, loaded: Loaded, needed: int) -> tuple[float | None, str]:
    """Bytes that keys and values may take, and who says so."""
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        return _cpu_room(needed)
    import torch

    engine = card.engine
    devices = engine.tensor_parallel * engine.pipeline_parallel
    total = torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None
    if total is None:
        return None, ""
    weights = sum(path.stat().st_size for path in loaded.files)
    return devices * total * engine.memory_fraction - weights, f"memory_fraction {engine.memory_fraction:g}"


def _cpu_room(needed: int) -> tuple[float, str]:
    """The CPU's key-value space; where nobody set it, enough for some sequences, at most half of what is free."""
    name = "VLLM_CPU_KVCACHE_SPACE"
    given = os.environ.get(name)
    if given is None:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        size = max(1, min(math.ceil(CPU_SEQUENCES * needed / GIB), free // 2 // GIB))
        os.environ[name] = given = str(size)
    try:
        return float(given) * GIB, f"{name}={given}"
    except ValueError:
        raise UserError(f"{name}={given}: expected a number of GiB") from None
