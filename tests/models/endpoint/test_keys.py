"""Where a key may go, from which variable it comes, and that it is in nothing that comes back."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from evalkit.cards import Endpoint
from evalkit.errors import UserError
from evalkit.models.endpoint._keys import (
    addressed,
    check_key_may_go,
    is_local,
    key_notes,
    without_key,
    without_key_bytes,
    without_key_text,
)
from tests.models.endpoint.scripted_server import ScriptedServer

Evalkit = Callable[..., Any]
KEY = "sk-Tes/t+0123456789"


def at(address: str, key_env: str = "EVALKIT_API_KEY") -> Endpoint:
    """An endpoint at an address."""
    return Endpoint(base_url=address, key_env=key_env)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.8.9.1/v1", True),
        ("http://localhost:1/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://[::ffff:127.0.0.1]/v1", True),
        ("http://localhost.evil.org/v1", False),
        ("http://127.0.0.1.evil.org/v1", False),
        ("http://10.0.0.1/v1", False),
        ("http://0.0.0.0/v1", False),
        ("http://2130706433/v1", False),
    ],
)
def test_this_machine_is_known_by_its_address(address: str, expected: bool) -> None:
    """A name that only looks like it is somebody else's."""
    assert expected is is_local(at(address))


@pytest.mark.parametrize(
    "address",
    [
        "http://h:99999/v1",
        "http://h:x/v1",
        "http://a\\.localhost/v1",
        "http://h b/v1",
        "http://[::1/v1",
        "http://-/v1",
        "http://xn--zzzz99/v1",
        "http://h:0/v1",
    ],
)
def test_an_address_that_two_readers_would_read_differently_is_refused(address: str) -> None:
    """The host that is checked is the host that is asked."""
    with pytest.raises(ValueError, match="expected an address"):
        at(address)


@pytest.mark.parametrize("address", ["http://@evil.org/v1", "http://:@evil.org/v1", "https://:@api.openai.com/v1"])
def test_an_address_with_an_empty_user_is_refused(address: str) -> None:
    """The line that asks for a confirmation would name a host with signs before it."""
    with pytest.raises(ValueError, match="must not carry a user"):
        at(address)


def test_a_host_that_looks_like_another_is_shown_as_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Cyrillic о in place of a Latin o cannot be seen."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint = at("https://api.\u043epenai.com/v1", "OPENAI_API_KEY")

    for answers in ((), ("api.openai.com",), ("api.\u043epenai.com.evil.org",)):
        with pytest.raises(UserError, match=r"to api\.xn--penai-[a-z0-9]+\.com; .* --send-key-to api\.xn--"):
            check_key_may_go(endpoint, answers, "card.yaml")


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HF_TOKEN", "DB_PASSWORD", "HOME"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "models.example.org"])
def test_a_card_cannot_choose_a_secret(monkeypatch: pytest.MonkeyPatch, name: str, host: str) -> None:
    """Another service's secret goes nowhere, not even to this machine, until variable and host are confirmed."""
    monkeypatch.setenv(name, KEY)
    endpoint = at(f"http://{host}/v1", name)

    for answer in ((), (host,)):
        with pytest.raises(UserError, match=f"card.yaml would send the key in {name} to {host}.*--send-key-to {name}@"):
            check_key_may_go(endpoint, answer, "card.yaml")
    check_key_may_go(endpoint, (f"{name}@{host}",), "card.yaml")


def test_a_server_key_goes_to_a_host_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its port or without, in any case of letters; to no other host."""
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)
    endpoint = at("https://Models.example.org:8443/v1")

    for answers in (
        ("models.example.org",),
        ("x.org", "MODELS.example.org:8443"),
        ("EVALKIT_API_KEY@models.example.org",),
    ):
        check_key_may_go(endpoint, answers, "card.yaml")
    for answers in ((), ("example.org",), ("models.example.org:1",), ("evilmodels.example.org",)):
        with pytest.raises(UserError, match=r"--send-key-to models\.example\.org:8443"):
            check_key_may_go(endpoint, answers, "card.yaml")


@pytest.mark.parametrize("key", ["", "  "])
def test_without_a_key_there_is_nothing_to_confirm(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A card of a server that wants none just runs."""
    monkeypatch.setenv("EVALKIT_API_KEY", key)

    check_key_may_go(at("https://models.example.org/v1"), (), "card.yaml")


