"""What a paid endpoint has cost, and the limit it must not pass: reserved and settled for every attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evalkit.cards import Prices
from evalkit.errors import UserError

from .protocol import AttemptError, Usage

__all__ = ["CostLimit", "OutOfMoneyError", "RequestCost"]


class OutOfMoneyError(Exception):
    """One more attempt could pass the limit."""


class CostLimit:
    """Counts cost; an attempt is made only while its worst case, and those of all under way, fit under the limit.

    The worst case is that of the planned tokens. A server may count more (another tokenizer, its chat format, thoughts
    beyond the limit), so estimates are raised by the largest surplus seen; the first request runs alone to show one.
    What is spent can pass the limit only by what a server counts beyond the largest surplus it showed before.
    """

    def __init__(self, prices: Prices | None, limit: float | None) -> None:
        if limit is not None and prices is None:
            raise UserError("--max-cost needs prices: give them in the card (endpoint.prices)")
        self._prices = prices
        self._limit = limit
        self._spent = 0.0
        self._reserved = 0.0
        self._surplus = 1.0
        self._is_refusing = False

    @property
    def spent(self) -> float:
        """What was charged so far: by the server's counts, by the worst case where it sent none; 0 without prices."""
        return self._spent

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._limit is not None

    def worst(self, prompt_tokens: int, max_new_tokens: int) -> float:
        """The most that one attempt can cost; 0 where nobody names prices."""
        return 0.0 if self._prices is None else self._prices.cost(prompt_tokens, max_new_tokens)

    def charged(self, usage: Usage) -> float:
        """What the server charges for what it counted."""
        if self._prices is None:
            return 0.0
        return self._prices.cost(usage.prompt_tokens or 0, usage.output_tokens or 0, usage.cached_tokens or 0)

    def reserve(self, worst: float) -> None:
        """Set the dearest outcome of an attempt aside; `OutOfMoneyError` where it would pass the limit."""
        estimate = (self._reserved + worst) * self._surplus
        is_too_much = self._limit is not None and self._spent + estimate > self._limit
        self._is_refusing = self._is_refusing or is_too_much
        if self._is_refusing:
            raise OutOfMoneyError
        self._reserved += worst

    def settle(self, worst: float, charged: float) -> None:
        """Give back what was set aside and count what was charged."""
        self._reserved -= worst
        self._spent += charged
        if worst > 0:
            self._surplus = max(self._surplus, charged / worst)

    def check(self) -> None:
        """Raise `UserError` where requests were held back."""
        if self._is_refusing and self._prices is not None:
            raise UserError(
                f"--max-cost {self._limit:g}: reached, {self._spent:.4g} {self._prices.currency} spent by this call; "
                "what is finished is kept, the same command with more money continues"
            )


class RequestCost:
    """The attempts at one request, against the limit of all."""

    def __init__(self, limit: CostLimit, prompt_tokens: int, max_new_tokens: int) -> None:
        self._limit = limit
        self._worst = limit.worst(prompt_tokens, max_new_tokens)

    @contextmanager
    def attempt(self) -> Iterator[Callable[[Usage], None]]:
        """One attempt, set aside until it ends; the block hands over what the server counted.

        A failure costs what the server counted; nothing where it says that it did nothing; the worst case where it
        says neither, for example where the connection broke while it may have been generating.
        """
        self._limit.reserve(self._worst)
        charged = self._worst

        def charge(usage: Usage) -> None:
            nonlocal charged
            charged = self._limit.charged(usage) if usage.is_known else self._worst

        try:
            yield charge
        except AttemptError as error:
            charge(error.usage)
            if error.is_free and not error.usage.is_known:
                charged = 0.0
            raise
        finally:
            self._limit.settle(self._worst, charged)
