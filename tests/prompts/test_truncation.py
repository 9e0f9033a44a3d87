"""What each truncation mode keeps, as arithmetic on lengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import SampleError, UnknownNameError
from evalkit.prompts import (
    Budget,
    Range,
    TruncationMode,
    kept_ranges,
    leval_word_count,
    parse_mode,
    require_room,
)
from evalkit.prompts._truncation import context_ranges

M = TruncationMode
LIMITS = {
    M.MIDDLE: lambda budget: budget.max_prompt_len,
    M.CONTEXT_MIDDLE: lambda budget: budget.max_prompt_len,
    M.OPENCOMPASS_LEGACY_MID: lambda budget: budget.max_prompt_len,
    M.INDEX: lambda budget: budget.max_prompt_len,
    M.LONGBENCH_V2_OFFICIAL: lambda budget: budget.max_prompt_len,
    M.LONGBENCH_OFFICIAL: lambda budget: budget.max_length,
    M.OPENCOMPASS_LEFT: lambda budget: budget.max_seq_len,
    M.OPENCOMPASS_DROP_MIDDLE: lambda budget: budget.max_seq_len,
}
"""Mode → the most tokens it promises to keep."""

KEEPS_ALL_OF_ONE = {M.OPENCOMPASS_LEGACY_MID, M.INDEX, M.LONGBENCH_OFFICIAL}
"""Upstream halves the limit; of a limit of one it keeps everything."""

lengths = st.integers(1, 5000)
budgets = st.builds(
    lambda prompt, new, limit: Budget(prompt + new, new, limit), st.integers(2, 2000), st.integers(1, 600), st.none()
)


@pytest.mark.parametrize("mode", LIMITS, ids=str)
@given(tokens=lengths, budget=budgets)
def test_no_mode_keeps_more_than_it_promises(mode: TruncationMode, tokens: int, budget: Budget) -> None:
    """The kept tokens fit the mode's own limit, whatever the prompt's length."""
    budget = budget._replace(max_length=budget.max_prompt_len) if mode is M.LONGBENCH_OFFICIAL else budget

    kept = sum(span.tokens for span in kept_ranges(mode, tokens, budget))

    assert kept <= min(tokens, LIMITS[mode](budget))


@pytest.mark.parametrize("mode", LIMITS, ids=str)
@given(tokens=lengths, budget=budgets)
def test_what_is_kept_is_in_order_and_kept_once(mode: TruncationMode, tokens: int, budget: Budget) -> None:
    """Ranges are not empty, follow one another, and lie inside the prompt."""
    kept = kept_ranges(mode, tokens, budget)

    edges = [edge for span in kept for edge in span]
    assert all(span.tokens > 0 for span in kept)
    assert [0, *edges, tokens] == sorted([0, *edges, tokens])


@pytest.mark.parametrize("mode", LIMITS, ids=str)
@given(budget=budgets, spare=st.integers(0, 50))
def test_a_prompt_that_fits_is_kept_whole(mode: TruncationMode, budget: Budget, spare: int) -> None:
    """Within the budget no mode touches anything."""
    budget = budget._replace(max_length=budget.max_prompt_len) if mode is M.LONGBENCH_OFFICIAL else budget
    tokens = max(1, budget.max_prompt_len - spare)

    assert (Range(0, tokens),) == kept_ranges(mode, tokens, budget)


@given(tokens=lengths, budget=budgets)
def test_middle_fills_the_budget_with_the_odd_token_at_the_head(tokens: int, budget: Budget) -> None:
    """Too long a prompt keeps exactly the budget, from both ends, the head one longer where it is odd."""
    limit = budget.max_prompt_len
    head, tail = limit - limit // 2, limit // 2

    kept = kept_ranges(M.MIDDLE, tokens + limit, budget)

    assert (Range(0, head), Range(tokens + limit - tail, tokens + limit)) == kept
    assert head - tail in (0, 1)


@given(tokens=lengths, budget=budgets)
def test_index_loses_the_head_of_a_prompt_longer_than_the_window(tokens: int, budget: Budget) -> None:
    """The published set-up first cut to the window from the left, so nothing before the window survives."""
    total = budget.max_seq_len + tokens

    kept = kept_ranges(M.INDEX, total, budget)

    assert tokens == kept[0].start
    assert total == kept[-1].stop


@pytest.mark.parametrize(
    ("tokens", "window", "new", "expected"),
    [
        (10, 8, 2, (Range(2, 5), Range(7, 10))),
        (7, 8, 2, (Range(0, 3), Range(4, 7))),
        (1000, 512, 64, (Range(488, 712), Range(776, 1000))),
        (1000, 512, 63, (Range(488, 712), Range(776, 1000))),  # odd: one token of the budget stays unused
        (6, 8, 2, (Range(0, 6),)),
    ],
)
def test_index_keeps_the_published_ranges(tokens: int, window: int, new: int, expected: tuple[Range, ...]) -> None:
    """Worked examples of the published set-up."""
    assert expected == kept_ranges(M.INDEX, tokens, Budget(window, new))


@pytest.mark.parametrize("mode", sorted(KEEPS_ALL_OF_ONE), ids=str)
def test_half_of_one_token_is_everything_as_upstream_slices(mode: TruncationMode) -> None:
    """A limit of one token cuts nothing in the middle: upstream's `ids[-0:]` is the whole list."""
    budget = Budget(101, 100, 1)

    kept = kept_ranges(mode, 90, budget)

    assert (Range(0, 90),) == kept


