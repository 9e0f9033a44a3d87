"""The folder that an engine loads: the published one, or a converted copy in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalkit.cards import Card

from .._base import BackendOptions

__all__ = ["Loadable", "loadable"]


@dataclass(frozen=True)
class Loadable:
    """What `from_pretrained` or an engine takes."""

    place: str
    """Folder, or a hub id where no commit was looked up."""
    revision: str | None
    """Of the hub id; None for a folder."""
    is_converted: bool = False
    """Whether it is a converted copy, whose code and tokenizer are not those published."""
    runs_as: str | None = None
    """The architecture that stands in for the published one; None where it is the published one."""

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one."""
        return Path(self.place) if self.revision is None else None


def loadable(card: Card, options: BackendOptions, engine: Literal["hf", "vllm"]) -> Loadable:
    """What `engine` loads for a card; converts once, and says so by `options.note`.

    `CardError` for weights that cannot be read or converted, with what to do.
    """
    raise NotImplementedError
