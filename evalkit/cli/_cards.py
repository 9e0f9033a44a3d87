"""`evalkit cards`: the model cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.printable import amount
from evalkit.settings import RunSettings
from evalkit.tables import listing

from . import _options as o

if TYPE_CHECKING:
    from evalkit.cards import Card, Finding
    from evalkit.models.conversion import KeptCopy

app = typer.Typer(help="List, show and check model cards.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="CARD", help="Card name, card file, model folder or hub id.")]


@app.command("list")
def list_all() -> int:
    """Show the cards that ship with evalkit and what each runs as; `cards show` has licences and sources."""
    from evalkit.cards import list_cards

    from .terminal import print_table

    headings = ("card", "weights", "runs as", "context", "RoPE base")
    table = listing(headings, texts=("weights",), numbers=("context", "RoPE base"))
    for card in list_cards():
        theta = "" if card.rope.theta is None else f"{card.rope.theta:,.0f}"
        table.add_row(card.name, card.weights or "–", _runs_as(card), f"{card.context_length:,}", theta)
    print_table(table)
    return 0


def _runs_as(card: Card) -> str:
    """What computes the model: a server, code that comes with it, or an architecture of transformers."""
    if card.weights is None:
        return "server"
    if card.trust_remote_code_required:
        return "its own code"
    return card.architecture.runs_as or "as published"


@app.command("show")
def show(name: Name, json: o.Json = None) -> int:
    """Print one card with every fact and its source."""
    from evalkit.cards import load_card
    from evalkit.settings import yaml_text

    from .terminal import check_target, note, print_json, say

    check_target(json)
    card = load_card(name)
    for remark in card.remarks:
        note(remark)
    if json is not None:
        print_json(card.model_dump(mode="json"), json)
        return 0
    extended = f", extended from {card.original_length:,}" if card.original_length != card.context_length else ""
    say(f"# {card.title}: {card.context_length:,} tokens{extended}")
    say(yaml_text(card.model_dump(mode="json")), end="")
    return 0


@app.command("check")
@o.takes(
    "backend", "base_url", "engine", "send_key_to", "dtype", "chat", "chat_args", "max_seq_len", "trust_remote_code"
)
def check(
    name: Name,
    live: Annotated[bool, typer.Option("--live", help="Load the model and prove what scores rest on.")] = False,
    *,
    given: o.Given,
) -> int:
    """Check that a card is plausible and agrees with the weights at hand; `--live` asks the loaded model itself."""
    from evalkit.models import is_address

    from .terminal import say

    findings = [] if is_address(name) else _findings(name)
    for finding in findings:
        say(f"{finding.level}: {finding.message}")
    if not findings and not live:
        say(f"{name}: nothing to object to")
    is_wrong = any(finding.level == "error" for finding in findings)
    settings = RunSettings(name, (), **given)
    return 1 if is_wrong or (live and not _holds(settings)) else 0


@app.command("copies")
def copies(
    names: Annotated[list[str] | None, typer.Argument(metavar="COPY...", help="Copies; none = all.")] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete them; the next run of a model makes its own.")
    ] = False,
) -> int:
    """Show the converted copies of published weights in the cache, what they take, or remove them."""
    from evalkit.models.conversion import remove_copy

    from .terminal import note

    chosen = _copies(names or [])
    if not chosen:
        note("no converted copies")
    elif not remove:
        _list_copies(chosen)
    for copy in chosen if remove else ():
        remove_copy(copy)
        note(f"{copy.folder}: removed ({amount(copy.size)})")
    return 0


def _copies(names: list[str]) -> list[KeptCopy]:
    """The copies of these names; all without a name."""
    from evalkit.errors import UnknownNameError
    from evalkit.models.conversion import kept_copies

    found = {copy.folder.name: copy for copy in kept_copies()}
    unknown = next((name for name in names if name not in found), None)
    if unknown is not None:
        raise UnknownNameError("copy", unknown, list(found))
    return [found[name] for name in names or found]


def _list_copies(copies: list[KeptCopy]) -> None:
    from .terminal import note, print_table

    table = listing(("copy", "size", "made from"), texts=("made from",), numbers=("size",))
    for copy in copies:
        table.add_row(copy.folder.name, amount(copy.size), copy.source or "unfinished")
    print_table(table)
    note(f"{amount(sum(copy.size for copy in copies))} in {copies[0].folder.parent}")


def _findings(name: str) -> list[Finding]:
    """What is doubtful in a card; one named by a hub id is held against the model's own files there."""
    from evalkit.cards import check_card, load_card, on_this_machine
    from evalkit.cards.hub import hub_name

    from .terminal import note

    card = load_card(name)
    if hub_name(name) is not None:
        card = on_this_machine(card)
    for remark in card.remarks:
        note(remark)
    return check_card(card)


def _holds(settings: RunSettings) -> bool:
    """Whether everything that can be seen on the loaded model holds; each check is printed as it is done."""
    from evalkit.runs import check_live

    from .terminal import note, say, shown_between

    are_well = True
    for check in shown_between(check_live(settings, note), "asking the loaded model"):
        verdict = {True: "holds", False: "DOES NOT HOLD", None: "not seen"}[check.holds]
        say(f"{verdict}: {check.name} ({check.detail})")
        are_well &= check.holds is not False
    return are_well
