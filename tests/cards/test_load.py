"""Finding, reading and refusing model cards."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from evalkit.cards import ChatRoles, ChatTemplate, list_cards, load_card
from evalkit.errors import CardError, UnknownNameError

MINIMAL = "name: mine\ntitle: Mine\nweights: .\ncontext_length: 4096\nlicence: MIT\n"
HUB = MINIMAL.replace("weights: .", "weights: owner/mine")

WriteCard = Callable[[str], Path]


def test_a_shipped_card_may_be_a_folder(cards_folder: Path) -> None:
    """A card with embedded weights lies in a folder of its name."""
    (cards_folder / "mine").mkdir()
    (cards_folder / "mine" / "card.yaml").write_text(MINIMAL, "utf-8")

    card = load_card("mine")

    assert [card] == list_cards()
    assert cards_folder / "mine" == card.weights_path


def test_a_shipped_name_wins_over_a_folder_of_that_name(
    cards_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain word means the shipped card in every working folder; `./word` means the folder."""
    (cards_folder / "mine.yaml").write_text(HUB, "utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.yaml").write_text(MINIMAL, "utf-8")
    monkeypatch.chdir(tmp_path)

    by_name, by_path = load_card("mine"), load_card("./mine")

    assert ("owner/mine", ".") == (by_name.weights, by_path.weights)


def test_an_unknown_name_suggests_the_nearest() -> None:
    """A misspelt name is a user error that names the right card."""
    with pytest.raises(UnknownNameError, match=r"unknown card 'index-1\.9-32k': did you mean 'index-1\.9b-32k'"):
        load_card("index-1.9-32k")


@pytest.mark.parametrize("name", ["./nowhere", "nowhere/model", "nowhere.yaml", "~/nowhere-at-all"])
def test_a_path_that_does_not_exist_is_called_a_path(name: str) -> None:
    """What looks like a path is reported as a missing file, not as an unknown name."""
    with pytest.raises(CardError, match="no such file or folder"):
        load_card(name)


def test_a_missing_path_object_is_called_a_path() -> None:
    """A Path is never taken for a name."""
    with pytest.raises(CardError, match="no such file or folder"):
        load_card(Path("nowhere"))


def test_a_folder_without_card_or_config_is_refused(tmp_path: Path) -> None:
    """A folder that is neither a card nor a model says what was looked for."""
    with pytest.raises(CardError, match=r"neither card\.yaml nor config\.json"):
        load_card(tmp_path)


# Reading a card


def test_weights_are_relative_to_the_card(write_card: WriteCard, tmp_path: Path) -> None:
    """A relative weights path starts at the card's folder, wherever the program runs."""
    path = write_card(MINIMAL.replace("weights: .", "weights: ../weights"))

    card = load_card(path)

    assert (tmp_path.parent / "weights").resolve() == card.weights_path
    assert not card.is_on_hub


def test_hub_weights_have_no_path(write_card: WriteCard) -> None:
    """A hub id is passed on as it is, with its revision."""
    card = load_card(write_card(HUB + "revision: abc123\n"))

    assert (True, "owner/mine", None) == (card.is_on_hub, card.require_weights(), card.weights_path)
    assert card.revision == "abc123"


def test_the_window_defaults_to_the_context_length(write_card: WriteCard) -> None:
    """Without a published window a card runs at the context length."""
    card = load_card(write_card(MINIMAL))

    assert 4096 == card.default_max_seq_len


def test_a_card_survives_pickling_with_its_folder(write_card: WriteCard) -> None:
    """Another process sees the same card and the same weights folder."""
    card = load_card(write_card(MINIMAL))

    copy = pickle.loads(pickle.dumps(card))

    assert card == copy
    assert card.weights_path == copy.weights_path


