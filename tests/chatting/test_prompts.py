"""What a chat asks is what a run asks: the same ids, the same draws, the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import evaluate
from evalkit.chatting import Asked, ChatModel, Conversation
from evalkit.models import GenerationRequest
from evalkit.prompts import Prompt
from evalkit.runs import open_session, read_records_of_run
from evalkit.settings import RunSettings
from evalkit.tasks.samples import Turn

from .talks import QUESTION, Engine, about, whole

NewChat = Callable[..., ChatModel]
EXAMPLES = (Turn("Hello", "Good day."), Turn("Who are you?", "A baker."))


def row_of(asked: Asked) -> dict[str, Any]:
    """The row of a file of samples that asks the question."""
    document, conversation = asked.conversation.document, asked.conversation
    return {
        "input": "" if document is None else document.text, "instructions": [asked.question], "outputs": ["91537"],
        "system": conversation.system, "turns": [list(turn) for turn in conversation.turns],
        "examples": [list(turn) for turn in asked.examples], "max_new_tokens": asked.prompt.max_new_tokens,
    }  # fmt: skip


def write(path: Path, *asked: Asked) -> Path:
    """The file that asks these questions."""
    path.write_text("".join(json.dumps(row_of(each)) + "\n" for each in asked), "utf-8")
    return path


def prompts_of_run(path: Path, **settings: Any) -> list[Prompt]:
    """The prompts of a run of that file."""
    session = open_session(RunSettings("needle-tiny", (str(path),), **settings))
    return [prompt for _, prompt in session.first_prompts()]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_seq_len": 320},
        {"max_seq_len": 320, "truncation": "context-middle"},
        {"max_seq_len": 700, "truncation": "leval-official", "max_new_tokens": 70},
        {"max_seq_len": 320, "truncation": "longbench-official"},
        {"max_seq_len": 320, "truncation": "opencompass-legacy-mid"},
        {"chat": "none", "max_seq_len": 320},
        {"rope": "dynamic:2", "max_seq_len": 1600},
    ],
)
def test_the_ids_of_a_chat_are_those_of_a_run(settings: dict[str, Any], new_chat: NewChat, tmp_path: Path) -> None:
    """First and second question, alone and behind role play, under every kind of truncation."""
    model, first = new_chat(**settings), about(30)
    second = first.and_then(QUESTION, "The label 91537.")
    asked = [
        model.prepare(first, QUESTION),
        model.prepare(second, "Who drove?"),
        model.prepare(second, "Who drove?", EXAMPLES),
    ]

    run = prompts_of_run(write(tmp_path / "own.jsonl", *asked), **settings)

    assert [each.prompt.ids.tolist() for each in asked] == [prompt.ids.tolist() for prompt in run]
    assert [each.prompt.max_new_tokens for each in asked] == [prompt.max_new_tokens for prompt in run]
    assert [each.prompt.ledger.kept if each.prompt.ledger else None for each in asked] == [
        prompt.ledger.kept if prompt.ledger else None for prompt in run
    ]


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.9, "top_k": 20, "sampling_seed": 3}, {"rope": "ntk:4"}])
@pytest.mark.filterwarnings("ignore::evalkit.EvalkitWarning")
def test_the_answer_of_a_chat_is_that_of_a_run(settings: dict[str, Any], new_chat: NewChat, tmp_path: Path) -> None:
    """Greedily, drawn and under another RoPE; the chat's second answer stands behind a cached document."""
    model, conversation, asked, answers = new_chat(max_new_tokens=24, **settings), about(10), [], []
    for question in (QUESTION, "And who drove over the bridge?"):
        asked.append(model.prepare(conversation, question))
        answers.append(whole(model.ask(asked[-1])).text)
        conversation = conversation.and_then(question, answers[-1])

    path = write(tmp_path / "own.jsonl", *asked)
    result = evaluate("needle-tiny", str(path), out=tmp_path / "out", progress=False, **settings)
    records = sorted(read_records_of_run(next(iter(result.folders.values()))), key=lambda each: each.id)

    assert answers == [record.text for record in records]
    assert [each.prompt.digest for each in asked] == [record.prompt_sha256 for record in records]


def test_draws_are_those_of_the_prompt(new_chat: NewChat) -> None:
    """The seed of a draw is made of the prompt and its number; the card's or the user's sampling stands in it."""
    seen: list[GenerationRequest] = []

    class Spy(Engine):
        """Writes down what it is asked."""

        def stream(self, rope: Any, request: GenerationRequest) -> Any:
            """The same."""
            seen.append(request)
            return super().stream(rope, request)

    model = new_chat(Spy(), temperature=0.7, top_p=0.9, sampling_seed=5)
    asked = model.prepare(about(2), QUESTION)
    for draw in (0, 1):
        whole(model.ask(asked, draw))

    assert model.sampling is not None
    assert [model.sampling.of_draw(asked.prompt.digest, draw) for draw in (0, 1)] == [each.sampling for each in seen]
    assert seen[0].sampling != seen[1].sampling


@pytest.mark.parametrize(("shows", "told"), [("message.content", 0), ("message.content if message.role == 'user'", 1)])
def test_a_system_message_that_the_template_leaves_out_is_said(
    shows: str, told: int, new_chat: NewChat, tmp_path: Path, notes: list[str]
) -> None:
    """Once, and not where it is shown, stripped or behind other text."""
    template = tmp_path / "own.jinja"
    template.write_text(f"{{% for message in messages %}}[{{{{ ({shows}) | trim }}}}]{{% endfor %}}", "utf-8")
    model = new_chat(chat=str(template))
    conversation = Conversation(about(2).document, " Be brief.\n")
    for _ in range(2):
        model.prepare(conversation, QUESTION)
    model.prepare(about(2), QUESTION)

    assert told == sum("leaves the system message out" in line for line in notes)
