"""Haystack sentences and needles without end, from a grammar of this project: the text of the needle grids.

Everything is a pure function of a seed, so the same seed gives the same text on every machine. Seeds are whole
numbers; those from TRAINING_SEEDS on are kept for training the embedded model, and no needle of an evaluation seed
is ever drawn by a training seed, so that model is never asked about a sentence it was trained on.

>>> next(haystack(0))
'The sailor and the baker sailed back to the city because the road was closed.'
>>> needle(0).statement
'The locker that belongs to Mona has the number 39352.'
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple
from zlib import crc32

from evalkit.errors import UserError

from . import _grammar_en, _grammar_zh

__all__ = ["TRAINING_SEEDS", "Language", "Needle", "haystack", "joiner", "needle", "needles", "prompt"]

Language = Literal["en", "zh"]

TRAINING_SEEDS = range(2**31, 2**32)
"""Seeds kept for training; evaluation uses those below."""

_HELD_OUT_SHARE = 4
"""One needle in so many is for evaluation only, chosen by its checksum."""

_SLOT = re.compile(r"\{(\w+)\}")


class _Grammar(NamedTuple):
    """One language, its word lists split."""

    words: dict[str, list[str]]
    patterns: tuple[str, ...]
    names: list[str]
    forms: tuple[tuple[str, str, str], ...]
    prompt: str
    joiner: str


def _entries(text: str) -> list[str]:
    """The entries of a word list: phrases split at `|`, or words split at blanks."""
    return [" ".join(part.split()) for part in text.split("|")] if "|" in text else text.split()


_GRAMMARS = {
    name: _Grammar(
        words={slot: _entries(text) for slot, text in module.WORDS.items()},
        patterns=module.PATTERNS,
        names=module.NAMES.split(),
        forms=module.FORMS,
        prompt=module.PROMPT,
        joiner=module.JOINER,
    )
    for name, module in (("en", _grammar_en), ("zh", _grammar_zh))
}


@dataclass(frozen=True, slots=True)
class Needle:
    """One fact to hide in a haystack, and how to ask for it."""

    statement: str
    """The sentence to hide."""
    question: str
    """What to ask after the haystack."""
    answer: str
    """The full sentence that answers."""
    keyword: str
    """The part of the answer that counts: a number of four or five digits, which no haystack contains."""
    subject: str
    """Whom the fact is about; no two needles of one call share it."""
    language: Language
    """The language of all of this."""


def haystack(seed: int, language: Language = "en", *, training: bool = False) -> Iterator[str]:
    """Sentences without end; join them with `joiner(language)`."""
    return _sentences(_grammar(language), _rng("haystack", seed, language, training))


def needle(seed: int, language: Language = "en", *, training: bool = False) -> Needle:
    """The needle of a seed: the first of `needles`."""
    return needles(seed, 1, language, training=training)[0]


def needles(seed: int, count: int, language: Language = "en", *, training: bool = False) -> tuple[Needle, ...]:
    """Needles about `count` different people with `count` different numbers."""
    names = _grammar(language).names
    if not 0 < count <= len(names):
        raise UserError(f"{count} needles in language {language!r}: ask for 1 to {len(names)}")
    rng = _rng("needle", seed, language, training)
    found: list[Needle] = []
    for name in rng.sample(names, count):
        drawn = _draw(name, language, rng, held_out=not training)
        # A keyword inside another would be found in both answers.
        while any(drawn.keyword in other.keyword or other.keyword in drawn.keyword for other in found):
            drawn = _draw(name, language, rng, held_out=not training)
        found.append(drawn)
    return tuple(found)


def joiner(language: Language) -> str:
    """What stands between two sentences."""
    return _grammar(language).joiner


def prompt(context: str, question: str, language: Language = "en") -> str:
    """The prompt the embedded model was trained on: instruction, context, question."""
    return _grammar(language).prompt.format(context=context, question=question)


def _grammar(language: str) -> _Grammar:
    try:
        return _GRAMMARS[language]
    except KeyError:
        raise UserError(f"needle grammar: language {language!r} is none of {', '.join(_GRAMMARS)}") from None


def _sentences(grammar: _Grammar, rng: random.Random) -> Iterator[str]:
    fill = _filler(grammar.words, rng)
    while True:
        yield _SLOT.sub(fill, rng.choice(grammar.patterns))


def _rng(purpose: str, seed: int, language: str, training: bool) -> random.Random:
    """A generator seeded from stable content; refuses a seed of the other half."""
    if not 0 <= seed < TRAINING_SEEDS.stop or (seed in TRAINING_SEEDS) != training:
        allowed = TRAINING_SEEDS if training else range(TRAINING_SEEDS.start)
        kind = "training" if training else "evaluation"
        raise UserError(f"needle grammar: {kind} seed {seed} is not in {allowed.start}..{allowed.stop - 1}")
    # Python seeds by the bytes of a text, not by its hash: the same draws on every machine.
    return random.Random(f"{purpose}/{language}/{seed}")


def _filler(words: dict[str, list[str]], rng: random.Random) -> Callable[[re.Match[str]], str]:
    """The replacement of one slot: a word, a capitalised word, or a number too short to be a keyword."""

    def fill(slot: re.Match[str]) -> str:
        name = slot[1]
        if name == "number":
            return str(rng.randrange(2, 1000))
        return rng.choice(words[name]) if name in words else rng.choice(words[name.lower()]).capitalize()

    return fill


def _draw(name: str, language: Language, rng: random.Random, *, held_out: bool) -> Needle:
    """A needle about `name`, from the evaluation share where `held_out`, else from the training share."""
    grammar = _grammar(language)
    forms = rng.choice(grammar.forms)
    value = ""
    while not value or (crc32(f"{name}{value}".encode()) % _HELD_OUT_SHARE == 0) != held_out:
        # Four and five digits equally often: drawn as one range, nine in ten would have five.
        value = str(rng.randrange(10**3, 10**4) if rng.random() < 0.5 else rng.randrange(10**4, 10**5))
    statement, question, answer = (form.format(name=name, value=value) for form in forms)
    return Needle(statement, question, answer, value, name, language)
