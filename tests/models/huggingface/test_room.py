"""How many answers at once: as asked for, or as memory allows, and fewer when it does not suffice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from evalkit.models import BackendOptions
from evalkit.models.huggingface import _room as module
from evalkit.models.huggingface._room import GROWTH_TOKENS, Room, room_for

KV_BYTES = 131_072  # of a token of an 8B model with 8 heads of keys


def model(device: str) -> Any:
    """What the room reads of an 8B model."""
    config = SimpleNamespace(hidden_size=4096, intermediate_size=14336)
    config.get_text_config = lambda decoder: config  # noqa: ARG005
    return SimpleNamespace(config=config, device=torch.device(device), dtype=torch.bfloat16)


def test_a_number_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory then says by itself where it is too much."""
    monkeypatch.setattr(module, "free_memory", lambda _: 0)

    room = room_for(BackendOptions(batch=5), model("cuda:0"), KV_BYTES)

    assert 5 == room.rows
    assert room.takes(10**9, [10**9] * 4)
    assert not room.takes(1, [1] * 5)


@pytest.mark.parametrize(
    ("device", "free", "longest", "rows", "fitting"),
    [
        ("cuda:0", 60 * 2**30, 32_768, 32, 9),  # 42 GiB for caches beside a prompt's pass and its own cache
        ("cuda:0", 12 * 2**30, 32_768, 21, 1),
        ("cpu", 24 * 2**30, 2_048, 8, 8),
        ("cpu", 2 * 2**30, 2_048, 2, 1),
    ],
)
def test_by_itself_it_is_what_free_memory_holds(
    monkeypatch: pytest.MonkeyPatch, device: str, free: int, longest: int, rows: int, fitting: int
) -> None:
    """Counted in tokens of prompts and answers, since lengths differ."""
    monkeypatch.setattr(module, "free_memory", lambda _: free)

    room = room_for(BackendOptions(longest_sequence=longest), model(device), KV_BYTES)

    taken: list[int] = []
    while len(taken) < 99 and room.takes(longest, taken):
        taken.append(longest)
    assert (rows, fitting) == (room.rows, len(taken))


def test_where_nobody_knows_the_memory_it_is_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number may still be asked for."""
    monkeypatch.setattr(module, "free_memory", lambda _: None)

    assert 1 == room_for(BackendOptions(), model("cuda:0"), KV_BYTES).rows


def test_a_lone_answer_is_always_let_in() -> None:
    """It fails by itself where it does not fit, as without any batch."""
    assert Room(4, 10, lambda _: None).takes(GROWTH_TOKENS, [])


def test_each_lack_of_memory_halves_the_rows_down_to_one_and_is_said_once() -> None:
    """Never more than before."""
    notes: list[str] = []
    room = Room(16, None, notes.append)

    found = []
    for running in (16, 7, 7, 2, 1):
        room.halve(running)
        found.append(room.rows)

    assert [8, 3, 3, 1, 1] == found
    assert 1 == len(notes)
