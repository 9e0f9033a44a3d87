"""What truncation keeps of a prompt, as token ranges: every published rule and our own.

Everything here is arithmetic on lengths. Cutting texts, decoding and encoding again is `_build.py`'s work.
Facts and odd cases: `docs/truncation.md`, which also maps each upstream dialect to its mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Literal, NamedTuple

from evalkit.errors import SampleError, UnknownNameError

__all__ = [
    "CUT_AS_TEXT",
    "Budget",
    "Range",
    "TruncationMode",
    "context_ranges",
    "drops_tokens",
    "kept_ranges",
    "leval_word_count",
    "parse_mode",
    "require_room",
]


Side = Literal["left", "right"]


class TruncationMode(StrEnum):
    """Named truncation rules."""

    MIDDLE = "middle"
    INDEX = "index"
    LONGBENCH_OFFICIAL = "longbench-official"
    LONGBENCH_V2_OFFICIAL = "longbench-v2-official"
    LEVAL_OFFICIAL = "leval-official"
    OPENCOMPASS_LEFT = "opencompass-left"
    OPENCOMPASS_DROP_MIDDLE = "opencompass-drop-middle"
    OPENCOMPASS_LEGACY_MID = "opencompass-legacy-mid"
    OPENCOMPASS_LEGACY_VLLM_MID = "opencompass-legacy-vllm-mid"
    CONTEXT_MIDDLE = "context-middle"
    NONE = "none"


CUT_AS_TEXT = frozenset(
    {TruncationMode.LONGBENCH_OFFICIAL, TruncationMode.LONGBENCH_V2_OFFICIAL, TruncationMode.LEVAL_OFFICIAL}
)
"""Modes that cut a text before the chat format stands around it: a cut at its end is not at the end of the prompt."""

LEVAL_RESERVED_TOKENS = 512  # L-Eval baselines: max_length = model length - 512
LEVAL_WORD_STEP = 250  # L-Eval baselines: words given up more in each round
LONGBENCH_MAX_LENGTH = {4096: 3500, 8192: 7500, 16384: 15500, 32768: 31500}  # LongBench config/model2maxlen.json
LONGBENCH_V2_MAX_LENGTH = 120_000  # LongBench v2 config/model2maxlen.json, all models but claude's 200,000


class Range(NamedTuple):
    """A half-open range of token positions."""

    start: int
    """First position kept."""
    stop: int
    """First position no longer kept."""

    @property
    def tokens(self) -> int:
        """How many positions the range holds."""
        return self.stop - self.start


class Budget(NamedTuple):
    """The window of a prompt, in tokens."""

    max_seq_len: int
    """Prompt and answer together: the window without the room for thoughts."""
    max_new_tokens: int
    """Room kept for the answer."""
    max_length: int | None = None
    """Upstream's own prompt limit, for the modes that have one; None = derived from the window."""
    side: Side = "left"
    """Side the tokenizer itself cuts at, which only `index`, `opencompass-left` and `opencompass-legacy-mid` see."""
    max_reasoning_tokens: int = 0
    """Room of the window that is kept for thoughts, and so is no part of `max_seq_len`."""

    @property
    def max_prompt_len(self) -> int:
        """Tokens left for the prompt; zero or less when generation alone fills the window."""
        return self.max_seq_len - self.max_new_tokens

    @property
    def all_new_tokens(self) -> int:
        """Generation limit of thoughts and answer together."""
        return self.max_new_tokens + self.max_reasoning_tokens

    @property
    def sum(self) -> str:
        """How the room for the prompt comes about, in words."""
        thoughts = f" minus max_reasoning_tokens {self.max_reasoning_tokens}" if self.max_reasoning_tokens else ""
        window = self.max_seq_len + self.max_reasoning_tokens
        return f"max_seq_len {window} minus max_new_tokens {self.max_new_tokens}{thoughts}"


def parse_mode(name: str) -> TruncationMode:
    """The mode of that name; `UnknownNameError` otherwise."""
    try:
        return TruncationMode(name)
    except ValueError:
        raise UnknownNameError("truncation mode", name, [mode.value for mode in TruncationMode]) from None


def require_room(budget: Budget) -> None:
    """Raise `SampleError` where no token is left for a prompt, whatever the mode would then do."""
    if budget.max_prompt_len <= 0:
        lower = "--max-reasoning-tokens" if budget.max_reasoning_tokens else "--max-new-tokens"
        raise SampleError(
            f"no room for a prompt: {budget.sum} is {budget.max_prompt_len}; raise --max-seq-len or lower {lower}"
        )


def kept_ranges(mode: TruncationMode, tokens: int, budget: Budget) -> tuple[Range, ...]:
    """The ranges of a prompt of `tokens` tokens that `mode` keeps under `budget`, in order.

    `context-middle` has the same arithmetic as `middle`, applied to the context alone: see `context_ranges`.
    Raises `SampleError` for mode `none` and a prompt that does not fit.
    """
    return tuple(span for span in _RULES[mode](tokens, budget) if span.tokens > 0)


def drops_tokens(before: int, kept: Iterable[tuple[int, int]]) -> bool:
    """Whether the half-open ranges `kept` leave out any of `before` tokens."""
    return sum(stop - start for start, stop in kept) < before


