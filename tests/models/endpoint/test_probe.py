"""What is asked before a run: bounded in bytes and seconds, the key in no word of it, and told of in the manifest."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Endpoint
from evalkit.errors import UserError
from evalkit.models import endpoint_card, named_endpoint
from evalkit.models.endpoint import _probe
from evalkit.models.endpoint._probe import Server, probe_chat, probe_completions
from evalkit.models.endpoint.transport import _line
from tests.models.endpoint.scripted_server import KEY, ScriptedServer

Evalkit = Callable[..., Any]
TOY = Server(model="toy", window=None, is_vllm=False, is_tokenizing=False)
JUNK = {
    "nested": b"[" * 200_000,
    "nested objects": b'{"choices": ' * 5_000,
    "surrogate": b'{"data": [{"id": "to\\ud800y"}]}',
    "no list": b'{"data": 7}',
    "bytes": b"\xff\xfe\x00",
}


@pytest.fixture(autouse=True)
def only_chats(server: ScriptedServer) -> None:
    """The server has no completions of plain texts."""
    server.behaviour.is_chat_only = True


def endpoint(server: ScriptedServer, **fields: Any) -> Endpoint:
    """The address of its toy model."""
    return Endpoint.model_validate({"base_url": server.base_url, "model": "toy", **fields})


def error(message: str, **fields: Any) -> dict[str, Any]:
    """A body that refuses."""
    return {"error": {"message": message, **fields}}


def test_a_server_is_asked_for_more_where_it_wants_more(server: ScriptedServer) -> None:
    """A least limit is met by the probe's own question, not by leaving the limit out."""
    server.behaviour.least_limit = 16

    found = probe_chat(endpoint(server), TOY)

    assert 16 == found.shape.least_limit
    assert 16 == server.payloads[-1]["max_tokens"]


def test_a_server_that_refuses_one_field_after_the_other_is_understood(server: ScriptedServer) -> None:
    """The limit's name, the temperature and stop strings in one server; each is said once."""
    server.behaviour.wants_completion_limit = True
    server.behaviour.refuses = {
        "temperature": error("no", param="temperature", code="unsupported_value"),
        "stop": error("'stop' is not supported with this model"),
    }

    found = probe_chat(endpoint(server), TOY, ["\n"])

    assert {"model", "messages", "max_completion_tokens"} == set(server.payloads[-1])
    assert ["temperature", "stop"] == found.shape.left_out
    assert 2 == len(found.notes)


def test_a_server_that_refuses_both_names_of_the_limit_is_not_run(server: ScriptedServer) -> None:
    """An answer without a limit follows no protocol."""
    server.behaviour.refuses = {name: error(f"{name}: unknown") for name in ("max_tokens", "max_completion_tokens")}

    with pytest.raises(UserError, match=r"does not answer a plain question.*max_completion_tokens"):
        probe_chat(endpoint(server), TOY)


def test_completions_leave_out_what_is_refused_too(server: ScriptedServer) -> None:
    """Prompts as text or ids are treated as chats are."""
    server.behaviour.is_chat_only = False
    server.behaviour.only_temperature = 1.0

    found = probe_completions(endpoint(server), TOY, list(b"abc"), "abc")

    assert ("ids", ["temperature"]) == (found.transport, found.shape.left_out)


@pytest.mark.parametrize("content", [{"content": None}, {"content": ""}], ids=["null", "empty"])
def test_a_probe_answered_by_thoughts_alone_is_fine(server: ScriptedServer, content: dict[str, Any]) -> None:
    """A model that thinks spends four tokens thinking."""
    server.behaviour.message = content | {"reasoning_content": "Okay"}

    assert "chat" == probe_chat(endpoint(server), TOY).transport


