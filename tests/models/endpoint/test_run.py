"""Whole runs against a server: through the command line, without a card, with a key, again after a fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.models.endpoint.scripted_server import KEY, ScriptedServer

CARD = """
name: hosted
title: Hosted
context_length: {window}
chat: server
tokenizer: {tokenizer}
endpoint: {{base_url: {url}, model: toy, prices: {{input: 10, output: 20}}}}
licence: none
"""

WriteCard = Callable[..., Path]


@pytest.fixture
def write_card(server: ScriptedServer, tiny_model: Path, tmp_path: Path) -> WriteCard:
    """Writer of a card whose model only the server has: `write_card(window=…)`."""

    def write(window: int = 4096) -> Path:
        path = tmp_path / "hosted.yaml"
        path.write_text(CARD.format(window=window, tokenizer=tiny_model, url=server.base_url), "utf-8")
        return path

    return write


def records(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text("utf-8").splitlines()]


def test_an_address_is_enough(server: ScriptedServer, toy: str, bare: Path, evalkit: Any) -> None:
    """`evalkit run URL BENCHMARK` asks the server, counts characters, and says so."""
    done = evalkit("run", server.base_url, toy, "--out", "run")

    assert 0 == done.code
    assert "lengths are characters" in done.err
    assert "prompt characters" in done.err
    assert "prompt tokens" not in done.err + done.out
    assert 48 == len({record["id"] for record in records(bare / "run") if record["text"] == "answer"})
    assert "plain+none" == json.loads((bare / "run/scores.json").read_text())["protocol"]


def test_an_address_can_be_planned(server: ScriptedServer, toy: str, bare: Path, evalkit: Any) -> None:
    """`evalkit plan URL BENCHMARK` counts without asking the model anything, and names its unit."""
    done = evalkit("plan", server.base_url, toy, "--json", "-")

    plan = json.loads(done.out)
    assert (48, "characters") == (plan["samples"], plan["unit"])
    assert [] == server.payloads
    assert [] == list(bare.iterdir())


def test_answers_cut_at_the_limit_are_counted_and_said(
    server: ScriptedServer, toy: str, bare: Path, evalkit: Any
) -> None:
    """The server's `length` reaches the scores, and more than a few are worth a line."""
    done = evalkit("run", server.base_url, toy, "--task", "tales", "--limit", 6, "--max-new-tokens", 3, "--out", "run")

    task = json.loads((bare / "run/scores.json").read_text())["tasks"]["tales"]
    assert (6, 6, 0) == (task["n"], task["cut"], task["lost_to_reasoning"])
    assert "tales: 6 of 6 answers were cut at the generation limit" in done.err


def test_answers_lost_to_thoughts_are_counted_and_said(
    server: ScriptedServer, toy: str, bare: Path, evalkit: Any
) -> None:
    """They are scored as the empty answers that they are, in the record, the scores and a line."""
    server.behaviour.is_chat_only = True
    server.behaviour.script = lambda prompt, _: "reasoning-cut" if "number 1" in prompt else ""

    done = evalkit("run", server.base_url, toy, "--task", "tales", "--limit", 6, "--out", "run")

    task = json.loads((bare / "run/scores.json").read_text())["tasks"]["tales"]
    lost = [record["id"] for record in records(bare / "run") if record["lost_to"] == "reasoning"]
    assert (6, 0, len(lost)) == (task["n"], task["failed"], task["lost_to_reasoning"])
    assert f"{len(lost)} of 6 answers are empty because reasoning took all tokens" in done.err
    assert lost


def test_a_server_that_reads_a_part_fails_its_samples(
    server: ScriptedServer, toy: str, bare: Path, evalkit: Any
) -> None:
    """Long prompts at one ceiling are recorded as failed with both numbers, said once, and not scored."""
    server.behaviour.reads_at_most = 200

    done = evalkit("run", server.base_url, toy, "--out", "run")

    cut = [each for each in records(bare / "run") if each["prompt_tokens"] == 200]
    assert len(cut) > 10
    assert all(f"read 200 tokens of a prompt of {each['ledger']['after']} characters" in each["error"] for each in cut)
    assert 1 == done.err.count("it drops what exceeds its window")
    assert 1 == done.code


