"""Static checks of a card: is it plausible, and does it agree with the weights' own files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from evalkit.cards._card import Architecture, Card
from evalkit.cards._finding import Finding
from evalkit.cards._folder import FolderFacts, read_facts
from evalkit.cards._network import compare_code, compare_network, tell_conversion
from evalkit.cards._scaling import is_same_scaling
from evalkit.cards.hub import HubName, cached_snapshot
from evalkit.errors import CardError

__all__ = ["Finding", "check_card", "contradictions"]


def check_card(card: Card) -> list[Finding]:
    """What is wrong or doubtful in `card`; the weights' own files are compared where they lie on this machine."""
    findings = list(_check_fields(card))
    if card.weights is None:
        return findings
    if card.weights_path is None:
        folder = _cached_snapshot(card)
        if folder is None:
            absent = f"weights {card.weights} are not on this machine: config.json not compared"
            return [*findings, Finding("note", absent)]
        return findings + _check_folder(card, folder)
    if card.snapshot is None:
        findings += _check_local_weights(card)
    return findings + (_check_folder(card, card.weights_path) if card.weights_path.is_dir() else [])


def contradictions(card: Card) -> list[str]:
    """One line for each fact of the card that the configuration of its weights contradicts; empty where none is.

    Only weights on this machine are looked at; a configuration that cannot be read is loading's business.
    """
    folder = card.weights_path if card.weights_path is not None else card.is_on_hub and _cached_snapshot(card)
    is_made_of_it = card.origin is not None and card.origin.name == "config.json"
    if is_made_of_it or not folder or not (folder / "config.json").is_file():
        return []
    try:
        facts = read_facts(folder)
    except CardError:
        return []
    claim = _overstated_window(card, facts)
    lengths = [] if claim is not None else _compare_lengths(card, facts, folder)
    found = [*lengths, *compare_network(card, facts, folder), *_compare_values(card, facts, folder)]
    return [*([claim] if claim is not None else []), *(each.message for each in found if each.level == "error")]


def _overstated_window(card: Card, facts: FolderFacts) -> str | None:
    """One line where the card claims more tokens than its weights' own configuration; None where it does not."""
    if facts.window is None or card.context_length <= facts.window or _is_endless(facts):
        return None
    return (
        f"card {card.name} claims {card.context_length:,} tokens, but config.json of its weights makes "
        f"{facts.window:,}: longer prompts run beyond what the model was made for"
    )


def _is_endless(facts: FolderFacts) -> bool:
    """Whether the network was published with a scaling that follows the length of a text, whatever its window says."""
    return facts.published is not None and (facts.rope.scaling or "").startswith("dynamic:")


def _check_fields(card: Card) -> Iterator[Finding]:
    if card.context_length < 128:
        yield Finding("warning", f"context_length: {card.context_length} tokens is very short: check the unit")
    if card.max_seq_len is not None and card.max_seq_len > card.context_length:
        yield Finding(
            "note",
            f"max_seq_len: {card.max_seq_len} exceeds context_length {card.context_length}: the model extrapolates",
        )
    theta = card.rope.theta
    if theta is not None and not 1e3 <= theta <= 1e10:
        yield Finding("warning", f"rope.theta: {theta:g} lies outside 1e3 to 1e10: check the number")
    yield from _check_architecture(card.architecture)
    for entry in card.unconfirmed:
        yield Finding("note", f"unconfirmed: {', '.join(entry.facts)} ({entry.source})")


def _check_architecture(facts: Architecture) -> Iterator[Finding]:
    if facts.heads and facts.kv_heads and facts.heads % facts.kv_heads:
        yield Finding(
            "error", f"architecture.kv_heads: {facts.kv_heads} does not divide heads {facts.heads}: correct one"
        )
    if facts.head_dim and facts.head_dim % 2:
        yield Finding("error", f"architecture.head_dim: {facts.head_dim} is odd, but RoPE turns pairs: correct it")
    if facts.parameters and facts.layers and facts.hidden and facts.feed_forward:
        estimate = facts.layers * (4 * facts.hidden**2 + 3 * facts.hidden * facts.feed_forward)
        if not 0.4 <= facts.parameters / estimate <= 4:
            yield Finding(
                "warning",
                f"architecture.parameters: {facts.parameters}, but the layers hold about {estimate}: check it",
            )


def _check_local_weights(card: Card) -> list[Finding]:
    try:
        card.require_weights()
    except CardError as error:
        return [Finding("error", str(error))]
    return []


