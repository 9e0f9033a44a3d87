"""Draws of a server: what it is sent, what it is not known to take, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from evalkit.models import Completion, GenerationRequest, Sampling
from evalkit.models.endpoint._adapter import EndpointModel
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting
from tests.models.endpoint.byte_tokenizer import Bytes
from tests.models.endpoint.scripted_server import ScriptedServer
from tests.models.endpoint.test_adapter import BackendOptions, card_for, requests_for

FIELDS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed")


def ask(server: ScriptedServer, requests: Sequence[GenerationRequest], **card: Any) -> tuple[EndpointModel, list[str]]:
    """The adapter after it has asked, and its notes."""
    notes: list[str] = []
    model = EndpointModel(card_for(server, **card), PromptTokenizer(Bytes()), BackendOptions(note=notes.append))
    assert [None] * len(requests) == [each.error for each in model.generate(RopeSetting("native"), requests)]
    return model, notes


def sent(server: ScriptedServer, count: int = 1) -> list[dict[str, Any]]:
    """Fields of sampling in the last requests."""
    return [{name: body[name] for name in FIELDS if name in body} for body in server.payloads[-count:]]


def test_a_server_of_unknown_make_gets_the_fields_of_the_api(server: ScriptedServer) -> None:
    """Top-p as "all" where it is not asked for, so that no default of the server's is in force; a seed a draw."""
    seeds = [2**40 + 7, 2**40 + 8]
    requests = [request for seed in seeds for request in requests_for(["a"], sampling=Sampling(0.7, seed=seed))]
    requests[1] = requests_for(["a", "a"], sampling=Sampling(0.7, seed=seeds[1]))[1]

    model, notes = ask(server, requests)

    found = sorted(sent(server, 2), key=lambda fields: fields["seed"])
    assert [{"temperature": 0.7, "top_p": 1.0, "seed": seed} for seed in (7, 8)] == found
    assert ("sampled", None, []) == (model.engine_info["decoding"], model.engine_info.get("left_out"), notes)


@pytest.mark.parametrize("make", ["vllm", "sglang", "llamacpp"])
def test_servers_that_take_more_are_sent_it(server: ScriptedServer, make: str) -> None:
    """Theirs are in force otherwise: vLLM's and SGLang's are the model's generation configuration's."""
    server.behaviour.owned_by = make

    ask(server, requests_for(["a"], sampling=Sampling(0.7, 0.9, 20, seed=5)))
    assert [{"temperature": 0.7, "top_p": 0.9, "top_k": 20, "min_p": 0.0, "seed": 5}] == sent(server)

    ask(server, requests_for(["a"], sampling=Sampling(0.7)))
    assert [{"temperature": 0.7, "top_p": 1.0, "top_k": -1, "min_p": 0.0, "seed": 0}] == sent(server)


def test_top_k_is_left_out_and_said_where_nobody_knows_it(server: ScriptedServer) -> None:
    """A field that is ignored in silence would stand in the identity as if it were in force."""
    model, notes = ask(server, requests_for(["a"], sampling=Sampling(0.7, top_k=20)))

    assert "top_k" not in sent(server)[0]
    assert ["top_k"] == model.engine_info["left_out"]
    assert [
        f"{server.base_url} is not known to take the field top_k, which is left out; its own default is in force"
    ] == notes


@pytest.mark.parametrize("make", ["vllm", "sglang"])
def test_a_penalty_is_sent_to_servers_that_take_one(server: ScriptedServer, make: str) -> None:
    """Only where it is asked for: the model's own is in force otherwise."""
    server.behaviour.owned_by = make

    ask(server, requests_for(["a"], sampling=Sampling(0.3, repetition_penalty=1.1)))

    assert [1.1] == [fields["repetition_penalty"] for fields in sent(server)]


@pytest.mark.parametrize("make", ["somebody", "llamacpp"])
def test_a_penalty_is_left_out_and_said_elsewhere(server: ScriptedServer, make: str) -> None:
    """The API has none, and llama.cpp's is another one, of the last 64 tokens."""
    server.behaviour.owned_by = make

    model, notes = ask(server, requests_for(["a"], sampling=Sampling(0.3, repetition_penalty=1.1)))

    assert "repetition_penalty" not in sent(server)[0]
    assert ["repetition_penalty"] == model.engine_info["left_out"]
    assert [
        f"{server.base_url} is not known to take the field repetition_penalty, which is left out; "
        "its own default is in force"
    ] == notes


