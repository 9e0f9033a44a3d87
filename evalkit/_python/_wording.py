"""Messages in the words of a Python caller: `limit=0` where the command line says `--limit 0`.

Settings have one name in both worlds, so what to write instead of a flag is known from the settings themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from evalkit.errors import EvalkitError
from evalkit.settings import BenchmarkOptions, RunSettings, settings_of

__all__ = ["in_python", "python_words"]

# A flag, and the value behind it where one is plain: a number, a placeholder, a word in front of a colon, or one of the
# words that nothing but a value is.
_WORDS = (
    r"(?:none|native|longrope|dynamic-yarn|engine|float32|bfloat16|float16|hf|vllm|endpoint|"
    r"(?:linear|ntk|dynamic|yarn|llama3|base):[\w.]+)\b"
)
_FLAG = re.compile(rf"--([a-z][a-z-]*[a-z])(?:[ =]([^\s;()]+(?=: )|-?\d[\d.]*|[A-Z][A-Z_]+\b|{_WORDS}))?(?![A-Za-z-])")
_OTHERS = {
    "format": "output_format",
    "metric": "metrics",
    "benchmark": "benchmark",
    "json": "json",
    "share": "share",
    "spec": "specs",
    "sweep": "sweep",
    "lang": "language",
}
_SWITCHES = {"ignore-unknown": "ignore_unknown=True", "published": "published=True"}


def in_python(text: str) -> str:
    """The message with flags as arguments; commands in backticks stay commands."""
    parts = text.split("`")
    return "`".join(_FLAG.sub(_argument, part) if place % 2 == 0 else part for place, part in enumerate(parts))


def _argument(found: re.Match[str]) -> str:
    flag, value = found[1], found[2]
    if flag in _SWITCHES:
        return _SWITCHES[flag] + (f" {value}" if value else "")
    if flag in _options():
        return f"options={{{flag!r}: {'…' if value is None else value}}}"
    name = _names().get(flag)
    if name is None:
        return found[0]
    is_switch = "=" in name
    if value is None:
        return name if is_switch else f"{name}="
    return f"{name} {value}" if is_switch else f"{name}={value}"


@cache
def _names() -> dict[str, str]:
    """Flag → argument; switches with the value that they set."""
    names = dict(_OTHERS)
    for name, setting in settings_of(RunSettings).items():
        if not setting.is_argument:
            is_switch = setting.kind is bool
            names[setting.flag.removeprefix("--")] = f"{name}={not setting.default}" if is_switch else name
    return names


@cache
def _options() -> frozenset[str]:
    """Flags that are options of benchmarks."""
    return frozenset(setting.flag.removeprefix("--") for setting in settings_of(BenchmarkOptions).values())


@contextmanager
def python_words() -> Iterator[None]:
    """Errors of evalkit raised inside name arguments, not flags; they stay the errors they are."""
    try:
        yield
    except EvalkitError as error:
        error.args = tuple(in_python(_joined(each)) if isinstance(each, str) else each for each in error.args)
        raise


def _joined(text: str) -> str:
    """One line of it: what was passed may have been printed in several."""
    return " ".join(text.split()) if "\n" in text else text
