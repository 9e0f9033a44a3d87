"""Windows: what is cut, what counts, and transformers' own sliding loop as the peer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.perplexity import Walk, Window, WindowRule
from evalkit.prompts import token_array

BOS = 9


def walked(tokens: int, rule: WindowRule, sizes: list[int] | None = None) -> list[Window]:
    """The windows of a document of so many tokens, 100, 101, …, which comes in pieces of those sizes."""
    ids, pieces = list(range(100, 100 + tokens)), []
    for size in sizes or []:
        pieces.append(ids[:size])
        ids = ids[size:]
    return list(Walk((token_array(each) for each in [*pieces, ids]), rule))


def counted(window: Window) -> list[int]:
    """Its tokens that count."""
    return window.ids[window.first :].tolist()


def guide(tokens: int, length: int, stride: int, beginning: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Input and targets as transformers' guide to perplexity cuts them, `beginning` put before every window."""
    ids, room, before, found = list(range(100, 100 + tokens)), length - len(beginning), 0, []
    for begin_loc in range(0, tokens, stride):
        end_loc = min(begin_loc + room, tokens)
        trg_len = end_loc - before
        input_ids = [*beginning, *ids[begin_loc:end_loc]]
        targets = input_ids[-trg_len:]
        # transformers shifts labels: nothing predicts the first token of a window
        found.append((input_ids, targets[1:] if len(targets) == len(input_ids) else targets))
        before = end_loc
        if end_loc == tokens:
            break
    return found


@given(
    tokens=st.integers(0, 120),
    lengths=st.lists(st.integers(4, 40), min_size=1, max_size=3, unique=True).map(sorted),
    stride=st.none() | st.integers(1, 3),
    beginning=st.sampled_from([(), (BOS,)]),
    sizes=st.lists(st.integers(0, 30), max_size=4),
)
def test_sliding_windows_are_those_of_the_guide(
    tokens: int, lengths: list[int], stride: int | None, beginning: tuple[int, ...], sizes: list[int]
) -> None:
    """For every length, however the document comes in pieces; none where it does not fill the longest window."""
    rule = WindowRule("sliding", tuple(lengths), beginning, stride)
    rule.check()

    found = walked(tokens, rule, sizes)

    for length in lengths:
        own = [(window.ids.tolist(), counted(window)) for window in found if window.length == length]
        is_long = tokens + len(beginning) >= lengths[-1]
        assert own == (guide(tokens, length, stride or length // 2, beginning) if is_long else [])
        assert [*range(len(own))] == [window.number for window in found if window.length == length]


@given(tokens=st.integers(0, 200), longest=st.integers(3, 40), sizes=st.lists(st.integers(0, 60), max_size=4))
def test_prefix_windows_follow_one_another(tokens: int, longest: int, sizes: list[int]) -> None:
    """Whole ones only, each with the BOS, which alone is not predicted."""
    rule = WindowRule("prefix", (2, longest), (BOS,))
    room = longest - 1

    found = walked(tokens, rule, sizes)

    assert len(found) == tokens // room
    for number, window in enumerate(found):
        own = list(range(100 + number * room, 100 + (number + 1) * room))
        assert [BOS, *own] == window.ids.tolist()
        assert own == counted(window)
        assert (number + 1) * room == window.end


def test_without_a_bos_the_first_token_is_not_predicted() -> None:
    """Nothing stands before it."""
    first, second = walked(10, WindowRule("prefix", (5,)))

    assert ([101, 102, 103, 104], [106, 107, 108, 109]) == (counted(first), counted(second))


def test_two_control_tokens_are_never_predicted() -> None:
    """As ChatGLM begins its texts."""
    (window,) = walked(3, WindowRule("prefix", (5,), (7, 8)))

    assert [100, 101, 102] == counted(window)


def test_every_length_predicts_the_same_tokens_where_windows_slide() -> None:
    """So their losses can be compared."""
    rule = WindowRule("sliding", (8, 16, 32), (BOS,))

    found = walked(75, rule)

    for length in rule.lengths:
        assert [*range(100, 175)] == [token for each in found if each.length == length for token in counted(each)]


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (WindowRule("prefix", (8, 4)), "--lengths 8,4: must rise"),
        (WindowRule("prefix", (4, 4)), "must rise"),
        (WindowRule("prefix", ()), "must rise"),
        (WindowRule("prefix", (1, 4)), "--lengths 1: a window needs 2 tokens or more"),
        (WindowRule("prefix", (2,), (7, 8)), "needs 3 tokens or more, with the 2 that every window begins with"),
        (WindowRule("prefix", (4,), stride=2), "--stride is for --windows sliding"),
        (WindowRule("sliding", (4, 8), (BOS,), 4), "--stride 4: must be from 1 to 3"),
        (WindowRule("sliding", (4, 8), (), 0), "--stride 0: must be from 1 to 3"),
    ],
)
def test_what_leaves_nothing_to_predict_is_refused(rule: WindowRule, complaint: str) -> None:
    """In one line that names the flag."""
    with pytest.raises(UserError, match=complaint):
        rule.check()
