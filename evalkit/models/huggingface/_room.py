"""How many answers are decoded at once: as asked for, or as many as memory holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._base import BackendOptions
from ._arithmetic import ONE_PASS_TOKENS, activation_bytes, tokens_in_pass
from ._memory import free_memory

__all__ = ["Room", "room_for"]

MOST_ROWS = 32  # attention runs row by row, so more rows share out little but the reading of the weights
MOST_ROWS_CPU = 8
SHARE = 0.8  # of free memory, the rest for fragments and for other programs
SHARE_CPU = 0.25  # memory that other programs use too, and whose lack kills the process instead of raising
GROWTH_TOKENS = 1024  # that a cache allocates ahead


class Room:
    """The rows that a batch may have, fewer from every lack of memory on."""

    def __init__(self, rows: int, tokens: int | None, note: Callable[[str], None]) -> None:
        self.rows = rows
        """Most answers at once."""
        self._tokens = tokens
        self._note = note
        self._is_noted = False

    def takes(self, tokens: int, running: Sequence[int]) -> bool:
        """Whether an answer of so many tokens, its prompt included, may join running ones; a lone one always may."""
        if not running:
            return True
        held = sum(each + GROWTH_TOKENS for each in (tokens, *running))
        return len(running) < self.rows and (self._tokens is None or held <= self._tokens)

    def halve(self, running: int) -> None:
        """Half as many as those whose memory did not suffice."""
        self.rows = max(1, min(self.rows, running // 2))
        if not self._is_noted:
            self._is_noted = True
            self._note(
                f"out of memory with {running} answers at once: going on with {self.rows}, and with fewer where that "
                "is too many; nothing is lost"
            )


def room_for(options: BackendOptions, model: Any, token_bytes: int) -> Room:
    """The room beside a model whose caches take so many bytes a token."""
    if options.batch is not None:
        return Room(options.batch, None, options.note)
    device = str(model.device)
    free = free_memory(device)
    if free is None or token_bytes <= 0:
        return Room(1, None, options.note)
    is_cpu = model.device.type == "cpu"
    longest = options.longest_sequence or 0
    free -= _pass_bytes(model, longest, free) + token_bytes * longest
    tokens = max(0, int((SHARE_CPU if is_cpu else SHARE) * free) // token_bytes)
    most = MOST_ROWS_CPU if is_cpu else MOST_ROWS
    return Room(max(1, min(most, tokens // GROWTH_TOKENS)), tokens, options.note)


def _pass_bytes(model: Any, longest: int, free: int) -> int:
    """Activations of a pass over a prompt of so many tokens, or over a piece of it."""
    attention = str(getattr(model.config, "_attn_implementation", None))
    tokens = min(longest, tokens_in_pass(model, longest, free) or ONE_PASS_TOKENS)
    return tokens * activation_bytes(model.config, int(model.dtype.itemsize), longest, attention)
