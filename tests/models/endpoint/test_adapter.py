"""The endpoint adapter against a server that does as the test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from evalkit.cards import Card, Endpoint, Prices
from evalkit.errors import UnknownNameError, UserError
from evalkit.models import (
    BackendOptions,
    Completion,
    GenerationRequest,
    endpoint_card,
    endpoint_tokenizer,
    named_endpoint,
)
from evalkit.models.endpoint._adapter import EndpointModel
from evalkit.prompts import PromptTokenizer, load_tokenizer, token_array
from evalkit.rope import RopeModel, RopeSetting, engine_setting, parse_rope
from evalkit.tasks import StopRule
from tests.models.endpoint.byte_tokenizer import Bytes
from tests.models.endpoint.scripted_server import KEY, ScriptedServer, answer_to

NATIVE = RopeSetting("native")
Ask = Callable[..., list[Completion]]


def card_for(server: ScriptedServer, chat: str = "none", **endpoint: Any) -> Card:
    """A card of a model that only the server has."""
    values = {"base_url": server.base_url, "model": "toy", "timeout_seconds": 5.0} | endpoint
    return Card.model_validate(
        {"name": "toy", "title": "Toy", "context_length": 4096, "chat": chat, "licence": "none", "endpoint": values}
    )


def requests_for(texts: Sequence[str], **fields: Any) -> list[GenerationRequest]:
    """Requests whose ids are bytes."""
    values = {"max_new_tokens": 64} | fields
    return [GenerationRequest(index, token_array(list(text.encode())), **values) for index, text in enumerate(texts)]


def ask(
    card: Card, requests: Sequence[GenerationRequest], rope: RopeSetting = NATIVE, **options: Any
) -> list[Completion]:
    """Completions in the order of the requests, tokens being bytes."""
    model = EndpointModel(card, PromptTokenizer(Bytes()), BackendOptions(**options))
    return sorted(model.generate(rope, requests), key=lambda completion: completion.index)


TEXTS = ["one", "two words", "three ☕ words"]


@pytest.mark.parametrize(("takes_ids", "kind"), [(True, list), (False, str)])
def test_ids_are_sent_where_the_server_takes_them(server: ScriptedServer, takes_ids: bool, kind: type) -> None:
    """Token ids go out as they are; a server that takes only text gets the same prompt as text."""
    server.behaviour.takes_ids = takes_ids

    found = ask(card_for(server), requests_for(TEXTS))

    assert [answer_to(text) for text in TEXTS] == [completion.text for completion in found]
    assert {kind} == {type(payload["prompt"]) for payload in server.payloads[-3:]}


def test_chat_messages_are_sent_where_the_server_formats(server: ScriptedServer) -> None:
    """With `chat: server` the prompt's ids become messages again, roles and all."""
    prompts = ["a question", "\x1esystem\x1fbe brief\x1euser\x1fa question\x1eassistant\x1fno\x1euser\x1fwhy"]

    ask(card_for(server, chat="server"), requests_for(prompts))

    sent = sorted((payload["messages"] for payload in server.payloads[-2:]), key=len)
    assert [{"role": "user", "content": "a question"}] == sent[0]
    assert ["system", "user", "assistant", "user"] == [message["role"] for message in sent[1]]
    assert ["be brief", "a question", "no", "why"] == [message["content"] for message in sent[1]]


def test_a_prompt_cut_between_its_roles_fails(server: ScriptedServer) -> None:
    """Messages whose roles truncation destroyed are not sent as something else."""
    found = ask(card_for(server, chat="server"), requests_for(["\x1euser\x1fa question\x1eassis"]))

    assert "between two chat turns" in str(found[0].error)


def test_every_prompt_gets_its_own_answer(server: ScriptedServer) -> None:
    """However many are under way, answers are not mixed up, and each comes once."""
    server.behaviour.seconds = 0.001
    texts = [f"prompt {number}" for number in range(200)]

    found = ask(card_for(server), requests_for(texts))

    assert list(range(200)) == [completion.index for completion in found]
    assert [answer_to(text) for text in texts] == [completion.text for completion in found]


