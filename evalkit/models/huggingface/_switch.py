"""Switches a model's sdpa attention to another implementation, pass by pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["AttentionSwitch"]


class AttentionSwitch:
    """Puts an implementation that transformers knows by `name` in the place of sdpa, wherever a model uses that."""

    def __init__(self, model: torch.nn.Module, name: str) -> None:
        configs = (getattr(module, "config", None) for module in model.modules())
        chosen = {id(each): each for each in configs if getattr(each, "_attn_implementation", None) == "sdpa"}
        self._configs: list[Any] = list(chosen.values())
        self._name = name

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Within it the model attends so."""
        before = [config._attn_implementation for config in self._configs]
        try:
            for config in self._configs:
                config._attn_implementation = self._name
            yield
        finally:
            for config, name in zip(self._configs, before, strict=True):
                config._attn_implementation = name
