"""Computing a prompt: how much of a cached prefix is worth keeping, and in how many passes the rest goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.prompts import TokenIds

from ._arithmetic import ONE_PASS_TOKENS
from ._cost import PrefillCost, Way, prefill_cost
from ._feeding import Feeding
from ._kernels import PLAN_PAYS, without_plans
from ._prefix import can_prefill_in_pieces, unsuitable_reason

if TYPE_CHECKING:
    import torch

    from ._suffix import SuffixAttention

__all__ = ["Prefill", "agree"]

Made = TypeVar("Made")

MASK_ELEMENTS = 2**28  # a mask of new × all tokens is bounded to 256 MiB of bools
TRIAL_TOKENS = 3
# Between logits of two ways, relative to their spread, as two orders of adding up may differ.
TRIAL_ROUNDING = 1e-4
TRIAL_STEPS = 16


class Prefill:
    """How one model computes prompts; found out by trying whether it can do without a mask behind a prefix."""

    def __init__(
        self, model: Any, feeding: Feeding, make_cache: Callable[[], Any], most_tokens: int | None = None
    ) -> None:
        self._feeding = feeding
        self.most_tokens = most_tokens or ONE_PASS_TOKENS
        """New tokens in one pass without a mask; a longer prompt is computed in pieces, for its memory."""
        self._has_pieces = can_prefill_in_pieces(model)
        self._suffix, self.way, self._way_with_plans = _found(model, feeding, make_cache)
        """What attends behind a prefix: `joined`, `aligned` or `masked`."""
        self._cost: PrefillCost = prefill_cost(model)
        if self._way_with_plans is not None:
            feeding.for_one_token = without_plans

    def kept(self, shared: int, tokens: int) -> int:
        """How many of `shared` cached tokens to keep for a prompt: all, or none where computing them is cheaper."""
        behind = min(self._of(way, shared, tokens) for way in self._ways(shared, tokens))
        return shared if behind < self._of("whole", 0, tokens) else 0

    def logits(self, ids: TokenIds, cached: int, cache: Any, *, is_whole: bool) -> torch.Tensor:
        """Logits behind the last prompt token, shape (vocabulary,); `is_whole` forbids pieces of a first prompt."""
        *_, last = self.passes(ids, cached, cache, self._feeding.step, is_whole=is_whole)
        return last

    def passes(
        self, ids: TokenIds, cached: int, cache: Any, step: Callable[[list[int], Any], Made], *, is_whole: bool
    ) -> Iterator[Made]:
        """What `step` makes of each piece of a prompt, with the cache that holds what is before it; as `logits`."""
        rest = ids[cached:].tolist()
        way = min(self._ways(cached, len(ids)), key=lambda each: self._of(each, cached, len(ids)))
        piece = self._piece(way, len(ids))
        # Pieces would begin a running state anew, and change a scaling that follows the length.
        if cached == 0 and (len(rest) <= self.most_tokens or not self._has_pieces or is_whole):
            piece = len(rest)
        with self._kernels(cached, len(ids)):
            for begin in range(0, len(rest), piece):
                is_behind = cached + begin > 0 and way != "masked" and self._suffix is not None
                with self._suffix.in_force() if is_behind and self._suffix else nullcontext():
                    made = step(rest[begin : begin + piece], cache)
                yield made

    def _ways(self, cached: int, tokens: int) -> tuple[Way, ...]:
        with_plans = self._way_with_plans if self._is_worth_plans(cached, tokens) else None
        return ("masked",) if self.way == "masked" else (with_plans or self.way, "masked")

    def _kernels(self, cached: int, tokens: int) -> AbstractContextManager[None]:
        """What a prompt is computed within: whole ones by the same kernels as those behind a prefix."""
        is_choosing = self._way_with_plans is not None and not self._is_worth_plans(cached, tokens)
        return without_plans() if is_choosing else nullcontext()

    def _is_worth_plans(self, cached: int, tokens: int) -> bool:
        return self._way_with_plans != "masked" and self._cost.attention(cached, tokens) >= PLAN_PAYS

    def _of(self, way: Way, cached: int, tokens: int) -> float:
        return self._cost.of(way, cached, tokens, self._piece(way, tokens))

    def _piece(self, way: Way, tokens: int) -> int:
        """Most new tokens in one pass."""
        if way == "masked":
            return max(1, min(self._cost.masked_piece(), MASK_ELEMENTS // tokens))
        return self.most_tokens


def _found(
    model: Any, feeding: Feeding, make_cache: Callable[[], Any]
) -> tuple[SuffixAttention | None, Way, Way | None]:
    """What attends behind a prefix without a mask, if anything can, and how.

    Last comes how where kernels are allowed that make plans of shapes; None where that makes no difference.
    """
    attention = str(model.config._attn_implementation)
    if unsuitable_reason(model) or feeding.no_cache_reason:
        return None, "masked", None
    if attention.startswith("flash_attention"):  # aligned with the last key by itself
        return None, "aligned", None
    if attention != "sdpa" or not getattr(model, "_supports_attention_backend", False):
        return None, "masked", None
    from ._suffix import SuffixAttention

    suffix = SuffixAttention(model)
    vocabulary = getattr(model.config.get_text_config(decoder=True), "vocab_size", None) or 1
    trial = [token % vocabulary for token in range(2 * TRIAL_TOKENS)]  # distinct, else every order gives the same
    tried = _tried(suffix, feeding, make_cache(), trial)
    with_plans = _way_of(tried)
    if tried == {"cpu"}:  # whose kernel makes no plans, and whose passes over a large model take seconds
        return suffix, with_plans, None
    with without_plans():
        without = _way_of(_tried(suffix, feeding, make_cache(), trial))
    if without == with_plans or without == "masked":  # this device has no such kernel, or no other
        return (None if with_plans == "masked" else suffix), with_plans, None
    return suffix, without, with_plans


def _way_of(ways: set[str]) -> Way:
    from ._suffix import SPLIT

    if not ways or "masked" in ways:
        return "masked"
    return "joined" if ways & SPLIT else "aligned"


def _tried(suffix: SuffixAttention, feeding: Feeding, cache: Any, trial: list[int]) -> set[str]:
    """The ways in which the model's layers attend without a mask; none where its logits are not those with one."""
    import torch

    first, second = trial[:TRIAL_TOKENS], trial[TRIAL_TOKENS:]
    with torch.inference_mode():
        feeding.step(first, cache)
        expected = feeding.step(second, cache)
        cache.crop(-TRIAL_TOKENS)
        try:
            with suffix.in_force() as seen:
                found = feeding.step(second, cache)
                ways = set(seen)
        except (RuntimeError, LookupError, TypeError, ValueError, AttributeError):  # no such kernel on this device
            return set()
    return ways if agree(found, expected, feeding.dtype) else set()


def agree(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether logits of one token, computed in two ways in that number format, differ by no more than rounding."""
    import torch

    rounding = max(TRIAL_ROUNDING, TRIAL_STEPS * torch.finfo(dtype).eps)
    spread = float(expected.max() - expected.median())  # masked tokens have large negative ones
    return float((found - expected).abs().max()) <= rounding * spread
