"""Exchanges saved as samples: the run asks what the chat asked, and the file stays whole."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.chatting import (
    Asked,
    ChatModel,
    Conversation,
    Reply,
    check_samples_place,
    open_chat,
    run_command,
    save_sample,
)
from evalkit.documents import Document
from evalkit.errors import UserError
from evalkit.models import Completion
from evalkit.settings import RunSettings
from evalkit.tasks.samples import Turn, read_rows

Command = Callable[..., Any]
Exchange = tuple[Asked, Reply]

FACT = "The locker that belongs to Mona has the number 39352."
FILLER = "The sailor and the baker sailed back to the city because the road was closed. "
SHORT = Document("short.txt", f"{FILLER}{FACT} {FILLER}")
LONG = Document("long.txt", f"{FILLER * 60}{FACT} {FILLER * 60}")
QUESTION = "Which number has the locker that belongs to Mona?"


@pytest.fixture(scope="module")
def tiny() -> Iterator[ChatModel]:
    """The embedded model, greedy."""
    model = open_chat(RunSettings("needle-tiny", ()), lambda _: None)
    yield model
    model.close()


def answered(model: ChatModel, conversation: Conversation, question: str, examples: tuple[Turn, ...] = ()) -> Exchange:
    """A question and its answer."""
    asked = model.prepare(conversation, question, examples)
    *_, reply = model.ask(asked)
    assert isinstance(reply, Reply)
    return asked, reply


def exchanges(model: ChatModel) -> list[Exchange]:
    """Everything that a prompt can be made of: each part, all of them, a cut."""
    about = Conversation(SHORT)
    asked, reply = answered(model, about, QUESTION)
    second = about.and_then(asked.question, reply.text)
    role = (Turn("Who are you?", "The keeper of the lockers."), Turn("你是谁？", "保管员。"))
    return [
        (asked, reply),
        answered(model, second, "Which number has Mona's locker?"),
        answered(model, replace(second, system="Answer in one sentence."), QUESTION, role),
        answered(model, Conversation(LONG), QUESTION),
        answered(model, Conversation(), "你好"),
    ]


@pytest.mark.parametrize(
    "asking",
    [
        {},
        {"temperature": 0.9, "top_k": 50, "sampling_seed": 3},
        {"rope": "dynamic:2", "max_seq_len": 1536, "max_new_tokens": 20},
    ],
)
def test_a_run_asks_what_the_chat_asked(evalkit: Command, asking: dict[str, Any]) -> None:
    """Token by token, also what was cut; its answers are the chat's, greedy or drawn, by the command that is told."""
    model, path = open_chat(RunSettings("needle-tiny", (), **asking), lambda _: None), Path("own.jsonl")
    told = exchanges(model)
    assert [None, None, None] == [asked.cut for asked, _ in told[:3]]
    assert told[3][0].cut is not None
    for asked, reply in told:
        assert save_sample(path, asked, reply, "39352")

    done = evalkit(*shlex.split(run_command(model, path))[1:], "--out", "run")

    model.close()
    assert 0 == done.code, done.err
    records = [json.loads(line) for line in Path("run/samples.jsonl").read_text("utf-8").splitlines()]
    records.sort(key=lambda record: int(record["id"].rpartition("/")[2]))
    assert [asked.prompt.digest for asked, _ in told] == [record["prompt_sha256"] for record in records]
    assert [reply.text for _, reply in told] == [record["text"] for record in records]
    assert [(asked.rope.key, asked.spec) for asked, _ in told] == [(one["rope"], one["rope_spec"]) for one in records]
    assert all(reply.text for _, reply in told)


def test_the_line_says_all_that_the_prompt_was_made_of(tiny: ChatModel, tmp_path: Path) -> None:
    """Whole, whatever was cut; with who was asked and what it said; the same again is no other line."""
    path = tmp_path / "own.jsonl"
    conversation = Conversation(LONG, "Be brief.").and_then("Who?", "The baker.\n\u2028")
    asked, reply = answered(tiny, conversation, QUESTION, (Turn("a", "b"),))

    assert [True, True, False] == [
        save_sample(path, asked, reply, "39352", "f1"), save_sample(path, asked, reply, "39352"),
        save_sample(path, asked, reply, "39352", "f1"),
    ]  # fmt: skip

    first, second = (row.saved for row in read_rows(path))
    assert (LONG.text, (QUESTION,), ("39352",), "f1") == (
        first.input,
        first.instructions,
        first.outputs,
        first.evaluation,
    )
    assert ("Be brief.", (Turn("a", "b"),), conversation.turns) == (first.system, first.examples, first.turns)
    assert (64, "needle-tiny", reply.text) == (first.max_new_tokens, first.model, first.answer)
    assert (("39352",), "keyword") == (second.outputs, second.evaluation)