def test_the_same_command_again_asks_nothing(server: ScriptedServer, toy: str, bare: Path, evalkit: Any) -> None:
    """A finished run against a server sends no request at all."""
    evalkit("run", server.base_url, toy, "--out", "run")
    sent = len(server.payloads)

    done = evalkit("run", server.base_url, toy, "--out", "run")

    assert 0 == done.code
    assert sent == len(server.payloads)
    assert 48 == len(records(bare / "run"))


def test_a_run_begun_under_the_older_name_of_the_backend_goes_on(
    server: ScriptedServer, tiny_model: Path, toy: str, bare: Path, evalkit: Any
) -> None:
    """`openai` was what `endpoint` is called now: no conflict, nothing asked twice, whichever name the command says."""
    command = ("run", tiny_model, toy, "--base-url", server.base_url, "--out", "run")
    evalkit(*command, "--limit", 1)
    manifest = bare / "run/run.json"
    older = json.loads(manifest.read_text())
    assert "endpoint" == older["identity"]["backend"]
    older["identity"]["backend"] = "openai"
    manifest.write_text(json.dumps(older))

    done = [evalkit(*command, "--backend", name, "--limit", 2) for name in ("openai", "endpoint")]

    assert [0, 0] == [each.code for each in done]
    assert "2 answered, 2 already done" in done[0].err
    assert "0 answered, 4 already done" in done[1].err
    assert "endpoint" == json.loads(manifest.read_text())["identity"]["backend"]


def test_failed_samples_are_asked_again(server: ScriptedServer, toy: str, bare: Path, evalkit: Any) -> None:
    """A fault costs its samples only until the next call."""
    server.behaviour.script = lambda prompt, _: "null-content" if "number 1" in prompt else ""
    first = evalkit("run", server.base_url, toy, "--out", "run")
    server.behaviour.script = lambda prompt, _: ""  # noqa: ARG005

    second = evalkit("run", server.base_url, toy, "--out", "run")

    assert (1, 0) == (first.code, second.code)
    assert "32 already done, 0 failed" in second.err
    assert 16 == sum(record["error"] is not None for record in records(bare / "run"))
    assert 48 == len({record["id"] for record in records(bare / "run") if record["error"] is None})


def test_usage_is_in_the_records(server: ScriptedServer, toy: str, bare: Path, evalkit: Any) -> None:
    """The server's own counts stand in every record."""
    evalkit("run", server.base_url, toy, "--task", "tales", "--limit", 1, "--out", "run")

    record = records(bare / "run")[0]
    assert record["prompt_tokens"] == record["ledger"]["after"]  # the toy's prompts are ASCII: bytes are characters
    assert record["prompt_tokens"] // 2 == record["cached_tokens"]