@pytest.mark.parametrize(
    ("window", "limit"),
    [(4096, 3500), (8192, 7500), (16384, 15500), (32768, 31500), (20000, 19500), (131072, 130572)],
)
def test_longbench_derives_its_limit_from_the_window(window: int, limit: int) -> None:
    """Its model table (config/model2maxlen.json) for the windows it has; 500 less than the window elsewhere."""
    fits, cut, long = (
        kept_ranges(M.LONGBENCH_OFFICIAL, each, Budget(window, 100)) for each in (limit, limit + 1, 10**6)
    )

    half = limit // 2
    assert (Range(0, limit),) == fits
    assert (Range(0, half), Range(limit + 1 - half, limit + 1)) == cut
    assert (Range(0, half), Range(10**6 - half, 10**6)) == long


@pytest.mark.parametrize(
    ("budget", "head", "tail"),
    [
        (Budget(200_000, 128), 60_000, 60_000),  # its model table: 120,000 tokens, however large the window
        (Budget(32_768, 129), 16_319, 16_320),
        (Budget(32_768, 128, 1001), 500, 501),
        (Budget(120_000, 128), 59_936, 59_936),
    ],
)
def test_longbench_v2_keeps_120000_tokens_or_what_the_window_leaves(budget: Budget, head: int, tail: int) -> None:
    """Half of it from each end, the odd token at the tail, as upstream slices."""
    kept = kept_ranges(M.LONGBENCH_V2_OFFICIAL, 10**6, budget)

    assert (Range(0, head), Range(10**6 - tail, 10**6)) == kept


@pytest.mark.parametrize(("window", "head", "tail"), [(10, 5, 5), (11, 5, 6)])
def test_drop_middle_fills_the_window_with_the_odd_token_at_the_tail(window: int, head: int, tail: int) -> None:
    """OpenCompass's base models keep no room for the answer."""
    kept = kept_ranges(M.OPENCOMPASS_DROP_MIDDLE, 100, Budget(window, 4))

    assert (Range(0, head), Range(100 - tail, 100)) == kept


@pytest.mark.parametrize(
    ("mode", "budget"),
    [
        (M.MIDDLE, Budget(104, 4)),
        (M.INDEX, Budget(104, 4)),
        (M.OPENCOMPASS_LEGACY_MID, Budget(104, 4)),
        (M.LONGBENCH_OFFICIAL, Budget(300, 4, 100)),
        (M.LONGBENCH_V2_OFFICIAL, Budget(300, 4, 100)),
        (M.LONGBENCH_V2_OFFICIAL, Budget(104, 4)),
        (M.OPENCOMPASS_DROP_MIDDLE, Budget(100, 4)),
        (M.OPENCOMPASS_LEFT, Budget(100, 4)),
    ],
)
def test_a_prompt_of_just_the_limit_is_whole_and_one_token_more_is_cut(mode: M, budget: Budget) -> None:
    """Whole is one range: nothing counts as cut apart where nothing was cut."""
    fits, cut = (kept_ranges(mode, tokens, budget) for tokens in (100, 101))

    assert (Range(0, 100),) == fits
    assert 100 == sum(span.tokens for span in cut)


@pytest.mark.parametrize(
    ("mode", "budget", "expected"),
    [
        (M.MIDDLE, Budget(5, 4), Range(0, 1)),
        (M.LONGBENCH_V2_OFFICIAL, Budget(5, 4), Range(99, 100)),
        (M.OPENCOMPASS_DROP_MIDDLE, Budget(1, 4), Range(99, 100)),
    ],
)
def test_room_for_one_token_keeps_one_token(mode: M, budget: Budget, expected: Range) -> None:
    """And no empty range beside it."""
    assert (expected,) == kept_ranges(mode, 100, budget)


