"""What a converted copy will hold, known from names and shapes alone, before a number is read or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import CardError, one_line, shown

from ._families import Convert
from ._formats import Header
from ._shards import is_pickled, opened

if TYPE_CHECKING:
    import torch

__all__ = ["ShardPlan", "plan_shards"]


@dataclass(frozen=True)
class ShardPlan:
    """What becomes of one published file."""

    source: Path
    """The published file."""
    sources: tuple[str, ...]
    """Its tensors, in the order in which they are converted: large number formats first."""
    results: tuple[Header, ...]
    """What they become, in that order."""
    dropped: tuple[Header, ...]
    """Tensors of which nothing becomes: rotary frequencies, which are computed today."""
    stored: torch.dtype | None
    """Number format of its first floats as published; None where it holds none."""
    is_unchanged: bool
    """The file can serve as it is."""

    @property
    def size(self) -> int:
        """Bytes of the numbers that are written; 0 for a file that serves as it is."""
        return 0 if self.is_unchanged else sum(header.size for header in self.results)


def plan_shards(paths: Sequence[Path], convert: Convert, config: Mapping[str, object]) -> list[ShardPlan]:
    """What each file becomes; `CardError` for one that cannot be read, and for a name that two tensors would get."""
    plans = [_plan(path, convert, config) for path in paths]
    seen: set[str] = set()
    for plan in plans:
        for header in plan.results:
            if header.name in seen:
                raise CardError(f"{plan.source}: {shown(header.name)} is in the weights twice: copy them again")
            seen.add(header.name)
    return plans


def _plan(path: Path, convert: Convert, config: Mapping[str, object]) -> ShardPlan:
    steps: list[tuple[str, list[Header]]] = []
    is_unchanged = not is_pickled(path)
    with opened(path) as shard:
        stored = next((header.dtype for header in shard.headers if header.dtype.is_floating_point), None)
        for header in shard.headers:
            tensor = _empty(header)
            try:
                made = convert(header.name, tensor, config)
            except (RuntimeError, IndexError) as error:
                shape = f"of shape {header.shape}: {one_line(error)}"
                raise CardError(f"{path}: {shown(header.name)} cannot be converted ({shape})") from error
            is_unchanged &= [name for name, each in made if each is tensor] == [header.name]
            steps.append((header.name, [Header(name, each.dtype, tuple(each.shape)) for name, each in made]))
    steps.sort(key=lambda step: -max((header.dtype.itemsize for header in step[1]), default=0))
    results = tuple(header for _, made in steps for header in made)
    used = {name for name, made in steps if made}
    dropped = tuple(header for header in shard.headers if header.name not in used)
    return ShardPlan(path, tuple(name for name, _ in steps), results, dropped, stored, is_unchanged)


def _empty(header: Header) -> torch.Tensor:
    import torch

    return torch.empty(header.shape, dtype=header.dtype, device="meta")