def context_ranges(tokens: int, context: Range, budget: Budget) -> tuple[Range, ...]:
    """What `context-middle` keeps of a prompt of `tokens` tokens: all but the middle of its context, if need be.

    Raises `SampleError` where what stands around the context fills the budget alone.
    """
    excess = tokens - budget.max_prompt_len
    if excess <= 0:
        return _whole(tokens)
    room = context.tokens - excess
    if room <= 0:
        raise SampleError(
            f"instruction and question alone take {tokens - context.tokens} tokens and the budget is "
            f"{budget.max_prompt_len}; raise --max-seq-len"
        )
    return (Range(0, context.start + room - room // 2), Range(context.stop - room // 2, tokens))


def leval_word_count(words: int, max_length: int, count_tokens: Callable[[int], int]) -> int:
    """How many leading words of a document L-Eval's baselines keep.

    `count_tokens(k)` is the token count of the first k words. Each round keeps `max_length - c` words with c growing
    by 250, until the tokens fit (a negative word count slices from the end, as upstream's list slice does).
    """
    kept, given_up = words, 0
    while kept > 0 and count_tokens(kept) > max_length:
        limit = max_length - given_up
        kept = min(kept, limit) if limit >= 0 else max(0, kept + limit)
        given_up += LEVAL_WORD_STEP
    return kept


def longbench_max_length(max_seq_len: int) -> int:
    """LongBench's prompt limit for a window: its published value, else the window minus 500 tokens."""
    return LONGBENCH_MAX_LENGTH.get(max_seq_len, max(1, max_seq_len - 500))


def _whole(tokens: int) -> tuple[Range, ...]:
    return (Range(0, tokens),)


def _ends(tokens: int, head: int, tail: int, start: int = 0) -> tuple[Range, ...]:
    return (Range(start, start + head), Range(tokens - tail, tokens))


def _middle(tokens: int, budget: Budget) -> tuple[Range, ...]:
    limit = budget.max_prompt_len
    # Exactly the budget; an odd one gives the extra token to the head.
    return _whole(tokens) if tokens <= limit else _ends(tokens, limit - limit // 2, limit // 2)


def _index(tokens: int, budget: Budget) -> tuple[Range, ...]:
    """OpenCompass's chat wrapper with mode "mid": the tokenizer cuts to the window first, then the middle goes."""
    (window,) = _left(tokens, budget)
    half = budget.max_prompt_len // 2  # upstream halves with //: an odd budget loses one token
    if half <= 0 or window.tokens <= budget.max_prompt_len:
        return (window,)
    return _ends(window.stop, half, half, window.start)


def _left(tokens: int, budget: Budget) -> tuple[Range, ...]:
    cut = max(0, tokens - budget.max_seq_len)  # the window, not the budget: upstream keeps no room for the answer
    return (Range(cut, tokens) if budget.side == "left" else Range(0, tokens - cut),)


def _drop_middle(tokens: int, budget: Budget) -> tuple[Range, ...]:
    """OpenCompass's base models with `drop_middle`: fills the whole window, no room for generation."""
    limit = budget.max_seq_len
    # Upstream's halves: an odd window gives the extra token to the tail.
    return _whole(tokens) if tokens <= limit else _ends(tokens, limit // 2, limit - limit // 2)


def _even_halves(tokens: int, limit: int) -> tuple[Range, ...]:
    """Two equal halves of `limit`; a limit of one keeps all, because upstream then slices with -0."""
    half = int(limit / 2)  # towards zero, as upstream's int(limit / 2)
    if tokens <= limit or half == 0:
        return _whole(tokens)
    if half < 0:  # upstream's ids[:half] + ids[-half:] with a negative half repeats the centre
        return (Range(0, tokens + half), Range(-half, tokens))
    return _ends(tokens, half, half)


def _legacy_mid(tokens: int, budget: Budget) -> tuple[Range, ...]:
    return _even_halves(tokens, budget.max_prompt_len)


def _longbench(tokens: int, budget: Budget) -> tuple[Range, ...]:
    return _even_halves(tokens, budget.max_length or longbench_max_length(budget.max_seq_len))


def _longbench_v2(tokens: int, budget: Budget) -> tuple[Range, ...]:
    limit = budget.max_length or min(LONGBENCH_V2_MAX_LENGTH, budget.max_prompt_len)
    return _whole(tokens) if tokens <= limit else _ends(tokens, limit // 2, limit - limit // 2)


def _none(tokens: int, budget: Budget) -> tuple[Range, ...]:
    if tokens > budget.max_prompt_len:
        raise SampleError(
            f"prompt of {tokens} tokens does not fit {budget.max_prompt_len} ({budget.sum}) and truncation is 'none'; "
            "raise --max-seq-len or choose a mode"
        )
    return _whole(tokens)


_RULES: dict[TruncationMode, Callable[[int, Budget], tuple[Range, ...]]] = {
    TruncationMode.MIDDLE: _middle,
    TruncationMode.CONTEXT_MIDDLE: _middle,
    TruncationMode.INDEX: _index,
    TruncationMode.LONGBENCH_OFFICIAL: _longbench,
    TruncationMode.LONGBENCH_V2_OFFICIAL: _longbench_v2,
    TruncationMode.LEVAL_OFFICIAL: _none,
    TruncationMode.OPENCOMPASS_LEFT: _left,
    TruncationMode.OPENCOMPASS_DROP_MIDDLE: _drop_middle,
    TruncationMode.OPENCOMPASS_LEGACY_MID: _legacy_mid,
    TruncationMode.OPENCOMPASS_LEGACY_VLLM_MID: _legacy_mid,
    TruncationMode.NONE: _none,
}
