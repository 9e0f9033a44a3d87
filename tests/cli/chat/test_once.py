"""`evalkit chat` in scripts: answers on standard output, all else beside it, and exit codes."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Script = Callable[..., None]
Prompts = Callable[[], Sequence[str]]

FACTS = (
    "The sailor and the baker sailed back to the city because the road was closed. The locker that belongs to Mona has "
    "the number 39352. Nobody knew why the astronomer repaired the drum during the festival.\n"
)


def test_the_embedded_model_finds_a_sentence(evalkit: Command, bare: Path) -> None:
    """The answer and nothing else is on the standard output."""
    (bare / "doc.txt").write_text(FACTS)

    done = evalkit(
        "chat", "needle-tiny", "--file", "doc.txt", "--question", "Which number has the locker that belongs to Mona?"
    )

    assert (0, "The locker that belongs to Mona has the number 39352.\n") == (done.code, done.out)
    assert "evalkit: doc.txt: " in done.err and "evalkit: window: 1,024 tokens" in done.err


def test_lines_of_a_pipe_are_questions(
    chat: Command, script: Script, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other in one conversation; none of them is a command."""
    script(["One\x1b[1m", "."], ["Two."])
    monkeypatch.setattr(sys, "stdin", io.StringIO("First?\n\n/quit\n"))

    done = chat("--system", "Be brief.")

    assert (0, "One\x1b[1m.\nTwo.\n") == (done.code, done.out)
    assert "<s>[system] Be brief.\n[user] First?\n[assistant] One\x1b[1m.\n[user] /quit\n[assistant]" == prompts()[1]


def test_thoughts_are_beside_the_answer(chat: Command, script: Script) -> None:
    """As is that there is nothing but thoughts."""
    script([{"thought": "Hm, "}, {"thought": "well."}, "Yes."])

    done = chat("--question", "Is it?")

    assert (0, "Yes.\n") == (done.code, done.out)
    assert "[thinking] Hm, well.\nevalkit: " in done.err


def test_everything_about_an_exchange_is_json(chat: Command, script: Script, bare: Path) -> None:
    """Alone on the standard output where it goes there."""
    script(["Yes", ".", {"finish": "length"}], ["No."])
    (bare / "doc.txt").write_text(FACTS * 20)

    done = chat("--file", "doc.txt", "--question", "Is it?", "--question", "Is it not?", "--json", "-")
    found = json.loads(done.out)
    first, second = found["exchanges"]

    assert (0, "doc.txt", "Yes.", "length", "No.") == (
        done.code, found["document"], first["answer"], first["finish_reason"], second["answer"],
    )  # fmt: skip
    assert first["prompt_tokens"] == second["cached_tokens"] == 448
    ((start, stop),) = first["cut"]["gaps"]
    assert 0 < start < stop == start + first["cut"]["characters"] < len(FACTS) * 20
    assert "  cut    " in done.err


def test_an_exchange_that_is_saved_is_what_a_run_asks(
    chat: Command, evalkit: Command, script: Script, prompts: Prompts, tiny_model: Path, bare: Path
) -> None:
    """The same prompt, to the last sign, scored by the right answer that was given."""
    script(["It is 39352."])
    (bare / "doc.txt").write_text(FACTS * 20)
    options = ("--save-sample", "own.jsonl", "--gold", "39352", "--max-new-tokens", "20")

    asked = chat("--file", "doc.txt", "--system", "Be brief.", "--question", "Which?", *options)
    ran = evalkit("run", tiny_model, "own.jsonl", "--backend", "scripted", "--truncation", "middle", "--out", "out")

    assert (0, 0) == (asked.code, ran.code), (asked.err, ran.err)
    assert "added to own.jsonl; asked again by: evalkit run" in asked.err
    first, second = prompts()
    assert first == second
    (score,) = [json.loads(line)["score"] for line in (bare / "out" / "scores.jsonl").read_text().splitlines()]
    assert 100 == score


def test_the_nearest_examples_stand_before_the_question(chat: Command, script: Script, prompts: Prompts) -> None:
    """Those for which there is room, and they are shown."""
    script(["Aye."], ["No."])
    Path("role.jsonl").write_text(
        '{"question": "Do you sail?", "answer": "Every day."}\n{"question": "Do you bake?", "answer": "Never."}\n'
    )

    done = chat("--examples", "role.jsonl", "--question", "Where do you sail?", "--question", "And bake" + " it" * 400)

    assert 0 == done.code
    assert "evalkit: example: Do you sail? → Every day.\n" in done.err
    turns = "[user] Do you sail?\n[assistant] Every day.\n[user] Where do you sail?\n[assistant]"
    assert prompts()[0].endswith(turns)
    assert "evalkit: 0 of the 2 nearest examples fit into the window" in done.err
    assert prompts()[1].startswith("<s>[user] Where do you sail?")


def test_a_long_question_without_a_document_is_cut_itself(chat: Command, script: Script) -> None:
    """Which is said."""
    script(["Yes."])

    done = chat("--question", "Is it " * 500)

    assert 0 == done.code
    assert " tokens are left out, of the conversation\n" in done.err


