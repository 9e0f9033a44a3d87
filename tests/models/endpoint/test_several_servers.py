"""Whole runs against several servers: the records and scores of one server, whatever becomes of the others."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.models.endpoint import _replicas as replicas
from evalkit.models.endpoint.transport import _health as health
from evalkit.models.replicas import _round as rounds
from evalkit.settings import RunSettings, read_config, read_settings
from tests.models.endpoint.scripted_server import ScriptedServer, ServerProcess

Command = Callable[..., Any]
NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    """A second server."""
    with ScriptedServer() as running:
        yield running


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """Sample id → its record, each there once; without times."""
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == len({line["id"] for line in lines})
    return {line["id"]: {name: line[name] for name in line.keys() - {"seconds", "crc32"}} for line in lines}


def scores(folder: Path) -> Any:
    """The scores of a run."""
    return json.loads((folder / "scores.json").read_text("utf-8"))


def wait_for(log: Path, said: str) -> None:
    """Until the log says that; a minute at most."""
    deadline = time.monotonic() + 60
    while not (log.is_file() and re.search(said, log.read_text("utf-8"), re.DOTALL)):
        assert time.monotonic() < deadline, said
        time.sleep(0.02)


def test_scores_are_those_of_one_server(
    server: ScriptedServer, other: ScriptedServer, tiny_model: Path, toy: str, bare: Path, evalkit: Command
) -> None:
    """Both answer, each prompt is asked once, and the folder is called as that of one; the manifest names both."""
    evalkit("run", tiny_model, toy, "--base-url", server.base_url, "--out", "one")
    (folder := bare / "results").mkdir()
    asked = len(server.payloads)

    done = evalkit("run", tiny_model, toy, "--base-url", server.base_url, "--base-url", f"{other.base_url}/")

    assert 0 == done.code
    (found,) = folder.iterdir()
    assert found.name.endswith("-endpoint")
    assert records(bare / "one") == records(found)
    assert scores(bare / "one") == scores(found)
    assert 48 == len(records(found))
    assert min(len(server.payloads) - asked, len(other.payloads)) > 10
    engine = json.loads((found / "run.json").read_text("utf-8"))["environment"]["engine"]
    assert {server.base_url, other.base_url} == set(re.findall(r"http://[\w.:/]+v1", json.dumps(engine)))


def test_a_server_that_dies_loses_nothing(
    other: ScriptedServer, tiny_model: Path, toy: str, bare: Path, evalkit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its prompts go to the other one, with one line that says so; it takes part again when it is back.

    No sample fails, and none is answered twice.
    """
    monkeypatch.setattr(health, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(health, "AWAY_SECONDS", 0.3)
    monkeypatch.setattr(replicas, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0.01)
    other.behaviour.takes_ids = False
    evalkit("run", tiny_model, toy, "--base-url", other.base_url, "--out", "one")
    log, once = bare / "run/logs/replica-1.log", iter([True])
    with ServerProcess(seconds=0.1, takes_ids=False) as mortal:

        def script(*_: object) -> str:
            if next(once, False):  # the other one answers this when the first is at work again
                wait_for(log, "is asked.*says: ")  # which ends what it is asked before prompts
                mortal.kill()
                wait_for(log, " is lost ")
                mortal.start()
                wait_for(log, " is lost .*is asked")
            return ""

        other.behaviour.script = script

        servers = ("--base-url", mortal.base_url, "--base-url", other.base_url)
        done = evalkit("run", tiny_model, toy, *servers, "--engine", "concurrency=1", "--out", "run")

    assert 0 == done.code
    assert records(bare / "one") == records(bare / "run")
    assert scores(bare / "one") == scores(bare / "run")
    assert 1 == len(re.findall(rf"{mortal.base_url} is lost \(nobody answers", done.err))
    assert re.search("is asked.* is lost .*is asked", log.read_text("utf-8"), re.DOTALL)


def test_servers_may_change_between_calls(
    server: ScriptedServer, other: ScriptedServer, tiny_model: Path, toy: str, bare: Path, evalkit: Command
) -> None:
    """Which servers answer is no part of what a run is; the first may be away, the model's name is the others'."""
    first = evalkit("run", tiny_model, toy, "--base-url", server.base_url, "--limit", 1, "--out", "run")
    second = evalkit(
        "run", tiny_model, toy, "--base-url", NOBODY, "--base-url", other.base_url, "--limit", 2, "--out", "run"
    )
    third = evalkit("run", tiny_model, toy, "--base-url", server.base_url, "--out", "run")

    assert [0, 0, 0] == [each.code for each in (first, second, third)]
    assert 48 == len(records(bare / "run"))
    assert other.payloads


def test_no_server_at_all_ends_the_run(
    tiny_model: Path, toy: str, evalkit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one line; where the model's name is given, nobody is asked before the run."""
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0.01)
    two = ("--base-url", NOBODY, "--base-url", "http://127.0.0.1:10/v1", "--out", "run")

    assert f"{NOBODY}: no server answers" in evalkit("run", tiny_model, toy, *two).complaint
    done = evalkit("run", tiny_model, toy, *two, "--engine", "model=toy")

    assert 1 == done.code
    assert "no replica is left" in done.err.splitlines()[-1]


def test_another_model_among_them_is_refused(
    server: ScriptedServer, other: ScriptedServer, tiny_model: Path, toy: str, evalkit: Command
) -> None:
    """Before a prompt is sent to any of them."""
    server.behaviour.window, other.behaviour.window = 4096, 2048

    done = evalkit("run", tiny_model, toy, "--base-url", server.base_url, "--base-url", other.base_url, "--out", "run")

    assert f"{other.base_url} takes 2048 tokens and {server.base_url} takes 4096" in done.last_complaint
    assert [] == server.payloads + other.payloads


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--base-url", "http://a:1/v1", "--base-url", "http://a:1/v1/"), "--base-url http://a:1/v1: this server is"),
        (("--base-url", NOBODY, "--replicas", 2), "--replicas and --ray are for engines that evalkit loads"),
        (("--base-url", NOBODY, "--base-url", "nonsense"), "the server's address: expected an address such as"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: tuple[object, ...], complaint: str, tiny_model: Path, toy: str, evalkit: Command
) -> None:
    """Before anybody is asked."""
    assert complaint in evalkit("run", tiny_model, toy, *words).complaint


def test_a_live_check_asks_one_server(tiny_model: Path, evalkit: Command) -> None:
    """What holds at one need not hold at another."""
    two = ("--base-url", NOBODY, "--base-url", "http://127.0.0.1:10/v1")

    assert "one server at a time is checked" in evalkit("cards", "check", tiny_model, "--live", *two).last_complaint


def test_one_address_or_a_list_of_them(tmp_path: Path) -> None:
    """In Python and in files; what was one text before still is one server."""
    (tmp_path / "one.yaml").write_text("base_url: http://a/v1\n")
    (tmp_path / "two.yaml").write_text("base-url: [http://a/v1, http://b/v1]\n")

    assert ("http://a/v1",) == read_config(tmp_path / "one.yaml")["base_url"]
    assert ("http://a/v1", "http://b/v1") == read_config(tmp_path / "two.yaml")["base_url"]
    assert ("http://a/v1",) == read_settings("m", ["x"], {"base_url": "http://a/v1"}).base_url
    assert ("http://a/v1", "http://b/v1") == read_settings(
        "m", ["x"], {"base_url": ["http://a/v1", "http://b/v1"]}
    ).base_url
    by_hand = RunSettings("m", ("x",), base_url=None)  # type: ignore[arg-type]  # as it was said before
    assert () == read_settings(by_hand).base_url