def test_concurrency_grows_and_stays_within_the_limit(server: ScriptedServer) -> None:
    """A healthy server is given more and more to do, up to what the card allows."""
    server.behaviour.seconds = 0.02

    ask(card_for(server, concurrency=12), requests_for([f"prompt {number}" for number in range(80)]))

    assert 4 < server.most_at_once <= 12


def test_usage_is_recorded(server: ScriptedServer) -> None:
    """Prompt, cached and generated tokens are those of the server."""
    found = ask(card_for(server), requests_for(["x" * 40]))[0]

    assert (40, 20, len(answer_to("x" * 40))) == (found.prompt_tokens, found.cached_tokens, found.output_tokens)


def test_greedy_and_nothing_that_only_some_servers_know(server: ScriptedServer) -> None:
    """A server of unknown make gets the fields that all of them know."""
    ask(card_for(server), requests_for(["a"], stop=("\n",)))

    assert {"model", "prompt", "max_tokens", "temperature", "stop"} == set(server.payloads[-1])
    assert (0, 64, ["\n"]) == tuple(server.payloads[-1][name] for name in ("temperature", "max_tokens", "stop"))


def test_vllm_gets_its_own_fields(server: ScriptedServer) -> None:
    """A vLLM server is told to add no second BOS, to keep special tokens, and when a token ends the answer."""
    server.behaviour.owned_by = "vllm"
    decoding = StopRule(ends_at_token_of="\n", min_new_tokens=1)

    ask(card_for(server), requests_for(["a"], stop_rule=decoding))

    sent = server.payloads[-1]
    assert (False, False, True) == tuple(
        sent[name] for name in ("add_special_tokens", "skip_special_tokens", "return_token_ids")
    )
    assert ([10], 1) == (sent["stop_token_ids"], sent["min_tokens"])
    assert "stop" not in sent


def test_an_ending_token_becomes_a_stop_string_elsewhere(server: ScriptedServer) -> None:
    """Where a server cannot be told of a token, its text ends the answer."""
    ask(card_for(server), requests_for(["a"], stop_rule=StopRule(ends_at_token_of="\n")))

    assert ["\n"] == server.payloads[-1]["stop"]


def test_stop_strings_that_come_later_are_tried_before_they_are_sent(server: ScriptedServer) -> None:
    """Prompts of the first call have none; those of the next are answered though the server refuses the field."""
    server.behaviour.refuses = {"stop": {"error": {"message": "'stop' is not supported"}}}
    notes: list[str] = []
    model = EndpointModel(card_for(server), PromptTokenizer(Bytes()), BackendOptions(note=notes.append))

    list(model.generate(NATIVE, requests_for(["a"])))
    found = list(model.generate(NATIVE, requests_for(["a"], stop=("wer",))))
    list(model.generate(NATIVE, requests_for(["a"], stop=("wer",))))

    assert [(None, "ans")] == [(each.error, each.text) for each in found]
    assert [
        f"{server.base_url} refuses the field stop, which is left out; answers are cut at the stop strings here"
    ] == notes
    assert ["stop"] == model.engine_info["left_out"]


def test_stop_strings_beyond_what_the_api_takes_still_cut(server: ScriptedServer) -> None:
    """Four are sent, all are honoured."""
    stop = ("@", "#", "$", "%", "wer")

    found = ask(card_for(server), requests_for(["a"], stop=stop))

    assert ["@", "#", "$", "%"] == server.payloads[-1]["stop"]
    assert "ans" == found[0].text


def test_a_prompt_that_does_not_fit_is_not_sent(server: ScriptedServer) -> None:
    """The window that the server names is kept before anything is sent; the reason names both lengths."""
    server.behaviour.window = 100

    found = ask(card_for(server), requests_for(["x" * 30, "y" * 60]))

    assert [None, True] == [found[0].error, "window is 100" in str(found[1].error)]
    assert "124 tokens (60 + 64" in str(found[1].error)
    assert not any(payload["prompt"] == list(b"y" * 60) for payload in server.payloads)


