"""Several servers of one model: each watched while it answers, lost when it is gone, had again when it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from evalkit.cards import Card, Endpoint
from evalkit.errors import UserError
from evalkit.models import (
    BackendOptions,
    Completion,
    GenerationRequest,
    ServersModel,
    same_address,
    server_replicas,
)
from evalkit.models.endpoint import _probe as probe
from evalkit.models.endpoint import _replicas as replicas
from evalkit.models.endpoint.transport import _client as client
from evalkit.models.endpoint.transport import _health as health
from evalkit.models.replicas import Replica, ReplicaLostError
from evalkit.planning.shards import WorkCost
from evalkit.prompts import PromptTokenizer, token_array
from evalkit.rope import RopeSetting
from tests.models.endpoint.byte_tokenizer import Bytes
from tests.models.endpoint.scripted_server import KEY, ScriptedServer, ServerProcess, answer_to

NATIVE = RopeSetting("native")
NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds takes tenths of them; no key of the user's goes anywhere."""
    for module in (client, probe):
        monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.02)
    for name, seconds in (
        ("LOOK_EVERY", 0.2), ("LOOK_AGAIN", 0.05), ("LOOK_SECONDS", 0.3), ("AWAY_SECONDS", 0.3), ("BUSY_SECONDS", 0.6)
    ):  # fmt: skip
        monkeypatch.setattr(health, name, seconds)
    monkeypatch.setattr(replicas, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(replicas, "RETURN_SECONDS", 20.0)
    monkeypatch.delenv("EVALKIT_API_KEY", raising=False)


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    """A second server."""
    with ScriptedServer() as running:
        yield running


def card_at(address: str, **endpoint: Any) -> Card:
    """The card of the servers' model."""
    values = {"base_url": address, "model": "toy", "timeout_seconds": 5.0, "concurrency": 4} | endpoint
    return Card.model_validate(
        {"name": "toy", "title": "Toy", "context_length": 4096, "chat": "none", "licence": "none", "endpoint": values}
    )


def replicas_at(*addresses: str, **endpoint: Any) -> list[Replica]:
    """The servers at these addresses."""
    return server_replicas(
        [card_at(address, **endpoint) for address in addresses], PromptTokenizer(Bytes()), BackendOptions()
    )


def requests_for(texts: Sequence[str]) -> list[GenerationRequest]:
    """Requests whose ids are bytes."""
    return [GenerationRequest(index, token_array(list(text.encode())), 64) for index, text in enumerate(texts)]


TEXTS = [f"the prompt of number {number}" for number in range(60)]


def answered(replica: Replica, texts: Sequence[str] = TEXTS) -> list[str]:
    """The answers, in order."""
    found = sorted(replica.open().generate(NATIVE, requests_for(texts)), key=lambda each: each.index)
    assert [None] * len(texts) == [each.error for each in found]
    return [each.text for each in found]


def until_lost(completions: Iterator[Completion], found: list[Completion]) -> str:
    """Why the server is lost; what it answered before goes to `found`."""
    with pytest.raises(ReplicaLostError) as caught:
        found.extend(completions)
    return str(caught.value)


def right(found: Sequence[Completion]) -> bool:
    """Whether each is the answer to its own prompt, and none comes twice."""
    is_one = len({each.index for each in found}) == len(found)
    return is_one and all(each.error is None and each.text == answer_to(TEXTS[each.index]) for each in found)


def test_a_killed_server_is_lost_with_its_answers_kept_and_had_again_when_it_is_back() -> None:
    """The loss is found in seconds; `open` waits meanwhile, and gives a model that answers the rest."""
    with ServerProcess(seconds=0.02) as server:
        (replica,) = replicas_at(server.base_url)
        completions = replica.open().generate(NATIVE, requests_for(TEXTS))
        found = [next(completions) for _ in range(10)]

        server.kill()
        began = time.monotonic()
        reason = until_lost(completions, found)
        taken = time.monotonic() - began

        back = threading.Timer(0.5, server.start)
        back.start()
        rest = [TEXTS[index] for index in range(60) if index not in {each.index for each in found}]
        again = answered(replica, rest)
        back.join()

    assert "nobody answers" in reason
    assert right(found)
    assert len(found) < 60
    assert [answer_to(text) for text in rest] == again
    assert taken < 3


def test_a_server_that_does_nothing_more_is_lost_when_one_answer_may_take_no_longer() -> None:
    """The kernel goes on taking connections of a process that hangs."""
    with ServerProcess(seconds=0.02) as server:
        (replica,) = replicas_at(server.base_url, timeout_seconds=1.0)
        completions = replica.open().generate(NATIVE, requests_for(TEXTS))
        found = [next(completions) for _ in range(10)]

        server.halt()
        began = time.monotonic()
        reason = until_lost(completions, found)

    assert "it has answered nothing for 1 s" in reason
    assert right(found)
    assert 1 <= time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("behaviour", "texts"),
    [
        ({"seconds": 0.8, "listing_seconds": 0.8}, TEXTS[:4]),  # at one thing at a time: no look is answered meanwhile
        ({"seconds": 0.8}, TEXTS[:4]),
        ({"script": lambda prompt, earlier: "429" if earlier < 3 and prompt in TEXTS else ""}, TEXTS[:12]),
        ({"script": lambda prompt, earlier: "502" if earlier < 2 and prompt in TEXTS else ""}, TEXTS[:12]),
        ({"script": lambda prompt, earlier: "reset" if earlier < 2 and prompt in TEXTS else ""}, TEXTS[:12]),
    ],
    ids=["at one thing", "slow", "429", "short 502", "resets"],
)
def test_a_server_that_is_slow_or_asks_for_patience_is_not_lost(
    server: ScriptedServer, behaviour: dict[str, Any], texts: list[str]
) -> None:
    """However long it takes, as long as each answer comes within the time that one may take."""
    (replica,) = replicas_at(server.base_url)
    model = replica.open()
    vars(server.behaviour).update(behaviour)

    found = list(model.generate(NATIVE, requests_for(texts)))

    assert right(found)
    assert len(texts) == len(found)