def test_no_trace_of_a_key(
    server: ScriptedServer, toy: str, bare: Path, evalkit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is in no file of the run and in nothing that is printed, even where the server repeats it."""
    server.behaviour.key = KEY
    monkeypatch.setenv("EVALKIT_API_KEY", KEY)
    good = evalkit("run", server.base_url, toy, "--out", "run")
    server.behaviour.key, server.behaviour.echoes_key = "another", True
    server.behaviour.script = lambda prompt, _: ""  # noqa: ARG005

    bad = evalkit("run", server.base_url, toy, "--out", "run2")

    assert (0, 2) == (good.code, bad.code)
    assert KEY not in good.out + good.err + bad.out + bad.err
    files = [path for path in bare.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [] == [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_card_with_a_tokenizer_truncates(write_card: WriteCard, toy: str, bare: Path, evalkit: Any) -> None:
    """Prompts are cut by the card's tokenizer before they are sent as messages."""
    done = evalkit("run", write_card(window=120), toy, "--task", "tales", "--limit", 3, "--out", "run")

    ledgers = [record["ledger"] for record in records(bare / "run")]
    assert 0 == done.code
    assert [114] * 3 == [ledger["after"] for ledger in ledgers]
    assert all(ledger["before"] > 114 for ledger in ledgers)


def test_the_plan_and_the_run_name_their_cost(
    server: ScriptedServer, write_card: WriteCard, toy: str, bare: Path, evalkit: Any
) -> None:
    """A price table gives the plan an upper bound and the run what was spent; planning sends nothing."""
    card = write_card()
    planned = evalkit("plan", card, toy, "--json", "-")
    asked = len(server.payloads)
    done = evalkit("run", card, toy, "--out", "run")

    plan = json.loads(planned.out)
    assert 0 == asked
    assert {"currency": "USD", "at_most": (plan["prompt_tokens"] * 10 + plan["max_new_tokens"] * 20) / 1e6} == plan[
        "cost"
    ]
    assert "USD spent" in done.err
    assert (bare / "run/run.json").is_file()


def test_a_cost_limit_ends_the_run_and_money_continues_it(
    write_card: WriteCard, toy: str, bare: Path, evalkit: Any
) -> None:
    """`--max-cost` stops before the limit; a later call does the rest and nothing twice."""
    card = write_card()
    first = evalkit("run", card, toy, "--max-cost", 0.02, "--out", "run")
    begun = len(records(bare / "run"))

    second = evalkit("run", card, toy, "--out", "run")

    assert "--max-cost 0.02: reached" in first.err.splitlines()[-1]
    assert 0 < begun < 48
    assert 0 == second.code
    assert 48 == len(records(bare / "run"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["http://127.0.0.1:9/v1"], "no server answers"),
        (["http://user:secret@127.0.0.1:9/v1"], "must not carry a user, a key or a query"),
        (["URL", "--max-seq-len", "100"], "--max-seq-len 100 counts tokens"),
        (["URL", "--truncation", "middle"], "--truncation middle counts tokens"),
        (["URL", "--engine", "modle=x"], "did you mean 'model'?"),
        (["URL", "--engine", "concurrency=many"], "--engine concurrency=many"),
        (["URL", "--engine", "concurrency"], "expected NAME=VALUE"),
        (["URL", "--engine", "model=tiny"], "unknown model at"),
        (["URL", "--max-cost", "1"], "--max-cost needs prices"),
        (["URL", "--max-cost", "0"], "must be greater than 0"),
        (
            ["MODEL", "--backend", "endpoint"],
            "--backend endpoint needs the address of a server: --base-url http://HOST",
        ),
        (["MODEL", "--backend", "openai"], "--backend endpoint needs the address of a server: --base-url http://HOST"),
        (["MODEL", "--backend", "hf", "--base-url", "URL"], "--base-url is for --backend endpoint"),
        (["MODEL", "--chat", "server"], "--chat server is for --backend endpoint"),
        (["MODEL", "--engine", "eager=true"], "--engine is for --backend vllm and endpoint"),
        (["MODEL", "--backend", "vllm", "--engine", "eagre=true"], "did you mean 'eager'?"),
        (["MODEL", "--backend", "vllm", "--engine", "memory_fraction=2"], "--engine memory_fraction=2"),
        (["URL", "--backend", "hf"], "leave out --base-url and --backend"),
        (["URL", "--batch", "4"], "--batch is for --backend hf, and this run has --backend endpoint"),
        (["MODEL", "--backend", "vllm", "--batch", "auto"], "--batch is for --backend hf, and this run has"),
        (["CARD"], "wants a key: set HOSTED_KEY in the environment"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(
    server: ScriptedServer,
    tiny_model: Path,
    toy: str,
    bare: Path,
    evalkit: Any,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    complaint: str,
) -> None:
    """Whatever is wrong with the server's address or settings is said in one line, and no folder is left."""
    monkeypatch.delenv("HOSTED_KEY", raising=False)
    card = bare / "hosted.yaml"
    needs_key = "url}, is_key_required: true, key_env: HOSTED_KEY, model"
    text = CARD.replace("url}, model", needs_key)
    card.write_text(text.format(window=4096, tokenizer=tiny_model, url=server.base_url), "utf-8")
    places = {"URL": server.base_url, "MODEL": str(tiny_model), "CARD": str(card)}
    model, *rest = [places.get(argument, argument) for argument in arguments]

    done = evalkit("run", model, toy, *rest)

    assert 2 == done.code
    assert complaint in done.err.splitlines()[-1]
    assert "secret" not in done.err
    assert "Traceback" not in done.err
    assert not (bare / "results").exists()
