"""Several RoPE settings in force at once in one engine: each has rows of its own in the rotary table.

A place for a setting is a *slot*, as many rows as the window has positions. A slot is written when the first prompt
under its setting is let in, and given to another setting when none under it is under way any more, so that a few dozen
slots serve any number of settings. The memory of a slot (256 bytes a position for heads of 128 in two bytes a number)
is small beside keys and values of the sequence that it serves (128 KiB a position in Llama 3.1 8B).
"""

from __future__ import annotations

from typing import Any

from evalkit.cards import Card
from evalkit.rope import RopeModel, RopeSetting

from ._probe import is_shift_proven
from ._rope import read_tables
from ._rotation import check_rotation, window_of, write_setting
from ._shift import FIRST_ROW, shift_positions

__all__ = ["Slots", "slots_for"]

TABLE_BYTES = 256 * 2**20
"""Most that the table of one rotary embedding takes, at four bytes a number; layers share it."""
MOST_SLOTS = 64
DIMENSION = 128  # of most heads, where the plan does not say


def slots_for(settings: int, window: int, planned: RopeModel | None) -> int:
    """Slots that an engine is started with for so many settings: as many, or those that memory allows."""
    dimension = DIMENSION if planned is None else planned.dimension
    return max(1, min(settings, MOST_SLOTS, TABLE_BYTES // (4 * dimension * window)))


class Slots:
    """The settings that an engine holds, and how many requests are under way under each."""

    def __init__(self, engine: Any, card: Card, planned: RopeModel | None) -> None:
        self._engine = engine
        self._card = card
        self._planned = planned
        self._window = window_of(engine)
        self._held: list[RopeSetting | None] = [None]
        self._under_way = [0]
        self.is_as_started = True
        """Whether nothing has been written into the table: what is there may be more than any setting says."""

    def __len__(self) -> int:
        return len(self._held)

    @property
    def first(self) -> RopeSetting | None:
        """The setting at the top of the table, where requests that say nothing read it; None where it is none."""
        return self._held[0]

    @first.setter
    def first(self, rope: RopeSetting) -> None:
        self._held[0] = rope

    def open(self, rope: RopeSetting) -> str | None:
        """Make all of the table ready for use, with settings such as `rope`; why that cannot be, None where it is.

        The positions of a probe are moved before anything is asked: an engine that does not move them, or whose model
        reads them anywhere else, would answer under another condition.
        """
        tables = [table for worker in self._engine.apply_model(_read) for table in worker]
        odd = sorted({table.kind for table in tables if not table.is_plain})
        count = min((table.rows // self._window for table in tables), default=1)
        if odd or not tables:
            return f"it has {', '.join(odd) or 'no rotary embedding'}"
        if count < 2:
            return "it was started for one setting"
        for reason in self._engine.collective_rpc(shift_positions):
            if reason is not None:
                return str(reason)
        self.is_as_started = False
        is_proven = is_shift_proven(self._engine, self._card, rope, (count - 1) * self._window)
        self._held[0] = None  # the probe wrote into it
        if not is_proven:
            return "a probe with moved positions did not answer as it should"
        self._held, self._under_way = [None] * count, [0] * count
        return None

    def enter(self, rope: RopeSetting) -> int | None:
        """The slot of one more request under that setting, written and verified; None while all are in use."""
        if rope in self._held:
            slot = self._held.index(rope)
        else:
            free = [slot for slot, requests in enumerate(self._under_way) if not requests]
            if not free:
                return None
            slot = min(free, key=lambda each: self._held[each] is not None)  # what is held may be asked for again
            self._held[slot] = None
            write_setting(self._engine, rope, self._card, self._row(slot))
            check_rotation(self._engine, self._card, rope, self._planned, self._row(slot))
            self._held[slot] = rope
        self._under_way[slot] += 1
        return slot

    def leave(self, slot: int) -> None:
        """One request less is under way under that slot's setting."""
        self._under_way[slot] -= 1

    def extra_args(self, slot: int) -> dict[str, int] | None:
        """What a request under that slot's setting tells the engine; nothing for the top of the table."""
        return {FIRST_ROW: self._row(slot)} if slot else None

    def _row(self, slot: int) -> int:
        """Row of the table at which a slot begins."""
        return slot * self._window


def _read(model: Any) -> list[Any]:
    return read_tables(model, ())
