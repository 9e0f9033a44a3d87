"""Configuration files: a YAML mapping of settings, by the names they have in Python or on the command line.

model: ./my-model
benchmarks: [needle]
limit: 8
options: {lengths: "1000,2000"}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import UnknownNameError, UserError
from evalkit.printable import is_printable

from ._flag import settings_of
from ._read import ALL_SETTINGS, fold_options, typed_value
from ._run import RunSettings

__all__ = ["read_config", "write_config", "yaml_text"]


def read_config(path: Path) -> dict[str, Any]:
    """Values of `RunSettings` from a file; `UserError` of one line for whatever is wrong with it.

    `model` may be a list: a tuple then, of the models that run with these settings.
    """
    values: dict[str, Any] = {}
    for name, value, is_opposite in _entries(path):
        if name in values:
            raise UserError(f"{path}: {name} is given twice; leave one out")
        if name == "model" and isinstance(value, list):  # each is a run with the same settings
            values[name] = tuple(typed_value(ALL_SETTINGS[name], each, f"{path}: ") for each in value)
            continue
        typed = typed_value(ALL_SETTINGS[name], value, f"{path}: ")
        values[name] = not typed if is_opposite else typed
    folded = fold_options(values)
    twice = values.get("options", {}).keys() & {name.replace("_", "-") for name in values.keys() - folded.keys()}
    if twice:
        raise UserError(f"{path}: {min(twice)} is given twice, once under options; leave one out")
    return folded


def _entries(path: Path) -> Iterator[tuple[str, object, bool]]:
    """Name of the setting, value as written, and whether it is the opposite that was named (`no-prefix-reuse`)."""
    spellings: dict[str, tuple[str, bool]] = {}
    for name, setting in ALL_SETTINGS.items():
        spellings |= {setting.variable: (name, setting.is_negated), name: (name, False)}
    for key, value in _load(path).items():
        found = spellings.get(str(key).replace("-", "_"))
        if found is None:
            raise UnknownNameError("setting", str(key), ALL_SETTINGS, hint=str(path))
        if value is not None:
            yield found[0], value, found[1]


def _load(path: Path) -> dict[Any, Any]:
    from evalkit.reading import YamlWords, read_yaml

    data = read_yaml(path, YamlWords.SETTINGS, refuse=UserError)
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise UserError(f"{path}: a configuration is a mapping of settings (limit: 8), found {found}")
    return data


def write_config(values: Mapping[str, Any]) -> str:
    """The settings in force as YAML that `read_config` reads back; what is nowhere set is left out."""
    known = settings_of(RunSettings)
    in_force = {name: values.get(name, setting.default) for name, setting in known.items()}
    plain = {name: _plain(value) for name, value in in_force.items() if value not in (None, (), {}, "")}
    return yaml_text(plain)


def yaml_text(value: object) -> str:
    """The value as YAML in any script, which reads back the same; escaped where a sign would act on a terminal."""
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    if is_printable(text.replace("\n", "")):
        return text
    escaped: str = yaml.safe_dump(value, sort_keys=False, width=100)
    return escaped


def _plain(value: object) -> object:
    """The value in YAML's own types."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
