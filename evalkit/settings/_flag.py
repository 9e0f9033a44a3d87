"""A setting as data: the field of a record, with its flag in the field's annotation.

    limit: Annotated[int | None, Flag("Only the first N samples of each task.")] = None

is `limit` in Python and in configuration files, `--limit` on the command line, and one line of `--help`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

__all__ = ["Flag", "Setting", "settings_of"]


@dataclass(frozen=True)
class Flag:
    """How a setting is written on the command line."""

    help: str
    """What it does, in one sentence."""
    name: str = ""
    """`--flag`, or the name of a positional argument; empty = the field's name with dashes."""
    metavar: str | None = None
    """What stands for the value in the help; None = its type."""


@dataclass(frozen=True)
class Setting:
    """One field of a settings record."""

    name: str
    """Name in Python and in configuration files."""
    kind: Any
    """Type of the value."""
    default: Any
    """Value where nobody sets it; None for a setting that must be given."""
    flag: str
    """Name on the command line: `--max-seq-len`, or `CARD` for an argument."""
    help: str
    """What it does, in one sentence."""
    metavar: str | None
    """What stands for the value in the help; None = its type."""

    @property
    def is_argument(self) -> bool:
        """Whether it is given by position."""
        return not self.flag.startswith("--")

    @property
    def is_negated(self) -> bool:
        """Whether the flag switches off what is on by default."""
        return bool(self.kind is bool and self.default)

    @property
    def is_pairs(self) -> bool:
        """Whether it is written as NAME=VALUE, several times."""
        return isinstance(self.default, dict)

    @property
    def is_list(self) -> bool:
        """Whether it holds several values."""
        return bool(self.kind == tuple[str, ...])

    @property
    def variable(self) -> str:
        """The flag as a Python name; `no_prefix_reuse`."""
        return self.name if self.is_argument else self.flag.removeprefix("--").replace("-", "_")


@cache
def settings_of(record: type) -> Mapping[str, Setting]:
    """Name → setting, of every field of a settings record, in the order of the fields."""
    hints = get_type_hints(record, include_extras=True)
    defaults = {field.name: _default(field) for field in fields(record)}
    return MappingProxyType({name: _setting(name, hints[name], default) for name, default in defaults.items()})


def _setting(name: str, hint: Any, default: Any) -> Setting:
    kind, flag = get_args(hint)
    return Setting(name, kind, default, flag.name or f"--{name.replace('_', '-')}", flag.help, flag.metavar)


def _default(field: Any) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default
