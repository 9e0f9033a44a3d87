"""Which model a run asks, and through what: the card with everything that the command line says about serving it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from evalkit.cards import Card, Endpoint, is_shipped, load_card, on_this_machine
from evalkit.errors import UnknownNameError, UserError
from evalkit.models import (
    UNKNOWN_WINDOW,
    ServerAbsentError,
    addressed,
    backend_name,
    check_key_may_go,
    endpoint_card,
    endpoint_tokenizer,
    is_address,
    named_endpoint,
    same_address,
)
from evalkit.prompts import PromptTokenizer, load_tokenizer
from evalkit.settings import RunSettings

__all__ = ["length_notes", "resolve_lengths", "resolve_model", "resolve_tokenizer", "server_cards"]

FROM_ELSEWHERE = {"base_url", "prices", "is_key_required"}  # fields of an endpoint that are no --engine setting

_Settings = TypeVar("_Settings", bound=BaseModel)


def resolve_model(settings: RunSettings) -> tuple[RunSettings, Card]:
    """The settings with their backend decided, and the card with its engine or its endpoint complete."""
    if settings.backend is not None:
        settings = replace(settings, backend=backend_name(settings.backend))
    settings, card = _found(settings)
    if settings.max_cost is not None and (card.endpoint is None or card.endpoint.prices is None):
        raise UserError("--max-cost needs prices: give them in the card (endpoint.prices)")
    return settings, card


def _found(settings: RunSettings) -> tuple[RunSettings, Card]:
    if is_address(settings.model):
        if settings.base_url or settings.backend not in {None, "endpoint"}:
            raise UserError("a model named by its address is asked there: leave out --base-url and --backend")
        _check_local(settings, "endpoint")
        card = endpoint_card(_endpoint(settings.model, settings.engine))
        return replace(settings, backend="endpoint"), card
    card = load_card(settings.model)
    is_endpoint = card.weights is None or bool(settings.base_url)
    backend = settings.backend or ("endpoint" if is_endpoint else "hf")
    settings = replace(settings, backend=backend)
    _check_local(settings, backend)
    if backend != "endpoint":
        if settings.base_url:
            raise UserError(f"--base-url is for --backend endpoint, and this run has --backend {backend}")
        if backend == "hf" and settings.engine:
            raise UserError("--engine is for --backend vllm and endpoint, and this run has --backend hf")
        card = card.model_copy(update={"engine": _changed(card.engine, settings.engine)})
        return settings, _with_files(card, settings)
    if card.tokenizer is None:
        card = _with_files(card, settings)
    return settings, card.model_copy(update={"endpoint": _first_named(_endpoints_of(card, settings))})


def server_cards(settings: RunSettings, card: Card) -> list[Card]:
    """The card of a run as it is asked at each of its servers; the card alone where there is one, or none."""
    if len(settings.base_url) < 2 or card.endpoint is None:
        return [card]
    named = {"model": card.endpoint.model}
    return [
        card.model_copy(update={"endpoint": endpoint.model_copy(update=named)})
        for endpoint in _endpoints_of(card, settings)
    ]


def _check_local(settings: RunSettings, backend: str) -> None:
    """Refuse settings of a model on this machine that the backend cannot obey."""
    if settings.batch is not None and backend != "hf":
        raise UserError(f"--batch is for --backend hf, and this run has --backend {backend}")
    if settings.device_map is not None and backend != "hf":
        instead = " (there: --engine tensor_parallel=N)" if backend == "vllm" else ""
        raise UserError(f"--device-map is for --backend hf, and this run has --backend {backend}{instead}")
    if settings.device_map is not None and settings.device != "auto":
        raise UserError("--device-map and --device both say where layers go; leave one out")
    if settings.adapter is not None and backend not in {"hf", "vllm"}:
        raise UserError(f"--adapter is for --backend hf and vllm, and this run has --backend {backend}")
    if settings.is_replicated and backend == "endpoint":
        raise UserError(
            "--replicas and --ray are for engines that evalkit loads, and this run has --backend endpoint; name each "
            "server by a --base-url of its own"
        )


def _with_files(card: Card, settings: RunSettings) -> Card:
    """The card with the files of its weights that a plan needs, wherever they are; code only where it may run."""
    card = on_this_machine(card)
    if card.snapshot is not None:
        if settings.trust_remote_code:
            card.snapshot.fetch_code()
        if card.tokenizer is None:
            card.snapshot.check_tokenizer()
    return card


def _first_named(endpoints: Sequence[Endpoint]) -> Endpoint:
    """The first server that is there, with the name of its model; who is away may come while others answer."""
    absent = []
    for endpoint in endpoints:
        try:
            return named_endpoint(endpoint)
        except ServerAbsentError as error:
            absent.append(error)
    raise absent[0]


def _endpoints_of(card: Card, settings: RunSettings) -> list[Endpoint]:
    """The card's endpoint, or those the command line names: other servers, so another key and no known prices."""
    if settings.base_url:
        endpoints = [_endpoint(address, settings.engine) for address in settings.base_url]
        for place, endpoint in enumerate(endpoints):
            if any(same_address(endpoint, earlier) for earlier in endpoints[:place]):
                raise UserError(f"--base-url {endpoint.base_url}: this server is named twice; leave one out")
        return endpoints
    if card.endpoint is None:
        raise UserError(
            f"{card.name}: --backend endpoint needs the address of a server: --base-url http://HOST:PORT/v1"
        )
    endpoint = _changed(card.endpoint, settings.engine)
    if not is_shipped(settings.model):  # the host of a card that ships with evalkit is the provider's
        check_key_may_go(endpoint, (settings.send_key_to or "").split(","), settings.model)
    return [endpoint]


