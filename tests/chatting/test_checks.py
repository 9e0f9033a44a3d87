"""Settings of a chat: refused in one line before any weights are read, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import load_card
from evalkit.chatting import ChatModel, Conversation
from evalkit.chatting._checks import OF_RUNS, OF_SEVERAL, with_sampling
from evalkit.cli._chat import TAKEN
from evalkit.documents import Document
from evalkit.errors import UserError
from evalkit.models import Sampling
from evalkit.settings import RunSettings, settings_of
from tests.models.endpoint.scripted_server import ScriptedServer

from .talks import QUESTION, about, whole

NewChat = Callable[..., ChatModel]
SaveModel = Callable[..., Path]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_new_tokens": 1024}, "no room for a prompt: max_seq_len 1024 minus max_new_tokens 1024 is 0"),
        ({"max_seq_len": 64}, "raise --max-seq-len or lower --max-new-tokens"),
        ({"limit": 3}, "--limit is for runs of benchmarks"),
        ({"protocol": "official"}, "--protocol is for runs of benchmarks"),
        ({"samples_per_question": 2}, "--samples-per-question is for runs of benchmarks"),
        ({"options": {"lengths": "256"}}, "--option is for runs of benchmarks"),
        ({"replicas": 2}, "--replicas: a chat asks one engine"),
        ({"shard": "1/2"}, "--shard: a chat asks one engine"),
        ({"batch": "4"}, "--batch: a chat asks one engine, one question after the other"),
        ({"reasoning": "scored"}, "--reasoning is for runs of benchmarks"),
        ({"ray": "auto"}, "--ray: a chat asks one engine"),
        ({"base_url": ("http://a/v1", "http://b/v1")}, "--base-url .several.: a chat asks one engine"),
        ({"top_k": 5}, "--top-k: greedy decoding draws nothing; add --temperature"),
        ({"top_p": 0.5, "temperature": 0.0}, "--top-p: greedy decoding draws nothing"),
        ({"temperature": 1000.0}, "--temperature 1000: must be 0"),
        ({"truncation": "midle"}, "unknown truncation mode 'midle'"),
        ({"rope": "ntk"}, "RoPE spec 'ntk'"),
        ({"rope_mode": "engine"}, "--rope-mode engine is for a spec"),
        ({"rope_replaces_native": True, "rope_stacks_on_native": True}, "not both"),
        ({"backend": "hv"}, "unknown backend 'hv'"),
        ({"chat": "server"}, "--chat server is for --backend endpoint"),
        ({"model": "gpt-4"}, "wants a key: set OPENAI_API_KEY"),
    ],
)
def test_what_no_chat_can_have_is_one_line(
    settings: dict[str, Any], said: str, new_chat: NewChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is and what to do."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(UserError, match=said) as raised:
        new_chat(**settings)

    assert "\n" not in str(raised.value)


def test_every_setting_of_a_run_is_a_flag_of_the_chat_or_refused() -> None:
    """None is taken and then ignored."""
    known = {name for name, setting in settings_of(RunSettings).items() if not setting.is_argument}

    assert sorted(known) == sorted((*TAKEN, *OF_RUNS, *OF_SEVERAL))


def test_a_model_without_a_chat_format_is_refused_unless_plain_text_is_asked_for(
    new_chat: NewChat, save_model: SaveModel
) -> None:
    """Plain text is the document and the question, nothing else."""
    base = str(save_model(None))

    with pytest.raises(UserError, match=r"a base model without a chat format.*--chat FILE\.jinja, or --chat none"):
        new_chat(model=base)

    plain = new_chat(model=base, chat="none")
    asked = plain.prepare(Conversation(Document("a.txt", "The fox.")), "Who?")
    assert "The fox.\n\nWho?" == plain.session.tokenizer.decode(asked.prompt.ids.tolist(), skip_special=True)


def test_a_chat_template_of_ones_own_gives_a_base_model_a_format(
    new_chat: NewChat, save_model: SaveModel, tmp_path: Path
) -> None:
    """As the message says."""
    (tmp_path / "own.jinja").write_text("{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}", "utf-8")

    model = new_chat(model=str(save_model(None)), chat=str(tmp_path / "own.jinja"))
    asked = model.prepare(Conversation(system="Be brief."), "Who?")

    text = model.session.tokenizer.decode(asked.prompt.ids.tolist(), skip_special=True)
    assert "[system] Be brief.\n[user] Who?\n" == text


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        ({}, (0.3, 0.8, 5, 1.1)),
        ({"temperature": 0.9}, (0.9, 0.8, 5, 1.1)),
        ({"top_p": 0.5}, (0.3, 0.5, 5, 1.1)),
        ({"temperature": 0.0}, None),
    ],
)
def test_flags_win_over_the_sampling_of_the_card(given: dict[str, float], drawn: tuple[float, ...] | None) -> None:
    """Each by itself; a temperature of 0 is greedy, whatever the card says: here as Index-1.9B-Chat's makers draw."""
    name = "index-1.9b-chat"

    found = with_sampling(RunSettings(name, (), **given), load_card(name))  # type: ignore[arg-type]

    assert (found.temperature or None, found.top_p, found.top_k, found.repetition_penalty) == (
        (None, None, None, None) if drawn is None else drawn
    )