@pytest.mark.parametrize(
    ("mode", "budget", "expected"),
    [
        (M.OPENCOMPASS_LEGACY_MID, Budget(13, 4), (Range(0, 4), Range(96, 100))),  # odd: one token stays unused
        (M.OPENCOMPASS_LEGACY_MID, Budget(6, 4), (Range(0, 1), Range(99, 100))),
        (M.OPENCOMPASS_LEGACY_MID, Budget(4, 9), (Range(0, 98), Range(2, 100))),  # ids[:-2] + ids[2:], as upstream
        (M.LONGBENCH_OFFICIAL, Budget(13, 4, 9), (Range(0, 4), Range(96, 100))),
    ],
)
def test_even_halves_are_upstreams_slices(mode: M, budget: Budget, expected: tuple[Range, ...]) -> None:
    """`ids[:half] + ids[-half:]` with half = int(limit / 2), whatever the limit."""
    assert expected == kept_ranges(mode, 100, budget)


@pytest.mark.parametrize(
    ("excess", "expected"),
    [
        (0, (Range(0, 100),)),
        (1, (Range(0, 40), Range(41, 100))),  # of 61 context tokens 60 are left
        (2, (Range(0, 40), Range(42, 100))),
        (60, (Range(0, 11), Range(71, 100))),  # one is left, at the head
    ],
)
def test_context_middle_cuts_the_centre_of_the_context(excess: int, expected: tuple[Range, ...]) -> None:
    """As much as does not fit and not a token more; instruction and question stay whole."""
    kept = context_ranges(100, Range(10, 71), Budget(104 - excess, 4))

    assert expected == kept


def test_context_middle_refuses_a_context_of_nothing() -> None:
    """The error counts what stands around it."""
    with pytest.raises(SampleError, match="instruction and question alone take 39 tokens and the budget is 39"):
        context_ranges(100, Range(10, 71), Budget(43, 4))


@pytest.mark.parametrize(
    ("words", "limit", "tokens_per_word", "kept"),
    [
        (2000, 1000, 1.0, 1000),
        (2000, 1000, 1.3, 750),  # 1000 words are 1300 tokens, 750 are 975
        (2000, 1000, 1.5, 500),
        (2000, 1000, 0.6, 1000),
        (100, 120, 2.0, 0),  # 120 words, then 120 - 250 < 0: the last 130 of 100 go
        (400, 200, 1.25, 150),  # 200 words are 250 tokens; then words[:-50] of the 200
        (1000, 1000, 1.0, 1000),
        (400, 249, 1.005, 248),  # 249 words are 250 tokens; 249 - 250 = -1 then drops one word
    ],
)
def test_leval_gives_up_250_words_more_in_each_round(words: int, limit: int, tokens_per_word: float, kept: int) -> None:
    """As its baselines do: as many words as tokens first, then 250 fewer, until they fit."""
    assert kept == leval_word_count(words, limit, lambda count: int(count * tokens_per_word))


@given(words=st.integers(0, 4000), limit=st.integers(1, 4000), per_word=st.integers(1, 7))
def test_leval_words_end_within_the_limit(words: int, limit: int, per_word: int) -> None:
    """The kept words take no more tokens than the limit, and rounds end."""
    kept = leval_word_count(words, limit, lambda count: count * per_word)

    assert 0 <= kept <= words
    assert kept * per_word <= limit


@given(words=st.integers(0, 4000), per_word=st.integers(1, 7))
def test_leval_words_that_fit_all_stay(words: int, per_word: int) -> None:
    """A document within the limit loses no word."""
    assert words == leval_word_count(words, words * per_word, lambda count: count * per_word)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_window_is_cut_at_the_tokenizers_side(side: str) -> None:
    """A tokenizer that truncates on the right loses the tail instead of the head."""
    budget = Budget(10, 2, None, side)  # type: ignore[arg-type]

    (span,) = kept_ranges(M.OPENCOMPASS_LEFT, 15, budget)

    assert {"left": (5, 15), "right": (0, 10)}[side] == span


def test_none_refuses_what_does_not_fit_and_says_the_numbers() -> None:
    """Mode `none` never cuts: the error has the prompt's length, the room, and where the room comes from."""
    with pytest.raises(
        SampleError, match=r"prompt of 91 tokens does not fit 90 \(max_seq_len 100 minus max_new_tokens"
    ):
        kept_ranges(M.NONE, 91, Budget(100, 10))

    assert (Range(0, 90),) == kept_ranges(M.NONE, 90, Budget(100, 10))


@pytest.mark.parametrize("new", [100, 101])
def test_generation_that_fills_the_window_leaves_no_room(new: int) -> None:
    """A budget of zero or less is an error that names both numbers."""
    with pytest.raises(SampleError, match=f"max_seq_len 100 minus max_new_tokens {new} is {100 - new}"):
        require_room(Budget(100, new))


def test_a_mistyped_mode_suggests_the_nearest() -> None:
    """Names of modes are a closed set."""
    with pytest.raises(UnknownNameError, match="did you mean 'context-middle'"):
        parse_mode("context-midle")

    assert [parse_mode(str(mode)) for mode in M] == list(M)
