"""Which tags a model thinks between, and whether its prompts make it think."""

from __future__ import annotations

from enum import StrEnum

from evalkit.cards import Card, ReasoningTags
from evalkit.tasks import Message

from .._chat import ChatFormat
from .._tokenizer import PromptTokenizer
from ._known import KNOWN_TAGS

__all__ = ["Thinking", "find_tags", "names_tags", "opens_thoughts", "thinking_of"]


class Thinking(StrEnum):
    """What the prompts of a run ask of a model that can think."""

    OPEN = "open"
    """The template opens thoughts: the model thinks."""
    CLOSED = "closed"
    """The template writes thoughts that are over: the model does not think."""
    FREE = "free"
    """Neither: the model decides, or a server does."""


def find_tags(card: Card, tokenizer: PromptTokenizer, chat: ChatFormat) -> ReasoningTags | None:
    """The card's tags; else those that the chat template names, or that are tokens of the vocabulary; None for neither.

    Of several that it names, those that its prompts end with, or that are one token each.
    Without a chat format nothing asks a model to think, and its tokens are no sign that it does.
    """
    if card.reasoning is not None or chat.kind == "none":
        return card.reasoning
    named = [tags for tags in KNOWN_TAGS if names_tags(chat, tokenizer, tags)]
    if len(named) > 1:  # a template may strip the tags of others from older turns: those that it writes are the model's
        named.sort(
            key=lambda tags: (thinking_of(chat, tokenizer, tags) is Thinking.FREE, not _are_tokens(tags, tokenizer))
        )
    return next(iter(named), None) or next((tags for tags in KNOWN_TAGS if _are_tokens(tags, tokenizer)), None)


def names_tags(chat: ChatFormat, tokenizer: PromptTokenizer, tags: ReasoningTags) -> bool:
    """Whether the chat template mentions either tag."""
    source = chat.template or tokenizer.chat_template or ""
    written = source.replace("\\u003c", "<").replace("\\u003e", ">")  # several templates are held as JSON
    return tags.close in written or tags.open in written


def _are_tokens(tags: ReasoningTags, tokenizer: PromptTokenizer) -> bool:
    """Whether both are one token each; several tokens are what a tokenizer makes of any text."""
    if tokenizer.unit != "tokens":
        return False
    return all(len(tokenizer.encode(tag)) == 1 for tag in (tags.open, tags.close))


def opens_thoughts(prompt: str, tags: ReasoningTags) -> bool:
    """Whether a prompt ends inside thoughts that it has just opened."""
    return prompt.rstrip().endswith(tags.open)


def thinking_of(chat: ChatFormat, tokenizer: PromptTokenizer, tags: ReasoningTags) -> Thinking:
    """What the chat format makes of a short question."""
    if chat.kind not in {"template", "roles"}:
        return Thinking.FREE
    text = chat.wrap([Message("user", "Hello")], tokenizer).rstrip()
    if opens_thoughts(text, tags):
        return Thinking.OPEN
    return Thinking.CLOSED if text.endswith(tags.close) else Thinking.FREE
