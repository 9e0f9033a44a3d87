"""Errors a caller of evalkit can meet, as one family.

EvalkitError
├── UserError                 the caller's input is wrong; the command line exits with code 2
│   ├── UnknownNameError      a card, benchmark, task, protocol or source that does not exist
│   ├── DataError             a data file is missing, damaged or not the pinned one
│   ├── CardError             a model card or model folder cannot be used
│   ├── RunConflictError      a run folder belongs to another run, or is in use
│   ├── ReadOnlyError         a file cannot be written because nothing can be written in its place
│   ├── EngineStoppedError    a model's engine died at work; another start may do
│   └── PluginError           an installed package offers evalkit something that cannot be used
├── RunStoppedError           sample after sample failed alike; the command line exits with code 1
├── SampleError               one sample cannot be run; recorded as failed, the run goes on
└── MissingDependencyError    an optional package is not installed

EvalkitWarning                what a caller of the Python functions should know and no error stops; a UserWarning
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

from evalkit.printable import safe_message

__all__ = [
    "CardError",
    "DataError",
    "EngineStoppedError",
    "EvalkitError",
    "EvalkitWarning",
    "MissingDependencyError",
    "PluginError",
    "ReadOnlyError",
    "RunConflictError",
    "RunStoppedError",
    "SampleError",
    "UnknownNameError",
    "UserError",
    "one_line",
    "shown",
]


LONGEST_MESSAGE = 2000  # characters: names and values that people hand in may be longer than anybody reads
ALIKE = 0.56
"""How like a known name a word must be to be taken for it: `tois` and `toy` are (0.57), `hotpotqa` and `tpo` are not
(0.55)."""


class EvalkitError(Exception):
    """Base of every error that evalkit raises on purpose; its message can be shown and stored as it is.

    Messages name what others wrote, so escapes of the terminal and keys of the environment are made harmless here, and
    what nobody would read to its end is cut in the middle.
    """

    def __init__(self, message: str = "") -> None:
        text = safe_message(message)
        if len(text) > LONGEST_MESSAGE:
            text = f"{text[: LONGEST_MESSAGE // 2]} … {text[-LONGEST_MESSAGE // 2 :]}"
        super().__init__(text)


class EvalkitWarning(UserWarning):
    """What a caller should know of a run or of scores: the notes that the command line prints."""


class UserError(EvalkitError):
    """The input is wrong. The message is one line: what, where, what to do."""


class UnknownNameError(UserError):
    """A name that is not in a closed set; the message names the nearest one that is."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)
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


class EngineStoppedError(UserError):
    """The engine of a model has died at work. What it has not answered may be asked of another one."""


class PluginError(UserError):
    """An installed package offers evalkit something that cannot be used; the message names the package."""


class RunStoppedError(EvalkitError):
    """A run stopped by itself because sample after sample failed for one reason. What is finished is kept."""


class SampleError(EvalkitError):
    """One sample cannot be run. It is recorded as failed and never scored."""


class MissingDependencyError(UserError):
    """An optional package is needed; the message says what to install."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package!r}: pip install 'evalkit[{extra}]'")


def one_line(error: BaseException | str, limit: int = 300) -> str:
    """An error's message as one line of at most `limit` characters; its type where it says nothing.

    What is left out is marked by `…`, and no word or address is cut in two, unless it alone is longer.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    if len(text) <= limit:
        return text
    whole_words = text[:limit].rpartition(" ")[0] or text[: limit - 1]
    return f"{whole_words[: limit - 1]}…"


def shown(value: object, limit: int = 80) -> str:
    """A value as a message shows it: one line of at most `limit` characters, made without writing all of it out."""
    writer = _Shown()
    writer.maxstring = writer.maxother = limit
    writer.maxdict = writer.maxlist = writer.maxtuple = writer.maxset = 12
    return writer.repr(value)[:limit]


LONGEST_BITS = 1000  # of a number that is written out: Python refuses to write 15,000


class _Shown(reprlib.Repr):
    """`repr` that stops at a size, and writes numbers that Python refuses to write."""

    def repr_int(self, value: int, level: int) -> str:  # noqa: ARG002
        """The digits, or how many bits there are of them."""
        return repr(value) if value.bit_length() <= LONGEST_BITS else f"a number of {value.bit_length():,} bits"