CARD = """
name: shared
title: Shared
context_length: 4096
chat: server
endpoint: {{base_url: {url}, model: toy, key_env: {name}}}
licence: none
"""


@pytest.fixture
def shared(server: ScriptedServer, bare: Path) -> Callable[[str], Path]:
    """Writer of a card as somebody hands it on, that names a variable."""

    def write(name: str) -> Path:
        path = bare / "shared.yaml"
        path.write_text(CARD.format(url=server.base_url, name=name), "utf-8")
        return path

    return write


@pytest.mark.parametrize("verb", ["plan", "run", "check"])
def test_a_shared_card_sends_no_secret(
    server: ScriptedServer,
    shared: Callable[[str], Path],
    toy: str,
    evalkit: Evalkit,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    """It is refused in one line before anything is sent; the flag that it names lets it go."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    card = shared("AWS_SECRET_ACCESS_KEY")
    command = ("cards", "check", card, "--live") if verb == "check" else (verb, card, toy)

    refused = evalkit(*command)

    host = server.base_url.removeprefix("http://").removesuffix("/v1")
    flag = f"--send-key-to AWS_SECRET_ACCESS_KEY@{host}"
    assert (2, True, []) == (refused.code, flag in refused.err, server.keys)
    allowed = evalkit(*command, *flag.split())
    assert 2 != allowed.code, allowed
    assert {KEY} == set(server.keys)


def test_python_takes_the_same_setting(
    server: ScriptedServer, shared: Callable[[str], Path], toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`send_key_to` in `plan` and `evaluate`."""
    import evalkit

    monkeypatch.setenv("DB_PASSWORD", KEY)
    with pytest.raises(UserError, match=r"send_key_to=DB_PASSWORD@127\.0\.0\.1"):
        evalkit.plan(shared("DB_PASSWORD"), toy)

    with warnings.catch_warnings(action="ignore"):  # nobody knows its tokenizer
        evalkit.plan(shared("DB_PASSWORD"), toy, send_key_to="DB_PASSWORD@127.0.0.1")

    assert {KEY} == set(server.keys)


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [("own-key-1", "other-key-1", "own-key-1"), ("", "other-key-1", "other-key-1"), ("", "", "")],
)
def test_an_address_takes_the_keys_that_people_have_set(
    server: ScriptedServer,
    toy: str,
    evalkit: Evalkit,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    other: str,
    expected: str,
) -> None:
    """EVALKIT_API_KEY first, else OPENAI_API_KEY; that the second is used is said, its value never."""
    monkeypatch.setenv("EVALKIT_API_KEY", own)
    monkeypatch.setenv("OPENAI_API_KEY", other)

    done = evalkit("plan", server.base_url, toy)

    assert (0, {expected}) == (done.code, set(server.keys))
    assert (expected == other != "") is ("the key in OPENAI_API_KEY goes to 127.0.0.1" in done.err)
    assert "key-1" not in done.err + done.out


