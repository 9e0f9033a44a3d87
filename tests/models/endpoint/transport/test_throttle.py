"""How the number of requests under way follows the server's health."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from evalkit.models.endpoint.transport._throttle import FIRST, Throttle

Scene = Callable[[], Awaitable[None]]


def play(scene: Callable[[Throttle], Awaitable[None]], most: int = 64) -> Throttle:
    """The throttle after a scene."""

    async def whole() -> Throttle:
        throttle = Throttle(most)
        await scene(throttle)
        return throttle

    return asyncio.run(whole())


def test_it_starts_low() -> None:
    """A server that nobody knows yet gets few requests at once."""

    async def nothing(_: Throttle) -> None:
        pass

    assert FIRST == play(nothing).width


@pytest.mark.parametrize(("answers", "width"), [(4, 8), (12, 16), (100, 64)])
def test_it_doubles_while_all_is_well(answers: int, width: int) -> None:
    """Every answer makes room for one more, up to the limit."""

    async def well(throttle: Throttle) -> None:
        for _ in range(answers):
            throttle.succeeded()

    assert width == play(well).width


def test_a_burst_of_complaints_halves_once() -> None:
    """Requests sent before the cut complain about the same congestion."""

    async def burst(throttle: Throttle) -> None:
        for _ in range(12):
            throttle.succeeded()
        async with throttle.slot() as sent:
            pass
        for _ in range(10):
            throttle.throttled(sent, 0.0)

    assert 8 == play(burst).width


def test_it_grows_slowly_after_a_complaint() -> None:
    """Once the capacity was met, a whole round of answers is worth one more request."""

    async def recover(throttle: Throttle) -> None:
        for _ in range(12):
            throttle.succeeded()
        async with throttle.slot() as sent:
            throttle.throttled(sent, 0.0)
        for _ in range(9):
            throttle.succeeded()

    assert 9 == play(recover).width


def test_it_never_stops_altogether() -> None:
    """One request at a time is the least."""

    async def storm(throttle: Throttle) -> None:
        for _ in range(20):
            async with throttle.slot() as sent:
                throttle.throttled(sent, 0.0)

    assert 1 == play(storm).width


def test_everybody_waits_as_long_as_the_server_asks() -> None:
    """A Retry-After holds all requests back, not only the one that met it."""
    waited: list[float] = []

    async def asked(throttle: Throttle) -> None:
        loop = asyncio.get_running_loop()
        async with throttle.slot() as sent:
            throttle.throttled(sent, 0.05)
        began = loop.time()
        async with throttle.slot():
            waited.append(loop.time() - began)

    play(asked)

    assert waited[0] >= 0.04


def test_no_more_are_under_way_than_allowed() -> None:
    """The width is a limit, however many want in."""
    under_way, most = 0, 0

    async def crowd(throttle: Throttle) -> None:
        async def one() -> None:
            nonlocal under_way, most
            async with throttle.slot():
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0)
                under_way -= 1

        await asyncio.gather(*(one() for _ in range(50)))

    play(crowd, most=3)

    assert 3 == most
