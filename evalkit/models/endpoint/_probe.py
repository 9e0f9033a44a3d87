"""Finds out what a server is and can do before a run sends anything: models, window, tokenizer, token ids.

Fields that only some servers know are sent only to those that were seen to understand them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.cards import Endpoint
from evalkit.errors import UnknownNameError, UserError

from .._sampling import Sampling
from ._keys import without_key
from .protocol import (
    MOST_TOKENS,
    THROTTLING,
    AttemptError,
    RefusedError,
    Reply,
    RequestShape,
    ThrottledError,
    TryAgainError,
    UnfinishedError,
    UnusableServerError,
    parse_reply,
    raise_for_status,
)
from .transport import ATTEMPTS, BACKOFF_SECONDS, PATIENCE_SECONDS, UNREADABLE, Line, Response, open_line, root_of, send

if TYPE_CHECKING:
    pass

__all__ = ["VLLM_FIELDS", "Abilities", "Server", "ServerAbsentError", "find_server", "probe_chat", "probe_completions"]

_Result = TypeVar("_Result")

PROBE_TOKENS = 4
LONGEST_NAME = 1024  # signs of a model's name, which may be a path
LISTING_SECONDS = 60.0  # for what needs no generation
# Fields of vLLM alone: ids as they are (no second BOS), special tokens kept in the text, ids of the answer. Penalties
# are left to the server: it takes them from the model's generation configuration, as the local backends do.
VLLM_FIELDS = {
    "add_special_tokens": False,
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "return_token_ids": True,
}


# What servers call themselves that read `top_k` and `min_p` beside OpenAI's fields, with -1 and 0 for none: the
# protocol of vLLM (CompletionRequest), of SGLang (ModelCard, CompletionRequest) and of llama.cpp's server (README).
TAKE_TOP_K = frozenset({"vllm", "sglang", "llamacpp"})
# Of these llama.cpp's server knows only a `repeat_penalty`, which is another one: of the last 64 tokens.
TAKE_PENALTY = frozenset({"vllm", "sglang"})


class ServerAbsentError(UserError):
    """No server answers at an address."""


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
    takes_top_k: bool = False
    """Whether it is one of those that are known to take `top_k` and `min_p`."""
    takes_penalty: bool = False
    """Whether it is one of those that are known to take `repetition_penalty`."""

    def shape(self, sampling: Sampling | None, limit_field: str = "max_tokens") -> RequestShape:
        """How a first request to it looks."""
        return RequestShape(
            limit_field, sampling=sampling, takes_top_k=self.takes_top_k, takes_penalty=self.takes_penalty
        )


@dataclass(frozen=True)
class Abilities:
    """What a server was seen to do with a prompt of ours."""

    transport: str
    """`ids`, `text` or `chat`."""
    shape: RequestShape
    """Which fields it takes."""
    answers_as: str
    """Model name that its answers carry."""
    notes: tuple[str, ...] = ()
    """What the user should know."""
    is_thinking: bool = False
    """Whether its answer came with thoughts, which stop strings would end."""


def find_server(endpoint: Endpoint) -> Server:
    """The server at an address; a `UserError` where it is down, wants a key, or does not serve the model."""
    with open_line(endpoint) as line:
        listed = _listed_models(line, endpoint)
        model = _chosen_model(endpoint, listed)
        entry = listed.get(model, {})
        window = entry.get("max_model_len")
        is_vllm = entry.get("owned_by") == "vllm"
        return Server(
            model=model,
            window=window if type(window) is int and 0 < window < MOST_TOKENS else None,
            is_vllm=is_vllm,
            takes_top_k=entry.get("owned_by") in TAKE_TOP_K,
            takes_penalty=entry.get("owned_by") in TAKE_PENALTY,
            is_tokenizing=is_vllm and _is_tokenizing(line, endpoint, model),
        )


def _listed_models(line: Line, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
    """Model name → what the server says about it; empty where it keeps no list."""
    import httpx

    try:
        response = _patiently(
            lambda: _passing(send(line, "GET", f"{endpoint.base_url}/models", seconds=LISTING_SECONDS))
        )
    except (httpx.HTTPError, AttemptError) as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, httpx.HTTPError) else str(error)
        reason = without_key(endpoint, reason)
        raise ServerAbsentError(
            f"{endpoint.base_url}: no server answers ({reason}); start it, or correct the address"
        ) from None
    if response.status in {401, 403}:
        raise UserError(f"{endpoint.base_url} refuses the key ({response.status}): check {endpoint.key_env}")
    if 300 <= response.status < 400:
        target = without_key(endpoint, response.headers.get("Location", "another address"))[:120]
        raise UserError(f"{endpoint.base_url} redirects to {target}: use that address, a key must not travel on")
    try:
        entries = response.json()["data"] if response.status == 200 else []
        return {str(entry["id"]): entry for entry in entries if _is_name(str(entry["id"]))}
    except (ValueError, KeyError, TypeError):
        return {}


def _is_name(text: str) -> bool:
    """Whether a request, a file and a table can hold the name; a lone surrogate is in no text."""
    return text.isprintable() and 0 < len(text) <= LONGEST_NAME


def _passing(response: Response) -> Response:
    """The response, unless it says that the server is only busy; one that cannot list its models may still answer."""
    if response.status in THROTTLING:
        raise_for_status(response.status, response.body, response.headers.get("Retry-After"))
    return response


def _patiently(action: Callable[[], _Result]) -> _Result:
    """What `action` returns, after as many attempts and as much waiting as a request gets."""
    until = time.monotonic() + PATIENCE_SECONDS
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except TryAgainError as error:
            asked = error.wait if isinstance(error, ThrottledError) else None
            pause = BACKOFF_SECONDS * 2**attempt if asked is None else asked
            if attempt == ATTEMPTS - 1 or time.monotonic() + pause > until:
                raise
            time.sleep(pause)
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


def _is_tokenizing(line: Line, endpoint: Endpoint, model: str) -> bool:
    import httpx

    question = {"model": model, "prompt": "a"}
    try:
        response = send(line, "POST", f"{root_of(endpoint)}/tokenize", question, seconds=LISTING_SECONDS)
        return response.status == 200 and isinstance(response.json().get("tokens"), list)
    except (httpx.HTTPError, AttemptError, ValueError, AttributeError):
        return False


def probe_completions(
    endpoint: Endpoint,
    server: Server,
    ids: list[int],
    text: str,
    stop: Sequence[str] = (),
    sampling: Sampling | None = None,
) -> Abilities:
    """How `/completions` takes a prompt that is `ids`, and `text` where it takes no ids."""
    fields = VLLM_FIELDS if server.is_vllm else {}
    tries: list[tuple[str, object, dict[str, Any]]] = [("text", text, {})]
    if ids:
        tries = [("ids", ids, fields), *([("ids", ids, {})] if fields else []), *tries]
    reasons: list[str] = []
    shape = server.shape(sampling)
    for transport, prompt, extras in tries:
        question = _Question("/completions", {"model": server.model, "prompt": prompt}, stop)
        try:
            answer, shape = _settled(endpoint, question, replace(shape, extras=extras))
        except RefusedError as error:
            reasons.append(f"{transport}: {error}")
            continue
        if transport == "ids" and answer.usage.prompt_tokens != len(ids):
            reasons.append(f"ids: {len(ids)} were counted as {answer.usage.prompt_tokens}")
            continue
        notes = [f"{endpoint.base_url}: {without_key(endpoint, reason)}" for reason in reasons]
        return Abilities(transport, shape, answer.model, (*notes, *_left_out(endpoint, shape)))
    reason = without_key(endpoint, reasons[-1])
    raise UserError(f"{endpoint.base_url} answers no /completions ({reason}); where it only chats, add --chat server")


def probe_chat(
    endpoint: Endpoint,
    server: Server,
    stop: Sequence[str] = (),
    arguments: Mapping[str, Any] = MappingProxyType({}),
    sampling: Sampling | None = None,
) -> Abilities:
    """How `/chat/completions` takes messages. A model that thinks may answer the question with nothing.

    `arguments` are for the server's chat template; `UserError` where it refuses them.
    """
    prompt: dict[str, Any] = {"model": server.model, "messages": [{"role": "user", "content": "Say yes."}]}
    if arguments:
        prompt["chat_template_kwargs"] = dict(arguments)
    fields = {key: value for key, value in VLLM_FIELDS.items() if key != "add_special_tokens"} if server.is_vllm else {}
    question = _Question("/chat/completions", prompt, stop)
    try:
        begun = server.shape(sampling, endpoint.limit_field)
        answer, shape = _settled(endpoint, question, replace(begun, extras=fields))
    except RefusedError as error:
        reason = without_key(endpoint, str(error))
        what = "a plain question" if not arguments else "a question with chat_template_kwargs (--chat-arg)"
        raise UserError(f"{endpoint.base_url} does not answer {what}: {reason}") from None
    return Abilities("chat", shape, answer.model, _left_out(endpoint, shape), bool(answer.reasoning))


@dataclass(frozen=True)
class _Question:
    """A short prompt and where it goes."""

    path: str
    prompt: dict[str, Any]
    stop: Sequence[str]


def _settled(endpoint: Endpoint, question: _Question, shape: RequestShape) -> tuple[Reply, RequestShape]:
    """The answer, and the shape of request that got it: fields are left out or renamed as the server refuses them."""
    tried = [shape]
    while True:
        limit = max(PROBE_TOKENS, shape.least_limit)
        body = {**question.prompt, **shape.fields(limit, question.stop)}
        try:
            answer = _ask(endpoint, question.path, body)
        except RefusedError as error:
            changed = shape.without(error, body)
            if changed is None or changed in tried:
                raise
            tried.append(shape := changed)
            continue
        _check_limit(endpoint, answer, limit)
        return answer, shape


def _left_out(endpoint: Endpoint, shape: RequestShape) -> tuple[str, ...]:
    """What the user should know of the fields that the server refused."""
    drawn = "it draws at its own temperature"
    greedy = "it decodes by its own default: answers are not greedy"
    meaning = {
        "temperature": f"{greedy if shape.sampling is None else drawn}, and a second run may differ",
        "stop": "answers are cut at the stop strings here",
        "seed": "the same draw may be another answer in a second run",
    }
    return tuple(
        f"{endpoint.base_url} {'is not known to take' if name in shape.unknown else 'refuses'} the field {name}, "
        f"which is left out; {meaning.get(name, 'its own default is in force')}"
        for name in shape.left_out
    )


def _ask(endpoint: Endpoint, path: str, body: dict[str, Any]) -> Reply:
    """The answer to one request; `RefusedError` where the server does not take it."""
    import httpx

    def attempt() -> Reply:
        try:
            response = send(line, "POST", f"{endpoint.base_url}{path}", body)
        except httpx.HTTPError as error:
            raise TryAgainError(f"the connection broke ({type(error).__name__})") from None
        raise_for_status(response.status, response.body, response.headers.get("Retry-After"))
        try:
            return parse_reply(response.body)
        except UnfinishedError as error:  # a sign of life is enough here
            return error.reply
        except UNREADABLE as error:
            raise TryAgainError(f"the answer cannot be read ({type(error).__name__})") from None

    with open_line(endpoint) as line:
        try:
            return _patiently(attempt)
        except UnusableServerError as error:
            reason = without_key(endpoint, str(error))
            raise UserError(f"{endpoint.base_url}: {reason}; check {endpoint.key_env}") from None
        except TryAgainError as error:
            raise RefusedError(str(error)) from None


def _check_limit(endpoint: Endpoint, answer: Reply, limit: int) -> None:
    generated = answer.usage.output_tokens
    if generated is not None and generated > limit:
        raise UserError(
            f"{endpoint.base_url} ignores the generation limit: {generated} tokens where {limit} were asked for; "
            "scores would follow no protocol, so nothing is run"
        )
