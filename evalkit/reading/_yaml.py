"""YAML that people write, within bounds: bytes, nesting, and what its aliases come to when they are written out.

The parser's events are put together here, one by one, so that no file can recurse, multiply itself, or hide a value
behind a key given twice. Nothing is made but texts, numbers, dates, lists and mappings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

import yaml

from evalkit.errors import DataError, UserError, one_line, shown

from ._bytes import read_text

__all__ = ["YamlWords", "read_yaml"]

LARGEST_FILE = 2**22
"""Bytes of a file; the largest that ships has 15,000."""

DEEPEST = 64
"""Lists and mappings inside each other; those that ship have six."""

MOST_CHARACTERS = 2**24
"""Characters and entries with every alias written out; a file without aliases has fewer."""

LONGEST_NUMBER = 300  # characters: one more, and it may be too large for a float

MOST_NUMBERED_KEYS = 1000
"""Keys of one mapping that are no texts: numbers can be chosen so that looking each up takes longer and longer."""

_TAG = "tag:yaml.org,2002:"
_TEXT, _LIST, _MAPPING, _MERGE = (_TAG + name for name in ("str", "seq", "map", "merge"))
_NUMBERS = {_TAG + name for name in ("int", "float", "timestamp")}
_SCALARS = _NUMBERS | {_TAG + name for name in ("null", "bool", "binary")}


class YamlWords(Enum):
    """What plain words stand for."""

    TYPED = "YAML 1.1: numbers, dates, yes and no"
    SETTINGS = "null and true or false; numbers stay text, as on a command line: 10:50:10, 010"
    TEXT = "themselves"


def read_yaml(
    path: Path, words: YamlWords = YamlWords.TYPED, *, refuse: type[UserError] = DataError, place: str = ""
) -> Any:
    """The one document of a YAML file, None for an empty one; `refuse` with file, line and fault for any that is wrong.

    `place` stands for the path in messages. Every key is given once.
    """
    text = read_text(path, LARGEST_FILE, refuse=refuse)
    try:
        return _Document(words).read(text)
    except _FaultError as fault:
        raise refuse(f"{place or path}:{fault.line}: not valid YAML: {fault}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        said = ": ".join(filter(None, (error.context, error.problem)))
        raise refuse(f"{place or path}{line}: not valid YAML: {one_line(said, 200)}") from None
    except yaml.YAMLError as error:  # signs that no YAML may hold
        reason = getattr(error, "reason", None) or error
        raise refuse(f"{place or path}: not valid YAML: {one_line(str(reason), 200)}") from None


class _FaultError(Exception):
    """Something in the file is wrong, at a line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class _Sign(Enum):
    """What stands in the place of a key."""

    NONE = 0
    MERGE = 1


@dataclass
class _Open:
    """A list or a mapping that is not complete yet."""

    value: list[Any] | dict[Any, Any]
    line: int
    anchor: str | None
    weight: int = 1
    key: Any = _Sign.NONE
    merged: list[dict[Any, Any]] = field(default_factory=list)
    numbered_keys: int = 0


