"""An OpenAI-compatible server that answers by a script: which request meets which fault is decided by the test.

Answers are functions of the prompt, so that a test can tell whose answer it got. Prompts of token ids are UTF-8 bytes.
Run by itself it serves until interrupted: `python tests/models/endpoint/scripted_server.py [PORT [BEHAVIOUR]]`, the
behaviour as JSON. `ServerProcess` is one that can be killed, halted and started again at its address.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

FAULTS = (
    "429", "429-wait", "503", "500", "html", "reset", "stall", "truncated", "wrong-model", "no-choices", "null-content",
    "wrong-usage", "redirect", "huge", "error-200", "aborted",
)  # fmt: skip

REPLY_SHAPES = {
    "reasoning-cut": "content null, finish_reason length, all in reasoning_content: R1, Qwen 3, o-series proxies",
    "empty": "content is an empty text and the answer ended: chat models that have nothing to say",
    "typed-parts": "content is a list of typed parts: Mistral's, Gemini's and some gateways' servers",
    "no-finish": "finish_reason is missing: older llama.cpp and home-made servers",
    "null-finish": "finish_reason is null in a whole answer: gateways that pass on the last streamed piece",
    "no-usage": "usage is missing: home-made servers",
}
"""Answers of status 200 as real servers send them, by script; each with where it is met."""
HUGE_BYTES = 3 * 2**20
PIECE = 3  # characters of an answer that go together when it is asked for in pieces
BREAK = None
"""In what a stream sends: its connection breaks here."""
STALL_SECONDS = 3.0
KEY = "sk-test-0123456789"

BODIES = {
    "html": b"<html>Bad gateway</html>",
    "huge": b'{"padding": "' + b"x" * HUGE_BYTES + b'"}',
    "error-200": b'{"error": {"message": "upstream is gone", "code": 502}}',
}

Script = Callable[[str, int], str]
"""From a prompt's text and the number of earlier requests for it to a fault, or to an empty string."""


Sent = bytes | float | None
"""What a stream does next: bytes go out at once, it waits for seconds, or it breaks off."""


