"""Errors a caller of evalkit can meet, as one family.

EvalkitError
├── UserError                 the caller's input is wrong; the command line exits with code 2
│   ├── UnknownNameError      a card, benchmark, task, protocol or source that does not exist
│   ├── DataError             a data file is missing, damaged or not the pinned one
│   ├── CardError             a model card or model folder cannot be used
│   ├── RunConflictError      a run folder belongs to another run, or is in use
│   ├── ReadOnlyError         a file cannot be written because nothing can be written in its place
│   └── PluginError           an installed package offers evalkit something that cannot be used
├── SampleError               one sample cannot be run; recorded as failed, the run goes on
└── MissingDependencyError    an optional package is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from evalkit.printable import safe_message

__all__ = [
    "CardError",
    "DataError",
    "EvalkitError",
    "MissingDependencyError",
    "PluginError",
    "ReadOnlyError",
    "RunConflictError",
    "SampleError",
    "UnknownNameError",
    "UserError",
    "one_line",
]


class EvalkitError(Exception):
    """Base of every error that evalkit raises on purpose; its message can be shown and stored as it is.

    Messages name what others wrote, so escapes of the terminal and keys of the environment are made harmless here.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(safe_message(message))


class UserError(EvalkitError):
    """The input is wrong. The message is one line: what, where, what to do."""


class UnknownNameError(UserError):
    """A name that is not in a closed set; the message names the nearest one that is."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        if nearest:
            advice = f"did you mean {nearest[0]!r}?"
        elif len(known) <= 24:
            advice = f"there are: {', '.join(known)}" if known else "there are none"
        else:
            advice = f"there are {len(known)}, for example {known[0]!r}"
        super().__init__(f"unknown {kind} {name!r}: {advice}" + (f" ({hint})" if hint else ""))


class DataError(UserError):
    """A data file is missing, damaged, or not the pinned one."""


class CardError(UserError):
    """A model card or a model folder cannot be used as it is."""


class RunConflictError(UserError):
    """A run folder holds records of another run, or another process writes to it."""


class ReadOnlyError(UserError):
    """A file cannot be written because its place is read-only, on the medium or for this user."""


class PluginError(UserError):
    """An installed package offers evalkit something that cannot be used; the message names the package."""


class SampleError(EvalkitError):
    """One sample cannot be run. It is recorded as failed and never scored."""


class MissingDependencyError(UserError):
    """An optional package is needed; the message says what to install."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package!r}: pip install 'evalkit[{extra}]'")


def one_line(error: BaseException | str, limit: int = 300) -> str:
    """An error's message as one line of at most `limit` characters; its type where it says nothing."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:limit]
