"""Token ids of all prompts of a run, in one temporary file that is mapped into memory."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from array import array
from collections.abc import Iterator
from typing import IO, Self

import numpy as np

from evalkit.errors import UserError
from evalkit.prompts import TokenIds, token_array

__all__ = ["TokenSpool"]


class TokenSpool:
    """Append prompts, then read them by index. On disk as int32; the file vanishes with the object."""

    def __init__(self) -> None:
        with _room_for_prompts():
            self._file: IO[bytes] = tempfile.TemporaryFile(prefix="evalkit-spool-")  # noqa: SIM115
        self._release = weakref.finalize(self, self._file.close)
        self._starts = array("q")
        self._ends = array("q")
        self._last: TokenIds | None = None
        self._map: TokenIds | None = None

    def append(self, ids: TokenIds) -> int:
        """Store one prompt; its index. The same array again, as several draws have it, takes no room."""
        if self._last is not None and ids is self._last:
            self._starts.append(self._starts[-1])
            self._ends.append(self._ends[-1])
            return len(self._ends) - 1
        with _room_for_prompts():
            self._file.write(ids.astype(np.int32, copy=False).tobytes())
        start = self._ends[-1] if self._ends else 0
        self._starts.append(start)
        self._ends.append(start + len(ids))
        self._last = ids
        self._map = None
        return len(self._ends) - 1

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def size(self) -> int:
        """Tokens stored, those of several draws once."""
        return max(self._ends, default=0)

    def tokens(self, index: int) -> int:
        """Length of one prompt, in tokens."""
        return self._ends[index] - self._starts[index]

    def __getitem__(self, index: int) -> TokenIds:
        """One prompt's ids: a view of the map, shape (tokens,), int32."""
        return self._mapped()[self._starts[index] : self._ends[index]]

    def _mapped(self) -> TokenIds:
        if self._map is None:
            with _room_for_prompts():
                self._file.flush()
            is_empty = not self._ends or self._ends[-1] == 0
            # As a plain array: a view of a memmap costs a dictionary of half a kilobyte, and there is one a prompt.
            self._map = token_array([]) if is_empty else np.asarray(np.memmap(self._file, dtype=np.int32, mode="r"))
        return self._map

    def close(self) -> None:
        """Give the disk space back."""
        self._map = self._last = None
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def _room_for_prompts() -> Iterator[None]:
    """What the operating system refuses, as one line for the user."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"TMPDIR: cannot hold the prompts ({reason}); free space or set another one") from error
