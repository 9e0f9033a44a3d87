"""Finds out what a server is and can do before a run sends anything: models, window, tokenizer, token ids.

Fields that only some servers know are sent only to those that were seen to understand them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.cards import Endpoint
from evalkit.errors import UnknownNameError, UserError

from ._client import ATTEMPTS, BACKOFF_SECONDS, CONNECT_SECONDS, PATIENCE_SECONDS, client_arguments, root_of
from ._protocol import (
    THROTTLING,
    RefusedError,
    Reply,
    ThrottledError,
    TryAgainError,
    UnusableServerError,
    parse_reply,
    raise_for_status,
)

if TYPE_CHECKING:
    import httpx

__all__ = ["VLLM_FIELDS", "Abilities", "Server", "find_server", "probe_chat", "probe_completions"]

_Result = TypeVar("_Result")

PROBE_TOKENS = 4
# Fields of vLLM alone: ids as they are (no second BOS), special tokens kept in the text, ids of the answer. Penalties
# are left to the server: it takes them from the model's generation configuration, as the local backends do.
VLLM_FIELDS = {
    "add_special_tokens": False,
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "return_token_ids": True,
}


@dataclass(frozen=True)
class Server:
    """What a server says of itself."""

    model: str
    """Name that requests must use."""
    window: int | None
    """Tokens of prompt and answer that it takes; None where it does not say."""
    is_vllm: bool
    """Whether it is vLLM, whose own fields it then understands."""
    is_tokenizing: bool
    """Whether it tokenises and detokenises for its users, as vLLM does."""


@dataclass(frozen=True)
class Abilities:
    """What a server was seen to do with a prompt of ours."""

    transport: str
    """`ids`, `text` or `chat`."""
    extras: dict[str, Any]
    """Fields of its own that are sent with every request."""
    limit_field: str
    """Field that limits generation."""
    answers_as: str
    """Model name that its answers carry."""
    notes: tuple[str, ...] = ()
    """What the user should know."""


def find_server(endpoint: Endpoint) -> Server:
    """The server at an address; a `UserError` where it is down, wants a key, or does not serve the model."""
    import httpx

    with httpx.Client(timeout=httpx.Timeout(60.0, connect=CONNECT_SECONDS), **client_arguments(endpoint)) as http:
        listed = _listed_models(http, endpoint)
        model = _chosen_model(endpoint, listed)
        entry = listed.get(model, {})
        window = entry.get("max_model_len")
        is_vllm = entry.get("owned_by") == "vllm"
        return Server(
            model=model,
            window=window if isinstance(window, int) and window > 0 else None,
            is_vllm=is_vllm,
            is_tokenizing=is_vllm and _is_tokenizing(http, endpoint, model),
        )


def _listed_models(http: httpx.Client, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """Model name → what the server says about it; empty where it keeps no list."""
    import httpx

    try:
        response = _patiently(lambda: _passing(http.get(f"{endpoint.base_url}/models")))
    except (httpx.HTTPError, TryAgainError) as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, httpx.HTTPError) else str(error)
        raise UserError(
            f"{endpoint.base_url}: no server answers ({reason}); start it, or correct the address"
        ) from None
    if response.status_code in {401, 403}:
        raise UserError(f"{endpoint.base_url} refuses the key ({response.status_code}): check {endpoint.key_env}")
    if response.is_redirect:
        target = response.headers.get("Location", "another address")
        raise UserError(f"{endpoint.base_url} redirects to {target[:120]}: use that address, a key must not travel on")
    try:
        entries = response.json()["data"] if response.status_code == 200 else []
        return {str(entry["id"]): entry for entry in entries}
    except (ValueError, KeyError, TypeError):
        return {}


def _passing(response: httpx.Response) -> httpx.Response:
    """The response, unless it says that the server is only busy; one that cannot list its models may still answer."""
    if response.status_code in THROTTLING:
        wait = response.headers.get("Retry-After")
        raise_for_status(response.status_code, response.content, wait)
    return response


def _patiently(action: Callable[[], _Result]) -> _Result:
    """What `action` returns, after as many attempts as a request gets."""
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except TryAgainError as error:
            asked = error.wait if isinstance(error, ThrottledError) else None
            if attempt == ATTEMPTS - 1 or (asked or 0) > PATIENCE_SECONDS:
                raise
            time.sleep(BACKOFF_SECONDS * 2**attempt if asked is None else asked)
    raise AssertionError("unreachable")


def _chosen_model(endpoint: Endpoint, listed: dict[str, dict[str, Any]]) -> str:
    if endpoint.model is not None:
        if listed and endpoint.model not in listed:
            raise UnknownNameError(f"model at {endpoint.base_url}", endpoint.model, listed)
        return endpoint.model
    if len(listed) == 1:
        return next(iter(listed))
    if not listed:
        raise UserError(f"{endpoint.base_url} lists no models: name the one to ask with --engine model=NAME")
    names = ", ".join(sorted(listed)[:12])
    raise UserError(f"{endpoint.base_url} serves several models ({names}): name one with --engine model=NAME")


def _is_tokenizing(http: httpx.Client, endpoint: Endpoint, model: str) -> bool:
    import httpx

    try:
        response = http.post(f"{root_of(endpoint)}/tokenize", json={"model": model, "prompt": "a"})
        return response.status_code == 200 and isinstance(response.json().get("tokens"), list)
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


def probe_completions(endpoint: Endpoint, server: Server, ids: list[int], text: str) -> Abilities:
    """How `/completions` takes a prompt that is `ids`, and `text` where it takes no ids."""
    fields = VLLM_FIELDS if server.is_vllm else {}
    tries: list[tuple[str, object, dict[str, Any]]] = [("text", text, {})]
    if ids:
        tries = [("ids", ids, fields), *([("ids", ids, {})] if fields else []), *tries]
    reasons = []
    for transport, prompt, extras in tries:
        try:
            answer = _ask(endpoint, "/completions", _body(server.model, {"prompt": prompt}, "max_tokens", extras))
        except RefusedError as error:
            reasons.append(f"{transport}: {error}")
            continue
        if transport == "ids" and answer.prompt_tokens != len(ids):
            reasons.append(f"ids: {len(ids)} were counted as {answer.prompt_tokens}")
            continue
        _check_limit(endpoint, answer)
        notes = tuple(f"{endpoint.base_url}: {reason}" for reason in reasons)
        return Abilities(transport, extras, "max_tokens", answer.model, notes)
    raise UserError(
        f"{endpoint.base_url} answers no /completions ({reasons[-1]}); where it only chats, add --chat server"
    )


def probe_chat(endpoint: Endpoint, server: Server) -> Abilities:
    """How `/chat/completions` takes messages."""
    message = {"messages": [{"role": "user", "content": "Say yes."}]}
    fields = {key: value for key, value in VLLM_FIELDS.items() if key != "add_special_tokens"} if server.is_vllm else {}
    limit = endpoint.limit_field
    for attempt in range(2):
        try:
            answer = _ask(endpoint, "/chat/completions", _body(server.model, message, limit, fields))
        except RefusedError as error:
            if attempt == 0 and "max_completion_tokens" in str(error) and limit == "max_tokens":
                limit = "max_completion_tokens"
                continue
            raise UserError(f"{endpoint.base_url} does not answer a plain question: {error}") from None
        _check_limit(endpoint, answer)
        return Abilities("chat", fields, limit, answer.model)
    raise AssertionError("unreachable")


def _body(model: str, prompt: dict[str, Any], limit: str, extras: dict[str, Any]) -> dict[str, Any]:
    return {"model": model, **prompt, limit: PROBE_TOKENS, "temperature": 0, **extras}


def _ask(endpoint: Endpoint, path: str, body: dict[str, Any]) -> Reply:
    """The answer to one request; `RefusedError` where the server does not take it."""
    import httpx

    timeout = httpx.Timeout(endpoint.timeout_seconds, connect=CONNECT_SECONDS)

    def attempt() -> Reply:
        try:
            response = http.post(f"{endpoint.base_url}{path}", json=body)
        except httpx.HTTPError as error:
            raise TryAgainError(f"the connection broke ({type(error).__name__})") from None
        raise_for_status(response.status_code, response.content, response.headers.get("Retry-After"))
        return parse_reply(response.content)

    with httpx.Client(timeout=timeout, **client_arguments(endpoint)) as http:
        try:
            return _patiently(attempt)
        except UnusableServerError as error:
            raise UserError(f"{endpoint.base_url}: {error}; check {endpoint.key_env}") from None
        except TryAgainError as error:
            raise RefusedError(str(error)) from None


def _check_limit(endpoint: Endpoint, answer: Reply) -> None:
    if answer.output_tokens is not None and answer.output_tokens > PROBE_TOKENS:
        raise UserError(
            f"{endpoint.base_url} ignores the generation limit: {answer.output_tokens} tokens where {PROBE_TOKENS} "
            "were asked for; scores would follow no protocol, so nothing is run"
        )
