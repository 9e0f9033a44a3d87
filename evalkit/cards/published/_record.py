"""What a published configuration is as a built-in architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.errors import shown

__all__ = ["Published"]

_MOST_FIELDS = 8  # that a line names


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

    @property
    def left_out(self) -> str | None:
        """What to say of the unknown fields; None where there are none."""
        if not self.unknown:
            return None
        fields, rest = ", ".join(map(shown, self.unknown[:_MOST_FIELDS])), len(self.unknown) - _MOST_FIELDS
        more = f" and {rest} more" if rest > 0 else ""
        return f"what {fields}{more} mean is not known here: as {self.runs_as} they are left out"
