"""Server-sent events are the same however their bytes are split, and an answer in pieces is the whole one."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.models.endpoint.protocol import EventReader, StreamedAnswer, UnfinishedError, parse_reply
from evalkit.models.endpoint.protocol._meaning import RefusedError, SpoiledError, ThrottledError, TryAgainError

MOST = 1000
LINES = st.sampled_from(
    [
        "data: a",
        "data:b☕",
        "data:  c",
        "data",
        "data:",
        ": keep-alive",
        "event: x",
        "id: 7",
        "retry: 5",
        "",
        "",
        "odd",
        "é",
    ]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def events(pieces: list[bytes], most: int = MOST) -> list[bytes]:
    """The data of the events in a body that came in those pieces."""
    reader = EventReader(most)
    return [data for piece in pieces for data in reader.feed(piece)] + reader.end()


def split(body: bytes, places: list[int]) -> list[bytes]:
    """The body cut at those places."""
    cuts = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:stop] for start, stop in itertools.pairwise(cuts)]


def by_lines(lines: list[str]) -> list[bytes]:
    """What events whole lines make: another way to read them."""
    found: list[bytes] = []
    data: list[str] = []
    for line in [*lines, ""]:
        if line == "":
            found += [joined] if (joined := "\n".join(data).encode()) else []
            data = []
        elif line == "data" or line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    return found


@given(st.lists(st.tuples(LINES, ENDS)), st.lists(st.integers(0, 10**6), max_size=12), st.booleans())
def test_any_split_of_the_bytes_gives_the_same_events(
    lines: list[tuple[str, str]], places: list[int], has_mark: bool
) -> None:
    """Inside a sign, a line, or a line's end; comments, fields without a value, a byte order mark change nothing."""
    body = ("\ufeff" * has_mark + "".join(line + end for line, end in lines)).encode()

    found = events(split(body, places))

    assert events([body]) == found
    text = body.decode().removeprefix("\ufeff")
    assert by_lines(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")) == found


@pytest.mark.parametrize("body", [b"data: " + b"x" * 1200, b"data: xxxxxxxx\n" * 150, b"x" * 1200])
def test_an_event_without_end_is_refused(body: bytes) -> None:
    """In one line or in many, before it is complete."""
    with pytest.raises(TryAgainError, match="larger than 1000 bytes"):
        EventReader(MOST).feed(body)


def whole(choice: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The body of an answer."""
    usage = {"prompt_tokens": 9, "completion_tokens": 4}
    return {"model": "toy", "choices": [{"index": 0, **choice}], "usage": usage, **fields}


def put_together(parts: list[dict[str, Any]], *, is_done: bool = True) -> StreamedAnswer:
    """An answer whose events say those things."""
    answer = StreamedAnswer()
    for part in parts:
        answer.take(json.dumps({"model": "toy", **part}).encode())
    if is_done:
        answer.take(b"[DONE]")
    return answer


def of_choice(**choice: Any) -> dict[str, Any]:
    """What an event says of the one choice."""
    return {"choices": [{"index": 0, "finish_reason": None, **choice}]}


END = of_choice(delta={}, finish_reason="stop")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)


@given(TEXTS, TEXTS, st.lists(st.integers(0, 12), max_size=4))
def test_a_chat_answer_in_pieces_is_the_whole_one(thoughts: str, text: str, places: list[int]) -> None:
    """Thoughts, text and counts, wherever the pieces end."""

    def pieces(of: str) -> list[str]:
        cuts = [0, *sorted(place % (len(of) + 1) for place in places), len(of)]
        return [of[start:stop] for start, stop in itertools.pairwise(cuts)]

    parts = [of_choice(delta={"role": "assistant", "content": ""})]
    parts += [of_choice(delta={"reasoning_content": each, "content": None}) for each in pieces(thoughts)]
    parts += [of_choice(delta={"content": each}) for each in pieces(text)]
    message = {"role": "assistant", "content": text, "reasoning_content": thoughts}
    body = whole({"message": message, "finish_reason": "stop"})

    assert parse_reply(json.dumps(body).encode()) == put_together([*parts, END, {"usage": body["usage"]}]).whole()


@pytest.mark.parametrize(
    ("parts", "choice"),
    [
        (
            [of_choice(text="By ", token_ids=[1, 2]), of_choice(text="it", token_ids=[3]), of_choice(text="")],
            {"text": "By it", "token_ids": [1, 2, 3]},
        ),
        ([of_choice(text="By ", token_ids=[1, 2]), of_choice(text="it")], {"text": "By it"}),
        ([of_choice(delta={"content": "\ud83d"}), of_choice(delta={"content": "\ude00"})], {"text": "😀"}),
        ([of_choice(delta={"content": "a"}), of_choice(message={"content": "ab"})], {"message": {"content": "ab"}}),
        (
            [of_choice(delta={"content": [{"type": "thinking", "thinking": "Hm"}]}), of_choice(delta={"content": "a"})],
            {"message": {"content": [{"type": "thinking", "thinking": "Hm"}, "a"]}},
        ),
        (
            [of_choice(delta={"reasoning_details": [{"text": each}]}) for each in "ab"]
            + [of_choice(delta={"content": "c"})],
            {"message": {"content": "c", "reasoning_details": [{"text": "a"}, {"text": "b"}]}},
        ),
        (
            [of_choice(delta={"content": "a"}), {"choices": [{"index": 1, "delta": {"content": "x"}}, 7]}],
            {"text": "a"},
        ),
    ],
    ids=["ids", "ids of a part", "half signs", "whole at the end", "typed parts", "details", "several choices"],
)
def test_pieces_are_joined_as_servers_send_them(parts: list[dict[str, Any]], choice: dict[str, Any]) -> None:
    """Each as the body that would have come whole."""
    expected = parse_reply(json.dumps(whole({**choice, "finish_reason": "stop"})).encode())

    assert expected == put_together([*parts, END, {"usage": whole({})["usage"]}]).whole()


def test_an_answer_that_ended_needs_no_mark_of_the_end() -> None:
    """Many servers send none."""
    assert "a" == put_together([of_choice(delta={"content": "a"}), END], is_done=False).whole().text


@pytest.mark.parametrize(
    ("parts", "is_done", "error", "says"),
    [
        ([of_choice(delta={"content": "a"})], False, TryAgainError, "the server broke the answer off"),
        ([of_choice(delta={"content": "a"})], True, UnfinishedError, "finish_reason null"),
        ([of_choice(delta={}, finish_reason="abort")], True, TryAgainError, 'finish_reason "abort"'),
        ([of_choice(delta={}, finish_reason="content_filter")], True, RefusedError, "content filter"),
        ([{"choices": []}], True, SpoiledError, "no choices"),
        ([], True, SpoiledError, "no choices"),
    ],
)
def test_what_is_no_whole_answer_is_an_error(
    parts: list[dict[str, Any]], is_done: bool, error: type[Exception], says: str
) -> None:
    """A stream that stops in the middle is never taken for an answer."""
    with pytest.raises(error, match=says):
        put_together(parts, is_done=is_done).whole()


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"Internal error", TryAgainError, r"no?t? JSON \(14 bytes\)"),
        (b"7", TryAgainError, "no JSON object but int"),
        (b'{"error": {"message": "upstream is gone", "code": 502}}', TryAgainError, "502: upstream is gone"),
        (b'{"error": {"message": "slow down", "code": 429}}', ThrottledError, "slow down"),
        (b'{"object": "error", "message": "too hot", "code": 400}', RefusedError, "400: too hot"),
        (b"[" * 10**5, TryAgainError, "not JSON"),
    ],
)
def test_an_event_that_is_none_is_an_error(data: bytes, error: type[Exception], says: str) -> None:
    """Before any text came: as a whole body that says it."""
    with pytest.raises(error, match=says):
        StreamedAnswer().take(data)


def test_an_error_in_the_middle_breaks_the_answer_off() -> None:
    """Whatever its code."""
    answer = put_together([of_choice(delta={"content": "a"})], is_done=False)

    with pytest.raises(TryAgainError, match="broke the answer off: engine died"):
        answer.take(b'{"error": {"message": "engine died", "code": 400}}')


def test_what_came_so_far_ends_in_no_half_sign() -> None:
    """Of one that JSON writes as two escapes, and nothing of an answer whose last token may be the end of text."""
    answer = put_together([of_choice(delta={"content": "a\ud83d", "reasoning": "b\ud83d"})], is_done=False)

    assert ("a", "b", 1) == (answer.so_far().text, answer.so_far().reasoning, answer.pieces)
    answer.take(json.dumps(END).encode())
    assert ("", None, "a?") == (answer.so_far().text, answer.so_far().reasoning, answer.whole().text)
