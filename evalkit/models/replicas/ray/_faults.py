"""What went wrong in an actor or with it, as errors of this process."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

import evalkit.errors
from evalkit.errors import EvalkitError, one_line

from .._base import ReplicaLostError

__all__ = ["Failure", "losing"]

_LONGEST_REASON = 160  # characters


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception that was raised in an actor."""

    kind: str
    """Name of its class; of a subclass of evalkit's errors, the nearest that evalkit has."""
    message: str
    """What it says."""
    trace: str
    """Where it was raised; empty for errors that evalkit raises on purpose."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """That exception, as it travels."""
        if isinstance(error, EvalkitError):
            known = next(each.__name__ for each in type(error).__mro__ if each.__name__ in evalkit.errors.__all__)
            return cls(known, str(error), "")
        return cls(type(error).__name__, str(error), "".join(traceback.format_exception(error)))

    def error(self) -> Exception:
        """An exception of its kind and message; one that evalkit does not raise is a `RuntimeError` that names it."""
        known = getattr(evalkit.errors, self.kind, None)
        if self.trace == "" and isinstance(known, type) and issubclass(known, EvalkitError):
            error = known.__new__(known)  # their constructors take other things than a message
            EvalkitError.__init__(error, self.message)
            return error
        other = RuntimeError(f"{self.kind}: {self.message}")
        other.add_note(self.trace)
        return other


@contextlib.contextmanager
def losing(label: str) -> Iterator[None]:
    """Whatever Ray says of an actor that is gone, out of reach or out of memory is a `ReplicaLostError`."""
    import ray
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        raise ReplicaLostError(f"{label} is lost: {_reason(error)}") from error
    except Exception as error:
        if ray.is_initialized():
            raise
        raise ReplicaLostError(f"{label} is lost: Ray was stopped") from error  # which breaks what waits for it


def _reason(error: Exception) -> str:
    """Why, in a few words; Ray's own fill the screen."""
    from ray import exceptions as told

    text = str(error)
    if isinstance(error, told.OutOfMemoryError) or "NODE_OUT_OF_MEMORY" in text:
        return "its machine ran out of memory"
    if isinstance(error, told.NodeDiedError) or "its node has died" in text:
        return "its machine is gone"
    if isinstance(error, told.ActorUnavailableError):
        return "its process cannot be reached"
    if isinstance(error, told.RayActorError | told.WorkerCrashedError):
        return "its process ended"
    return one_line(text, _LONGEST_REASON)
