"""`evalkit published`: the published scores that evalkit knows, and whether they are possible."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.printable import counted
from evalkit.tables import listing

from . import _options as o

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.published import PublishedCheck, PublishedScore

app = typer.Typer(help="Published scores: list them, and check whether they are possible.", no_args_is_help=True)

File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="CSV file of published numbers; none = evalkit's own.", parser=o.named_path),
]


@app.command("check")
def check(file: File = None, json: o.Json = None) -> int:
    """Ask of every printed number whether it is arithmetically possible; docs/published.md says how.

    What is found says something about a number, not about whoever printed it. Exit code 0 whatever is found.
    """
    from evalkit.published import check_published

    from .terminal import check_target, note, print_json, print_table, say, say_wrapped, terminal_room

    check_target(json)
    done = check_published(file)
    if json != "-":
        if terminal_room() is None and done.findings:
            print_table(_findings(done))
            say()
        elif terminal_room() is not None:
            _say_findings(done)
        for line in _looked_at(done):
            say_wrapped(line)
    if json is not None:
        print_json(done.as_json(), json)
    if not done.checked["numbers"]:
        note(f"{file}: no numbers in it")
    return 0


def _findings(done: PublishedCheck) -> Table:
    from evalkit.published import MEANINGS

    table = listing(
        ("benchmark", "task", "model", "score", "n", "what", "why", "source", "row"),
        texts=("what", "why", "source"),
        numbers=("score", "n"),
    )
    for each in done.findings:
        n = "" if each.n is None else str(each.n)
        what = MEANINGS[each.kind]
        table.add_row(each.benchmark, each.task, each.model, each.score, n, what, each.reason, each.source, each.row)
    return table


def _say_findings(done: PublishedCheck) -> None:
    """The findings one below the other, for a terminal: whole reasons are wider than it is."""
    from evalkit.published import MEANINGS

    from .terminal import say, say_wrapped

    for each in done.findings:
        samples = "" if each.n is None else f", n = {each.n:,}"
        where = ", ".join(filter(None, [each.source, each.row]))
        say_wrapped(f"{each.benchmark} {each.task}, {each.model}: {each.score}{samples} ({where})")
        say_wrapped(f"  {MEANINGS[each.kind]}: {each.reason}")
        say()


def _looked_at(done: PublishedCheck) -> tuple[str, str]:
    looked = done.checked
    numbers, means, pairs = (counted(int(looked[key]), key[:-1]) for key in ("numbers", "means", "pairs"))
    return (
        f"{numbers}: {looked['arithmetic']} checked against the scores that their samples can have, "
        f"{means} computed again; {counted(len(done.findings), 'finding')}.",
        f"{pairs} in one row of a table: {looked['equal_unrelated']} are equal though of different models; "
        f"chance would make {looked['equal_unrelated_expected']} if numbers were spread evenly.",
    )


@app.command("list")
def list_published() -> int:
    """Show every benchmark with published scores, their models and sources."""
    from evalkit.published import published, published_benchmarks, published_groups, published_models

    from .terminal import print_table

    table = listing(("benchmark", "numbers", "models", "sources"), texts=("models", "sources"), numbers=("numbers",))
    for name in published_benchmarks():
        scores = published(name) + published_groups(name)
        sources = dict.fromkeys(score.source for score in scores)
        table.add_row(name, str(len(scores)), ", ".join(published_models(name)), ", ".join(sources))
    print_table(table)
    return 0


@app.command("show")
def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of `evalkit published list`.")],
) -> int:
    """Print the published scores of a model, and how they were made."""
    from evalkit.errors import UnknownNameError
    from evalkit.published import published, published_benchmarks, published_groups, published_models

    from .terminal import print_table, say

    names = published_benchmarks()
    known = {each for name in names for each in published_models(name)}
    if model not in known:
        raise UnknownNameError("model with published scores", model, known)
    scores = [s for name in names for s in published(name) + published_groups(name) if s.model == model]
    print_table(_numbers(scores))
    for setup in dict.fromkeys(score.setup for score in scores):
        say()
        print_table(_knobs(next(score for score in scores if score.setup == setup)))
    return 0


def _numbers(scores: list[PublishedScore]) -> Table:
    from evalkit.reports import short_margin

    table = listing(
        ("benchmark", "task", "rope", "protocol", "score", "n", "margin", "source", "note"),
        texts=("source", "note"),
        numbers=("score", "n", "margin"),
    )
    for each in scores:
        task, n = f"{each.task} {each.bucket}".rstrip(), "" if each.n is None else str(each.n)
        margin = short_margin(each.margin)
        table.add_row(each.benchmark, task, each.rope, each.protocol, each.printed, n, margin, each.source, each.note)
    return table


def _knobs(score: PublishedScore) -> Table:
    table = listing((score.setup or "no set-up described", "value", "basis", "source"), texts=("value", "source"))
    for knob in score.knobs.values():
        table.add_row(knob.name, knob.value, knob.basis, knob.source)
    return table
