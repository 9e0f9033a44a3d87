"""Lines of a dialogue, `A: …` or `甲：…`, and the turns of one of its speakers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from evalkit.errors import DataError, shown
from evalkit.tasks.samples import Turn

__all__ = ["Dialogue", "Said", "dialogues_of", "find_character", "turns_of"]

# A name, a colon, and what is said; `http://…` and a sentence before a colon are none.
_LINE = re.compile(r"\s*([^\s:：.。,，!！?？;；][^:：.。,，!！?？;；\n]{0,39}?)\s*(?:：|:(?!//))\s*(.*)")
_RULE = re.compile(r"\s*[-=*_]{3,}\s*")


class Said(NamedTuple):
    """What somebody said."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Dialogue:
    """What was said, in order."""

    said: tuple[Said, ...]


def dialogues_of(place: str, lines: Iterable[tuple[int, str]], *, is_line: bool = True) -> Iterator[Dialogue]:
    """The dialogues of numbered lines, with a line of dashes between them; `DataError` for text before any speaker.

    A line without a speaker goes on with what the one before said. `is_line`: the numbers are those of the file.
    """
    said: list[Said] = []
    for number, line in lines:
        if _RULE.fullmatch(line):
            yield Dialogue(tuple(said))
            said = []
        elif (match := _LINE.fullmatch(line)) is not None:
            said.append(Said(match[1], match[2].rstrip()))
        elif said and line.strip():
            said[-1] = Said(said[-1].speaker, f"{said[-1].text}\n{line.rstrip()}")
        elif line.strip():
            where = f"{place}:{number}" if is_line else f"{place}, line {number} of the dialogue"
            raise DataError(f"{where}: {shown(line.strip(), 40)} says nobody; begin it with a speaker, NAME: …")
    yield Dialogue(tuple(said))


def find_character(dialogues: Sequence[Dialogue], named: str, file: str) -> str:
    """Who answers: the one named, else who is called as the file is, else who speaks second."""
    lines = Counter(said.speaker for dialogue in dialogues for said in dialogue.said)
    speakers = list(lines)
    if named:
        if named not in lines:
            raise DataError(f"{file}: {shown(named, 40)} says nothing in it; its speakers are {shown(speakers)}")
        return named
    if Path(file).stem in lines:
        return Path(file).stem
    if len(speakers) < 2:
        raise DataError(f"{file}: {shown(speakers)} alone; a dialogue needs two speakers, each line NAME: …")
    return speakers[1]


def turns_of(dialogue: Dialogue, character: str) -> Iterator[Turn]:
    """Each answer of the character with what the others said since its last one; what nobody asked is left out."""
    asked: list[str] = []
    answered: list[str] = []
    for said in dialogue.said:
        if said.speaker == character:
            answered.append(said.text)
            continue
        if answered and asked:
            yield Turn("\n".join(asked), "\n".join(answered))
        if answered:
            asked, answered = [], []
        asked.append(said.text)
    if asked and answered:
        yield Turn("\n".join(asked), "\n".join(answered))