@pytest.mark.parametrize("body", JUNK.values(), ids=JUNK)
def test_a_list_of_models_that_is_none_is_an_empty_one(server: ScriptedServer, body: bytes) -> None:
    """Junk from `/models` is one line that says what to do."""
    server.behaviour.lists = body

    with pytest.raises(UserError, match=r"lists no models: .*--engine model=NAME"):
        named_endpoint(Endpoint(base_url=server.base_url))


@pytest.mark.parametrize("body", JUNK.values(), ids=JUNK)
def test_a_probe_answered_by_junk_is_one_line(server: ScriptedServer, body: bytes) -> None:
    """Whatever comes instead of an answer."""
    server.behaviour.spoils_body = body

    with pytest.raises(UserError, match="does not answer a plain question"):
        probe_chat(endpoint(server), TOY)


def test_a_list_as_large_as_memory_is_refused(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies of `/models` and of the probe are bounded as answers are."""
    monkeypatch.setattr(_line, "LARGEST_BODY", 2**20)
    server.behaviour.lists = server.behaviour.spoils_body = b" " * 2**21

    with pytest.raises(UserError, match=r"no server answers .*larger than 1 MiB"):
        named_endpoint(Endpoint(base_url=server.base_url))
    with pytest.raises(UserError, match=r"does not answer a plain question: .*larger than 1 MiB"):
        probe_chat(endpoint(server), TOY)


class _Odd(http.server.BaseHTTPRequestHandler):
    """Sends what its server was told to, piece by piece."""

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in self.server.headers.items():  # type: ignore[attr-defined]
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in self.server.pieces():  # type: ignore[attr-defined]
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            pass  # the client has had enough


@pytest.fixture
def odd() -> Iterator[Callable[..., str]]:
    """Starter of a server that sends pieces: `odd(pieces, **headers)`; its address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(pieces: Callable[[], Iterator[bytes]], **headers: str) -> str:
        running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Odd)
        running.daemon_threads = True
        running.pieces, running.headers = pieces, headers  # type: ignore[attr-defined]
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(running)
        return f"http://127.0.0.1:{running.server_address[1]}/v1"

    yield start
    for running in servers:
        running.shutdown()
        running.server_close()


def _trickle() -> Iterator[bytes]:
    while True:
        yield b" "
        time.sleep(0.02)


def _endless() -> Iterator[bytes]:
    while True:
        yield b" " * 65536


def test_a_trickle_ends(odd: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One blank now and then never meets the limit of a single wait, but that of the whole."""
    monkeypatch.setattr(_probe, "LISTING_SECONDS", 0.1)

    with pytest.raises(UserError, match=r"no server answers \(no whole answer within 0.1 s\)"):
        named_endpoint(Endpoint(base_url=odd(_trickle)))


def test_endless_and_bombed_bodies_end(odd: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither fills the memory: what is decoded counts."""
    monkeypatch.setattr(_line, "LARGEST_BODY", 2**20)
    bomb = gzip.compress(b" " * 2**24)

    for address in (odd(_endless), odd(lambda: iter([bomb]), **{"Content-Encoding": "gzip"})):
        with pytest.raises(UserError, match="larger than 1 MiB"):
            named_endpoint(Endpoint(base_url=address))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500])
def test_the_key_is_in_no_message_of_the_probe(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """A server that echoes the header, whatever its status, does not get the key onto the terminal."""
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)
    said = json.dumps(error(f"no such key: Bearer {KEY}", code=status)).encode()
    server.behaviour.spoils_body = said

    with pytest.raises(UserError) as caught:
        probe_chat(endpoint(server), TOY)

    assert KEY not in str(caught.value)
    assert "[key]" in str(caught.value)


