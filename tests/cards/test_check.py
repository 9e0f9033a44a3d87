"""What `cards check` finds in a card and in the weights it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.cards import Finding, check_card, contradictions, load_card

MINIMAL = "name: mine\ntitle: Mine\nweights: .\ncontext_length: 4096\nlicence: MIT\n"
HUB = MINIMAL.replace("weights: .", "weights: owner/mine")

WriteCard = Callable[[str], Path]
WriteModel = Callable[..., Path]


def messages(findings: list[Finding], level: str) -> list[str]:
    return [finding.message for finding in findings if finding.level == level]


def test_a_derived_card_agrees_with_its_folder(write_model: WriteModel) -> None:
    """A card derived from a folder has nothing to complain about in it."""
    assert [] == check_card(load_card(write_model(chat_template="{{ messages }}")))


@pytest.mark.parametrize(
    ("addition", "level", "message"),
    [
        ("", "error", "chat: the tokenizer in"),
        ("chat: none\nmax_seq_len: 8192\n", "note", "max_seq_len: 8192 exceeds context_length 4096"),
        ("chat: none\narchitecture: {layers: 3}\n", "error", "architecture.layers: 3, but config.json"),
        (
            "chat: none\narchitecture: {heads: 4, kv_heads: 3}\n",
            "error",
            "architecture.kv_heads: 3 does not divide heads 4",
        ),
        ("chat: none\narchitecture: {head_dim: 15}\n", "error", "architecture.head_dim: 15 is odd"),
        (
            "chat: none\narchitecture: {parameters: 999, layers: 2, hidden: 64, feed_forward: 128}\n",
            "warning",
            "architecture.parameters: 999, but the layers hold about 81920",
        ),
        (
            "chat: none\nrope: {theta: 20000}\nsources: [{facts: [rope.theta], source: S}]\n",
            "error",
            "rope.theta: 20000.0, but config.json",
        ),
        (
            "chat: none\nrope: {theta: 10}\nunconfirmed: [{facts: [rope], source: a guess}]\n",
            "warning",
            "rope.theta: 10 lies outside",
        ),
        ("chat: none\nunconfirmed: [{facts: [licence], source: a guess}]\n", "note", "unconfirmed: licence (a guess)"),
        (
            "chat: none\nrope: {scaling: 'linear:8'}\nsources: [{facts: [rope], source: S}]\n",
            "error",
            "rope.scaling: linear:8, but config.json",
        ),
    ],
)
def test_a_check_finds_what_is_wrong(write_model: WriteModel, addition: str, level: str, message: str) -> None:
    """A card that contradicts its weights, or itself, is told which field and what is there instead."""
    folder = write_model()
    (folder / "card.yaml").write_text(MINIMAL + addition, "utf-8")

    findings = check_card(load_card(folder))

    assert [message] == [found[: len(message)] for found in messages(findings, level) if found.startswith(message)]


def test_a_context_length_that_differs_is_an_error(write_model: WriteModel) -> None:
    """A card's window must be one that config.json states."""
    folder = write_model()
    (folder / "card.yaml").write_text(MINIMAL.replace("4096", "2048") + "chat: none\n", "utf-8")

    findings = check_card(load_card(folder))

    expected = "context_length: 2048, but config.json has max_position_embeddings 4096: correct the card"
    assert [expected] == messages(findings, "error")


def test_two_stated_lengths_are_a_warning(write_model: WriteModel) -> None:
    """A config that states two windows, as some extended models do, is pointed out."""
    card = load_card(write_model({"max_sequence_length": 16384}, chat_template="{{ messages }}"))

    findings = check_card(card)

    assert ["warning"] == [finding.level for finding in findings]
    assert "max_sequence_length 16384" in findings[0].message


def test_a_template_that_is_not_used_is_a_warning(write_model: WriteModel) -> None:
    """Sending bare prompts to a model with a chat template is worth a second look."""
    folder = write_model(chat_template="{{ messages }}")
    (folder / "card.yaml").write_text(MINIMAL + "chat: none\n", "utf-8")

    findings = check_card(load_card(folder))

    assert ["is it a base model?"] == [
        message[-len("is it a base model?") :] for message in messages(findings, "warning")
    ]