class _Document:
    """The value that the events of one document come to."""

    def __init__(self, words: YamlWords) -> None:
        self._words = words
        self._constructor = yaml.constructor.SafeConstructor()
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._root: Any = None

    def read(self, text: str) -> Any:
        """The value; `_FaultError` or one of the parser's own errors otherwise."""
        documents = 0
        for event in _events(text):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _FaultError(line, "a second document begins (---); keep one")
            elif isinstance(event, yaml.ScalarEvent):
                self._add_scalar(event, line)
            elif isinstance(event, yaml.AliasEvent):
                self._add(*self._named(str(event.anchor), line), line)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
        return self._root

    def _add_scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        text = event.value
        _check_signs(text, line)
        tag = self._tag(event)
        is_key = bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is _Sign.NONE
        if tag == _MERGE and is_key:
            self._open[-1].key = _Sign.MERGE
            return
        value = self._value(tag, text, line)
        self._keep(event.anchor, value, 1 + len(text), line)
        self._add(value, 1 + len(text), line)

    def _tag(self, event: yaml.ScalarEvent) -> str:
        """What kind of value a scalar is: what its tag says, else what it looks like."""
        if self._words is YamlWords.TEXT:
            return _TEXT
        if event.tag not in (None, "!"):
            return str(event.tag)
        if not event.implicit[0]:
            return _TEXT
        known = _RESOLVERS[self._words].get(event.value[:1], ())
        return next((tag for tag, pattern in known if pattern.match(event.value)), _TEXT)

    def _value(self, tag: str, text: str, line: int) -> Any:
        if tag not in _SCALARS:
            if tag.startswith(_TAG) and tag.removeprefix(_TAG) in {"str", "merge", "value"}:
                return text
            raise _FaultError(line, f"the tag {_written(tag)} stands for nothing that is read here; remove it")
        name = tag.removeprefix(_TAG)
        if tag in _NUMBERS and len(text) > LONGEST_NUMBER:
            raise _FaultError(line, f"{shown(text, 40)} is a number of {len(text):,} characters")
        try:
            node = yaml.ScalarNode(tag, text)
            return self._constructor.yaml_constructors[tag](self._constructor, node)
        # PyYAML makes a number of 2020-13-45, of `!!int x` and of `!!timestamp x` without asking what they are.
        except (ValueError, KeyError, IndexError, AttributeError, OverflowError, TypeError, yaml.YAMLError):
            raise _FaultError(line, f"{shown(text, 40)} is no {name}; correct it, or put it in quotes") from None

    def _named(self, anchor: str, line: int) -> tuple[Any, int]:
        if anchor not in self._anchors:
            raise _FaultError(line, f"the alias *{shown(anchor, 40)[1:-1]} stands for nothing before it")
        return self._anchors[anchor]

    def _keep(self, anchor: str | None, value: Any, weight: int, line: int) -> None:
        if anchor is None:
            return
        if anchor in self._anchors:
            raise _FaultError(line, f"the anchor &{shown(anchor, 40)[1:-1]} is given twice")
        self._anchors[anchor] = value, weight

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        is_list = isinstance(event, yaml.SequenceStartEvent)
        if event.tag not in (None, "!", _LIST if is_list else _MAPPING) and self._words is not YamlWords.TEXT:
            raise _FaultError(line, f"the tag {_written(event.tag)} stands for nothing that is read here; remove it")
        if len(self._open) >= DEEPEST:
            raise _FaultError(line, f"nested more than {DEEPEST} deep")
        self._open.append(_Open([] if is_list else {}, line, event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        value = done.value
        if isinstance(value, dict) and done.merged:
            value = {name: each for part in reversed(done.merged) for name, each in part.items()} | value
        self._keep(done.anchor, value, done.weight, done.line)
        self._add(value, done.weight, done.line)

    def _add(self, value: Any, weight: int, line: int) -> None:
        """Put a complete value where it stands."""
        if not self._open:
            self._root = value
            return
        top = self._open[-1]
        top.weight += weight
        if top.weight > MOST_CHARACTERS:
            raise _FaultError(line, f"more than {MOST_CHARACTERS:,} characters with its aliases (*) written out")
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is _Sign.NONE:
            top.key = _checked_key(top, value, line)
        elif top.key is _Sign.MERGE:
            top.merged += _merged(value, line)
            top.key = _Sign.NONE
        else:
            top.value[top.key] = value
            top.key = _Sign.NONE


def _written(tag: str) -> str:
    return shown(tag.replace(_TAG, "!!"), 60)[1:-1]


def _events(text: str) -> Iterator[Any]:
    # libyaml's parser is ten times as fast; both hand out the same events.
    yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _check_signs(text: str, line: int) -> None:
    """Raise `_FaultError` for signs that no name, path or line of output can hold."""
    if "\0" in text:
        raise _FaultError(line, f"a NUL sign in {shown(text, 40)}")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _FaultError(line, f"half a character (a lone surrogate) in {shown(text, 40)}") from None


def _checked_key(top: _Open, key: Any, line: int) -> Any:
    if isinstance(key, list | dict):
        raise _FaultError(line, f"a {'list' if isinstance(key, list) else 'mapping'} as a key; a key is a word")
    if not isinstance(key, str):
        top.numbered_keys += 1
        if top.numbered_keys > MOST_NUMBERED_KEYS:
            raise _FaultError(line, f"more than {MOST_NUMBERED_KEYS} keys that are no texts")
    if key in top.value:
        raise _FaultError(line, f"{shown(key, 60) if not _is_plain(key) else key} is given twice")
    return key


def _is_plain(key: object) -> bool:
    return isinstance(key, str) and key.isprintable() and len(key) <= 60


def _merged(value: Any, line: int) -> list[dict[Any, Any]]:
    """The mappings behind `<<`, the first of which counts most."""
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, dict) for part in parts):
        _refuse_merge(line)
    return parts


def _refuse_merge(line: int) -> NoReturn:
    raise _FaultError(line, "<< takes a mapping, or a list of them")


def _setting_words() -> Mapping[str, list[tuple[str, Any]]]:
    """All plain words that are not text: YAML's own rules would read 10:50:10 to the base 60, 010 as 8, no as false."""

    class Resolver(yaml.resolver.BaseResolver):
        yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}

    for name, words, beginnings in (("null", "|~|null", ["", "~", "n"]), ("bool", "true|false", ["t", "f"])):
        Resolver.add_implicit_resolver(_TAG + name, re.compile(f"(?:{words})$"), beginnings)
    return Resolver.yaml_implicit_resolvers


_RESOLVERS: dict[YamlWords, Mapping[str, list[tuple[str, Any]]]] = {
    YamlWords.TYPED: yaml.SafeLoader.yaml_implicit_resolvers,
    YamlWords.SETTINGS: _setting_words(),
}
