"""Several servers of one model as replicas: each is asked what it is, watched while it answers, and waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn
from urllib.parse import urlsplit

from evalkit.cards import Card, Endpoint
from evalkit.errors import UnknownNameError, UserError
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting

from .._base import BackendOptions, Completion, GenerationRequest
from ..replicas import Replica, ReplicaLostError
from ._adapter import EndpointModel
from ._probe import Abilities, Server, ServerAbsentError, find_server
from .protocol import is_model_named
from .transport import Health, ServerGoneError, absence

__all__ = ["same_address", "server_replicas"]

RETURN_SECONDS = 300.0  # how long one `open` waits for a server that went away: a large model takes minutes to load
POLL_SECONDS = 3.0
PORTS = {"http": 80, "https": 443}
ONE_MODEL = "all servers of a run must be of one model"


def same_address(one: Endpoint, other: Endpoint) -> bool:
    """Whether two endpoints are one server by their addresses, however these are written."""
    return _place(one) == _place(other)


def _place(endpoint: Endpoint) -> tuple[str, str | None, int, str]:
    parts = urlsplit(endpoint.base_url)
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], parts.path


def server_replicas(
    cards: Sequence[Card],
    tokenizer: PromptTokenizer,
    options: BackendOptions,
    answered_by: MutableMapping[int, EndpointModel] | None = None,
) -> list[Replica]:
    """The servers of one model, each behind its own card's endpoint; nothing is asked of them before they are opened.

    `open` raises `UserError` where one of them is another model, names both addresses, and no server is opened then.
    With `answered_by`, which server answered a request is kept there, by index, and whoever takes completions has that
    one check them.
    """
    if options.max_cost is not None and len(cards) > 1:
        raise UserError("--max-cost is counted at one server; leave it out, or name one server")
    endpoints = [card.endpoint for card in cards if card.endpoint is not None]
    peers = _Peers(endpoints)
    return [
        _ServerReplica(card, endpoint, tokenizer, options, peers, answered_by)
        for card, endpoint in zip(cards, endpoints, strict=True)
    ]


class _Peers:
    """What the servers of a run say of themselves, held against each other. Used by the threads of all replicas."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        self._lock = threading.Lock()
        self._have_met = False
        self._first: tuple[str, Server] | None = None
        self._first_abilities: tuple[str, Abilities] | None = None

    @property
    def is_any_known(self) -> bool:
        """Whether one of them was ever there."""
        return self._first is not None

    def meet(self) -> None:
        """Ask all of them at once, those that are there, before any of them answers a prompt."""
        with self._lock:
            if self._have_met:
                return
            with ThreadPoolExecutor(len(self._endpoints)) as pool:
                found = list(pool.map(_found, self._endpoints))
            there = [(endpoint, each) for endpoint, each in zip(self._endpoints, found, strict=True) if each]
            names = [endpoint.base_url for endpoint, each in there if isinstance(each, Server)]
            for endpoint, each in there:
                if isinstance(each, UserError):
                    raise _with_peer(each, names)
                self._agree(endpoint, each)
            self._have_met = bool(names)

    def agree(self, endpoint: Endpoint, server: Server) -> None:
        """Raise `UserError` where a server is another one than the first."""
        with self._lock:
            self._agree(endpoint, server)

    def _agree(self, endpoint: Endpoint, server: Server) -> None:
        address, first = self._first = self._first or (endpoint.base_url, server)
        if None not in (server.window, first.window) and server.window != first.window:
            raise UserError(
                f"{endpoint.base_url} takes {server.window} tokens and {address} takes {first.window}: {ONE_MODEL}, "
                "started with one window"
            )

    def agree_on(self, endpoint: Endpoint, abilities: Abilities) -> None:
        """Raise `UserError` where a server answers as another model, or decodes otherwise, than the first."""
        with self._lock:
            address, first = self._first_abilities = self._first_abilities or (endpoint.base_url, abilities)
        ours, theirs = abilities.answers_as, first.answers_as
        if not (is_model_named(ours, theirs) or is_model_named(theirs, ours)):
            raise UserError(f"{endpoint.base_url} answers as {ours} and {address} as {theirs}: {ONE_MODEL}")
        if _decoding(abilities) != _decoding(first):
            raise UserError(
                f"{endpoint.base_url} decodes otherwise ({_decoding(abilities)}) than {address} ({_decoding(first)}): "
                "scores would mix both; name servers that take the same fields"
            )


