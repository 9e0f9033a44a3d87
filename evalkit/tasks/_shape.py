"""What the YAML file of a kind must say beyond the fields of every benchmark, checked when the benchmark is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from evalkit.errors import DataError
from evalkit.records import explain

from ._spec import BenchmarkSpec

__all__ = ["Shape", "check_shape"]


class Shape(NamedTuple):
    """What the class of a kind reads of its file without looking whether it is there: its attribute `shape`."""

    options: tuple[str, ...] = ()
    """Options that it must list."""
    protocol: type[BaseModel] | None = None
    """Record of `options` of every protocol that can generate."""
    task: type[BaseModel] | None = None
    """Record of `settings` of every task."""


def check_shape(spec: BenchmarkSpec, shape: Shape, place: str) -> None:
    """Raise `DataError`, naming place and field, for what the file lacks or has in another type."""
    for name in shape.options:
        if name not in spec.options:
            raise DataError(f"{place}: options.{name}: missing: benchmarks of kind {spec.kind} have it; add it")
    if shape.protocol is not None:
        for name, protocol in spec.protocols.items():
            if protocol.prompts:
                _check(protocol.options, shape.protocol, f"{place}: protocols.{name}.options")
    if shape.task is not None:
        for name, task in spec.tasks.items():
            _check(task.settings, shape.task, f"{place}: tasks.{name}.settings")


def _check(values: Mapping[str, Any], record: type[BaseModel], place: str) -> None:
    try:
        record.model_validate(values)
    except ValidationError as error:
        raise DataError(f"{place}.{explain(error)}") from None
