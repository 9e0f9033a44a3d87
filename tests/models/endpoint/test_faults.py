"""Faults of a server: each is survived or becomes the reason of one failed sample, never an answer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import pytest

from evalkit.cards import Card
from evalkit.errors import UserError
from evalkit.models import BackendOptions, Completion, GenerationRequest
from evalkit.models.endpoint import _probe as probe
from evalkit.models.endpoint._adapter import EndpointModel
from evalkit.models.endpoint.transport import _client as client
from evalkit.models.endpoint.transport._throttle import FIRST
from evalkit.prompts import load_tokenizer, token_array
from evalkit.rope import RopeSetting
from tests.models.endpoint import scripted_server
from tests.models.endpoint.scripted_server import FAULTS, ScriptedServer, answer_to

HARMLESS = {"wrong-usage"}  # the answer is there; only its count is not
REASONS = {
    "429": "429: busy", "429-wait": "429: busy", "503": "503: busy", "500": "500: busy", "html": "not JSON",
    "reset": "connection broke", "stall": "no answer within", "truncated": "not JSON",
    "wrong-model": "toy was asked and somebody-else answered", "no-choices": "no choices",
    "null-content": "text is null",
    "redirect": "a redirect to http://127.0.0.1:9/elsewhere that is not followed", "huge": "larger than 2 MiB",
    "error-200": "502: upstream is gone", "aborted": "broke the answer off",
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults take no time; patience is short, bodies are small."""
    monkeypatch.setattr(client, "LARGEST_BODY", 2 * 2**20)
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(scripted_server, "STALL_SECONDS", 0.6)


def ask(server: ScriptedServer, texts: Sequence[str], *, concurrency: int = 16) -> list[Completion]:
    """Completions of chat messages, in the order of the texts."""
    endpoint = {"base_url": server.base_url, "model": "toy", "timeout_seconds": 0.3, "concurrency": concurrency}
    values = {"name": "toy", "title": "Toy", "context_length": 4096, "chat": "server", "licence": "none"}
    card = Card.model_validate(values | {"endpoint": endpoint})
    requests = [
        GenerationRequest(index, token_array([ord(each) for each in text]), 64) for index, text in enumerate(texts)
    ]
    model = EndpointModel(card, load_tokenizer(card), BackendOptions())
    return sorted(model.generate(RopeSetting("native"), requests), key=lambda completion: completion.index)


def is_probe(prompt: str) -> bool:
    """Whether a prompt is the adapter's own question."""
    return prompt.startswith("Say")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_costs_nothing(server: ScriptedServer, fault: str) -> None:
    """A request that meets a fault once is answered, and once."""
    server.behaviour.script = lambda prompt, earlier: fault if earlier == 0 and not is_probe(prompt) else ""

    found = ask(server, ["one", "two"])

    assert [answer_to("one"), answer_to("two")] == [completion.text for completion in found]
    assert 2 == server.met[fault]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in HARMLESS])
def test_a_fault_that_stays_is_the_samples_error(server: ScriptedServer, fault: str) -> None:
    """A request that always meets the fault fails with its reason; the others are answered."""
    server.behaviour.script = lambda prompt, _: fault if prompt == "bad" else ""

    found = ask(server, ["good", "bad", "fine"])

    assert [answer_to("good"), "", answer_to("fine")] == [completion.text for completion in found]
    assert [False, True, False] == [completion.error is not None for completion in found]
    assert REASONS[fault] in str(found[1].error)


def test_attempts_are_bounded(server: ScriptedServer) -> None:
    """A request is sent a fixed number of times, not more."""
    server.behaviour.script = lambda prompt, _: "500" if prompt == "bad" else ""

    ask(server, ["bad"])

    assert client.ATTEMPTS == server.met["500"]


def test_a_storm_of_refusals_narrows_the_flow(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a storm fewer requests are sent at once; all of them are answered in the end."""
    server.behaviour.script = lambda prompt, earlier: "429-wait" if earlier < 2 and not is_probe(prompt) else ""
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 30.0)

    found = ask(server, [f"prompt {number}" for number in range(20)], concurrency=32)

    assert [None] * 20 == [completion.error for completion in found]
    assert server.most_at_once <= FIRST


def test_a_wait_beyond_all_patience_stops_the_run(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that asks to come back tomorrow ends the run with what it asked for; nothing is lost."""
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.01)
    server.behaviour.script = lambda prompt, _: "" if is_probe(prompt) else "429-wait"

    with pytest.raises(UserError, match=r"asks to wait .* the same command continues"):
        ask(server, ["one"])


def test_a_server_that_goes_away_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody answers any more, the remaining samples are not burnt one by one."""
    for module in (client, probe):
        monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.001)
    with ScriptedServer() as server:
        endpoint = {"base_url": server.base_url, "model": "toy", "concurrency": 2}
        values = {"name": "toy", "title": "Toy", "context_length": 4096, "chat": "server", "licence": "none"}
        card = Card.model_validate(values | {"endpoint": endpoint})
        model = EndpointModel(card, load_tokenizer(card), BackendOptions())
        list(model.generate(RopeSetting("native"), [GenerationRequest(0, token_array([97]), 64)]))
    requests = [GenerationRequest(index, token_array([97 + index % 20]), 64) for index in range(1000)]
    failed: list[Completion] = []

    with pytest.raises(UserError, match="nobody answers at"):
        failed.extend(model.generate(RopeSetting("native"), requests))


def test_a_fifth_of_all_requests_may_go_wrong(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults of all kinds in one run: every sample ends once, answered rightly or failed with its reason, in time."""
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 30.0)

    def script(prompt: str, earlier: int) -> str:
        if is_probe(prompt):
            return ""
        draw = int(hashlib.sha256(f"{prompt}/{earlier}".encode()).hexdigest(), 16)
        if draw % 5 == 0:
            return FAULTS[draw // 5 % len(FAULTS)]
        return "null-content" if prompt.endswith("7") else ""

    server.behaviour.script = script
    texts = [f"prompt {number}" for number in range(300)]
    began = time.monotonic()

    found = ask(server, texts)

    assert list(range(300)) == [completion.index for completion in found]
    for completion, text in zip(found, texts, strict=True):
        assert (answer_to(text) if completion.error is None else "") == completion.text
    failed = {completion.index for completion in found if completion.error}
    assert 20 < len(failed)
    assert failed <= set(range(7, 300, 10))
    assert set(FAULTS) <= set(server.met)
    assert time.monotonic() - began < 60