@pytest.mark.parametrize(("fault", "patience"), [("502", 0.3), ("503", 0.6)])
def test_a_server_behind_whom_nobody_is_left_is_lost(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, fault: str, patience: float
) -> None:
    """A gateway that only says so, though it still lists the model; 503, which may be a queue, for longer."""
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0.5)
    (replica,) = replicas_at(server.base_url)
    fine = set(TEXTS[:20])
    server.behaviour.script = lambda prompt, _: fault if prompt in TEXTS and prompt not in fine else ""
    found: list[Completion] = []
    began = time.monotonic()

    reason = until_lost(replica.open().generate(NATIVE, requests_for(TEXTS)), found)

    assert f"it answers {fault} only" in reason
    assert right(found)
    assert 20 == len(found)
    assert patience <= time.monotonic() - began < 5


def test_nobody_at_the_start_is_a_loss_at_once_and_a_wait_while_others_are_there(server: ScriptedServer) -> None:
    """Where no server ever answered, nobody waits for one."""
    absent, there = replicas_at(NOBODY, server.base_url)
    alone, also = replicas_at(NOBODY, "http://127.0.0.1:10/v1")
    began = time.monotonic()
    for replica in (absent, alone, also, alone, also):
        with pytest.raises(ReplicaLostError, match="nobody answers"):
            replica.open()
    assert time.monotonic() - began < 5
    assert [answer_to("a")] == answered(there, ["a"])

    closing = threading.Timer(0.5, absent.close)
    closing.start()
    began = time.monotonic()
    with pytest.raises(ReplicaLostError):
        absent.open()

    assert 0.4 < time.monotonic() - began < 5


def test_closing_ends_what_is_under_way(server: ScriptedServer) -> None:
    """From another thread, and at once: the server would take a minute."""
    (replica,) = replicas_at(server.base_url, timeout_seconds=100.0)
    model = replica.open()
    list(model.generate(NATIVE, requests_for(TEXTS[:1])))
    server.behaviour.seconds = 60.0
    closing = threading.Timer(0.3, replica.close)
    closing.start()
    began = time.monotonic()

    reason = until_lost(model.generate(NATIVE, requests_for(TEXTS)), [])

    assert "closed" in reason
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        ({"window": 4096}, {"window": 2048}, "{other} takes 2048 tokens and {server} takes 4096"),
        ({}, {"models": ["other"]}, "unknown model at {other} 'toy': there are: other; {server} has it"),
    ],
)
def test_another_model_is_refused_before_anything_is_asked(
    server: ScriptedServer, other: ScriptedServer, here: dict[str, Any], there: dict[str, Any], words: str
) -> None:
    """One line that names both; not even the servers that are right are asked anything, whoever is opened first."""
    vars(server.behaviour).update(here)
    vars(other.behaviour).update(there)
    both = replicas_at(server.base_url, other.base_url)

    for replica in both:
        with pytest.raises(UserError) as caught:
            replica.open()
        assert words.format(server=server.base_url, other=other.base_url) in str(caught.value)
        assert "must be of one model" in str(caught.value)
    assert [] == server.payloads + other.payloads


