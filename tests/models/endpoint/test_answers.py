"""What of an answer is believed: ids only where asked for, costs of every attempt, junk as one sample's error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from evalkit.cards import Card
from evalkit.errors import UserError
from evalkit.models import BackendOptions, Completion, GenerationRequest
from evalkit.models.endpoint._adapter import EndpointModel
from evalkit.models.endpoint.transport import _client as client
from evalkit.prompts import PromptTokenizer, load_tokenizer, token_array
from evalkit.rope import RopeSetting
from tests.models.endpoint.byte_tokenizer import Bytes
from tests.models.endpoint.scripted_server import KEY, ScriptedServer, answer_to


def model_of(
    server: ScriptedServer, chat: str = "none", *, knows_tokens: bool = True, prices: Any = None, **options: Any
) -> EndpointModel:
    """The adapter of a card whose tokens are bytes, or of one without a tokenizer."""
    endpoint = {"base_url": server.base_url, "model": "toy", "timeout_seconds": 5.0, "prices": prices, "concurrency": 1}
    values = {"name": "toy", "title": "Toy", "context_length": 100_000, "chat": chat, "licence": "none"}
    card = Card.model_validate(values | {"endpoint": endpoint})
    tokenizer = PromptTokenizer(Bytes()) if knows_tokens else load_tokenizer(card)
    return EndpointModel(card, tokenizer, BackendOptions(**options))


def ask(model: EndpointModel, texts: Sequence[str], limit: int = 64) -> list[Completion]:
    """Completions in order."""
    requests = [GenerationRequest(index, token_array(list(text.encode())), limit) for index, text in enumerate(texts)]
    return sorted(model.generate(RopeSetting("native"), requests), key=lambda completion: completion.index)


@pytest.mark.parametrize("ids", [[], [-1], [2**40], [10**30], [True, False], [65, 300], ["A"], [1.5]], ids=str)
@pytest.mark.parametrize("owner", ["vllm", "somebody"])
def test_ids_that_cannot_be_of_the_text_do_not_replace_it(
    server: ScriptedServer, ids: list[object], owner: str
) -> None:
    """No ids beside a text, numbers outside the vocabulary, things that are no numbers: the text counts."""
    server.behaviour.owned_by = owner
    server.behaviour.token_ids = ids

    (found,) = ask(model_of(server), ["one"])

    assert (answer_to("one"), None) == (found.text, found.error)


def test_ids_that_nobody_asked_for_mean_nothing(server: ScriptedServer) -> None:
    """Only vLLM is asked for ids; another server's may be of any vocabulary."""
    server.behaviour.token_ids = [65, 66]

    (found,) = ask(model_of(server), ["one"])

    assert answer_to("one") == found.text


def test_ids_that_were_asked_for_make_the_text(server: ScriptedServer) -> None:
    """Equal tokens give equal texts everywhere."""
    server.behaviour.owned_by = "vllm"
    server.behaviour.token_ids = [65, 66]

    (found,) = ask(model_of(server), ["one"])

    assert ("AB", 2) == (found.text, found.output_tokens)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"choices": ' * 5_000,
        b'{"model": "toy", "choices": [{"text": {"a": ' + b"[" * 900 + b"]" * 900 + b'}, "finish_reason": "stop"}]}',
    ],
    ids=["list", "objects", "text"],
)
def test_junk_fails_its_sample_and_not_the_run(server: ScriptedServer, body: bytes) -> None:
    """A reply that nests without end costs the sample that it was for."""

    def script(prompt: str, _: int) -> str:
        server.behaviour.spoils_body = body if prompt == "junk" else None
        return ""

    server.behaviour.script = script

    found = ask(model_of(server), ["one", "junk", "two"])

    assert [False, True, False] == [each.error is not None for each in found]


def test_a_lone_surrogate_is_answered_and_stored(server: ScriptedServer) -> None:
    """With and without a tokenizer, and without a count, a text that no file can hold becomes one that it can."""
    message = b'{"message": {"content": "x\\ud800y"}, "finish_reason": "stop"}'
    body = b'{"model": "toy", "choices": [' + message + b"]}"

    def script(prompt: str, _: int) -> str:
        server.behaviour.spoils_body = body if prompt == "odd" else None
        return ""

    server.behaviour.script = script

    for knows_tokens in (True, False):
        (found,) = ask(model_of(server, "server", knows_tokens=knows_tokens), ["odd"])
        assert ("x?y", None) == (found.text, found.error)


def test_an_answer_that_repeats_the_key_is_stored_without_it(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers with the header it got."""
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)

    (found,) = ask(model_of(server, "server"), [KEY])

    server.behaviour.message = {"content": f"Bearer {KEY}"}
    (echoed,) = ask(model_of(server, "server"), ["one"])
    assert found.error is None
    assert "Bearer [key]" == echoed.text


def test_thoughts_are_recorded(server: ScriptedServer) -> None:
    """An answer lost to thoughts is empty, at its limit where the server says so, and named as what it is."""
    server.behaviour.script = lambda prompt, _: "reasoning-cut" if prompt == "odd" else ""

    (found,) = ask(model_of(server, "server"), ["odd"])

    assert ("", "length", "reasoning", None) == (found.text, found.finish_reason, found.lost_to, found.error)


def test_an_answer_of_as_many_tokens_as_allowed_was_cut(server: ScriptedServer) -> None:
    """Where a server does not say why an answer ended, its count does."""
    server.behaviour.script = lambda *_: "no-finish"

    (cut,) = ask(model_of(server), ["one"], limit=5)
    (whole,) = ask(model_of(server), ["one"], limit=64)

    assert ("length", "unknown") == (cut.finish_reason, whole.finish_reason)


def test_every_failed_attempt_is_charged(server: ScriptedServer) -> None:
    """Six answers that are none, each counted by the server, cost six times."""
    server.behaviour.script = lambda prompt, _: "aborted" if prompt == "x" * 100 else ""
    model = model_of(server, "server", prices={"input": 1e6, "output": 1e6})

    (found,) = ask(model, ["x" * 100])

    assert found.error is not None
    assert client.ATTEMPTS * (100 + len(answer_to(""))) == pytest.approx(model.spent)


def test_the_cost_limit_holds_for_attempts(server: ScriptedServer) -> None:
    """A sample that fails again and again does not pass the limit by its attempts."""
    server.behaviour.script = lambda prompt, _: "aborted" if prompt.startswith("x") else ""
    model = model_of(server, "server", prices={"input": 1e6, "output": 1e6}, max_cost=410.0)

    with pytest.raises(UserError, match="--max-cost 410: reached"):
        ask(model, ["x" * 100, "x" * 99])

    assert 3 == server.met["aborted"]
    assert 3 * 100 + 3 * len(answer_to("")) == pytest.approx(model.spent)


def test_answers_without_counts_cost_the_worst(server: ScriptedServer) -> None:
    """A server that does not count is taken for as dear as it can be."""
    model = model_of(server, "server", prices={"input": 1e6, "output": 1e6})
    server.behaviour.counts = False

    ask(model, ["x" * 100], limit=64)

    assert 164 == pytest.approx(model.spent)


def test_refusals_cost_nothing(server: ScriptedServer) -> None:
    """An error status is no answer that anybody pays for."""
    server.behaviour.script = lambda prompt, earlier: "500" if prompt == "one" and earlier < 2 else ""
    model = model_of(server, "server", prices={"input": 1e6, "cached_input": 1e6, "output": 0})

    ask(model, ["one"])

    assert 3 == pytest.approx(model.spent)