def test_a_server_that_finds_it_too_long_fails_the_sample(server: ScriptedServer) -> None:
    """Where nobody knows the tokenizer, the server's refusal is the sample's error, never its text."""
    server.behaviour.window = 100
    card = card_for(server, chat="server")
    model = EndpointModel(card, load_tokenizer(card), BackendOptions())
    request = GenerationRequest(0, token_array([ord("é")] * 90), 8)

    found = next(iter(model.generate(NATIVE, [request])))

    assert "" == found.text
    assert str(found.error).startswith("too long for the server: context_length_exceeded")


def test_a_server_that_ignores_the_limit_is_refused(server: ScriptedServer) -> None:
    """Answers longer than the protocol allows would be other answers: nothing is run."""
    server.behaviour.ignores_limit = True

    with pytest.raises(UserError, match="ignores the generation limit"):
        ask(card_for(server), requests_for(["a"]))


def test_one_answer_beyond_the_limit_is_no_answer(server: ScriptedServer) -> None:
    """A server that exceeds the limit only now and then loses only those samples."""

    def forgetful(prompt: str, _: int) -> str:
        server.behaviour.ignores_limit = prompt == "b"
        return ""

    server.behaviour.script = forgetful

    found = ask(card_for(server, concurrency=1), requests_for(["a", "b"], max_new_tokens=5))

    assert [None, "the server generated 19 tokens where 5 were allowed"] == [each.error for each in found]


def test_another_tokenizer_is_noticed(server: ScriptedServer) -> None:
    """A server that counts otherwise than the card's tokenizer is named once."""
    server.behaviour.takes_ids = False
    server.behaviour.surplus_tokens = 20
    notes: list[str] = []

    ask(card_for(server), requests_for(["x" * 100, "y" * 200]), note=notes.append)

    assert 1 == len([note for note in notes if "its tokenizer is not the card's" in note])


def test_the_same_surplus_everywhere_is_the_chat_format(server: ScriptedServer) -> None:
    """What a server's chat format adds to every prompt is no other tokenizer."""
    notes: list[str] = []

    ask(card_for(server, chat="server"), requests_for(["x" * 100, "y" * 200]), note=notes.append)

    assert [] == notes


def test_ids_that_are_counted_otherwise_are_not_trusted(server: ScriptedServer) -> None:
    """A server that takes a list of ids for something else gets text."""
    server.behaviour.surplus_tokens = 100
    notes: list[str] = []

    ask(card_for(server), requests_for(["hello world"]), note=notes.append)

    assert "8 were counted as 16" in notes[0]
    assert isinstance(server.payloads[-1]["prompt"], str)


def test_another_rope_group_is_refused_with_the_command(server: ScriptedServer) -> None:
    """A server has one base: prompts of other groups fail, and the record says how to start the right server."""
    setting = RopeSetting("yarn", 10000.0, 4.0, 1024)

    found = ask(card_for(server), requests_for(["abc"]), rope=setting)

    assert "start one with `vllm serve toy --max-model-len 67" in str(found[0].error)
    assert '"rope_type": "yarn"' in str(found[0].error)
    assert str(found[0].error).endswith(f"--engine rope={setting.key}")
    assert [] == server.payloads


def test_an_engines_own_rule_is_refused_with_the_server_to_start(server: ScriptedServer) -> None:
    """Complete, for the window of the run and not of the prompt; a server that was started so answers."""
    setting = engine_setting(parse_rope("dynamic:4"), RopeModel(10000.0, 1024, 32), "endpoint", 4096)

    refused = ask(card_for(server), requests_for(["abc"]), rope=setting)
    answered = ask(card_for(server, rope=setting.key), requests_for(["abc"]), rope=setting)

    told = str(refused[0].error)
    assert "--max-model-len 4096 --hf-overrides" in told
    assert '"max_trained_positions": 1024' in told
    assert told.endswith("--engine rope=engine:dynamic/base=10000.0/factor=4.0/window=4096")
    assert answer_to("abc") == answered[0].text


def test_the_command_asks_for_no_more_than_yarn_serves(server: ScriptedServer) -> None:
    """vLLM's table of "yarn" ends at factor × original length; a server is not started for more."""
    setting = RopeSetting("yarn", 10000.0, 2.0, 64)

    found = ask(card_for(server), requests_for(["x" * 200]), rope=setting)

    assert "--max-model-len 128 " in str(found[0].error)


