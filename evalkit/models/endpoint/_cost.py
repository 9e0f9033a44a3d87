"""What a paid endpoint has cost, and the limit it must not pass."""

from __future__ import annotations

from evalkit.cards import Prices
from evalkit.errors import UserError

__all__ = ["CostLimit"]


class CostLimit:
    """Counts cost; a request is sent only while its worst case still fits under the limit."""

    def __init__(self, prices: Prices | None, limit: float | None) -> None:
        if limit is not None and prices is None:
            raise UserError("--max-cost needs prices: give them in the card (endpoint.prices)")
        self._prices = prices
        self._limit = limit
        self._spent = 0.0
        self._reserved = 0.0
        self._is_refusing = False

    @property
    def spent(self) -> float:
        """What was charged so far; 0 where nobody names prices."""
        return self._spent

    def reserve(self, prompt_tokens: int, max_new_tokens: int) -> bool:
        """Whether a request may be sent; its dearest outcome is then set aside until it is settled."""
        if self._prices is None or self._is_refusing:
            return not self._is_refusing
        worst = self._prices.cost(prompt_tokens, max_new_tokens)
        if self._limit is not None and self._spent + self._reserved + worst > self._limit:
            self._is_refusing = True
            return False
        self._reserved += worst
        return True

    def settle(self, prompt_tokens: int, max_new_tokens: int, charged: tuple[int, int, int] | None) -> None:
        """Give back what was set aside and count what was charged: prompt, output and cached tokens."""
        if self._prices is None:
            return
        self._reserved -= self._prices.cost(prompt_tokens, max_new_tokens)
        if charged is not None:
            self._spent += self._prices.cost(*charged)

    def check(self) -> None:
        """Raise `UserError` where requests were held back."""
        if self._is_refusing and self._prices is not None:
            raise UserError(
                f"--max-cost {self._limit:g}: reached, {self._spent:.4g} {self._prices.currency} spent by this call; "
                "what is finished is kept, the same command with more money continues"
            )
