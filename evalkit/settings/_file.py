"""Configuration files: a YAML mapping of settings, by the names they have in Python or on the command line.

model: ./my-model
benchmarks: [needle]
limit: 8
options: {lengths: "1000,2000"}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import UnknownNameError, UserError
from evalkit.printable import is_printable

from ._flag import settings_of
from ._read import ALL_SETTINGS, fold_options, typed_value
from ._run import RunSettings

__all__ = ["read_config", "write_config", "yaml_text"]

WORDS = (("null", "|~|null", ["", "~", "n"]), ("bool", "true|false", ["t", "f"]))
"""Tag, words and their first letters, of all plain words that are not text."""


def read_config(path: Path) -> dict[str, Any]:
    """Values of `RunSettings` from a file; `UserError` of one line for whatever is wrong with it."""
    values: dict[str, Any] = {}
    for name, value, is_opposite in _entries(path):
        if name in values:
            raise UserError(f"{path}: {name} is given twice; leave one out")
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
    import yaml

    try:
        data = yaml.load(path.read_text("utf-8"), Loader=_loader())
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line}: not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise UserError(f"--config {path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise UserError(f"{path}: a configuration is a mapping of settings (limit: 8), found {found}")
    return data


def _loader() -> Any:
    """A safe loader that takes words as they are written, as the command line does, and refuses a key given twice.

    YAML's own rules would read `10:50:10` as a number to the base 60, `010` as 8 and `no` as false.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: list[Any] = []
            for name, _ in node.value:
                key = self.construct_object(name, deep=True)
                if key in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", name.start_mark)
                seen.append(key)
            return super().construct_mapping(node, deep)

    for tag, words, beginnings in WORDS:
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{words})$"), beginnings)
    return Loader


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
