"""How many answers are decoded at once: as asked for, or as many as memory holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._base import BackendOptions
from ._memory import free_memory
from ._prefill import ONE_PASS_TOKENS

__all__ = ["Room", "room_for"]

MOST_ROWS = 32  # attention runs row by row, so more rows share out little but the reading of the weights
MOST_ROWS_CPU = 8
SHARE = 0.8  # of free memory, the rest for fragments and for other programs
SHARE_CPU = 0.25  # memory that other programs use too, and whose lack kills the process instead of raising
GROWTH_TOKENS = 1024  # that a cache allocates ahead
STATES, INNER_STATES = 8, 3  # of a layer's width and of its inner width, that one token has at once


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
    free -= _pass_bytes(model, options.longest_sequence or 0) + token_bytes * (options.longest_sequence or 0)
    tokens = max(0, int((SHARE_CPU if is_cpu else SHARE) * free) // token_bytes)
    most = MOST_ROWS_CPU if is_cpu else MOST_ROWS
    return Room(max(1, min(most, tokens // GROWTH_TOKENS)), tokens, options.note)


def _pass_bytes(model: Any, tokens: int) -> int:
    """Activations of a prompt of so many tokens: states, and gate, up and their product inside a layer."""
    text = model.config.get_text_config(decoder=True)
    width, inner = (_number(text, name) for name in ("hidden_size", "intermediate_size"))
    return min(tokens, ONE_PASS_TOKENS) * (STATES * width + INNER_STATES * inner) * int(model.dtype.itemsize)


def _number(config: Any, name: str) -> int:
    value = getattr(config, name, None)
    return value if isinstance(value, int) and value > 0 else 0