def test_a_penalty_that_is_refused_is_left_out_and_said(server: ScriptedServer) -> None:
    """As by a gateway before a server that would take it."""
    server.behaviour.owned_by = "vllm"
    server.behaviour.refuses = {"repetition_penalty": {"error": {"message": "Unknown field: repetition_penalty"}}}

    model, notes = ask(server, requests_for(["a"], sampling=Sampling(0.3, repetition_penalty=1.1)))

    assert "repetition_penalty" not in sent(server)[0]
    assert ["repetition_penalty"] == model.engine_info["left_out"]
    assert any("refuses the field repetition_penalty, which is left out" in note for note in notes)


@pytest.mark.parametrize("chat", ["none", "server"])
def test_what_is_refused_is_left_out_and_said(server: ScriptedServer, chat: str) -> None:
    """One field after the other, by completions and by chat."""
    message = {"error": {"message": "Unsupported parameter: '{}' is not supported with this model."}}
    server.behaviour.refuses = {
        name: {"error": {"message": message["error"]["message"].format(name)}} for name in ("top_p", "seed")
    }

    model, notes = ask(server, requests_for(["a"], sampling=Sampling(0.7, 0.9)), chat=chat)

    assert [{"temperature": 0.7}] == sent(server)
    assert {"top_p", "seed"} == set(model.engine_info["left_out"])
    assert any(
        "refuses the field seed, which is left out; the same draw may be another answer" in note for note in notes
    )


def test_a_temperature_that_is_refused_is_said(server: ScriptedServer) -> None:
    """As of o-series models, which have one temperature."""
    server.behaviour.only_temperature = 1.0

    model, notes = ask(server, requests_for(["a"], sampling=Sampling(0.7)))

    assert "server's default (temperature refused)" == model.engine_info["decoding"]
    assert any("draws at its own temperature" in note for note in notes)
    assert "temperature" not in sent(server)[0]


def test_greedy_requests_carry_no_field_of_draws(server: ScriptedServer) -> None:
    """As before there were any."""
    server.behaviour.owned_by = "vllm"

    ask(server, requests_for(["a"]))

    assert [{"temperature": 0}] == sent(server)


@pytest.mark.parametrize("is_shown", [False, True])
@pytest.mark.parametrize("chat", ["none", "server"])
def test_each_request_is_drawn_as_it_says_whatever_was_asked_before(
    server: ScriptedServer, chat: str, is_shown: bool
) -> None:
    """A chat may change its sampling from question to question; what is refused is learnt once for each."""
    server.behaviour.owned_by = "vllm"
    server.behaviour.refuses = {"top_k": {"error": {"message": "Unknown field: top_k"}}}
    rules = [None, Sampling(0.7, seed=3), Sampling(0.2, 0.5, 9, 1.2, seed=4), None, Sampling(0.7, seed=5)]
    requests = [requests_for(["a"], stop=("\n",), sampling=rule)[0] for rule in rules]
    notes: list[str] = []
    model = EndpointModel(card_for(server, chat=chat), PromptTokenizer(Bytes()), BackendOptions(note=notes.append))
    decoded = []
    for request in requests:
        *_, last = (
            model.stream(RopeSetting("native"), request)
            if is_shown
            else model.generate(RopeSetting("native"), [request])
        )
        assert isinstance(last, Completion) and last.error is None
        decoded.append((sent(server)[0], model.engine_info["decoding"]))

    off = {"top_p": 1.0, "min_p": 0.0}
    assert [
        ({"temperature": 0}, "greedy"),
        ({"temperature": 0.7, **off, "seed": 3}, "sampled"),
        ({"temperature": 0.2, "top_p": 0.5, "min_p": 0.0, "repetition_penalty": 1.2, "seed": 4}, "sampled"),
        ({"temperature": 0}, "greedy"),
        ({"temperature": 0.7, **off, "seed": 5}, "sampled"),
    ] == decoded
    assert 1 == sum("refuses the field top_k" in note for note in notes)
    assert len(rules) + 3 + 2 == len(server.payloads)  # three rules are tried, the two that draw again without top_k
