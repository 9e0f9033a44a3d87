"""Which published architectures run as a built-in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Published", "read_published"]

Config = Mapping[str, object]


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


def read_published(config: Config) -> Published | None:
    """What a `config.json` is as a built-in architecture.

    None where it is built in as it stands, and where nothing is known of it. `ConfigError` for values that a field
    cannot have.
    """
    names = config.get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    read = _READERS.get(first) if isinstance(first, str) else None
    return read(config) if read is not None else None


_READERS: dict[str, Callable[[Config], Published]] = {}
