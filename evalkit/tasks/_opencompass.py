"""What OpenCompass does to every benchmark: prompt templates filled, chat messages made, options read from answers.

Followed here: `openicl/icl_prompt_template.py` (columns replaced one after the other, so inserted text is scanned
again) and the default round of its "with chat template" models (HUMAN, SYSTEM mapped to the user, BOT): a template
without a SYSTEM turn in its round still gets an empty one, and user texts that follow one another are joined by a
newline. Every user message therefore ends with one extra newline.

The choice of a multiple-choice answer is `first_option_postprocess` of its text post-processors: the patterns are read
from the pinned wheel, what is done with them is written here. The last patterns take any letter, so an answer that
states no option still counts as one more often than under LongBench v2's own rule.
"""

from __future__ import annotations

import ast
import functools
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evalkit.data import DatasetConfig, evaluate, read_wheel_text
from evalkit.errors import DataError

from ._records import Message, Request, Sample

__all__ = ["PromptTurn", "ask", "chat_messages", "fill", "first_option", "plain_text"]


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
            # Inserted text is scanned by the columns after it, as upstream: a document may hold "{idx}".
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
        if not prompt:  # upstream drops empty turns before it joins, so the blanked answer adds no line
            continue
        if not merged or merged[-1][0] != speaker:
            merged.append((speaker, []))
        merged[-1][1].append(prompt)
    return tuple(
        # The default round's empty SYSTEM turn is joined too: hence the newline at each end.
        Message("user", "\n".join([*texts, ""])) if speaker == "user" else Message("assistant", "\n".join(texts))
        for speaker, texts in merged
    )


FILE = "opencompass/utils/text_postprocessors.py"
FUNCTION = "first_option_postprocess"
LISTS = ("patterns", "cushion_patterns")  # in the order in which they are tried


def first_option(text: str, options: str) -> str:
    """The first option that a pattern finds in the text; empty where none does."""
    text = text.strip()  # as upstream, before any pattern with `^` or `$`
    for pattern in _patterns(options):
        found = pattern.search(text)
        if found is None:
            continue
        shown = found.group(1) or found.group(0)
        for option in options:
            if option in shown:
                return option
    return ""


@functools.cache
def _patterns(options: str) -> tuple[re.Pattern[str], ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # upstream writes its patterns as plain strings
        warnings.simplefilter("ignore", DeprecationWarning)
        tree = ast.parse(read_wheel_text(FILE), filename=FILE)
    values = {name: node for name, node in _assigned(tree) if name in LISTS}
    patterns: list[str] = []
    for name in LISTS:
        value = evaluate(values[name], {"options": options}) if name in values else None
        if not isinstance(value, list) or not all(isinstance(pattern, str) for pattern in value):
            raise DataError(f"{FILE}: {FUNCTION} has no list {name}: the upstream release changed")
        patterns += value
    # DOTALL as upstream: the dots of its patterns cross lines.
    return tuple(re.compile(pattern, re.DOTALL) for pattern in patterns)


def _assigned(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    """Names and values that the function assigns at its top level."""
    bodies = (node.body for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == FUNCTION)
    return [
        (statement.targets[0].id, statement.value)
        for body in bodies
        for statement in body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    ]
