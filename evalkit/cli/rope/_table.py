"""`evalkit rope table`: what transformers, vLLM and evalkit each do under one RoPE label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalkit.cli import _options as o
from evalkit.settings import MOST_TOKENS

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.cards import Card
    from evalkit.models import RopeLabel
    from evalkit.rope import RopeModel, RopeSpec

Specs = Annotated[
    list[str] | None, typer.Option("--spec", metavar="SPEC", help="RoPE label; may be repeated, dynamic:2,4 lists.")
]
Lengths = Annotated[
    list[str] | None,
    typer.Option("--length", metavar="N", help="Tokens of prompt and answer; may be repeated, 4096,32768 lists."),
]
Window = Annotated[
    int | None, typer.Option("--window", metavar="N", help="What vLLM is started with; by default the longest length.")
]


def table(
    card: Annotated[str, typer.Argument(metavar="CARD", help="Card, model folder or hub id; no weights are needed.")],
    spec: Specs = None,
    length: Lengths = None,
    window: Window = None,
    json: o.Json = None,
) -> int:
    """Show what transformers, vLLM and evalkit each do under one RoPE label: multiplier and base by length."""
    from evalkit.cli.terminal import check_target, note, print_json, print_table
    from evalkit.models import rope_labels

    check_target(json)
    lengths, specs = _lengths(length), _specs(spec)
    started = _within("--window", window) if window is not None else max(lengths)
    found = _card(card)
    models = {each: _model(found, each) for each in specs}
    model = models[specs[0]]
    rows = [row for each in specs for row in rope_labels(each, lengths, models[each], started)]
    if json is not None:
        print_json(_object(found, model, started, rows), json)
    if json != "-":
        print_table(_table(found, model, started, rows))
        for line in _notes(specs, model, started):
            note(line)
    return 0


def _lengths(given: list[str] | None) -> list[int]:
    """The lengths in the order given, each once."""
    from evalkit.errors import UserError

    if not given:
        raise UserError("--length is missing: say for how many tokens, such as --length 4096 --length 32768")
    return list(dict.fromkeys(_within("--length", part) for text in given for part in text.split(",")))


def _within(flag: str, text: str | int) -> int:
    from evalkit.errors import UserError, shown

    written = str(text).strip()
    is_number = written.isascii() and written.isdecimal() and len(written) <= len(str(MOST_TOKENS))
    tokens = int(written) if is_number else 0
    if not 1 <= tokens <= MOST_TOKENS:
        raise UserError(f"{flag} {shown(written)}: must be a whole number of tokens, from 1 to {MOST_TOKENS:,}")
    return tokens


def _specs(given: list[str] | None) -> list[RopeSpec]:
    from evalkit.errors import UserError
    from evalkit.rope import parse_ropes

    if not given:
        raise UserError("--spec is missing: name RoPE labels, such as --spec dynamic:8 --spec yarn:8")
    specs = [spec for text in given for spec in parse_ropes(text)]
    if any(spec.kind == "native" for spec in specs):
        raise UserError("--spec native: names no rule; name the one that the card states, such as dynamic:2")
    return list(dict.fromkeys(specs))


def _card(name: str) -> Card:
    """The card; of a model of the hub, with what its configuration says."""
    from evalkit.cards import load_card, on_this_machine
    from evalkit.cards.hub import hub_name

    card = load_card(name)
    return card if hub_name(name) is None else on_this_machine(card)


def _model(card: Card, spec: RopeSpec) -> RopeModel:
    from evalkit.runs import rope_model, spec_words

    with spec_words():
        found = rope_model(card, spec)
    assert found is not None  # it is for `native` alone
    return found


def _object(card: Card, model: RopeModel, window: int, rows: list[RopeLabel]) -> dict[str, Any]:
    return {
        "schema": 1,
        "model": card.name,
        "base": model.base,
        "original_length": model.length,
        "dimension": model.dimension,
        "window": window,
        "rows": [row.to_json() for row in rows],
    }


def _table(card: Card, model: RopeModel, window: int, rows: list[RopeLabel]) -> Table:
    from evalkit.tables import listing

    numbers = ("length", "multiplier", "base", "cos/sin ×", "fastest wave", "slowest wave")
    heads = ("spec", "length", "engine", "what decides", *numbers[1:], "how")
    made = listing(heads, texts=("what decides", "how"), numbers=numbers)
    made.title = (
        f"{card.title}: base {model.base:,.0f}, made for {model.length:,} tokens, {model.dimension} turned dimensions; "
        f"a vLLM engine with a window of {window:,}"
    )
    for row in _each_once(rows):
        numbers_of = (row.multiplier, row.base, row.scale, row.fastest, row.slowest)
        length = "any" if row.counts == "no length" else f"{row.length:,}"
        made.add_row(
            row.spec, length, "vLLM" if row.engine == "vllm" else row.engine, _deciding(row),
            *map(_shown, numbers_of), row.how,
        )  # fmt: skip
    return made


def _each_once(rows: list[RopeLabel]) -> Iterator[RopeLabel]:
    """The rows without repetitions of those that are the same at every length."""
    seen = set()
    for row in rows:
        if row.counts != "no length" or (row.spec, row.engine) not in seen:
            yield row
        seen.add((row.spec, row.engine))


def _deciding(row: RopeLabel) -> str:
    if row.instead is not None:
        return row.instead
    return row.counts if row.counted is None else f"{row.counts}: {row.counted:,}"


def _shown(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def _notes(specs: list[RopeSpec], model: RopeModel, window: int) -> list[str]:
    """What the numbers of the engines hang on beside them."""
    import json

    from evalkit.models import own_overrides
    from evalkit.rope import engine_setting

    dynamic = next((spec for spec in specs if spec.kind == "dynamic"), None)
    if dynamic is None:
        return []
    told = json.dumps(own_overrides(engine_setting(dynamic, model, "vllm", window), window))
    return [
        "transformers follows the longest position of each pass: its numbers are those of a first pass over one prompt "
        "of that length, and batch mates, earlier prompts, pieces and caches change them",
        f"vLLM is meant as started with --max-model-len {window} --hf-overrides '{told}'; without "
        "max_trained_positions it scales nothing and reads behind its table",
    ]
