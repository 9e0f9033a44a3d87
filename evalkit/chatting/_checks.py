"""Settings of a run as a chat takes them: what means nothing there is refused, before any weights are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from evalkit.cards import Card
from evalkit.errors import CardError, SampleError, UserError
from evalkit.models import check_sampling, endpoint_key
from evalkit.prompts import Budget, ChatFormat, chat_format, require_room
from evalkit.runs import Session, argument_notes, open_model
from evalkit.settings import RunSettings, settings_of

__all__ = ["chat_format_of", "check_room", "notes_of", "open_session"]

OF_RUNS = (
    "protocol", "tasks", "limit", "samples", "samples_per_question", "options", "partial", "data", "out", "reasoning",
)  # fmt: skip
OF_SEVERAL = ("replicas", "gpus_per_replica", "ray", "shard", "batch")
FOLDED = ("top_p", "top_k", "repetition_penalty")


def open_session(settings: RunSettings) -> Session:
    """The model of a chat, with the sampling in force among its settings; `UserError` for what no chat can have."""
    _refuse_others(settings)
    settings.check_together()
    session = open_model(settings, refusals={})
    settings = with_sampling(session.settings, session.card)
    settings.check_decoding()
    session = replace(session, settings=settings)
    check_sampling(session.backend, session.sampling)
    if session.backend == "endpoint" and session.card.endpoint is not None:
        endpoint_key(session.card.endpoint)
    session.check_rope()
    return session


def _refuse_others(settings: RunSettings) -> None:
    """Raise `UserError` for settings of benchmarks, and for those of several engines, or prompts at once."""
    known = settings_of(RunSettings)
    set_ones = {name for name, setting in known.items() if getattr(settings, name) != setting.default}
    for name in OF_RUNS:
        if name in set_ones:
            raise UserError(f"{known[name].flag} is for runs of benchmarks, and a chat has none: leave it out")
    several = next((known[name].flag for name in OF_SEVERAL if name in set_ones), None)
    if several is None and len(settings.base_url) > 1:
        several = f"{known['base_url'].flag} (several)"
    if several is not None:
        raise UserError(f"{several}: a chat asks one engine, one question after the other: leave it out")


def with_sampling(settings: RunSettings, card: Card) -> RunSettings:
    """The settings with the card's sampling where they do not say otherwise; a temperature of 0 stays greedy."""
    own = card.sampling
    if own is None or settings.temperature == 0:
        return settings
    heat = own.temperature if settings.temperature is None else settings.temperature
    given = {name: getattr(settings, name) for name in FOLDED}
    folded = {name: getattr(own, name) if value is None else value for name, value in given.items()}
    return replace(settings, temperature=heat, **folded)


def chat_format_of(session: Session) -> ChatFormat:
    """The chat format in force; `UserError` for a base model, which has none, unless plain text is asked for."""
    card, settings = session.card, session.settings
    try:
        found = chat_format(card, session.tokenizer)
    except CardError as error:
        if session.tokenizer.chat_template is not None:
            raise
        raise _no_format(card) from error
    if found.kind == "none" and settings.chat != "none":
        raise _no_format(card)
    return found


def _no_format(card: Card) -> UserError:
    return UserError(
        f"{card.name}: a base model without a chat format; give it one with --chat FILE.jinja, or --chat none sends "
        "document and question as plain text"
    )


def check_room(budget: Budget) -> None:
    """Raise `UserError` where answers fill the window alone."""
    try:
        require_room(budget)
    except SampleError as error:
        raise UserError(str(error)) from error


def notes_of(session: Session, chat: ChatFormat, window: int) -> Iterator[str]:
    """What the user should know before the first question."""
    card, tokenizer = session.card, session.tokenizer
    yield from session.notes
    if session.scaling_note is not None:
        yield session.scaling_note
    yield from argument_notes(card, chat, tokenizer)
    if tokenizer.unit == "tokens" and window > card.context_length:
        yield f"window {window} exceeds the {card.context_length} tokens {card.name} was made for"
