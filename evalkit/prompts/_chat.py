"""From chat turns to the text a model reads: the tokenizer's template, a card's own, FastChat-style roles, or none.

Where a server formats the messages itself, the prompt is the messages written one after the other, and the adapter
reads them back from the prompt's ids: truncation, digests and planning work on such prompts as on all others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from evalkit.cards import Card, ChatRoles, ChatTemplate
from evalkit.errors import CardError, SampleError
from evalkit.tasks import Message

from ._tokenizer import PromptTokenizer
from .published import MarkedText

__all__ = ["ChatFormat", "chat_format", "parse_messages"]

SIGN = "\x1e"
"""Record separator: a message begins with one, a role and a unit separator; two of them are one of a message's text."""
_MARK = re.compile(f"{SIGN}((?:system|user|assistant)\x1f|{SIGN})")


@dataclass(frozen=True)
class ChatFormat:
    """The chat format of one model: it makes one text of the messages."""

    kind: Literal["template", "roles", "messages", "none"]
    """A Jinja template, FastChat-style roles, messages that a server formats, or no format at all (base models)."""
    template: str | None = None
    """Template text that overrides the tokenizer's own."""
    roles: ChatRoles | None = None
    """System text, role names and separators of a FastChat-style format."""
    digest: str = ""
    """sha256 of all that decides the wrapped text."""
    place: str = ""
    """Where `template` comes from, for messages."""
    is_dated: bool = False
    """Whether the template asks for today's date, which is `TEMPLATE_DATE` in its place."""
    arguments: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    """What the template is given besides the messages."""

    def wrap(self, messages: Sequence[Message], tokenizer: PromptTokenizer) -> str:
        """The text of `messages` up to where the model answers."""
        return self.wrap_marked(messages, tokenizer).text

    def wrap_marked(self, messages: Sequence[Message], tokenizer: PromptTokenizer) -> MarkedText:
        """The same with the control tokens that the format wrote; none for tokenizers that find them by themselves."""
        if self.kind == "messages":  # the server's format writes them
            return MarkedText(_message_text(messages))
        safe = [replace(message, content=tokenizer.guarded(message.content)) for message in messages]
        if self.kind == "roles" and self.roles is not None:
            return tokenizer.marked(_role_text(safe, self.roles))
        turns = [{"role": message.role, "content": message.content} for message in safe]
        return tokenizer.marked(tokenizer.render(turns, self.template, self.place, self.arguments))

    def unused_arguments(self, tokenizer: PromptTokenizer) -> Iterator[str]:
        """The arguments that the format never mentions; a server's own format is not seen, so none of those."""
        if self.kind == "messages":
            return
        shown = (self.template or tokenizer.shown_template) if self.kind == "template" else ""
        for name in self.arguments if shown is not None else ():
            if not re.search(rf"\b{name}\b", shown or ""):
                yield name


def chat_format(card: Card, tokenizer: PromptTokenizer) -> ChatFormat:
    """The format a card asks for; `CardError` where it wants the tokenizer's template and there is none."""
    arguments = card.chat_args
    if card.chat == "none":
        return ChatFormat("none", digest="none", arguments=arguments)
    if card.chat == "server":
        return ChatFormat("messages", digest="server", arguments=arguments)
    if isinstance(card.chat, ChatRoles):
        digest = _digest(card.chat.model_dump_json())
        return ChatFormat("roles", roles=card.chat, digest=digest, arguments=arguments)
    template = card.chat.template if isinstance(card.chat, ChatTemplate) else None
    if template is None and tokenizer.chat_template is None:
        raise CardError(
            f"{card.name}: the protocol needs a chat template and this model's tokenizer has none; "
            "pass --chat none to send prompts as they are, or set `chat` in a card"
        )
    source = template or tokenizer.chat_template or ""
    place = "" if template is None else f"`chat` of {card.origin or card.name}, or --chat"
    is_dated = "strftime_now" in source
    return ChatFormat("template", template, digest=_digest(source), place=place, is_dated=is_dated, arguments=arguments)


def _message_text(messages: Sequence[Message]) -> str:
    """The messages in one text; a single question stands as it is, so that nothing is added to what is counted."""
    texts = [message.content.replace(SIGN, 2 * SIGN) for message in messages]  # else a document could begin messages
    if len(messages) == 1 and messages[0].role == "user":
        return texts[0]
    return "".join(f"{SIGN}{message.role}\x1f{text}" for message, text in zip(messages, texts, strict=True))


def parse_messages(text: str) -> list[Message]:
    """The messages of a prompt made for a server that formats them; `SampleError` where truncation cut into a mark."""
    head, *rest = _MARK.split(text)
    if any(SIGN in part for part in (head, *rest[1::2])):
        raise SampleError("truncation cut the prompt between two chat turns: its roles are lost; raise --max-seq-len")
    messages = [Message("user", head)]
    for mark, part in zip(rest[::2], rest[1::2], strict=True):
        if mark == SIGN:
            messages[-1] = replace(messages[-1], content=messages[-1].content + SIGN + part)
        else:
            messages.append(Message(mark[:-1], part))  # type: ignore[arg-type]
    return messages if messages[0].content or len(messages) == 1 else messages[1:]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _role_text(messages: Sequence[Message], roles: ChatRoles) -> str:
    """FastChat's colon style: `SYSTEM sep1 USER: text sep1 ASSISTANT: text sep2 … ASSISTANT:`.

    A system message stands in place of the format's own, as after FastChat's `set_system_message`.
    """
    (user, assistant), (after_user, after_assistant) = roles.roles, roles.separators
    system = "\n\n".join(message.content for message in messages if message.role == "system") or roles.system
    parts = [system + after_user] if system else []
    for message in messages:
        if message.role == "system":
            continue
        is_answer = message.role == "assistant"
        name, separator = (assistant, after_assistant) if is_answer else (user, after_user)
        parts.append(f"{name}: {message.content}{separator}")
    return "".join(parts) + f"{assistant}:"  # no blank behind the colon: FastChat leaves it to the model