def test_a_refused_key_is_named_by_its_variable(
    server: ScriptedServer, toy: str, evalkit: Evalkit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message of a 401 tells which variable was wrong."""
    monkeypatch.setenv("OPENAI_API_KEY", "other-key-1")
    server.behaviour.key = "right-key-1"

    done = evalkit("plan", server.base_url, toy)

    assert (2, True) == (done.code, "check OPENAI_API_KEY" in done.err)


@pytest.mark.parametrize(
    ("address", "name", "expected"),
    [
        ("http://gpu-box:8000/v1", "EVALKIT_API_KEY", "the key in EVALKIT_API_KEY goes to gpu-box:8000 unencrypted"),
        ("http://gpu-box:8000/v1", "OPENAI_API_KEY", "the key in OPENAI_API_KEY goes to gpu-box:8000 unencrypted"),
        ("https://gpu-box/v1", "OPENAI_API_KEY", "the key in OPENAI_API_KEY goes to gpu-box"),
        ("https://api.openai.com/v1", "OPENAI_API_KEY", None),
        ("https://gpu-box/v1", "EVALKIT_API_KEY", None),
        ("http://127.0.0.1:8000/v1", "EVALKIT_API_KEY", None),
    ],
)
def test_an_unusual_way_is_said(monkeypatch: pytest.MonkeyPatch, address: str, name: str, expected: str | None) -> None:
    """In plain text over a network, or OpenAI's key to somebody else; nothing where no key is set."""
    monkeypatch.delenv("EVALKIT_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert [] == key_notes(at(address, name))
    monkeypatch.setenv(name, KEY)

    found = key_notes(addressed(at(address, name)))

    assert (1 if expected else 0) == len(found)
    assert all(line.startswith(str(expected)) for line in found)


FORMS = {
    "plain": KEY,
    "quoted": quote(KEY, safe=""),
    "escaped JSON": "".join(f"\\u{ord(sign):04x}" for sign in KEY),
    "slashes escaped": KEY.replace("/", "\\/"),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 with a name": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "base64 of a header": base64.urlsafe_b64encode(f"Bearer {KEY}!".encode()).decode(),
    "hex": KEY.encode().hex(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_no_form_of_the_key_comes_back(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """As it is, escaped, in an address, in Base64 at any place, in hexadecimal."""
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)
    body = b'{"error": {"message": "no such key: ' + form.encode() + b'."}}'

    said = json.loads(without_key_bytes(at("https://h/v1"), body))["error"]["message"]

    decoded = [said]
    for part in said.split():
        for pad in ("", "=", "=="):
            try:
                decoded.append(base64.urlsafe_b64decode(part.rstrip(".") + pad).decode("latin-1"))
            except ValueError:
                continue
    assert [] == [text for text in decoded if KEY in text]
    assert "[key]" in said


def test_what_holds_no_key_stays_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escapes and bytes of no encoding too; a short key may stand in a text by chance, but not in a message."""
    body = b'{"a": "\\u4e2d\\n\\ud800 \xff"}'
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)
    assert body == without_key_bytes(at("https://h/v1"), body)
    monkeypatch.setenv("EVALKIT_API_KEY", "x")

    assert (b"x", "x", "[key]") == (
        without_key_bytes(at("https://h/v1"), b"x"),
        without_key_text(at("https://h/v1"), "x"),
        without_key(at("https://h/v1"), "x"),
    )


@pytest.mark.parametrize("where", ["name", "answer", "answers as", "401", "400", "402", "500", "redirect", "ids"])
def test_the_key_is_in_no_file_and_no_message(
    server: ScriptedServer, toy: str, bare: Path, evalkit: Evalkit, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Whatever a server makes of it: its model's name, its answers, its errors, its redirects."""
    key = "sk-test-0123456789"
    monkeypatch.setenv("EVALKIT_API_KEY", key)
    like = server.behaviour
    if where == "name":
        like.models = [f"m-{key}"]
    elif where == "answer":
        like.message = {"content": f"it is {key}"}
    elif where == "answers as":
        like.answers_as = f"toy@{key}"
    elif where == "ids":
        like.owned_by, like.tokenizes = "vllm", True
        like.token_ids = list(f"it is {key}".encode())
    elif where == "401":
        like.key, like.echoes_key = "another", True
    else:
        status = {"redirect": 307}.get(where) or int(where)
        monkeypatch.setattr(
            "tests.models.endpoint.scripted_server._Handler._answer",
            lambda handler, *_, **__: handler._json(
                status, {"error": {"message": f"bad key {key}"}}, Location=f"http://127.0.0.1:9/?key={key}"
            ),
        )

    done = evalkit("run", server.base_url, toy, "--limit", 1, "--out", "run")

    texts = [path.read_text("utf-8") for path in bare.rglob("*") if path.is_file()]
    assert [] == [text for text in [done.out, done.err, *texts] if key in text]
    assert key in server.keys