@pytest.mark.parametrize("before", ["", "\ufeff", '{"instructions": ["a"]}', '{"instructions": ["a"]}\r\n\r\n'])
def test_a_line_is_added_behind_whatever_a_file_of_samples_holds(tiny: ChatModel, tmp_path: Path, before: str) -> None:
    """Also where an editor left no end of the last line; a link stays one."""
    (tmp_path / "real.jsonl").write_bytes(before.encode())
    path = tmp_path / "own.jsonl"
    path.symlink_to(tmp_path / "real.jsonl")

    save_sample(path, *answered(tiny, Conversation(SHORT), QUESTION))

    assert [QUESTION] == [row.saved.instructions[0] for row in read_rows(path)][-1:]
    assert path.is_symlink()
    assert (tmp_path / "real.jsonl").read_bytes().startswith(before.encode())


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("own.jsonl", b"A diary.\n", "own.jsonl:1: not JSON"),
        ("own.jsonl", b'{"instructions": ["a"]}\n{"text": "b"}\n', "own.jsonl:2: instructions: missing"),
        ("own.jsonl", b'{"instructions": ["a"', "own.jsonl:1: the last line is cut off"),
        ("own.txt", b"", "ends in .jsonl"),
        ("folder.jsonl", None, "not a file"),
    ],
)
def test_a_file_that_is_none_of_samples_is_left_alone(
    tiny: ChatModel, tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    """One line that says why."""
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)

    with pytest.raises(UserError, match=problem.replace(".", r"\.")):
        save_sample(path, *answered(tiny, Conversation(SHORT), QUESTION))

    assert content is None or content == path.read_bytes()


def test_what_cannot_be_a_sample_is_not_written(tiny: ChatModel, tmp_path: Path) -> None:
    """A folder that is not there, an unknown evaluation, a gold answer that nothing can match, no answer."""
    path, (asked, reply) = tmp_path / "own.jsonl", answered(tiny, Conversation(SHORT), QUESTION)
    failed = replace(reply, completion=Completion(0, finish_reason="error", error="out of memory"))

    with pytest.raises(UserError, match="no such folder"):
        check_samples_place(tmp_path / "nowhere" / "own.jsonl")
    with pytest.raises(UserError, match="evaluation: Input should be 'keyword'"):
        save_sample(path, asked, reply, "39352", "guess")
    with pytest.raises(UserError, match="rouge finds no word"):
        save_sample(path, asked, reply, "Да", "rouge")
    with pytest.raises(UserError, match="not answered \\(out of memory\\)"):
        save_sample(path, asked, failed)
    assert not path.exists()


def test_lines_of_many_writers_are_all_there_and_whole(tiny: ChatModel, tmp_path: Path) -> None:
    """Nobody's line is lost or torn."""
    path, (asked, reply) = tmp_path / "own.jsonl", answered(tiny, Conversation(SHORT), QUESTION)

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda gold: save_sample(path, asked, reply, str(gold)), [*range(12), *range(12)]))

    assert 12 == sum(added)
    assert sorted(map(str, range(12))) == sorted(row.saved.outputs[0] for row in read_rows(path))


def test_a_power_cut_leaves_the_file_as_it_was(
    tiny: ChatModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved before is not lost to a line that could not be finished."""
    path, (asked, reply) = tmp_path / "own.jsonl", answered(tiny, Conversation(SHORT), QUESTION)
    save_sample(path, asked, reply)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evalkit.files.sync", full)
    with pytest.raises(UserError, match=r"own\.jsonl: cannot be written \(No space left on device\)"):
        save_sample(path, asked, reply, "39352")

    assert before == path.read_bytes()


def test_a_right_answer_given_later_takes_the_place_of_none(tiny: ChatModel, tmp_path: Path) -> None:
    """One question is one sample; another right answer to it is another one, and order and other lines stay."""
    path, (asked, reply) = tmp_path / "own.jsonl", answered(tiny, Conversation(SHORT), QUESTION)
    other = answered(tiny, Conversation(SHORT, system="Be brief."), QUESTION)
    added = [save_sample(path, asked, reply), save_sample(path, *other), save_sample(path, asked, reply, "39352")]

    assert [True, True, True] == added
    assert [("39352",), ()] == [row.saved.outputs for row in read_rows(path)]
    assert not save_sample(path, asked, reply) and not save_sample(path, asked, reply, "39352")
    assert save_sample(path, asked, reply, "39")
    assert [("39352",), (), ("39",)] == [row.saved.outputs for row in read_rows(path)]
