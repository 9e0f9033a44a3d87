"""Files of dialogues in JSON: an array, one value, or an object a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from evalkit.errors import DataError, shown
from evalkit.reading import JsonError, load_json
from evalkit.tasks.samples import Turn

from ._dialogues import dialogues_of
from ._forms import DIALOGUE, FORMS, PAIRS, Part

__all__ = ["json_records", "parts_of_record"]

CONVERSATIONS = ("messages", "conversations")
SPEAKS, SAYS = ("role", "from"), ("content", "value")
ASKS, ANSWERS, INSTRUCTS = {"user", "human"}, {"assistant", "gpt", "bot", "model"}, {"system", "tool", "function"}


def json_records(name: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON array, of one value, or of lines, each with its place."""
    for place, value in _json_values(name, text):
        if not isinstance(value, dict):
            raise DataError(f"{place}: {shown(value, 40)} is no object; {FORMS}")
        yield place, value


def _json_values(name: str, text: str) -> Iterator[tuple[str, Any]]:
    if Path(name).suffix.lower() == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield f"{name}:{number}", _value(f"{name}:{number}", line)
        return
    whole = _value(name, text)
    values = whole if isinstance(whole, list) else [whole]
    if values and all(isinstance(each, dict) and any(key in each for key in SPEAKS) for each in values):
        values = [{CONVERSATIONS[0]: values}]  # the messages of one conversation
    yield from ((f"{name}: item {number}", value) for number, value in enumerate(values, 1))


def _value(place: str, text: str) -> Any:
    try:
        return load_json(text.encode("utf-8", "surrogatepass"))
    except JsonError as error:
        raise DataError(f"{place}: {error}; {FORMS}") from None


def parts_of_record(place: str, record: dict[str, Any]) -> Iterator[Part]:
    """What one object says: an example, messages, or lines of a dialogue."""
    for key in CONVERSATIONS:
        if key in record:
            yield from _of_messages(place, record[key])
            return
    for key in DIALOGUE:
        if key in record:
            yield from dialogues_of(place, enumerate(_lines(place, record[key]), 1), is_line=False)
            return
    for asks, answers in PAIRS:
        if asks in record and answers in record:
            yield Turn(_text(place, asks, record[asks]), _text(place, answers, record[answers]))
            return
    raise DataError(f"{place}: no question and answer, messages or dialogue (fields: {shown(list(record))}); {FORMS}")


def _lines(place: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [line for each in value for line in each.splitlines()]
    return _text(place, "dialog", value).splitlines()


def _text(place: str, field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(f"{place}: {field} is {shown(value, 40)}, a text is expected")
    return value


def _of_messages(place: str, messages: Any) -> Iterator[Turn]:
    """Each answer with the question before it."""
    if not isinstance(messages, list):
        raise DataError(f"{place}: {shown(messages, 40)} is no list of messages; {FORMS}")
    said = [_message(place, number, message) for number, message in enumerate(messages, 1)]
    for one, other in pairwise(said):
        if one[0] in ASKS and other[0] in ANSWERS:
            yield Turn(one[1], other[1])


def _message(place: str, number: int, message: Any) -> tuple[str, str]:
    where = f"{place}, message {number}"
    speaks, says = (_first(message, names) for names in (SPEAKS, SAYS))
    if not isinstance(speaks, str) or speaks not in ASKS | ANSWERS | INSTRUCTS:
        known = ", ".join(sorted(ASKS | ANSWERS | INSTRUCTS))
        raise DataError(f"{where}: role {shown(speaks, 40)} is none of {known}")
    return speaks, _text(where, SAYS[0], says)


def _first(message: Any, names: Iterable[str]) -> Any:
    return next((message[name] for name in names if name in message), None) if isinstance(message, dict) else None