def test_a_card_cannot_be_changed(write_card: WriteCard) -> None:
    """Cards are values: nothing downstream can alter one."""
    card = load_card(write_card(MINIMAL))

    with pytest.raises(ValidationError, match="frozen"):
        card.context_length = 8192  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "chat"),
    [
        ("", "tokenizer"),
        ("chat: none\n", "none"),
        ("chat: {template: '{{ messages }}'}\n", ChatTemplate(template="{{ messages }}")),
        (
            'chat: {system: S, roles: [USER, ASSISTANT], separators: [" ", "</s>"]}\n',
            ChatRoles(system="S", roles=("USER", "ASSISTANT"), separators=(" ", "</s>")),
        ),
    ],
)
def test_the_four_ways_to_wrap_a_chat(write_card: WriteCard, text: str, chat: object) -> None:
    """The tokenizer's template, none, a template of one's own, and FastChat-style roles can be written."""
    card = load_card(write_card(MINIMAL + text))

    assert chat == card.chat


# Refusing a card


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a card is a mapping of fields (name: …), found nothing"),
        ("- a\n", "a card is a mapping of fields (name: …), found list"),
        ("a: [\n", "2: not valid YAML: while parsing a flow node"),
        (MINIMAL + "name: again\n", "6: not valid YAML: name is given twice"),
        ("name: mine\n", "title, context_length, licence, weights (or endpoint): missing: add them"),
        (
            "name: mine\nweights: .\nlicence: MIT\nchat: maybe\n",
            "title, context_length: missing: add them; chat: Input should be",
        ),
        (MINIMAL + "context_lenght: 5\n", "context_lenght: unknown field: did you mean 'context_length'?"),
        (
            MINIMAL + "architecture: {lyers: 5}\n",
            "architecture.lyers: unknown field: did you mean 'architecture.layers'?",
        ),
        (MINIMAL + "zzz: 5\n", "zzz: unknown field: remove it"),
        (MINIMAL.replace("4096", "0"), "context_length: Input should be greater than 0, found 0"),
        (MINIMAL.replace("4096", "long"), "context_length: Input should be a valid integer"),
        (MINIMAL.replace("weights: .", "weights: my weights"), "weights: expected a hub id (owner/name) or a path"),
        (MINIMAL.replace("name: mine", "name: my card"), "name: String should match pattern"),
        (MINIMAL + "revision: abc\n", "revision belongs to a hub id, but weights is a path"),
        (MINIMAL + "chat: maybe\n", "chat: Input should be 'tokenizer', 'none' or 'server', found 'maybe'"),
        (MINIMAL + "chat: {template: ''}\n", "chat.template: String should have at least 1 character"),
        (MINIMAL + "chat: {system: S, roles: [U], separators: [a, b]}\n", "chat.roles.1: missing"),
        (MINIMAL + "add_bos: maybe\n", "add_bos: Input should be 'auto', True or False, found 'maybe'"),
        (MINIMAL + "dtype: int8\n", "dtype: Input should be 'auto', 'float32', 'float16' or 'bfloat16'"),
        (MINIMAL + "stop: text\n", "stop: Input should be a valid tuple"),
        (MINIMAL + "stop: ['']\n", "stop.0: String should have at least 1 character"),
        (MINIMAL + "rope: {scaling: linear8}\n", "rope.scaling: expected linear:8"),
        (MINIMAL + "rope: {theta: .nan}\n", "rope.theta: Input should be"),
        (MINIMAL + "rope: {theta: 10000}\n", "rope.theta has no source: name it under sources, or under unconfirmed"),
        (MINIMAL + "sources: [{facts: [colour], source: S}]\n", "'colour', which is no field of a card"),
        (
            MINIMAL + "sources: [{facts: [licence], source: S}]\nunconfirmed: [{facts: [licence], source: S}]\n",
            "licence stands under sources and under unconfirmed: keep one",
        ),
    ],
)
def test_a_malformed_card_names_its_field(write_card: WriteCard, text: str, message: str) -> None:
    """A card that cannot be read is a one-line user error: file, field, what."""
    path = write_card(text)

    with pytest.raises(CardError) as caught:
        load_card(path)

    assert str(caught.value).startswith(f"{path}:")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A binary file is a user error, not a traceback."""
    path = tmp_path / "card.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(CardError, match="not UTF-8"):
        load_card(path)


def test_a_missing_weights_folder_is_named(write_card: WriteCard) -> None:
    """A card may be read without its weights, which are then missed when they are needed."""
    card = load_card(write_card(MINIMAL.replace("weights: .", "weights: ./nowhere")))

    with pytest.raises(CardError, match=r"card mine: .*nowhere: no such folder"):
        card.require_weights()
