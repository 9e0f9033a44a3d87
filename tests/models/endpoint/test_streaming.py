"""Answers that are shown while they come: they grow to what `generate` gives, or end in an error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from evalkit.cards import Prices
from evalkit.errors import UserError
from evalkit.models import (
    BackendOptions,
    Completion,
    GenerationRequest,
    PartialAnswer,
    ServersModel,
    StreamsAnswers,
    ThoughtRule,
)
from evalkit.models.endpoint._adapter import EndpointModel
from evalkit.models.endpoint.protocol import _events
from evalkit.models.endpoint.transport import _body
from evalkit.models.replicas import ReplicatedModel
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting
from evalkit.tasks import StopRule
from tests.models.endpoint.byte_tokenizer import Bytes
from tests.models.endpoint.scripted_server import BREAK, KEY, ScriptedServer, Sent, answer_to, event
from tests.models.endpoint.test_adapter import NATIVE, card_for, requests_for
from tests.models.endpoint.test_reasoning import CASES, TAGS

WAYS = ("ids of vLLM", "ids", "text", "chat", "chat, thoughts parsed")
Heard = PartialAnswer | Completion


def model_at(server: ScriptedServer, way: str = "chat", notes: list[str] | None = None, **values: Any) -> EndpointModel:
    """The adapter for a server that takes prompts in that way; `values` are those of its endpoint."""
    server.behaviour.owned_by = "vllm" if way == "ids of vLLM" else "somebody"
    server.behaviour.takes_ids = way != "text"
    server.behaviour.parses_thoughts = "parsed" in way
    card = card_for(server, chat="server" if "chat" in way else "none", **values.pop("endpoint", {}))
    told = BackendOptions(note=([] if notes is None else notes).append, **values)
    return EndpointModel(card, PromptTokenizer(Bytes()), told)


def request_for(prompt: str = "So?", **fields: Any) -> GenerationRequest:
    """One request."""
    return requests_for([prompt], **fields)[0]


def answered(heard: Iterator[Heard]) -> tuple[list[PartialAnswer], Completion]:
    """What was shown, and the completion behind it; texts only grew."""
    *shown, done = heard
    assert isinstance(done, Completion)
    partial = [each for each in shown if isinstance(each, PartialAnswer)]
    assert len(shown) == len(partial)
    whole = [] if done.error else [PartialAnswer(done.text, done.reasoning, done.output_tokens)]
    for one, other in zip(partial, [*partial[1:], *whole], strict=False):
        assert other.text.startswith(one.text)
        assert (other.reasoning or "").startswith(one.reasoning or "")
        assert one.output_tokens <= other.output_tokens
    return partial, done


def stream(model: EndpointModel, request: GenerationRequest) -> tuple[list[PartialAnswer], Completion]:
    """The answer to one request."""
    return answered(model.stream(NATIVE, request))


def check_as_whole(model: EndpointModel, request: GenerationRequest) -> list[PartialAnswer]:
    """Hold a streamed answer against the one of `generate`; what was shown of it."""
    (whole,) = model.generate(NATIVE, [request])
    shown, done = stream(model, request)
    assert whole.error is None
    assert replace(whole, seconds=0) == replace(done, seconds=0)
    return shown


def bytewise(sent: list[Sent]) -> list[Sent]:
    """The same stream, a byte at a time."""
    return [bytes([each]) for part in sent if isinstance(part, bytes) for each in part]


def other_lines(sent: list[Sent]) -> list[Sent]:
    """The same stream with the other end of lines, comments, and no mark of its end."""
    kept = [part for part in sent if isinstance(part, bytes) and b"[DONE]" not in part]
    return [b": hello\r\n\r\n", *(part.replace(b"\n", b"\r\n") + b":\r\n\r\nevent: ping\r\n\r\n" for part in kept)]


@pytest.mark.parametrize("sends", [list, bytewise, other_lines], ids=lambda each: each.__name__)
@pytest.mark.parametrize("way", WAYS)
def test_a_streamed_answer_is_the_whole_one(
    server: ScriptedServer, way: str, sends: Callable[[list[Sent]], list[Sent]]
) -> None:
    """Text, counts and ending, however prompt and answer travel; it is asked for in pieces, and shown in pieces."""
    server.behaviour.says, server.behaviour.sends = lambda _: "By the ☕ river, they say.", sends

    shown = check_as_whole(model_at(server, way), request_for())

    assert len(shown) > 5
    assert (True, {"include_usage": True}) == tuple(server.payloads[-1][name] for name in ("stream", "stream_options"))


@pytest.mark.parametrize("rule", [ThoughtRule(TAGS), ThoughtRule(TAGS, 30), ThoughtRule(None, 30)], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_thoughts_are_shown_apart(server: ScriptedServer, way: str, rule: ThoughtRule) -> None:
    """What may yet turn out to be thoughts, or a tag, is held back."""
    model = model_at(server, way)

    for _, text, _ in CASES:
        server.behaviour.says = lambda _, text=text: text
        check_as_whole(model, request_for(max_new_tokens=54, thoughts=rule))


@pytest.mark.parametrize("way", WAYS)
def test_thoughts_come_before_the_answer(server: ScriptedServer, way: str) -> None:
    """They grow first, then the text; a tag is never shown."""
    server.behaviour.says = lambda _: "<think>The river runs.</think>\n\nBy the river."

    shown = check_as_whole(model_at(server, way), request_for(thoughts=ThoughtRule(TAGS)))

    assert not any("<" in each.text + (each.reasoning or "") for each in shown)
    assert {"The ", "The river", "The river runs."} & {each.reasoning for each in shown if not each.text}
    assert "The river runs." == shown[-1].reasoning
    assert len({each.text for each in shown}) > 3


def test_an_answer_behind_closed_thoughts_is_shown(server: ScriptedServer) -> None:
    """A prompt that closes them says that none follow; where the server formats it, nobody knows before the end."""
    server.behaviour.says = lambda _: "By the river."
    request = request_for("So?<think>\n\n</think>\n\n", thoughts=ThoughtRule(TAGS))

    assert len({each.text for each in check_as_whole(model_at(server, "ids of vLLM"), request)}) > 3
    assert len({each.text for each in check_as_whole(model_at(server, "text"), request)}) > 3
    assert {""} == {each.text for each in check_as_whole(model_at(server, "chat"), request)}


@pytest.mark.parametrize("way", WAYS)
def test_what_may_become_a_stop_string_is_held_back(server: ScriptedServer, way: str) -> None:
    """Four are sent, all end the text; it never shows a part of one."""
    server.behaviour.says = lambda _: "By the river\n\nQuestion: where?"
    stop = ("@", "#", "$", "%", "\n\nQuest")

    shown = check_as_whole(model_at(server, way), request_for(stop=stop, stop_rule=StopRule()))

    assert "By the river" == shown[-1].text
    assert not any("\n" in each.text for each in shown)


def test_the_first_token_comes_before_the_answer_is_complete(server: ScriptedServer) -> None:
    """Events are handed on as they arrive."""
    server.behaviour.sends = lambda sent: [part for each in sent for part in (each, 0.05)]

    times = [time.monotonic() for _ in model_at(server).stream(NATIVE, request_for())]

    assert times[-1] - times[0] > 0.05 * len(answer_to("So?")) / 3


def test_closing_the_iterator_ends_the_request(server: ScriptedServer) -> None:
    """The connection is closed, so that the server stops generating."""
    server.behaviour.says = lambda _: "a river " * 7
    server.behaviour.sends = lambda sent: [part for each in sent * 20 for part in (each, 0.02)]
    heard = model_at(server).stream(NATIVE, request_for())

    next(heard)
    heard.close()  # type: ignore[attr-defined]

    for _ in range(100):
        if server.met["hung up"]:
            return
        time.sleep(0.02)
    raise AssertionError("the server goes on")


REFUSED = "Unrecognized request argument supplied: {}"


@pytest.mark.parametrize("way", ["ids", "chat"])
def test_refused_stream_options_are_left_out_and_said(server: ScriptedServer, way: str) -> None:
    """Once; the answer is streamed all the same, and its length counted here."""
    server.behaviour.refuses = {"stream_options": {"error": {"message": REFUSED.format("stream_options")}}}
    notes: list[str] = []
    model = model_at(server, way, notes)

    for _ in range(2):
        shown, done = stream(model, request_for())
        assert (None, answer_to("So?"), 19) == (done.error, done.text, done.output_tokens)
        assert shown

    assert 1 == len(notes)
    assert "refuses the field stream_options, which is left out" in notes[0]
    assert ["stream_options" in payload for payload in server.payloads[-3:]] == [True, False, False]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"error": {"message": "Streaming is not supported for this model."}}, 2),
        ({"error": {"message": "Your organization must be verified.", "param": "stream"}}, 2),
        ({"error": {"message": "bad request"}}, 3),
    ],
)
def test_a_server_that_refuses_to_stream_answers_whole(server: ScriptedServer, body: Any, asked: int) -> None:
    """In one piece, with one note; it is not asked again."""
    server.behaviour.refuses = {"stream": body}
    notes: list[str] = []
    model = model_at(server, "chat", notes)

    first, second = stream(model, request_for()), stream(model, request_for())

    assert [([], answer_to("So?"))] * 2 == [(shown, done.text) for shown, done in (first, second)]
    assert [f"{server.base_url} refuses the field stream: its answers are shown when they are complete"] == notes
    assert [True] * (asked - 1) + [False] * 2 == ["stream" in payload for payload in server.payloads[1:]]


def test_a_whole_body_in_place_of_a_stream_is_the_answer(server: ScriptedServer) -> None:
    """As of servers that ignore the field; said once."""
    server.behaviour.streams = False
    notes: list[str] = []
    model = model_at(server, "chat", notes)

    found = [stream(model, request_for()) for _ in range(2)]

    assert [([], answer_to("So?"))] * 2 == [(shown, done.text) for shown, done in found]
    assert [f"{server.base_url} does not stream: its answers are shown when they are complete"] == notes


def after(count: int, *parts: Sent) -> Callable[[list[Sent]], list[Sent]]:
    """A stream that goes on with these parts after so many of its own."""
    return lambda sent: [*sent[:count], *parts]


BROKEN = {
    "the connection breaks": (after(4, BREAK), "the connection broke (RemoteProtocolError)"),
    "it ends": (after(4), "the server broke the answer off"),
    "an error": (after(4, event({"error": {"message": "engine died", "code": 500}})), "off: engine died"),
    "no JSON": (after(4, b"data: {'a'\n\n"), "a part of the answer is not JSON (4 bytes)"),
    "ended by nobody": (after(4, b"data: [DONE]\n\n"), "(finish_reason null)"),
    "aborted": (after(4, event({"choices": [{"index": 0, "delta": {}, "finish_reason": "abort"}]})), '"abort"'),
    "stalled": (after(4, 4.0), "no whole answer within 2 s"),
    "an event without end": (after(4, b"data: " + b"x" * 2000), "an event of the answer is larger than 1000 bytes"),
    "a stream without end": (lambda sent: [*sent[:4], *[b": \n" * 200] * 20], "larger than 0 MiB"),
}


@pytest.mark.parametrize(("sends", "reason"), BROKEN.values(), ids=BROKEN)
def test_an_answer_that_breaks_off_is_an_error(
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    sends: Callable[[list[Sent]], list[Sent]],
    reason: str,
) -> None:
    """What was shown is no answer, and it is not asked for again: the text would not go on."""
    monkeypatch.setattr(_body, "LARGEST_EVENT", 1000)
    monkeypatch.setattr(_body, "LARGEST_STREAM", 10_000)
    server.behaviour.sends = sends
    model = model_at(server, endpoint={"timeout_seconds": 2.0})

    shown, done = stream(model, request_for())

    assert answer_to("So?").startswith(shown[-1].text) and shown[-1].text
    assert ("", "error", False) == (done.text, done.finish_reason, done.is_of_prompt)
    assert reason in str(done.error)
    assert str(done.error).endswith("; what came of the answer is not all of it")
    assert "\n" not in str(done.error)
    assert 2 == len(server.payloads)


@pytest.mark.parametrize("fault", ["429-wait", "503", "500", "reset", "html", "redirect", "stall", "no-choices"])
def test_a_fault_before_the_first_token_is_tried_again(server: ScriptedServer, fault: str) -> None:
    """As `generate` does; no redirect is followed."""
    server.behaviour.script = lambda prompt, earlier: fault if prompt == "So?" and earlier == 0 else ""

    _, done = stream(model_at(server, endpoint={"timeout_seconds": 2.0}), request_for())

    assert (None, answer_to("So?"), 1) == (done.error, done.text, server.met[fault])


def test_an_error_event_before_the_first_token_is_tried_again(server: ScriptedServer) -> None:
    """A server that answers 200 and then says that it is busy."""
    busy = event({"error": {"message": "slow down", "code": 429}})
    server.behaviour.sends = lambda sent: [busy] if len(server.payloads) < 3 else sent

    _, done = stream(model_at(server), request_for())

    assert (None, answer_to("So?"), 3) == (done.error, done.text, len(server.payloads))


def test_a_refused_prompt_is_the_error(server: ScriptedServer) -> None:
    """What another shape of request would not change is not taken for a server that cannot stream."""
    server.behaviour.window = 100
    notes: list[str] = []
    server.behaviour.lists_models = False

    shown, done = stream(model_at(server, "chat", notes), request_for("x" * 90))

    assert ([], []) == (shown, notes)
    assert str(done.error).startswith("too long for the server: context_length_exceeded")


def test_a_part_of_the_prompt_is_no_prompt(server: ScriptedServer) -> None:
    """A server that reads less than it was sent is said, as by `generate`; its answer is none."""
    server.behaviour.reads_at_most = 50

    _, done = stream(model_at(server, "ids"), request_for("x" * 400))

    assert str(done.error).startswith("the server read 50 tokens of a prompt of 400 tokens")
    assert "" == done.text


def test_an_answer_beyond_the_limit_is_none(server: ScriptedServer) -> None:
    """It follows no protocol."""
    model = model_at(server)
    stream(model, request_for())
    server.behaviour.ignores_limit = True

    _, done = stream(model, request_for(max_new_tokens=5))

    assert "the server generated 19 tokens where 5 were allowed" == done.error


PRICES = Prices(input=1e6, output=2e6)  # 1 and 2 a token


@pytest.mark.parametrize(
    ("sends", "spent"),
    [
        (list, 3 + 2 * 19),
        (lambda sent: [part for part in sent if isinstance(part, bytes) and b'"usage"' not in part], 3 + 2 * 64),
        (after(4, BREAK), 3 + 2 * 64),
    ],
    ids=["counted", "not counted", "broken off"],
)
def test_a_stream_costs_what_the_server_counts(
    server: ScriptedServer, sends: Callable[[list[Sent]], list[Sent]], spent: float
) -> None:
    """By its last event; the worst case where there is none."""
    server.behaviour.sends = sends
    model = model_at(server, "ids", endpoint={"prices": PRICES.model_dump()}, max_cost=1000.0)

    stream(model, request_for())

    assert spent == model.spent


def test_an_answer_that_is_closed_costs_the_worst(server: ScriptedServer) -> None:
    """Nobody hears what the server counts."""
    server.behaviour.sends = lambda sent: [*sent[:3], 1.0]
    model = model_at(server, "ids", endpoint={"prices": PRICES.model_dump()}, max_cost=1000.0)
    heard = model.stream(NATIVE, request_for())

    next(heard)
    heard.close()  # type: ignore[attr-defined]

    assert 3 + 2 * 64 == model.spent


def test_no_stream_begins_that_could_pass_the_limit(server: ScriptedServer) -> None:
    """Nothing is sent, and the error says why."""
    model = model_at(server, "ids", endpoint={"prices": PRICES.model_dump()}, max_cost=100.0)

    with pytest.raises(UserError, match="--max-cost 100: reached"):
        stream(model, request_for())

    assert not any("stream" in payload for payload in server.payloads)


@pytest.mark.parametrize("spelling", [KEY, KEY.upper(), KEY.encode().hex()])
@pytest.mark.parametrize("way", ["ids", "chat"])
def test_the_key_is_never_shown(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, way: str, spelling: str
) -> None:
    """Though its pieces come one by one: none of them is shown."""
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)
    server.behaviour.says = lambda _: f"It is {spelling}, yes."

    shown = check_as_whole(model_at(server, way), request_for(max_new_tokens=100))

    assert "It is [key], ye" in shown[-1].text
    assert not any(spelling[:2] in each.text for each in shown)


def test_the_key_is_in_no_error(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that repeats it in the middle of a stream."""
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)
    server.behaviour.sends = after(4, event({"error": {"message": f"no such key: {KEY}"}}))

    _, done = stream(model_at(server), request_for())

    assert "no such key: [key]; what came" in str(done.error)


def test_another_rope_group_is_refused(server: ScriptedServer) -> None:
    """As by `generate`."""
    (done,) = model_at(server).stream(RopeSetting("default", 54321.0), request_for())

    assert "the server runs RoPE native" in str(done.error)  # type: ignore[union-attr]


def test_who_streams(server: ScriptedServer) -> None:
    """One server does; of several, whoever asks gets whole answers."""
    assert isinstance(model_at(server), StreamsAnswers)
    assert not any(hasattr(each, "stream") for each in (ServersModel, ReplicatedModel))


def test_events_are_bounded_by_more_than_a_prompt_of_ids() -> None:
    """vLLM's first event repeats the ids of the prompt: a million tokens fit."""
    reader = _events.EventReader(_body.LARGEST_EVENT)

    assert 1 == len(reader.feed(event({"choices": [{"prompt_token_ids": [100_000] * 10**6}]})))
