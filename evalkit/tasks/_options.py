"""Options of a benchmark: what its definition offers, what the user gave, and what of it can change a score.

A benchmark lists its options in its YAML file; on the command line they are flags (`--lengths 1000,2000`), in Python
`RunSettings.options`. Values travel as text, as written, so that a manifest repeats the command.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.errors import UserError, shown
from evalkit.files import sha256_of, user_path

if TYPE_CHECKING:
    from ._spec import BenchmarkSpec, OptionSpec

__all__ = [
    "MOST_VALUES",
    "expand",
    "join_options",
    "option_identity",
    "option_number",
    "option_numbers",
    "resolve_options",
]

T = TypeVar("T")

MOST_VALUES = 10_000  # of one list: more is a slip of the keyboard

# gkamradt/LLMTest_NeedleInAHaystack at 7b90d285, `logistic`. There the curve falls; as a set the depths are the same.
SIGMOID_MIDDLE, SIGMOID_SLOPE, SIGMOID_DECIMALS = 50.0, 0.1, 3

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_STEPS = re.compile(f"{_NUMBER}:{_NUMBER}:{_NUMBER}")
_LINEAR = re.compile(rf"linear:{_NUMBER}:{_NUMBER}:(\d+)")
_SIGMOID = re.compile(r"sigmoid:(\d+)")


def expand(text: str) -> list[str]:
    """The values of a list, ranges written out and numbers in one form; words stay as they are.

    `FIRST:LAST:STEP` includes its end; `linear:FIRST:LAST:COUNT` rounds to whole numbers; `sigmoid:COUNT` lies between
    0 and 100, closer at both ends.
    """
    values: list[str] = []
    for part in text.split(","):
        values += _values(part.strip())
        if len(values) > MOST_VALUES:
            raise UserError(f"{text}: more than {MOST_VALUES:,} values; name fewer")
    return values


def _values(part: str) -> Iterable[str]:
    for pattern, make in ((_STEPS, _steps), (_LINEAR, _linear), (_SIGMOID, _sigmoid)):
        match = pattern.fullmatch(part)
        if match is not None:
            return (_written(number) for number in make(part, *map(float, match.groups())))
    return (_written(float(part)) if re.fullmatch(_NUMBER, part) else part,)


def _steps(text: str, first: float, last: float, step: float) -> list[float]:
    # `not … <=`, because infinity over infinity is no number, and no comparison with it holds.
    if step <= 0 or last < first or not (last - first) / step <= MOST_VALUES:
        raise UserError(f"{text}: a range FIRST:LAST:STEP needs LAST ≥ FIRST, STEP > 0 and under {MOST_VALUES} values")
    count = int((last - first) / step + 1e-9)  # so that 0:1:0.1 has its end in spite of rounding
    return [round(first + index * step, 9) for index in range(count + 1)]


def _linear(text: str, first: float, last: float, count: float) -> list[float]:
    if not 2 <= count <= MOST_VALUES or last <= first or not math.isfinite(last - first):
        raise UserError(f"{text}: linear:FIRST:LAST:COUNT needs LAST > FIRST and COUNT from 2 to {MOST_VALUES}")
    return [float(round(first + index * (last - first) / (count - 1))) for index in range(int(count))]


def _sigmoid(text: str, count: float) -> list[float]:
    if not 2 <= count <= MOST_VALUES:
        raise UserError(f"{text}: sigmoid:COUNT needs COUNT from 2 to {MOST_VALUES}")
    even = [100 * index / (count - 1) for index in range(1, int(count) - 1)]
    inner = [100 / (1 + math.exp(-SIGMOID_SLOPE * (depth - SIGMOID_MIDDLE))) for depth in even]
    return [0.0, *(round(depth, SIGMOID_DECIMALS) for depth in inner), 100.0]


def _written(number: float) -> str:
    return f"{number:.12g}"


def resolve_options(spec: BenchmarkSpec, given: Mapping[str, str]) -> dict[str, str]:
    """Every option of the benchmark with its value, paths made absolute; `UserError` for one it does not take."""
    for name in given:
        if name not in spec.options:
            raise UserError(f"option {name}: {spec.name} has {', '.join(spec.options) or 'no options'}")
        if not isinstance(given[name], str):
            raise UserError(f"option {name}={shown(given[name])}: expected a text, as it is written on a command line")
    return {name: _value(name, option, given.get(name, option.default)) for name, option in spec.options.items()}


def option_identity(spec: BenchmarkSpec, options: Mapping[str, str]) -> dict[str, Any]:
    """What of the options can change a score: files as digests, without those that only choose samples."""
    return {
        name: _path_digest(name, Path(value)) if spec.options[name].is_path and value else value
        for name, value in options.items()
        if not spec.options[name].grows
    }


def join_options(spec: BenchmarkSpec, earlier: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The options of a run folder that holds the samples of both: lists united, counts at their larger."""
    joined = dict(now)
    for name, option in spec.options.items():
        if option.grows == "list" and name in earlier:
            joined[name] = ",".join(dict.fromkeys([*expand(earlier[name]), *expand(now[name])]))
        if option.grows == "count" and name in earlier:
            joined[name] = max(earlier[name], now[name], key=lambda text: option_number(name, text))
    return joined


def option_number(name: str, text: str) -> int:
    """A whole number of 0 or more; `UserError` otherwise."""
    if not re.fullmatch(r"\d{1,18}", text):
        raise UserError(f"--{name} {text}: expected a whole number, 0 or more, of at most 18 digits")
    return int(text)


def option_numbers(name: str, text: str) -> tuple[float, ...]:
    """The numbers of a list option in the order written; `UserError` for other text, or a number given twice."""
    try:
        numbers = tuple(float(value) for value in expand(text))
    except ValueError as error:
        raise UserError(f"--{name} {text}: expected numbers, such as 256,512 or 0:100:10") from error
    except UserError as error:
        raise UserError(f"--{name} {error}") from error
    if not all(map(math.isfinite, numbers)):
        raise UserError(f"--{name} {text}: expected finite numbers")
    twice = _first_twice(numbers)
    if twice is not None:
        raise UserError(f"--{name} {text}: {twice:g} is given twice; leave one out")
    return numbers


def _value(name: str, option: OptionSpec, value: str) -> str:
    if option.is_path and value:
        return str(user_path(value).absolute())
    if option.choices:
        values = expand(value) if option.grows == "list" else [value]
        unknown = next((each for each in values if each not in option.choices), None)
        if unknown is not None:
            raise UserError(f"option {name}={unknown}: expected one of {', '.join(option.choices)}")
        twice = _first_twice(values)
        if twice is not None:
            raise UserError(f"option {name}={value}: {twice} is given twice; leave one out")
    return value


def _first_twice(values: Iterable[T]) -> T | None:
    seen: set[T] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _path_digest(name: str, path: Path) -> str:
    """sha256 over a file's bytes, or over the names and bytes of a folder's files."""
    if not path.exists():
        raise UserError(f"--{name} {path}: no such file or folder")
    try:
        if path.is_file():
            return f"sha256:{sha256_of(path)}"
        files = sorted(each for each in path.rglob("*") if each.is_file())
        lines = "".join(f"{each.relative_to(path).as_posix()}:{sha256_of(each)}\n" for each in files)
    except OSError as error:
        raise UserError(f"--{name} {error.filename or path}: cannot be read ({error.strerror})") from error
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
