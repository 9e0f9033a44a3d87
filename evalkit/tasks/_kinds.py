"""The class behind a benchmark definition, found by its `kind`: evalkit's own, then those of other packages."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from evalkit.errors import UnknownNameError
from evalkit.plugins import load_plugin, plugin_names

__all__ = ["kind_factory"]

GROUP = "evalkit.tasks"

_KINDS = {
    "leval": "evalkit.tasks.leval:LEval",
    "longbench": "evalkit.tasks.longbench:LongBench",
    "longbench-v2": "evalkit.tasks.longbench:LongBenchV2",
    "needle-grid": "evalkit.tasks.needle:NeedleGrid",
    "needlebench": "evalkit.tasks.needlebench:NeedleBench",
    "samples": "evalkit.tasks.samples:OwnSamples",
}


def kind_factory(kind: str) -> Any:
    """The class that makes benchmarks of that kind; `UnknownNameError` or `PluginError` where there is none."""
    if kind in _KINDS:
        module, name = _KINDS[kind].split(":")
        return getattr(import_module(module), name)
    factory = load_plugin(GROUP, kind)
    if factory is None:
        raise UnknownNameError("benchmark kind", kind, [*_KINDS, *plugin_names(GROUP)])
    return factory
