"""What can go wrong in a pass and fails one sample, not the run."""

from __future__ import annotations

from evalkit.errors import one_line

__all__ = ["FAULTS", "Fault", "is_out_of_memory"]

# Out of memory, a token the model lacks, a kernel that refuses, a model's own code made for another release.
FAULTS = (RuntimeError, LookupError, TypeError, ValueError, AttributeError)

# As torch 2.6 to 2.13 word it for CUDA, MPS, its CPU allocator and cuBLAS, whose errors are plain RuntimeErrors.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cublas_status_alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether less work at once may succeed where this error was raised."""
    from torch import OutOfMemoryError

    text = str(error).lower()
    is_worded_so = isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)
    return isinstance(error, OutOfMemoryError) or is_worded_so


class Fault:
    """A fault as its samples tell it, without the traceback, which would hold on to the memory of the pass."""

    def __init__(self, error: BaseException) -> None:
        self.reason = f"{type(error).__name__}: {one_line(error)}"
        """For the records."""
        self.is_out_of_memory = is_out_of_memory(error)
        """Whether less work at once may succeed."""
