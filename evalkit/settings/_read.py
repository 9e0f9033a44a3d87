"""Settings from Python values: names checked, values brought to their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.errors import UnknownNameError, UserError, shown

from ._flag import Setting, settings_of
from ._run import BenchmarkOptions, RunSettings

__all__ = ["ALL_SETTINGS", "fold_options", "merge_values", "read_settings", "typed_value"]

ALL_SETTINGS = {**settings_of(RunSettings), **settings_of(BenchmarkOptions)}


def read_settings(
    model: str | Path | RunSettings, benchmarks: Sequence[str] = (), options: Mapping[str, object] | None = None
) -> RunSettings:
    """The settings of a Python call, values brought to their types; `UserError` naming the first that does not fit."""
    given = dict(options or {})
    if isinstance(model, RunSettings):
        if benchmarks or given:
            raise UserError("a RunSettings holds benchmarks and options itself: change them there")
        given = dict(vars(model))
    else:
        _check_names(given)
        given |= {"model": str(model), "benchmarks": benchmarks}
    return RunSettings(**{name: typed_value(ALL_SETTINGS[name], value) for name, value in given.items()})


def _check_names(given: Mapping[str, object]) -> None:
    known = settings_of(RunSettings).keys() - {"model", "benchmarks"}
    for name in given:
        if name == "benchmarks":
            raise UserError("benchmarks are named by position: evaluate('./my-model', 'leval')")
        if name in settings_of(BenchmarkOptions):
            raise UserError(f"{name} is an option of benchmarks: options={{{name.replace('_', '-')!r}: …}}")
        if name not in known:
            raise UnknownNameError("setting", name, known)


def typed_value(setting: Setting, value: object, where: str = "") -> Any:
    """A value brought to the type of its setting; `UserError` naming setting and value where it does not fit."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    if setting.kind == Path | None and isinstance(value, str) and not value.strip():
        raise UserError(f"{where}{setting.name}={value!r}: the path is empty; name it, or leave it out")
    reader = TypeAdapter(setting.kind, config=ConfigDict(coerce_numbers_to_str=True))
    try:
        return reader.validate_python(_loosened(setting, value))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join([setting.name, *map(str, first["loc"])])
        raise UserError(f"{where}{place}={shown(first['input'], 60)}: {first['msg']}") from error


def _loosened(setting: Setting, value: object) -> object:
    """One name for a list of names; for text also what stands for it: a list of its parts, yes and no."""
    if setting.is_list:
        return (value,) if isinstance(value, str) else () if value is None else value
    if setting.is_pairs and isinstance(value, Mapping):
        written = _as_json if setting.name == "chat_args" else _as_text
        return {name: written(each) for name, each in value.items()}
    is_list_of_other = isinstance(value, list | tuple) and setting.kind not in (str, str | None)  # one number, one path
    return value if setting.kind is bool or is_list_of_other else _as_text(value)


def _as_text(value: object) -> object:
    """A value as a user writes it in one word: `256,512` for a list, yes or no; all else as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and value and all(isinstance(each, str | int | float) for each in value):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, Path) else value


def _as_json(value: object) -> object:
    """A value of a template's argument as the command line takes it: true and false, which are no yes and no there."""
    import json

    return json.dumps(value) if value is None or isinstance(value, bool) else _as_text(value)


def fold_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `RunSettings`, of values among which those of `BenchmarkOptions` may be: these go to `options`."""
    own = settings_of(BenchmarkOptions)
    folded = {name: value for name, value in values.items() if name not in own}
    texts = {
        name.replace("_", "-"): str(_as_text(values[name]))
        for name in own
        if values.get(name) is not None and values[name] is not False
    }
    return {**folded, "options": {**folded.get("options", {}), **texts}} if texts else folded


def merge_values(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Values of both, `above` where both have one; mappings (`options`, `engine`) are merged name by name."""
    merged = {**below, **above}
    for name in below.keys() & above.keys():
        if ALL_SETTINGS[name].is_pairs:
            merged[name] = {**below[name], **above[name]}
    return merged