def test_a_server_that_names_its_model_by_the_key_gets_it_nowhere(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an answer says of itself is read without the key."""
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)
    server.behaviour.answers_as = f"model-{KEY}"

    assert "model-[key]" == probe_chat(endpoint(server), TOY).answers_as


def test_a_window_that_is_no_number_is_unknown(server: ScriptedServer) -> None:
    """`true` is no window of one token."""
    server.behaviour.lists = b'{"data": [{"id": "toy", "owned_by": "x", "max_model_len": true}]}'

    assert endpoint_card(Endpoint(base_url=server.base_url)).context_length > 10**9


def test_a_run_that_is_not_greedy_says_so(server: ScriptedServer, toy: str, bare: Path, evalkit: Evalkit) -> None:
    """Once on the terminal, in the manifest, and in the label of its scores and tables; also when it goes on."""
    server.behaviour.only_temperature = 1.0

    first = evalkit("run", server.base_url, toy, "--task", "tales", "--limit", 2, "--out", "run")
    again = evalkit("run", server.base_url, toy, "--task", "tales", "--limit", 2, "--out", "run")

    engine = json.loads((bare / "run/run.json").read_text())["environment"]["engine"]
    assert "server's default (temperature refused)" == engine["decoding"]
    assert 1 == first.err.count("temperature")
    assert "plain+none+not-greedy" == json.loads((bare / "run/scores.json").read_text())["protocol"]
    assert "plain+none+not-greedy" in first.out
    assert "plain+none+not-greedy" in again.out


def test_a_greedy_run_says_so_in_its_manifest_alone(
    server: ScriptedServer, toy: str, bare: Path, evalkit: Evalkit
) -> None:
    """Nothing needs a word where the server decodes as asked."""
    done = evalkit("run", server.base_url, toy, "--task", "tales", "--limit", 2, "--out", "run")

    assert "greedy" == json.loads((bare / "run/run.json").read_text())["environment"]["engine"]["decoding"]
    assert "greedy" not in done.out + done.err


@pytest.mark.parametrize("name", ["x" * 5000, "", "a\x1b[2Jb", "a\ud800b", "a\u202eb"])
def test_a_name_that_no_file_or_table_can_hold_is_none(server: ScriptedServer, name: str) -> None:
    """A model of such a name is not listed."""
    server.behaviour.lists = json.dumps({"data": [{"id": name}, {"id": "toy"}]}).encode()

    assert "toy" == named_endpoint(Endpoint(base_url=server.base_url)).model


@pytest.mark.parametrize("window", [10**30, 2**31, -1, True, "4096", 1.5])
def test_a_window_beyond_all_prompts_is_unknown(server: ScriptedServer, window: object) -> None:
    """As one that is no number at all."""
    server.behaviour.lists = json.dumps({"data": [{"id": "toy", "max_model_len": window}]}).encode()

    found = _probe.find_server(Endpoint(base_url=server.base_url))

    assert found.window is None


def test_a_tokenizer_that_makes_nothing_is_one_line(
    server: ScriptedServer, toy: str, evalkit: Evalkit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers `/tokenize` without tokens is refused, not the end of the program."""
    server.behaviour.owned_by, server.behaviour.tokenizes = "vllm", True
    monkeypatch.setattr(
        "tests.models.endpoint.scripted_server._Handler._tokenizer", lambda self, _: self._json(200, {"tokens": []})
    )

    done = evalkit("plan", server.base_url, toy)

    assert (2, False) == (done.code, "Traceback" in done.err), done


def test_headers_that_trickle_end(odd: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never comes to its answer meets the limit of the whole."""
    monkeypatch.setattr(_probe, "LISTING_SECONDS", 0.2)
    monkeypatch.setattr(_Odd, "send_header", lambda self, *_: [self.wfile.write(b"X: y") for _ in _trickle()])

    with pytest.raises(UserError, match=r"no server answers \(no whole answer within 0.2 s\)"):
        named_endpoint(Endpoint(base_url=odd(_trickle)))


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_an_encoding_that_nobody_asked_for_is_refused(odd: Callable[..., str], encoding: str) -> None:
    """Only what can be decoded a piece at a time is decoded."""
    with pytest.raises(UserError, match="which nobody asked for"):
        named_endpoint(Endpoint(base_url=odd(lambda: iter([b"x"]), **{"Content-Encoding": encoding})))
