"""How OpenCompass fills a prompt template and turns it into chat messages.

Followed here: `openicl/icl_prompt_template.py` (columns replaced one after the other, so inserted text is scanned
again) and the default round of its "with chat template" models (HUMAN, SYSTEM mapped to the user, BOT): a template
without a SYSTEM turn in its round still gets an empty one, and user texts that follow one another are joined by a
newline. Every user message therefore ends with one extra newline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evalkit.data import DatasetConfig
from evalkit.errors import DataError

from ._records import Message, Request, Sample

__all__ = ["PromptTurn", "ask", "chat_messages", "fill", "plain_text"]


class PromptTurn(NamedTuple):
    """One entry of an OpenCompass template."""

    role: str
    """`SYSTEM`, `HUMAN` or `BOT`."""
    prompt: str
    """Template text before filling, message text after."""


def ask(
    config: DatasetConfig, sample: Sample, columns: Mapping[str, str], max_new_tokens: int | None = None
) -> Request:
    """The one question of a sample, its template filled with `columns` in their order.

    `max_new_tokens` stands in for a limit that the configuration leaves to the model; `DataError` where both lack it.
    """
    limit = config.max_new_tokens if config.max_new_tokens is not None else max_new_tokens
    if limit is None:
        raise DataError(f"{config.abbr}: the pinned release states no max_out_len")
    turns = fill([PromptTurn(turn.role, turn.prompt) for turn in (*config.begin, *config.round)], columns)
    messages, text = chat_messages(turns), plain_text(turns)
    return Request(sample, 0, messages, text, limit, context=sample.fields["context"])


def fill(turns: Sequence[PromptTurn], columns: Mapping[str, str]) -> list[PromptTurn]:
    """The turns with every `{column}` replaced, column by column in the order of `columns`."""
    filled = []
    for role, prompt in turns:
        for name, value in columns.items():
            prompt = prompt.replace("{" + name + "}", value)
        filled.append(PromptTurn(role, prompt))
    return filled


def plain_text(turns: Sequence[PromptTurn]) -> str:
    """What a base model receives: the non-empty texts, joined by newlines."""
    return "\n".join(turn.prompt for turn in turns if turn.prompt)


def chat_messages(turns: Sequence[PromptTurn]) -> tuple[Message, ...]:
    """What a chat model receives: SYSTEM spoken by the user, neighbours joined, the extra newline at each end."""
    merged: list[tuple[str, list[str]]] = []
    for role, prompt in turns:
        speaker = "assistant" if role == "BOT" else "user"
        if not prompt:
            continue
        if not merged or merged[-1][0] != speaker:
            merged.append((speaker, []))
        merged[-1][1].append(prompt)
    return tuple(
        Message("user", "\n".join([*texts, ""])) if speaker == "user" else Message("assistant", "\n".join(texts))
        for speaker, texts in merged
    )