def test_ctrl_c_before_the_first_answer_promises_nothing(
    chat: Command, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chat does not go on where it was, as a run does."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    script(["Yes."])
    monkeypatch.setattr("evalkit.chatting.open_chat", interrupt)

    done = chat("--question", "Is it?")

    assert (130, "evalkit: interrupted\n") == (done.code, done.err)


def test_a_backend_that_fails_is_exit_code_one(chat: Command, script: Script) -> None:
    """With its line; what was asked after it is not asked."""
    script(["One."], ["Tw", {"error": "the server went away"}], ["Three."])

    done = chat("--question", "First?", "--question", "Second?", "--question", "Third?")

    assert (1, "One.\nTw\n") == (done.code, done.out)
    assert done.err.endswith("evalkit: the server went away\n")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--question", ""], "--question: the text is empty"),
        (["--question", "\udcff"], "--question: not text in UTF-8"),
        (["--system", "@nowhere.txt", "--question", "?"], "nowhere.txt"),
        (["--file", "nowhere.txt", "--question", "?"], "nowhere.txt"),
        (["--file", "empty.txt", "--question", "?"], "empty.txt"),
        (["--file", "folder", "--question", "?"], "folder"),
        (["--examples", "nowhere.txt", "--question", "?"], "nowhere.txt"),
        (["--gold", "Yes", "--question", "?"], "--gold is the right answer to one --question"),
        (["--gold", "Yes", "--save-sample", "a.jsonl"], "--gold is the right answer to one --question"),
        (["--save-sample", "a.txt", "--question", "?"], "a.txt: samples go to a file that ends in .jsonl"),
        (["--save-sample", "nowhere/a.jsonl", "--question", "?"], "nowhere/a.jsonl: no such folder"),
        (["--save-sample", "folder.jsonl", "--question", "?"], "folder.jsonl: not a file"),
        (["--web", "--question", "?"], "--web and --question"),
        (["--port", "8000", "--question", "?"], "--port is the page's"),
        (["--port", "0", "--web"], "Invalid value for '--port'"),
        (["--host", "0.0.0.0", "--question", "?"], "--host is the page's"),
        (["--max-new-tokens", "0", "--question", "?"], "--max-new-tokens 0"),
        (["--rope", "dynamic:x", "--question", "?"], "RoPE spec 'dynamic:x'"),
        (["--truncation", "none", "--file", "long.txt", "--question", "?"], "does not fit 448"),
        (["--json", "nowhere/a.json", "--question", "?"], "nowhere/a.json: cannot be written"),
        (["--json", "./a.json", "--file", "a.json", "--question", "?"], "./a.json: is the file of --file"),
        (["--json", "a.json", "--system", "@a.json", "--question", "?"], "a.json: is the file of --system"),
        (["--json", "a.json", "--examples", "a.json", "--question", "?"], "a.json: is the file of --examples"),
        (["--json", "a.jsonl", "--save-sample", "a.jsonl", "--question", "?"], "a.jsonl: is the file of --save-sample"),
        (["--save-sample", "notes.jsonl", "--question", "?"], "notes.jsonl:2: instructions: missing"),
        (["--examples", "pipe", "--question", "?"], "pipe: is a pipe"),
    ],
    ids=lambda value: " ".join(value).encode("ascii", "replace").decode() if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(
    chat: Command, bare: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], problem: str
) -> None:
    """Before the model is read: the script that it would read is not there."""
    (bare / "empty.txt").touch()
    (bare / "a.json").write_text('[{"question": "Who?", "answer": "Me."}]')
    (bare / "notes.jsonl").write_text('{"instructions": ["Who?"]}\n{"text": "A diary."}\n')
    (bare / "long.txt").write_text(FACTS * 20)
    os.mkfifo(bare / "pipe")
    for name in ("folder", "folder.jsonl"):
        (bare / name).mkdir()
    monkeypatch.setattr(sys, "stdin", io.StringIO("Who?\n"))

    assert problem in chat(*options).complaint


def test_lines_that_are_no_text_are_refused(chat: Command, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the locale makes half characters of their bytes; what stood before them is answered."""
    for errors in ("strict", "surrogateescape"):
        script(["Yes."])
        lines = io.TextIOWrapper(io.BytesIO(b"Is it?\nCaf\xe9?\n"), "utf-8", errors)
        monkeypatch.setattr(sys, "stdin", lines)

        done = chat()

        assert (2, "standard input: not text in UTF-8" in done.err) == (done.code, True), errors


def test_nothing_on_standard_input_is_no_question(chat: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what to write."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))

    assert "nothing is asked: the standard input is empty" in chat().complaint


def test_a_model_without_a_chat_format_is_refused(evalkit: Command, save_model: Callable[..., Path]) -> None:
    """Unless its prompts are to be plain text."""
    done = evalkit("chat", save_model(None), "--question", "Who?")

    assert "a base model without a chat format" in done.last_complaint


def test_the_page_says_what_it_needs(chat: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its extra is not installed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "gradio" else object())

    assert "pip install 'evalkit[web]'" in chat("--web").complaint


def test_the_page_gets_what_was_said(chat: Command, monkeypatch: pytest.MonkeyPatch, bare: Path) -> None:
    """With a model that is not read yet, and that any question may turn."""
    (bare / "doc.txt").write_text(FACTS)
    shown: dict[str, Any] = {}
    monkeypatch.setattr("evalkit.cli._chat._check_gradio", lambda: None)
    monkeypatch.setattr("evalkit.web.serve", lambda model, **said: shown.update(said, model=model), raising=False)

    done = chat("--web", "--file", "doc.txt", "--system", "Be kind.", "--save-sample", "a.jsonl", "--port", 8123)

    assert 0 == done.code
    model, document = shown.pop("model"), shown.pop("document")
    assert (False, True, FACTS) == (model.is_loaded, model.is_rope_free, document.text)
    del shown["note"]
    assert {"system": "Be kind.", "examples": None, "samples": Path("a.jsonl"), "host": None, "port": 8123} == shown