def event(value: object) -> bytes:
    """A value as one event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def events_of(answer: dict[str, Any], *, counts: bool) -> list[Sent]:
    """A whole answer as the events of a stream, as OpenAI's and vLLM's servers send them."""
    (choice,) = answer["choices"]
    message, ids = choice.get("message"), choice.get("token_ids")
    head = {"id": answer["id"], "model": answer["model"]}
    pieces: list[dict[str, Any]] = [] if message is None else [{"delta": {"role": "assistant", "content": ""}}]
    for name in ("reasoning_content", "content") if message is not None else ("text",):
        text = (choice if message is None else message).get(name) or ""
        for start in range(0, len(text), PIECE):
            part = text[start : start + PIECE]
            more = {} if ids is None else {"token_ids": list(part.encode())}
            pieces.append({name: part, **more} if message is None else {"delta": {name: part}, **more})
    last = {"finish_reason": choice["finish_reason"], "stop_reason": choice.get("stop_reason")}
    pieces.append({**({"text": ""} if message is None else {"delta": {}}), **last})
    sent: list[Sent] = [event({**head, "choices": [{"index": 0, "finish_reason": None, **each}]}) for each in pieces]
    usage = [event({**head, "choices": [], "usage": answer["usage"]})] if counts and "usage" in answer else []
    return [*sent, *usage, b"data: [DONE]\n\n"]


def calm(prompt: str, earlier: int) -> str:  # noqa: ARG001
    """A script without faults."""
    return ""


def answer_to(prompt: str) -> str:
    """The one right answer to a prompt."""
    return f"answer {hashlib.sha256(prompt.encode()).hexdigest()[:12]}"


@dataclass
class Behaviour:
    """What the server is like; tests change it as they go."""

    models: list[str] = field(default_factory=lambda: ["toy"])
    """Names it serves."""
    answers_as: str = ""
    """Name it answers under; empty = the one asked for."""
    owned_by: str = "somebody"
    """`vllm` makes it speak vLLM's own fields."""
    window: int | None = None
    """`max_model_len` in the list of models, enforced."""
    takes_ids: bool = True
    """Whether `/completions` takes token ids."""
    is_chat_only: bool = False
    """Whether `/completions` is missing."""
    tokenizes: bool = False
    """Whether `/tokenize` and `/detokenize` are there."""
    lists_models: bool = True
    """Whether `/models` answers."""
    key: str = ""
    """Key it wants; empty = none."""
    echoes_key: bool = False
    """Whether its errors repeat the key, as careless proxies do."""
    ignores_limit: bool = False
    """Whether it generates as much as it likes."""
    surplus_tokens: int = 0
    """Tokens that its count of a prompt is higher than the true one, per 100 bytes."""
    reads_at_most: int | None = None
    """Tokens of a prompt that it reads: drops the rest without a word but its count, as Ollama does."""
    only_temperature: float | None = None
    """The one temperature it takes, as o-series models; others are refused."""
    refuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields that it answers 400 to, each with the body of that answer."""
    least_limit: int = 1
    """Fewest tokens that may be asked for."""
    spoils_body: bytes | None = None
    """Body of every answer, whatever was asked."""
    lists: bytes | None = None
    """Body of the list of models."""
    token_ids: list[object] | None = None
    """Ids that it sends with every answer, asked for or not."""
    says: Callable[[str], str] | None = None
    """What its model generates for a prompt, thoughts and tags included; None = `answer_to`."""
    parses_thoughts: bool = False
    """Whether it sends what stands between <think> and </think> as `reasoning_content`, as servers with a parser do."""
    message: dict[str, Any] = field(default_factory=dict)
    """What it adds to every chat message."""
    counts: bool = True
    """Whether `usage` is sent."""
    wants_completion_limit: bool = False
    """Whether it refuses `max_tokens` in favour of `max_completion_tokens`."""
    seconds: float = 0.0
    """Time it thinks."""
    listing_seconds: float = 0.0
    """Time until it lists its models, as a server that is at something else takes."""
    script: Script = calm
    """Which request meets which fault."""
    streams: bool = True
    """Whether it sends answers in pieces to those who ask for it; else whole, without a word."""
    sends: Callable[[list[Sent]], list[Sent]] = list
    """What becomes of the events of such an answer."""


class ScriptedServer(http.server.ThreadingHTTPServer):
    """The server; use as a context manager."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.behaviour = Behaviour()
        self.payloads: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.met: Counter[str] = Counter()
        self.most_at_once = 0
        self._seen: Counter[str] = Counter()
        self._under_way = 0
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """Address with the API version."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""

    def begin(self, payload: dict[str, Any], prompt: str) -> str:
        """Count a request; the fault it meets."""
        with self._lock:
            self.payloads.append(payload)
            earlier = self._seen[prompt]
            self._seen[prompt] += 1
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            fault = self.behaviour.script(prompt, earlier)
            self.met[fault] += 1
            return fault

    def end(self) -> None:
        """A request is over."""
        with self._lock:
            self._under_way -= 1


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ScriptedServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: tests read what they need from the server."""

    def do_GET(self) -> None:
        if not self._has_key():
            return
        like = self.server.behaviour
        time.sleep(like.listing_seconds)
        if self.path != "/v1/models" or not like.lists_models:
            self._error(404, "not here")
            return
        if like.lists is not None:
            self._send(200, like.lists)
            return
        entry: dict[str, Any] = {"object": "model", "owned_by": like.owned_by}
        if like.window:
            entry["max_model_len"] = like.window
        self._json(200, {"object": "list", "data": [{"id": name, **entry} for name in like.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._has_key():
            return
        like = self.server.behaviour
        prompt = body.get("prompt")
        if self.path in {"/tokenize", "/detokenize"} and like.tokenizes:
            self._tokenizer(body)
        elif self.path == "/v1/chat/completions":
            self._answer(body, body["messages"][-1]["content"], is_chat=True)
        elif self.path != "/v1/completions" or like.is_chat_only:
            self._error(404, "not here")
        elif isinstance(prompt, list) and not like.takes_ids:
            self._error(400, "prompt must be a string")
        else:
            self._answer(body, prompt if isinstance(prompt, str) else bytes(prompt or []).decode(), is_chat=False)

    def _has_key(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.keys.append(given)
        if self.server.behaviour.key in {"", given}:
            return True
        self._error(401, f"no such key: {given}" if self.server.behaviour.echoes_key else "no such key")
        return False

    def _tokenizer(self, body: dict[str, Any]) -> None:
        text = body.get("prompt", "")
        if "messages" in body:
            text = "".join(f"[{each['role']}] {each['content']}\n" for each in body["messages"]) + "[assistant] "
        if self.path == "/detokenize":
            self._json(200, {"prompt": bytes(body["tokens"]).decode(errors="replace")})
        else:
            self._json(200, {"tokens": list(text.encode()), "count": len(text.encode())})

    def _answer(self, body: dict[str, Any], prompt: str, *, is_chat: bool) -> None:
        fault = self.server.begin(body, prompt)
        try:
            time.sleep(self.server.behaviour.seconds)
            refusal = self._refusal(body, prompt)
            refused = next((name for name in self.server.behaviour.refuses if name in body), None)
            if refused is not None:
                self._json(400, self.server.behaviour.refuses[refused])
            elif refusal is None:
                self._meet(fault, self._completion(body, prompt, is_chat), body)
            else:
                self._error(*refusal)
        finally:
            self.server.end()

    def _refusal(self, body: dict[str, Any], prompt: str) -> tuple[int, str, str, str | None] | None:
        """Status, message, code and field of a request that no server would answer."""
        like = self.server.behaviour
        if body["model"] not in like.models:
            return 404, f"the model {body['model']} does not exist", "model_not_found", "model"
        if like.window and len(prompt.encode()) + self._limit(body) > like.window:
            return 400, f"This model's maximum context length is {like.window} tokens", "context_length_exceeded", None
        if self._limit(body) < like.least_limit:
            message = f"Invalid 'max_tokens': expected a value >= {like.least_limit}, got {self._limit(body)} instead."
            return 400, message, "integer_below_min_value", "max_tokens"
        if like.wants_completion_limit and "max_tokens" in body:
            message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            return 400, message, "unsupported_parameter", "max_tokens"
        if (
            like.only_temperature is not None
            and body.get("temperature", like.only_temperature) != like.only_temperature
        ):
            message = f"'temperature' supports only the default ({like.only_temperature:g}) with this model."
            return 400, message, "unsupported_value", "temperature"
        return None

    def _limit(self, body: dict[str, Any]) -> int:
        return int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)

    def _completion(self, body: dict[str, Any], prompt: str, is_chat: bool) -> dict[str, Any]:
        like = self.server.behaviour
        generated = (like.says or answer_to)(prompt).encode()
        limit = 10**6 if like.ignores_limit else self._limit(body)
        kept = generated[:limit]
        text = kept.decode()
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length" if len(kept) < len(generated) else "stop"}
        choice |= {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
        if body.get("return_token_ids"):
            choice["token_ids"] = list(kept)
            choice["stop_reason"] = "script"
        if like.token_ids is not None:
            choice["token_ids"] = like.token_ids
        if is_chat:
            choice["message"] |= (_parsed(text) if like.parses_thoughts else {}) | like.message
        length = len(prompt.encode())
        length = length if like.reads_at_most is None else min(length, like.reads_at_most)
        usage = {
            "prompt_tokens": length + length * like.surplus_tokens // 100,
            "completion_tokens": len(kept),
            "prompt_tokens_details": {"cached_tokens": length // 2},
        }
        answer = {"id": "1", "model": like.answers_as or body["model"], "choices": [choice], "usage": usage}
        return answer if like.counts else {key: value for key, value in answer.items() if key != "usage"}

    def _meet(self, fault: str, answer: dict[str, Any], asked: dict[str, Any]) -> None:
        """Send the answer, or what the fault makes of it."""
        if self.server.behaviour.spoils_body is not None:
            self._send(200, self.server.behaviour.spoils_body)
            return
        body = json.dumps(_spoiled(answer, fault)).encode()
        if fault == "stall":
            time.sleep(STALL_SECONDS)
        if fault in {"429", "500", "502"}:
            self._error(int(fault), "busy")
        elif fault in {"429-wait", "503"}:
            self._error(int(fault[:3]), "busy", Retry_After="0.05")
        elif fault == "redirect":
            self._send(307, b"", Location="http://127.0.0.1:9/elsewhere")
        elif fault == "reset":
            self._reset(body)
        elif fault not in BODIES and asked.get("stream") and self.server.behaviour.streams:
            counts = bool(asked.get("stream_options", {}).get("include_usage"))
            self._stream(self.server.behaviour.sends(events_of(_spoiled(answer, fault), counts=counts)))
        else:
            self._send(200, BODIES.get(fault, body[: len(body) // 2] if fault == "truncated" else body))

    def _stream(self, parts: list[Sent]) -> None:
        """Send the parts as they are, one by one."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        try:
            for part in parts:
                if part is BREAK:
                    return
                if isinstance(part, bytes):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                else:
                    time.sleep(part)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.met["hung up"] += 1

    def _reset(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _error(
        self, status: int, message: str, code: str | None = None, param: str | None = None, **headers: str
    ) -> None:
        error = {"message": message, "code": code, "param": param, "type": "error"}
        self._json(status, {"error": error}, **headers)

    def _json(self, status: int, value: object, **headers: str) -> None:
        self._send(status, json.dumps(value).encode(), **headers)

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def _parsed(text: str) -> dict[str, Any]:
    """Content and thoughts as a server with a reasoning parser sends them."""
    thoughts, sign, answer = text.removeprefix("<think>").partition("</think>")
    if not (sign or text.startswith("<think>")):
        return {"content": text, "reasoning_content": None}
    return {"content": answer or None, "reasoning_content": thoughts}


def _spoiled(answer: dict[str, Any], fault: str) -> dict[str, Any]:
    """An answer of status 200 that is none."""
    choice = answer["choices"][0]
    if fault in REPLY_SHAPES:
        return _shaped(answer, choice, fault)
    if fault == "wrong-model":
        return answer | {"model": "somebody-else"}
    if fault == "no-choices":
        return answer | {"choices": []}
    if fault == "null-content":
        spoiled = {"message": {"role": "assistant", "content": None}} if "message" in choice else {"text": None}
        usage = {**answer.get("usage", {}), "completion_tokens": 0}  # nothing was made: no sign of thoughts
        return answer | {"choices": [choice | {"finish_reason": "stop"} | spoiled], "usage": usage}
    if fault == "aborted":
        return answer | {"choices": [choice | {"finish_reason": "abort"}]}
    if fault == "wrong-usage":
        return answer | {"usage": {"prompt_tokens": -5, "completion_tokens": 10**9, "prompt_tokens_details": 7}}
    return answer


def _shaped(answer: dict[str, Any], choice: dict[str, Any], shape: str) -> dict[str, Any]:
    """The answer as one kind of server writes it."""
    if shape == "no-usage":
        return {key: value for key, value in answer.items() if key != "usage"}
    if shape == "no-finish":
        return answer | {"choices": [{key: value for key, value in choice.items() if key != "finish_reason"}]}
    if shape == "null-finish":
        return answer | {"choices": [choice | {"finish_reason": None}]}
    is_chat = "message" in choice
    text = choice["message"]["content"] if is_chat else choice["text"]
    if shape == "reasoning-cut":
        content, extra, finish = None, {"reasoning_content": "Okay, let me look at"}, "length"
    elif shape == "empty":
        content, extra, finish = "", {}, "stop"
    else:
        content, extra, finish = [{"type": "text", "text": text}], {}, choice["finish_reason"]
    said = {"message": {"role": "assistant", "content": content, **extra}} if is_chat else {"text": content}
    return answer | {"choices": [choice | said | {"finish_reason": finish}]}


class ServerProcess:
    """The server as a process of its own; use as a context manager."""

    def __init__(self, **behaviour: Any) -> None:
        """`behaviour`: fields of `Behaviour`."""
        self._behaviour = json.dumps(behaviour)
        self._port = 0
        self.start()

    @property
    def base_url(self) -> str:
        """Address with the API version, the same in every life."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Begin a life, which listens when this returns."""
        command = [sys.executable, __file__, str(self._port), self._behaviour]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())

    def halt(self) -> None:
        """Let it do nothing more; its connections stay, and the kernel takes new ones."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once; all its connections break."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


if __name__ == "__main__":
    with ScriptedServer(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as server:
        server.behaviour = Behaviour(**json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}"))
        print(server.server_address[1], flush=True)  # noqa: T201
        time.sleep(3600)