def _endpoint(address: str, changes: Mapping[str, str]) -> Endpoint:
    try:
        return _changed(addressed(Endpoint(base_url=address)), changes)
    except ValidationError as error:
        # The address itself may hold a key, so it is not repeated.
        raise UserError(f"the server's address: {_reason(error)}") from None


def _changed(given: _Settings, changes: Mapping[str, str]) -> _Settings:
    """The settings of a card with those of `--engine NAME=VALUE` in their place."""
    known = set(type(given).model_fields) - FROM_ELSEWHERE
    for name in changes:
        if name not in known:
            raise UnknownNameError("--engine setting", name, known)
    try:
        return type(given).model_validate({**given.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--engine {first['loc'][0]}={first['input']}: {_reason(error)}") from None


def _reason(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")


def resolve_tokenizer(settings: RunSettings, card: Card) -> PromptTokenizer:
    """The tokenizer of the card's model; of the server, where only that one knows it."""
    if settings.backend == "endpoint":
        return endpoint_tokenizer(card, trust_remote_code=settings.trust_remote_code)
    if card.chat == "server":
        raise UserError(f"--chat server is for --backend endpoint, and this run has --backend {settings.backend}")
    return load_tokenizer(card, trust_remote_code=settings.trust_remote_code)


def resolve_lengths(settings: RunSettings, card: Card, tokenizer: PromptTokenizer) -> tuple[RunSettings, Card]:
    """Settings and card that cut nothing where nobody knows the model's tokenizer."""
    if tokenizer.unit == "tokens":
        return settings, card
    for flag, value in (("--truncation", settings.truncation), ("--max-seq-len", settings.max_seq_len)):
        if value not in {None, "none"}:
            raise UserError(
                f"{flag} {value} counts tokens, and nobody here knows the tokenizer of {card.title}: "
                "give a card with `tokenizer` or `weights`, with --base-url for the address"
            )
    return (
        replace(settings, truncation="none"),
        card.model_copy(update={"context_length": UNKNOWN_WINDOW, "max_seq_len": None}),
    )


def length_notes(card: Card, tokenizer: PromptTokenizer) -> list[str]:
    """What the user should know where lengths are not tokens."""
    if tokenizer.unit == "tokens":
        return []
    return [
        f"nobody here knows the tokenizer of {card.title}: lengths are {tokenizer.unit}, nothing is truncated, and "
        "the server refuses what does not fit; a card with `tokenizer` changes that"
    ]