def test_a_card_without_sampling_is_greedy_unless_a_temperature_draws(new_chat: NewChat, notes: list[str]) -> None:
    """As in a run."""
    assert new_chat().sampling is None
    assert Sampling(0.5, 0.9, None, None, 0) == new_chat(temperature=0.5, top_p=0.9).sampling
    assert [] == notes


@pytest.mark.parametrize(("own", "asked", "drawn"), [
    (None, 1.0, None), (None, 1.2, 1.2), (1.0, 1.0, 1.0), (1.1, 1.0, 1.0), (1.1, 1.1, 1.1),
])  # fmt: skip
def test_a_penalty_of_one_switches_off_what_the_chat_or_its_card_asks_for(
    own: float | None, asked: float, drawn: float | None, new_chat: NewChat
) -> None:
    """None leaves the model's own in force, as in a run that asks for none."""
    model = new_chat(temperature=0.5, repetition_penalty=own)

    assert Sampling(0.7, None, None, drawn, 0) == model.sampling_under(0.7, repetition_penalty=asked)
    assert model.sampling_under(0, repetition_penalty=asked) is None


def test_a_window_beyond_the_models_is_said(new_chat: NewChat, notes: list[str]) -> None:
    """As a run says it."""
    new_chat(max_seq_len=2048)

    assert ["window 2048 exceeds the 1024 tokens needle-tiny was made for"] == notes


def test_the_limit_of_an_answer_is_a_share_of_the_window(new_chat: NewChat) -> None:
    """A sixteenth, at least 64 and at most 1,024 tokens; the user's wins."""
    assert [64, 128, 1024] == [new_chat(max_seq_len=size).max_new_tokens for size in (512, 2048, 2**20)]
    assert 7 == new_chat(max_new_tokens=7).max_new_tokens


def test_a_server_whose_tokenizer_nobody_knows_cuts_nothing(
    server: ScriptedServer,
    new_chat: NewChat,
    notes: list[str],
) -> None:
    """Lengths are characters, that is said, and the document goes there whole."""
    model = new_chat(model=server.base_url)
    conversation = about(400)
    asked = model.prepare(conversation, QUESTION)
    reply = whole(model.ask(asked))
    measured = model.measure(conversation)

    assert "characters" == model.unit
    assert conversation.document is not None
    assert asked.cut is None and asked.document_tokens == len(conversation.document.text) == measured.document_tokens
    assert reply.error is None and reply.text.startswith("answer ")
    assert any("lengths are characters, nothing is truncated" in line for line in notes)
    with pytest.raises(UserError, match="--max-seq-len 512 counts tokens, and nobody here knows"):
        new_chat(model=server.base_url, max_seq_len=512)


def test_a_server_that_is_gone_is_an_error_of_the_reply(
    server: ScriptedServer,
    new_chat: NewChat,
) -> None:
    """The question was prepared; the conversation goes on when the server is back."""
    model = new_chat(model=server.base_url)
    asked = model.prepare(about(2), QUESTION)
    server.behaviour.script = lambda *_: "500"

    reply = whole(model.ask(asked))

    assert reply.error is not None and "\n" not in reply.error