def _cached_snapshot(card: Card) -> Path | None:
    """The folder of the hub's cache that holds the card's config.json; nothing is downloaded."""
    found = cached_snapshot(HubName(card.weights or "", card.revision))
    return found[1] if found is not None else None


def _check_folder(card: Card, folder: Path) -> list[Finding]:
    try:
        facts = read_facts(folder)
    except CardError as error:
        return [Finding("error", str(error))]
    return [
        *_compare_lengths(card, facts, folder),
        *compare_network(card, facts, folder),
        *_compare_values(card, facts, folder),
        *_compare_tokenizer(card, facts, folder),
        *compare_code(card, facts, folder),
        *tell_conversion(facts, folder),
    ]


def _compare_lengths(card: Card, facts: FolderFacts, folder: Path) -> Iterator[Finding]:
    if not facts.lengths:
        yield Finding("note", f"{folder / 'config.json'}: states no context length: context_length not compared")
        return
    stated = ", ".join(f"{key} {value}" for key, value in facts.lengths.items())
    if _is_endless(facts) and card.context_length > (facts.window or 0):
        yield Finding(
            "note", f"context_length: {card.context_length}, beyond {stated}; the dynamic scaling follows the length"
        )
    elif card.context_length not in {*facts.lengths.values(), facts.window}:
        scaled = f", which makes a window of {facts.window}" if facts.window not in facts.lengths.values() else ""
        yield Finding(
            "error", f"context_length: {card.context_length}, but config.json has {stated}{scaled}: correct the card"
        )
    elif facts.window not in facts.lengths.values():
        yield Finding(
            "note",
            f"context_length: {facts.window}, made of {stated} and the factor of the RoPE scaling; where config.json "
            "states the extended length already, write a card with the right one",
        )
    elif len({*facts.lengths.values()} - {facts.rope.original_length}) > 1:
        yield Finding("warning", f"context_length: config.json states several ({stated}): check which one is meant")


def _compare_values(card: Card, facts: FolderFacts, folder: Path) -> Iterator[Finding]:
    pairs: list[tuple[str, object, object]] = [
        (f"architecture.{field}", getattr(card.architecture, field), getattr(facts.architecture, field))
        for field in Architecture.model_fields
        if field != "runs_as"  # another network has other widths as well, and compare_network says so
    ]
    pairs.append(("rope.theta", card.rope.theta, facts.rope.theta))
    pairs.append(("rope.original_length", card.rope.original_length, facts.rope.original_length))
    wrong = [(field, ours, theirs) for field, ours, theirs in pairs if _differ(ours, theirs)]
    if not is_same_scaling(card.rope.scaling, facts.rope.scaling):
        wrong.append(("rope.scaling", card.rope.scaling, facts.rope.scaling))
    wrong += _left_out(card, facts) if not wrong else []  # else a fact that is wrong already would be told twice
    for field, ours, theirs in wrong:
        verb = "means" if field == "rope.scaling" else "has"
        yield Finding("error", f"{field}: {ours}, but config.json in {folder} {verb} {theirs}: correct the card")


def _left_out(card: Card, facts: FolderFacts) -> list[tuple[str, object, object]]:
    """What a RoPE setting would count with because the card is silent, and is not so: name, ours, theirs."""
    turned = facts.architecture.rotary_dim or facts.architecture.head_dim
    pairs = (
        ("architecture.rotary_dim", card.turned_dimensions, turned),
        ("rope.original_length", card.original_length, facts.rope.original_length),
    )
    return [(field, ours, theirs) for field, ours, theirs in pairs if _differ(ours, theirs)]


def _differ(ours: object, theirs: object) -> bool:
    """Whether both are stated and contradict each other."""
    return ours is not None and theirs is not None and not _equal(ours, theirs)


def _equal(ours: object, theirs: object) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9)
    return ours == theirs


def _compare_tokenizer(card: Card, facts: FolderFacts, folder: Path) -> Iterator[Finding]:
    if not facts.has_tokenizer:
        yield Finding("error", f"{folder}: no tokenizer (tokenizer.json or a vocabulary): copy it there")
    elif card.chat == "tokenizer" and not facts.has_chat_template:
        yield Finding(
            "error", f"chat: the tokenizer in {folder} has no chat template: set chat to none, or give a template"
        )
    elif card.chat == "none" and facts.has_chat_template:
        yield Finding("warning", f"chat: none, but the tokenizer in {folder} has a chat template: is it a base model?")