@pytest.mark.parametrize(
    ("there", "words"),
    [({"answers_as": "toy-large"}, "answers as toy-large and"), ({"only_temperature": 1.0}, "decodes otherwise")],
)
def test_what_answers_otherwise_answers_nothing(
    server: ScriptedServer, other: ScriptedServer, there: dict[str, Any], words: str
) -> None:
    """A server that answers under another name, or not greedily, is seen with its first question."""
    vars(other.behaviour).update(there)
    right_one, wrong_one = replicas_at(server.base_url, other.base_url)
    assert [answer_to("a")] == answered(right_one, ["a"])

    with pytest.raises(UserError, match=words) as caught:
        list(wrong_one.open().generate(NATIVE, requests_for(TEXTS)))

    assert server.base_url in str(caught.value)
    assert not any(payload["prompt"] == list(text.encode()) for text in TEXTS for payload in other.payloads)


def test_a_server_that_comes_back_as_another_is_lost_alone() -> None:
    """The others go on: the loss says what is wrong with it."""
    with ServerProcess(window=4096) as server, ScriptedServer() as other:
        other.behaviour.window = 4096
        replica, _ = replicas_at(server.base_url, other.base_url)
        assert [answer_to("a")] == answered(replica, ["a"])
        server.kill()
        server._behaviour = '{"window": 2048}'
        server.start()

        with pytest.raises(ReplicaLostError, match="takes 2048 tokens"):
            replica.open()


def test_a_refused_key_is_an_error_of_the_request(server: ScriptedServer, other: ScriptedServer) -> None:
    """It would be refused in the next try too."""
    other.behaviour.key = KEY

    with pytest.raises(UserError, match=f"{other.base_url} refuses the key"):
        replicas_at(server.base_url, other.base_url)[0].open()


def test_money_is_counted_at_one_server_only() -> None:
    """Two limits would be twice the money."""
    prices = {"input": 1, "output": 1}
    cards = [card_at(NOBODY, prices=prices), card_at("http://127.0.0.1:10/v1", prices=prices)]

    with pytest.raises(UserError, match="--max-cost is counted at one server"):
        server_replicas(cards, PromptTokenizer(Bytes()), BackendOptions(max_cost=1.0))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("http://a:8000/v1", "http://a:8000/v1/", True),
        ("http://a/v1", "http://A:80/v1", True),
        ("https://a/v1", "https://a:443/v1", True),
        ("http://a/v1", "https://a/v1", False),
        ("http://a/v1", "http://a/v2", False),
        ("http://a:8000/v1", "http://a:8001/v1", False),
    ],
)
def test_an_address_is_the_same_however_it_is_written(one: str, other: str, is_same: bool) -> None:
    """A server that is named twice would be taken for two."""
    assert is_same is same_address(Endpoint(base_url=one), Endpoint(base_url=other))


@pytest.mark.parametrize("count", [1, 2])
def test_servers_that_read_in_part_are_found_out_however_few_prompts_each_is_asked_at_once(count: int) -> None:
    """Prompts that share nothing come one or two at a time; like counts of all of them convict a server.

    Another one, which reads everything, is held against its own counts alone.
    """
    texts = [f"{number} {'word ' * (136 + number // 2)}" for number in range(60)]
    notes: list[str] = []
    with ExitStack() as stack:
        servers = [stack.enter_context(ScriptedServer()) for _ in range(count + 1)]
        for number, each in enumerate(servers):
            each.behaviour.takes_ids, each.behaviour.seconds = False, 0.02
            each.behaviour.reads_at_most = 650 if number < count else None
        cards = [card_at(each.base_url) for each in servers]
        model = ServersModel(
            cards, PromptTokenizer(Bytes()), WorkCost(1.0, 0.001, 4.0), BackendOptions(note=notes.append)
        )
        found = sorted(model.generate(NATIVE, requests_for(texts)), key=lambda each: each.index)
        model.close()
        whole = {payload["prompt"] for payload in servers[-1].payloads}

    assert list(range(60)) == [each.index for each in found]
    assert [text in whole for text in texts] == [each.error is None for each in found]
    assert any("it drops what exceeds its window" in note for note in notes)
