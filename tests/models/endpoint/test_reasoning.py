"""Models that think behind a server: thoughts it parses off, thoughts in the text, thoughts in the ids."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalkit.cards import Card, Endpoint, ReasoningTags
from evalkit.models import BackendOptions, Completion, GenerationRequest, ThoughtRule
from evalkit.models.endpoint._adapter import EndpointModel
from evalkit.models.endpoint.protocol import parse_reply
from evalkit.prompts import PromptTokenizer, token_array
from evalkit.rope import RopeSetting
from evalkit.tasks import StopRule
from tests.models.endpoint.byte_tokenizer import Bytes
from tests.models.endpoint.scripted_server import ScriptedServer

TAGS = ReasoningTags(open="<think>", close="</think>")
CASES = [
    ("clean", "<think>The river.</think>\n\nBy it.", ("By it.", "The river.", "stop", None)),
    ("no open tag", "The river.</think>By it.", ("By it.", "The river.", "stop", None)),
    ("no close tag", "<think>The river", ("", "The river", "stop", "reasoning")),
    ("tags inside", "<think>a</think>b <think>c</think>", ("b <think>c</think>", "a", "stop", None)),
    ("budget spent", "<think>" + "a" * 99, ("", "a" * 47, "length", "reasoning")),
    ("empty answer", "<think>a</think>", ("", "a", "stop", "reasoning")),
]


def asked(server: ScriptedServer, *, chat: Any = "none", **fields: Any) -> Completion:
    """What is made of the server's answer to one question; 30 tokens for thoughts and 24 for the answer."""
    request = {"max_new_tokens": 54, "thoughts": ThoughtRule(TAGS, 30), **fields}
    card = Card(
        name="toy", title="Toy", context_length=4096, chat=chat, licence="none",
        chat_args=request.pop("chat_args", {}), endpoint=Endpoint(base_url=server.base_url, model="toy"),
    )  # fmt: skip
    options = request.pop("options", BackendOptions())
    model = EndpointModel(card, PromptTokenizer(Bytes()), options)
    ids = token_array(list(request.pop("prompt", "So?").encode()))
    (done,) = model.generate(RopeSetting("native"), [GenerationRequest(0, ids, **request)])
    return done


def outcome(done: Completion) -> tuple[str, str | None, str, str | None]:
    """What of a completion is recorded beside its counts."""
    assert done.error is None
    return done.text, done.reasoning, done.finish_reason, done.lost_to


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("way", ["chat", "text", "ids of vLLM"])
def test_thoughts_are_told_from_the_answer(
    server: ScriptedServer, way: str, text: str, expected: tuple[str, ...]
) -> None:
    """However prompt and answer travel: the same text, thoughts, ending and flag."""
    server.behaviour.says = lambda _: text
    server.behaviour.owned_by = "vllm" if way == "ids of vLLM" else "somebody"
    server.behaviour.takes_ids = way != "text"

    done = asked(server, chat="server" if way == "chat" else "none")

    if way == "ids of vLLM" and expected[2] == "length":  # whose tokens show where the budget was spent
        expected = ("", "a" * 23, "length", "reasoning")
    assert expected == outcome(done)


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_server_that_parses_says_the_same(server: ScriptedServer, text: str, expected: tuple[str, ...]) -> None:
    """Its `reasoning_content` is the thoughts, and its content the answer."""
    server.behaviour.says, server.behaviour.parses_thoughts = lambda _: text, True

    assert expected == outcome(asked(server, chat="server"))


def test_a_prompt_that_opens_thoughts_is_answered_with_thoughts(server: ScriptedServer) -> None:
    """A text without any tag is then all thoughts."""
    server.behaviour.says = lambda _: "The river"

    assert ("", "The river", "stop", "reasoning") == outcome(asked(server, prompt="So?<think>\n"))


def test_a_question_that_ends_in_a_tag_opens_no_thoughts_in_chat(server: ScriptedServer) -> None:
    """The server's format stands behind it, so the answer is one."""
    server.behaviour.says = lambda _: "It opens thoughts."

    done = asked(server, chat="server", prompt="What is <think>")

    assert ("It opens thoughts.", None, "stop", None) == outcome(done)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[case[1:] for case in CASES],
        ("[THINK]The river.[/THINK]By it.", ("By it.", "The river.", "stop", None)),
        ("Write <think>x</think>", ("Write <think>x</think>", None, "stop", None)),
    ],
)
def test_a_budget_is_for_thoughts_that_nobody_named_the_tags_of(
    server: ScriptedServer, text: str, expected: tuple[str, ...]
) -> None:
    """A server that is known by its address only and parses nothing: the known tags are looked for."""
    server.behaviour.says = lambda _: text

    assert expected == outcome(asked(server, chat="server", thoughts=ThoughtRule(None, 30)))


