"""What a card says of models that think before they answer: tags of their thoughts, template arguments, profiles."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from evalkit.cards._sampling import CardSampling
from evalkit.cards._serving import CardRecord
from evalkit.errors import UserError, shown
from evalkit.records import LARGEST_NUMBER, Count

__all__ = ["ChatArgs", "Profile", "ReasoningTags", "chat_args_text", "read_chat_args"]

RESERVED_ARGUMENTS = frozenset(
    {"messages", "tools", "documents", "add_generation_prompt", "continue_final_message", "chat_template", "tokenize"}
)
"""What a template is always given; an argument of that name would take its place."""

MOST_ARGUMENTS = 32
LONGEST_TEXT = 10_000  # characters of an argument
LONGEST_TAG = 200  # characters; the longest in use, of gpt-oss, has 32


def _not_reserved(name: str) -> str:
    if name in RESERVED_ARGUMENTS or name.endswith("_token"):
        raise ValueError("a template is always given this by evalkit: name another argument")
    return name


_Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$"), AfterValidator(_not_reserved)]


def _scalar(value: object) -> object:
    is_number = isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_NUMBER
    is_text = isinstance(value, str) and len(value) <= LONGEST_TEXT
    if not (isinstance(value, bool) or is_number or is_text):
        raise ValueError("expected true or false, a number, or a text")
    return value


_Value = Annotated[bool | int | float | str, BeforeValidator(_scalar)]

ChatArgs = Annotated[dict[_Name, _Value], Field(max_length=MOST_ARGUMENTS)]
"""Arguments of a chat template: name → true or false, a number, or a text."""


def read_chat_args(given: Mapping[str, str]) -> dict[str, bool | int | float | str]:
    """Arguments as written on the command line: JSON's true, false, numbers and quoted texts; all else is a text.

    `UserError` for a name that no template has, and for a value of several parts.
    """
    values = {name: _read(text) for name, text in given.items()}
    try:
        return _ARGUMENTS.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = shown(str(first["loc"][0]), 60) if first["loc"] else ""
        reason = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "string_pattern_mismatch":
            reason = "the name of an argument is made of letters, digits and _"
        raise UserError(f"--chat-arg {name}: {reason} (NAME=VALUE, enable_thinking=false)") from None


def _read(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=str)  # NaN is a word here
    except (ValueError, RecursionError):
        return text


_ARGUMENTS: TypeAdapter[dict[str, bool | int | float | str]] = TypeAdapter(ChatArgs)


def chat_args_text(arguments: Mapping[str, bool | int | float | str]) -> str:
    """The arguments in one line, sorted by name: `enable_thinking=false, reasoning_effort=low`."""
    return ", ".join(f"{name}={_written(arguments[name])}" for name in sorted(arguments))


def _written(value: bool | float | str) -> str:
    """The value as it would be given; quoted where it would be taken for another."""
    plain = isinstance(value, str) and isinstance(_read(value), str) and not value.startswith('"')
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


class ReasoningTags(CardRecord):
    """Where the thoughts of an answer begin and end."""

    open: Annotated[str, Field(min_length=1, max_length=LONGEST_TAG)]
    """Text that begins the thoughts, written by the model or by its template."""
    close: Annotated[str, Field(min_length=1, max_length=LONGEST_TAG)]
    """Text that ends them; the answer stands behind it."""

    @model_validator(mode="after")
    def _check_difference(self) -> Self:
        if self.open == self.close or self.close in self.open:
            raise ValueError("close: stands in open, so nobody could tell where thoughts end: correct one")
        return self

    def __str__(self) -> str:
        return f"{self.open}…{self.close}"


class Profile(CardRecord):
    """One way to run a model, named CARD@PROFILE; what it leaves out is the card's."""

    title: str | None = Field(default=None, min_length=1)
    """Title of the model run so; null = the card's with the profile's name behind it."""
    chat_args: ChatArgs = {}
    """Arguments of the chat template, besides the card's and in place of those of the same name."""
    reasoning: ReasoningTags | None = None
    """As in the card."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    """As in the card."""
    sampling: CardSampling | None = None
    """As in the card."""
    max_seq_len: Count | None = None
    """As in the card."""
    notes: str = ""
    """What a user of this profile should know."""
