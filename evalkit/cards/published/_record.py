"""What a published configuration is as a built-in architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Published"]


@dataclass(frozen=True)
class Published:
    """A published configuration and what it is as a built-in architecture."""

    name: str
    """Architecture as published: `IndexForCausalLM`."""
    runs_as: str
    """`model_type` of the architecture of transformers that computes the same: `llama`, `glm`."""
    config: Mapping[str, object]
    """`config.json` of that architecture, complete; empty where there are obstacles."""
    native_in: frozenset[str] = frozenset()
    """Backends that have a class of their own for the published names and configuration: `vllm`."""
    obstacles: tuple[str, ...] = ()
    """What of the published configuration the built-in architecture cannot compute; with any, it needs its own code."""
    unknown: tuple[str, ...] = field(default=())
    """Fields of the published configuration whose meaning is not known here, sorted."""