def test_remote_code_that_the_card_does_not_mention_is_a_warning(write_model: WriteModel) -> None:
    """A card that is silent about repository code the weights ask for is pointed out."""
    folder = write_model({"auto_map": {"AutoModel": "x.Y"}})
    (folder / "card.yaml").write_text(MINIMAL + "chat: none\n", "utf-8")

    findings = check_card(load_card(folder))

    assert 1 == len(messages(findings, "warning"))
    assert messages(findings, "warning")[0].startswith("trust_remote_code_required: false")


def test_missing_weights_and_tokenizer_are_errors(write_model: WriteModel) -> None:
    """A folder that cannot be loaded fails the check with everything that is missing."""
    folder = write_model(weights=False)
    (folder / "tokenizer.json").unlink()

    errors = messages(check_card(load_card(folder)), "error")

    assert 2 == len(errors)
    assert "no weights" in errors[0]
    assert "no tokenizer" in errors[1]


def test_a_missing_folder_is_one_error(write_card: WriteCard) -> None:
    """A weights folder that does not exist is reported once."""
    card = load_card(write_card(MINIMAL.replace("weights: .", "weights: ./nowhere")))

    findings = check_card(card)

    assert 1 == len(findings)
    assert "no such folder" in findings[0].message


def test_hub_weights_in_the_cache_are_compared(
    write_card: WriteCard, write_model: WriteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the hub's cache holds the model, its config.json is compared, without the network."""
    folder = write_model({"max_position_embeddings": 1024})
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: str(folder / "config.json"))
    card = load_card(write_card(HUB + "chat: none\n"))

    errors = messages(check_card(card), "error")

    assert ["context_length: 4096, but config.json has max_position_embeddings 1024: correct the card"] == errors


def test_hub_weights_elsewhere_are_a_note(write_card: WriteCard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the weights at hand the check says that it did not compare."""
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)
    card = load_card(write_card(HUB))

    findings = check_card(card)

    assert [("note", "weights owner/mine are not on this machine: config.json not compared")] == [
        (finding.level, finding.message) for finding in findings
    ]


@pytest.mark.parametrize(
    ("config", "addition", "message"),
    [
        (
            {"model_type": "stablelm", "partial_rotary_factor": 0.25},
            "architecture: {head_dim: 16}\n",
            "architecture.rotary_dim: 16, but config.json",
        ),
        (
            {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}},
            "rope: {scaling: 'yarn:4'}\nsources: [{facts: [rope.scaling], source: S}]\n",
            "rope.original_length: 4096, but config.json",
        ),
    ],
    ids=["turned part", "original length"],
)
def test_a_fact_left_out_counts_as_what_it_stands_for(
    write_model: WriteModel, config: dict[str, object], addition: str, message: str
) -> None:
    """A RoPE setting would count with the default of a silent card, so a default that is wrong is an error too."""
    folder = write_model(config)
    (folder / "card.yaml").write_text(MINIMAL + "chat: none\n" + addition, "utf-8")
    card = load_card(folder)

    assert [True] == [found.startswith(message) for found in messages(check_card(card), "error")]
    assert messages(check_card(card), "error") == contradictions(card)


def test_hub_weights_in_the_cache_contradict_a_card_too(
    write_card: WriteCard, write_model: WriteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run says what the check says, without the network; where nothing is cached it says nothing."""
    folder = write_model({"rope_theta": 500000.0})
    card = load_card(write_card(HUB + "chat: none\nrope: {theta: 10000}\nsources: [{facts: [rope], source: S}]\n"))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: str(folder / "config.json"))
    found = contradictions(card)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)

    assert [f"rope.theta: 10000.0, but config.json in {folder} has 500000.0: correct the card"] == found
    assert [] == contradictions(card)


@pytest.mark.parametrize("text", ["{", '{"max_position_embeddings": "long"}'])
def test_a_configuration_that_cannot_be_read_contradicts_nothing(write_model: WriteModel, text: str) -> None:
    """That is loading's business, which says so."""
    folder = write_model()
    (folder / "card.yaml").write_text(MINIMAL, "utf-8")
    (folder / "config.json").write_text(text, "utf-8")

    assert [] == contradictions(load_card(folder))