def test_a_server_started_for_a_group_answers_it(server: ScriptedServer) -> None:
    """`rope` in the endpoint's settings says which group the server was started for."""
    setting = RopeSetting("default", 54321.0)

    found = ask(card_for(server, rope=setting.key), requests_for(["abc"]), rope=setting)

    assert answer_to("abc") == found[0].text


def test_a_server_that_only_chats_is_named_so(server: ScriptedServer) -> None:
    """Where `/completions` is missing, the error says what to add."""
    server.behaviour.is_chat_only = True

    with pytest.raises(UserError, match="--chat server"):
        ask(card_for(server), requests_for(["a"]))


def test_a_model_that_is_not_served_is_named_with_those_that_are(server: ScriptedServer) -> None:
    """The names that the server lists are offered."""
    server.behaviour.models = ["toy-large", "other"]

    with pytest.raises(UnknownNameError, match="did you mean 'toy-large'"):
        ask(card_for(server, model="toy-larg"), requests_for(["a"]))


def test_the_only_model_needs_no_name(server: ScriptedServer) -> None:
    """A server of one model is asked for that one."""
    assert "toy" == named_endpoint(Endpoint(base_url=server.base_url)).model


def test_several_models_want_a_name(server: ScriptedServer) -> None:
    """Nobody guesses which of several is meant."""
    server.behaviour.models = ["a", "b"]

    with pytest.raises(UserError, match=r"several models \(a, b\)"):
        named_endpoint(Endpoint(base_url=server.base_url))


def test_a_list_of_models_is_not_needed(server: ScriptedServer) -> None:
    """A server that cannot list its models is asked by the name that the user gives."""
    server.behaviour.lists_models = False

    assert answer_to("a") == ask(card_for(server), requests_for(["a"]))[0].text
    with pytest.raises(UserError, match="--engine model=NAME"):
        named_endpoint(Endpoint(base_url=server.base_url))


