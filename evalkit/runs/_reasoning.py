"""How a run tells thoughts from answers: the tags, the budget, and what the user should know before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.cards import Card, ReasoningTags, chat_args_text, read_chat_args
from evalkit.errors import UserError, one_line
from evalkit.models import ThoughtRule
from evalkit.prompts import ChatFormat, PromptTokenizer, Thinking, find_tags, names_tags, thinking_of
from evalkit.settings import RunSettings

from .folder import has_manifest, has_records, read_manifest

__all__ = ["Reasoning", "argument_notes", "as_begun", "check_room", "label_parts", "reasoning_of", "thinking_notes"]

SCORED = "scored"
LONGEST_SHOWN = 60  # characters of an argument in a label
OTHER_WAYS = "or switch it off where the template can (--chat-arg enable_thinking=false, or a profile of the card)"


@dataclass(frozen=True)
class Reasoning:
    """What of a run concerns thoughts."""

    rule: ThoughtRule | None = None
    """What backends are told; None where all that is generated is the answer."""
    thinking: Thinking | None = None
    """What the prompts ask of the model; None where nothing shows that it can think."""
    is_named: bool = False
    """Whether the chat template speaks of thoughts, or the card does."""
    is_scored: bool = False
    """Whether the model can think, and its thoughts are a part of its answers."""
    notes: tuple[str, ...] = ()
    """What the user should know of how that was decided."""

    @property
    def tags(self) -> ReasoningTags | None:
        """Where thoughts begin and end, in force."""
        return None if self.rule is None else self.rule.tags

    @property
    def identity(self) -> dict[str, Any]:
        """What of it can change a score; empty where nothing is set, so that runs from before it counted go on."""
        tags = SCORED if self.is_scored else None if self.tags is None else str(self.tags)
        found: dict[str, Any] = {} if tags is None else {"reasoning": tags}
        if self.rule is not None and self.rule.budget is not None:
            found["max_reasoning_tokens"] = self.rule.budget
        return found


def reasoning_of(
    settings: RunSettings, card: Card, tokenizer: PromptTokenizer, chat: ChatFormat, published: str
) -> Reasoning:
    """The tags and the budget in force; `published` is what the protocol says of thoughts: `apart` or `scored`.

    `UserError` for a budget that nobody could keep.
    """
    budget = settings.max_reasoning_tokens
    tags = find_tags(card, tokenizer, chat)
    if (settings.reasoning or published) == SCORED:
        if budget is not None:
            why = "--reasoning scored" if settings.reasoning else "the protocol"
            raise UserError(
                f"--max-reasoning-tokens {budget}: {why} takes thoughts for a part of the answer, so they have no "
                "budget of their own: leave it out, or add --reasoning apart"
            )
        return Reasoning(is_scored=tags is not None)
    if tags is not None:
        is_named = card.reasoning is not None or names_tags(chat, tokenizer, tags)
        return Reasoning(ThoughtRule(tags, budget), thinking_of(chat, tokenizer, tags), is_named)
    if budget is None:
        return Reasoning()
    if chat.kind != "messages":
        raise UserError(
            f"--max-reasoning-tokens {budget}: neither the chat template nor the tokenizer of {card.name} shows where "
            'thoughts end; leave it out, or name the tags in a card (reasoning: {open: "<think>", close: "</think>"})'
        )
    return Reasoning(ThoughtRule(None, budget))


def as_begun(reasoning: Reasoning, settings: RunSettings, card: Card, folder: Path) -> Reasoning:
    """The same; with thoughts scored where a folder's run was begun before they were told from answers.

    It goes on as it was begun, and says so, unless the user asks for thoughts apart.
    """
    if reasoning.tags is None or settings.reasoning is not None or settings.max_reasoning_tokens is not None:
        return reasoning
    out = settings.out
    # As one of several models of a command, its runs lie in a folder of its name.
    places = [folder] if out is None else [folder, out / card.name / folder.relative_to(out)]
    folder = next(filter(has_manifest, places), folder)
    if not has_manifest(folder) or not has_records(folder):
        return reasoning
    begun = read_manifest(folder).identity
    if "reasoning" in begun or begun.get("model") != card.name:
        return reasoning
    note = (
        f"{folder}: begun before thoughts were told from answers, and goes on so, with thoughts scored; a new --out "
        "tells them apart"
    )
    return Reasoning(is_scored=True, notes=(note,))


def check_room(settings: RunSettings, room: int) -> None:
    """Raise `UserError` where thoughts take all of a window of `room` tokens."""
    budget = settings.max_reasoning_tokens or 0
    if budget >= room:
        raise UserError(
            f"--max-reasoning-tokens {budget} leaves no room for a prompt in a window of {room} tokens: lower it, or "
            "raise --max-seq-len"
        )


def label_parts(settings: RunSettings) -> list[str]:
    """Arguments of the template as a label tells them: `enable_thinking=false`."""
    given = read_chat_args(settings.chat_args)
    return [one_line(chat_args_text({name: given[name]}), LONGEST_SHOWN) for name in sorted(given)]


def argument_notes(card: Card, chat: ChatFormat, tokenizer: PromptTokenizer) -> Iterator[str]:
    """What the user should know of the arguments of the chat template."""
    names = list(chat.unused_arguments(tokenizer))
    if names and chat.kind == "template":
        yield f"{card.name}: the chat template never mentions {', '.join(names)}, which therefore changes no prompt"
    elif names:
        yield f"{card.name}: there is no chat template, so {', '.join(names)} changes no prompt"
    if chat.kind == "messages" and chat.arguments:
        yield (
            f"{card.name}: the server is sent {chat_args_text(chat.arguments)} as chat_template_kwargs; whether it "
            "uses them, only its answers tell"
        )
    if card.profiles:
        yield (
            f"{card.name}: its card has profiles ({', '.join(card.profiles)}) and none is named, so its template "
            f"decides; {card.name}@{next(iter(card.profiles))} names one"
        )


def thinking_notes(name: str, reasoning: Reasoning) -> Iterator[str]:
    """What the user should know of a model whose thoughts have no budget, or a budget without thoughts."""
    yield from reasoning.notes
    rule = reasoning.rule
    if rule is None or rule.tags is None:
        return
    if reasoning.thinking is Thinking.CLOSED:
        if rule.budget is not None:
            yield (
                f"{name}: the chat template ends thoughts before they begin, so --max-reasoning-tokens "
                f"{rule.budget} only takes room from prompts"
            )
        return
    if rule.budget is not None or not reasoning.is_named:
        return
    does = "opens thoughts" if reasoning.thinking is Thinking.OPEN else "lets the model think"
    yield (
        f"{name}: the chat template {does} ({rule.tags}) and they have no budget of their own, so they use up the "
        f"limit of the answer and many answers will be empty: give --max-reasoning-tokens N, {OTHER_WAYS}"
    )