@pytest.mark.parametrize(
    "text", ["<think>Hm</think>Yes", "<think>Hm", "Hm</think>Yes", "Yes", "Write <think>x</think>"]
)
def test_thoughts_that_are_scored_with_answers_are_told_of(server: ScriptedServer, text: str) -> None:
    """Once; without a budget nothing says that they are none of the answer."""
    server.behaviour.says, notes = lambda _: text, list[str]()

    done = asked(server, chat="server", thoughts=None, options=BackendOptions(note=notes.append))

    assert text == done.text
    assert (0 if text in {"Yes", "Write <think>x</think>"} else 1) == len(notes)
    assert all(note.startswith("toy: its answers hold thoughts (<think>…</think>), which are") for note in notes)


@pytest.mark.parametrize("owner", ["somebody", "vllm"])
def test_no_stop_string_is_sent_that_could_end_thoughts(server: ScriptedServer, owner: str) -> None:
    """The answer is cut here; what else ends answers is not sent either."""
    server.behaviour.owned_by = owner
    server.behaviour.says = lambda _: "<think>One.\nTwo.</think>\nThree.\nFour."
    rule = StopRule(ends_at_token_of="\n", min_new_tokens=2)

    done = asked(server, stop=("\n",), stop_rule=rule)

    assert ("Three.", "One.\nTwo.", "stop", None) == outcome(done)
    assert not any({"stop", "stop_token_ids", "min_tokens"} & set(payload) for payload in server.payloads[1:])


def test_an_answer_is_no_longer_than_its_limit(server: ScriptedServer) -> None:
    """Short thoughts leave it what it had without them; only the sum is sent."""
    server.behaviour.says = lambda _: "<think>a</think>" + "b" * 99

    done = asked(server)

    assert ("b" * 24, "a", "length", None) == outcome(done)
    assert 54 == server.payloads[-1]["max_tokens"]


def test_a_server_whose_model_thinks_is_noticed(server: ScriptedServer) -> None:
    """Nobody said so: its answer to a plain question comes with thoughts."""
    server.behaviour.message = {"reasoning_content": "Okay"}

    done = asked(server, chat="server", thoughts=None, stop=("\n",))

    assert "Okay" == done.reasoning
    assert ["stop" in payload for payload in server.payloads] == [True, False]


def test_arguments_of_the_template_are_sent(server: ScriptedServer) -> None:
    """With every message, where the server formats them."""
    asked(server, chat="server", chat_args={"enable_thinking": False})

    assert [{"enable_thinking": False}] * 2 == [payload["chat_template_kwargs"] for payload in server.payloads]


def test_arguments_that_a_server_refuses_are_one_line(server: ScriptedServer, evalkit: Any, toy: str) -> None:
    """They would make another prompt, so they are never left out."""
    error = {"error": {"message": "Unrecognized request argument supplied: chat_template_kwargs"}}
    server.behaviour.refuses = {"chat_template_kwargs": error}

    done = evalkit("run", server.base_url, toy, "--limit", 1, "--chat-arg", "enable_thinking=false")

    assert "does not answer a question with chat_template_kwargs (--chat-arg)" in done.last_complaint


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": "b", "reasoning": "a"}, "a"),
        ({"content": "b", "reasoning_content": "a", "reasoning": "c"}, "a"),
        ({"content": "b", "reasoning_details": [{"type": "reasoning.text", "text": "a"}, {"summary": "c"}]}, "ac"),
        ({"content": "b", "thinking": {"content": "a"}}, "a"),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]},
                    {"type": "text", "text": "b"},
                ]
            },
            "a",
        ),
        ({"content": "b", "reasoning_content": None}, None),
        ({"content": "b", "reasoning_content": 5, "reasoning": {"odd": [1, {}]}, "reasoning_details": [[], 7]}, None),
        ({"content": "b", "reasoning_content": "\ud800"}, "?"),
    ],
)
def test_thoughts_are_read_wherever_servers_put_them(message: dict[str, Any], expected: str | None) -> None:
    """Whatever else stands there is none."""
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()

    found = parse_reply(body)

    assert ("b", expected) == (found.text, found.reasoning)


def test_long_thoughts_that_began_unseen_are_no_answer(server: ScriptedServer) -> None:
    """Where the ids show a closing tag, what stands before it is not cut as an answer would be."""
    server.behaviour.owned_by = "vllm"
    server.behaviour.says = lambda _: "It runs by the river.</think>By it."

    done = asked(server, max_new_tokens=40)  # 10 for the answer, and more than that before the tag

    assert ("By it.", "It runs by the river.", "stop", None) == outcome(done)
