"""The endpoint adapter against replies as real servers send them: none costs more than it must."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Card
from evalkit.models import BackendOptions, Completion, GenerationRequest
from evalkit.models.endpoint._adapter import EndpointModel
from evalkit.models.endpoint.protocol._meaning import is_model_named
from evalkit.prompts import PromptTokenizer, load_tokenizer, token_array
from evalkit.rope import RopeSetting
from tests.models.endpoint.byte_tokenizer import Bytes
from tests.models.endpoint.scripted_server import ScriptedServer, answer_to

Evalkit = Callable[..., Any]
ONCE = ("reasoning-cut", "empty", "typed-parts", "no-finish", "no-usage")  # null-finish: broken off, on purpose retried
COUNTED = ("reasoning-cut", "empty", "typed-parts", "no-usage")


@pytest.fixture(autouse=True)
def only_chats(server: ScriptedServer) -> None:
    """The server has no completions of plain texts."""
    server.behaviour.is_chat_only = True


def ask(
    server: ScriptedServer, texts: Sequence[str], *, knows_tokens: bool = False, **options: Any
) -> list[Completion]:
    """Completions in order; without `knows_tokens` by address alone, lengths being characters."""
    endpoint = {"base_url": server.base_url, "model": "toy", "timeout_seconds": 5.0}
    values = {"name": "toy", "title": "Toy", "context_length": 100_000, "chat": "server", "licence": "none"}
    card = Card.model_validate(values | {"endpoint": endpoint})
    tokenizer = PromptTokenizer(Bytes()) if knows_tokens else load_tokenizer(card)
    requests = [GenerationRequest(index, token_array(tokenizer.encode(text)), 64) for index, text in enumerate(texts)]
    model = EndpointModel(card, tokenizer, BackendOptions(**options))
    return sorted(model.generate(RopeSetting("native"), requests), key=lambda completion: completion.index)


@pytest.mark.parametrize("shape", ONCE)
def test_a_reply_that_would_come_again_is_paid_for_once(server: ScriptedServer, shape: str) -> None:
    """What the server decides by the prompt alone does not change by asking again."""
    server.behaviour.script = lambda prompt, _: shape if prompt == "odd" else ""

    ask(server, ["odd"])

    assert 1 == server.met[shape]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("empty", ""),
        ("reasoning-cut", ""),
        ("no-usage", answer_to("odd")),
        ("no-finish", answer_to("odd")),
        ("typed-parts", answer_to("odd")),
    ],
)
def test_an_answer_is_read_in_every_form(server: ScriptedServer, shape: str, expected: str) -> None:
    """An empty answer is an answer, and one in parts is their texts joined."""
    server.behaviour.script = lambda prompt, _: shape if prompt == "odd" else ""

    even, odd = ask(server, ["even", "odd"])

    assert (answer_to("even"), None) == (even.text, even.error)
    assert (expected, None) == (odd.text, odd.error)


def test_an_answer_that_seems_unfinished_twice_the_same_is_whole(server: ScriptedServer) -> None:
    """Gateways that always pass on a null are answered for two requests; what breaks off elsewhere is no answer."""
    server.behaviour.script = lambda *_: "null-finish"
    (found,) = ask(server, ["odd"])
    asked = server.met["null-finish"] - 1  # the adapter's own question

    assert (answer_to("odd"), "unknown", None) == (found.text, found.finish_reason, found.error)
    assert 2 == asked


def test_a_model_that_thinks_at_the_first_question_is_started(server: ScriptedServer) -> None:
    """The adapter's own short question may be all thoughts; that says nothing about the model."""
    server.behaviour.script = lambda prompt, _: "" if prompt == "one" else "reasoning-cut"

    (found,) = ask(server, ["one"])

    assert answer_to("one") == found.text


@pytest.mark.parametrize("knows_tokens", [False, True], ids=["by address", "with a tokenizer"])
def test_a_server_that_reads_only_the_first_tokens_is_noticed(server: ScriptedServer, knows_tokens: bool) -> None:
    """One ceiling for prompts of different length: the samples fail with both numbers, the short one does not."""
    server.behaviour.reads_at_most = 2050
    texts = ["short", *("word " * words for words in (1000, 1500, 2500))]

    short, *long = ask(server, texts, knows_tokens=knows_tokens)

    assert short.error is None
    assert [True] * 3 == ["2050" in str(completion.error) for completion in long]


def test_a_limit_is_sent_under_the_name_that_the_server_takes(server: ScriptedServer) -> None:
    """A server that refuses `max_tokens` gets `max_completion_tokens`."""
    server.behaviour.wants_completion_limit = True

    (found,) = ask(server, ["one"])

    assert (answer_to("one"), None) == (found.text, found.error)
    assert "max_completion_tokens" in server.payloads[-1]


def test_a_temperature_that_is_refused_is_left_out(server: ScriptedServer) -> None:
    """The model answers with its own, which somebody is told."""
    server.behaviour.wants_completion_limit, server.behaviour.only_temperature = True, 1.0
    notes: list[str] = []

    (found,) = ask(server, ["one"], note=notes.append)

    assert (answer_to("one"), None) == (found.text, found.error)
    assert server.payloads[-1].get("temperature", 1.0) == 1.0
    assert any("temperature" in note for note in notes)


@pytest.mark.parametrize(
    ("answered", "asked", "is_same"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o", True),
        ("gpt-4-0613", "gpt-4", True),
        ("claude-sonnet-4-20250514", "claude-sonnet-4", True),
        ("qwen3:8b", "qwen3", True),
        ("org/model@main", "org/model", True),
        ("gpt-4o", "gpt-4", False),
        ("gpt-4-32k-0613", "gpt-4", False),
        ("gpt-4-turbo", "gpt-4", False),
        ("qwen3-0.6b", "qwen3", False),
        ("o3-mini-2025-01-31", "o3", False),
    ],
)
def test_only_a_dated_form_is_the_same_model(answered: str, asked: str, is_same: bool) -> None:
    """A date, a build number, a tag or a revision behind the name; never a size or a variant."""
    assert is_same is is_model_named(answered, asked)


def test_a_dated_answer_is_taken(server: ScriptedServer) -> None:
    """Providers answer under the dated name of what was asked for."""
    server.behaviour.answers_as = "toy-2024-08-06"

    (found,) = ask(server, ["one"])

    assert (answer_to("one"), None) == (found.text, found.error)


@pytest.mark.parametrize("shape", COUNTED)
def test_every_sample_of_a_run_is_counted(
    server: ScriptedServer, shape: str, toy: str, bare: Path, evalkit: Evalkit
) -> None:
    """A reply that holds an answer, or that ended without one, is no failed sample."""
    server.behaviour.script = lambda prompt, _: shape if "number 1" in prompt else ""

    done = evalkit("run", server.base_url, toy, "--task", "tales", "--limit", 6, "--out", "run")

    assert (0, True) == (done.code, "6 answered" in done.err and "0 failed" in done.err), done.err
    assert (bare / "run/scores.json").is_file()
