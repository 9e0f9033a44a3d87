"""What every reader promises of whatever it is given: a result, or an `EvalkitError` of one line, in bounded time."""

from __future__ import annotations

import os
import random
import signal
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NamedTuple

from evalkit.errors import LONGEST_MESSAGE, EvalkitError
from evalkit.printable import is_printable

__all__ = ["CLOCK_FACTOR", "Outcome", "Reader", "case_of", "check"]

CLOCK_FACTOR = 8

Kind = Literal["accepted", "refused", "crash", "hang"]


@dataclass(frozen=True)
class Reader:
    """One way into evalkit, and how cases for it are made."""

    name: str
    """Name in tables and for `--only`."""
    make: Callable[[random.Random], bytes]
    """A case of a generator; equal generators give equal cases."""
    read: Callable[[bytes, Path], Any]
    """Reads a case; the folder is empty and its own."""
    needs: tuple[str, ...] = ()
    """Modules that must be installed."""
    seconds: float = 10.0
    """Longest that one case may take, in time of the processor; eight times as long on the clock."""


class Outcome(NamedTuple):
    """What became of a case."""

    kind: Kind
    """`accepted` and `refused` keep the promise."""
    site: str = ""
    """Where a promise was broken: exception and line of evalkit."""
    detail: str = ""
    """The traceback, or the message."""


class _TooLongError(BaseException):
    """Time is up; no reader catches it."""


def case_of(reader: Reader, seed: int, index: int) -> bytes:
    """Case number `index` of a reader: the same for the same seed."""
    return reader.make(random.Random(f"{seed}/{reader.name}/{index}"))


def check(reader: Reader, case: bytes, folder: Path) -> Outcome:
    """What becomes of a case. A busy machine slows the clock's limit alone, which ends what waits for ever."""
    timers = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGALRM: signal.ITIMER_REAL}
    earlier = {sign: signal.signal(sign, _stop) for sign in timers}
    here = Path.cwd()
    signal.setitimer(signal.ITIMER_PROF, reader.seconds)
    signal.setitimer(signal.ITIMER_REAL, CLOCK_FACTOR * reader.seconds)
    try:
        with warnings.catch_warnings(action="ignore"):
            reader.read(case, folder)
        return Outcome("accepted")
    except EvalkitError as error:
        return _judged(str(error))
    except _TooLongError as error:
        return Outcome("hang", f"more than {reader.seconds:g} s {_site(error)}", _shown(error))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # panics of Rust are no Exception
        return Outcome("crash", f"{type(error).__name__} {_site(error)}", _shown(error))
    finally:
        for sign, timer in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(sign, earlier[sign])
        os.chdir(here)


def _judged(message: str) -> Outcome:
    """A refusal, where its message is one line that can be printed."""
    if not message.strip():
        return Outcome("crash", "a message that says nothing")
    if len(message) > LONGEST_MESSAGE + 10:
        return Outcome("crash", f"a message of {len(message)} characters", message[:5000])
    if not is_printable(message):
        return Outcome("crash", "a message with control characters", repr(message)[:5000])
    return Outcome("refused", detail=message)


def _stop(_: int, __: FrameType | None) -> None:
    raise _TooLongError


def _site(error: BaseException) -> str:
    """The innermost line of evalkit that the error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/evalkit/" in frame.filename and "/tests/" not in frame.filename]
    frame = (own or frames)[-1]
    return f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno}"


def _shown(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    return text if len(text) < 20_000 else f"{text[:8000]}\n…\n{text[-8000:]}"