def _found(endpoint: Endpoint) -> Server | UserError | None:
    """What the server says of itself, or what is wrong with it; None where it is not there."""
    if absence(endpoint) is not None:
        return None
    try:
        return find_server(endpoint)
    except ServerAbsentError:
        return None
    except UserError as error:
        return error


def _with_peer(error: UserError, others: Sequence[str]) -> UserError:
    """The error of a server; where that has no such model, with the address of one that has."""
    if isinstance(error, UnknownNameError) and others:
        return UserError(f"{error}; {others[0]} has it: {ONE_MODEL}")
    return error


def _decoding(abilities: Abilities) -> str:
    """How answers are decoded, as a run's label tells it; stop strings are honoured in any case."""
    left_out = [name for name in abilities.shape.left_out if name != "stop"]
    return abilities.shape.decoding + (f" without {', '.join(left_out)}" if left_out else "")


class _ServerReplica:
    """One of the servers."""

    def __init__(
        self,
        card: Card,
        endpoint: Endpoint,
        tokenizer: PromptTokenizer,
        options: BackendOptions,
        peers: _Peers,
        answered_by: MutableMapping[int, EndpointModel] | None,
    ) -> None:
        self.label = endpoint.base_url
        self._card = card
        self._endpoint = endpoint
        self._tokenizer = tokenizer
        self._options = options
        self._peers = peers
        self._answered_by = answered_by
        self._health: Health | None = None
        self._is_closed = threading.Event()
        self._opened = 0

    def open(self) -> _ServerModel:
        """The server, asked what it is; one that is away is waited for, if it or another one was ever there."""
        self._opened += 1
        self._peers.meet()
        self._wait()
        try:
            self._peers.agree(self._endpoint, find_server(self._endpoint))
        except UserError as error:
            self.refuse(error)
        self._health = Health(self._endpoint)
        if self._is_closed.is_set():
            raise ReplicaLostError("it was closed")
        is_checked_later = self._answered_by is not None
        model = EndpointModel(
            self._card, self._tokenizer, self._options, self._health, is_checked_later=is_checked_later
        )
        return _ServerModel(self, model, self._health, self._answered_by)

    def _wait(self) -> None:
        """Return when the server answers; `ReplicaLostError` where it does not within bounds, or `close` is called."""
        is_worth_it = self._opened > 1 and self._peers.is_any_known
        until = time.monotonic() + (RETURN_SECONDS if is_worth_it else 0.0)
        while (found := absence(self._endpoint)) is not None:
            if time.monotonic() >= until or self._is_closed.wait(POLL_SECONDS):
                raise ReplicaLostError(found.reason)

    def check(self, abilities: Abilities) -> None:
        """Hold what the server can do against the others."""
        self._peers.agree_on(self._endpoint, abilities)

    def refuse(self, error: UserError) -> NoReturn:
        """Raise what is wrong: with the request, or with this server alone where it went away, or came back another."""
        if self._opened > 1 or isinstance(error, ServerAbsentError):
            raise ReplicaLostError(str(error)) from None
        if (found := absence(self._endpoint)) is not None:
            raise ReplicaLostError(found.reason) from None
        raise error

    def close(self) -> None:
        """End what is asked of the server, and the wait for it; nothing is asked of it again."""
        self._is_closed.set()
        if self._health is not None:
            self._health.end()


class _ServerModel:
    """The model at one of the servers; `generate` raises `ReplicaLostError` where that is gone."""

    name = EndpointModel.name

    def __init__(
        self,
        replica: _ServerReplica,
        model: EndpointModel,
        health: Health,
        answered_by: MutableMapping[int, EndpointModel] | None,
    ) -> None:
        self._replica = replica
        self._model = model
        self._health = health
        self._answered_by = {} if answered_by is None else answered_by

    @property
    def engine_info(self) -> dict[str, Any]:
        """As the model itself."""
        return self._model.engine_info

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answer the requests; what was answered before a loss comes before its error."""
        try:
            self._replica.check(self._model.open(requests))
            for completion in self._model.generate(rope, requests):
                self._answered_by[completion.index] = self._model
                yield completion
        except ServerGoneError as error:
            raise ReplicaLostError(str(error)) from None
        except UserError as error:
            self._replica.refuse(error)
        if self._health.is_ended:
            raise ReplicaLostError("it was closed")

    def close(self) -> None:
        """End what is under way."""
        self._health.end()