def test_a_server_that_is_down_is_an_error_at_once() -> None:
    """No retries against an address where nobody is."""
    with pytest.raises(UserError, match=r"http://127.0.0.1:9/v1: no server answers .*start it"):
        named_endpoint(Endpoint(base_url="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize(
    "address", ["ftp://host/v1", "http://", "host:8000", "http://u:p@host/v1", "http://host/v1?key=1"]
)
def test_an_address_that_is_none_or_carries_a_secret_is_refused(address: str) -> None:
    """Addresses are stored in manifests: what may be a key must not be part of one."""
    with pytest.raises(ValueError, match="address"):
        Endpoint(base_url=address)


def test_a_missing_key_is_named_by_its_variable(server: ScriptedServer) -> None:
    """The error says which environment variable to set, before anything is sent."""
    with pytest.raises(UserError, match="set EVALKIT_API_KEY in the environment"):
        ask(card_for(server, is_key_required=True), requests_for(["a"]))
    assert [] == server.keys


def test_a_key_from_the_environment_opens_the_server(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the variable that the card names is sent with every request."""
    server.behaviour.key = KEY
    monkeypatch.setenv("MY_KEY", KEY)

    found = ask(card_for(server, key_env="MY_KEY"), requests_for(["a"]))

    assert answer_to("a") == found[0].text
    assert {KEY} == set(server.keys)


def test_a_key_is_never_repeated(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that echoes the wrong key back does not get it into the message."""
    monkeypatch.setenv("EVALKIT_API_KEY", "sk-wrong")
    model = EndpointModel(card_for(server), PromptTokenizer(Bytes()), BackendOptions())
    list(model.generate(NATIVE, requests_for(["a"])))
    server.behaviour.key, server.behaviour.echoes_key = KEY, True

    with pytest.raises(UserError) as caught:
        list(model.generate(NATIVE, requests_for(["b"])))

    assert "sk-wrong" not in str(caught.value)
    assert "[key]" in str(caught.value)


def test_costs_are_counted(server: ScriptedServer) -> None:
    """What was charged is what the server counted, cached tokens at their own price."""
    prices = {"input": 10.0, "output": 20.0, "cached_input": 1.0}
    model = EndpointModel(card_for(server, prices=prices), PromptTokenizer(Bytes()), BackendOptions())

    list(model.generate(NATIVE, requests_for(["x" * 100])))

    assert Prices(**prices).cost(100, len(answer_to("")), 50) == pytest.approx(model.spent)


def test_nothing_is_sent_that_could_cost_too_much(server: ScriptedServer) -> None:
    """The dearest outcome of all that is under way stays below the limit; the error says how to go on."""
    card = card_for(server, prices={"input": 1e6, "output": 1e6}, concurrency=2)
    model = EndpointModel(card, PromptTokenizer(Bytes()), BackendOptions(max_cost=150.0))
    answered: list[Completion] = []

    with pytest.raises(UserError, match=r"--max-cost 150: reached"):
        answered.extend(model.generate(NATIVE, requests_for(["x" * 10] * 9)))

    assert 0 < model.spent <= 150
    assert all(completion.error is None for completion in answered)


def test_a_limit_without_prices_is_refused(server: ScriptedServer) -> None:
    """A limit that nothing can be held against is not silently ignored."""
    with pytest.raises(UserError, match="needs prices"):
        ask(card_for(server), requests_for(["a"]), max_cost=1.0)


def test_leaving_early_stops_what_is_under_way(server: ScriptedServer) -> None:
    """A caller that stops reading does not leave requests behind."""
    server.behaviour.seconds = 0.02
    model = EndpointModel(card_for(server, concurrency=4), PromptTokenizer(Bytes()), BackendOptions())
    completions = model.generate(NATIVE, requests_for([f"prompt {number}" for number in range(500)]))

    next(completions)
    completions.close()  # type: ignore[attr-defined]

    assert len(server.payloads) < 50


def test_a_server_tells_its_own_card(server: ScriptedServer) -> None:
    """Window, tokenizer and template of a vLLM server make a card; token ids are then its own."""
    server.behaviour.owned_by, server.behaviour.tokenizes, server.behaviour.window = "vllm", True, 2048

    card = endpoint_card(Endpoint(base_url=server.base_url))
    tokenizer = endpoint_tokenizer(card)

    assert ("toy", 2048, "tokenizer") == (card.name, card.context_length, card.chat)
    assert "[user] hé\n[assistant] " == tokenizer.render([{"role": "user", "content": "hé"}], None)
    assert list("hé".encode()) == tokenizer.encode("hé")
    assert "hé" == tokenizer.decode(list("hé".encode()), skip_special=False)


def test_a_server_without_a_tokenizer_counts_characters(server: ScriptedServer) -> None:
    """Nobody knows the tokens, so nobody pretends to: lengths are characters and the server formats the chat."""
    card = endpoint_card(Endpoint(base_url=server.base_url))

    assert "server" == card.chat
    assert "characters" == endpoint_tokenizer(card).unit


@pytest.mark.parametrize("surplus", [0, 100, 900])
def test_many_at_once_do_not_pass_the_limit_together(server: ScriptedServer, surplus: int) -> None:
    """Whatever a server counts beyond the plan, what is spent passes the limit by no more than the first request."""
    server.behaviour.surplus_tokens = surplus
    server.behaviour.seconds = 0.02
    prices = {"input": 1e6, "output": 1e6}
    model = EndpointModel(card_for(server, prices=prices), PromptTokenizer(Bytes()), BackendOptions(max_cost=3000.0))
    answered: list[Completion] = []

    with pytest.raises(UserError, match=r"--max-cost 3000: reached"):
        answered.extend(model.generate(NATIVE, requests_for(["x" * 100] * 200, max_new_tokens=20)))

    one = 100 * (1 + surplus / 100) + 20
    assert 3000 - 4 * one < model.spent <= 3000 + one
    assert len(answered) == round(model.spent / one)


@pytest.mark.parametrize("shape", ["null-content", "no-choices"])
def test_what_is_charged_for_and_no_answer_twice_is_not_asked_for_again(server: ScriptedServer, shape: str) -> None:
    """The same counts say that the server makes nothing else of the prompt."""
    server.behaviour.script = lambda prompt, _: shape if prompt == "an odd prompt" else ""

    (found,) = ask(card_for(server), requests_for(["an odd prompt"]))

    assert found.error is not None
    assert "(2 attempts)" in found.error
