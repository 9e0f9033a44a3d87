"""Hostile answers for every task: real-looking texts, mutated by a seeded generator.

A task has fragments that its rule looks at (labels, marks, brackets, numbers) and gold answers. A case joins a few
fragments, then damages the text: cut off, doubled, wrapped, odd white space, digits of other scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

__all__ = ["TASKS", "Case", "cases", "mutated"]


class Case(NamedTuple):
    """One answer to score."""

    task: str
    """Task name, as in the benchmark."""
    prediction: str
    """The model's text."""
    targets: tuple[str, ...]
    """Gold answers."""
    classes: tuple[str, ...] = ()
    """Class names of a classification task."""


class Material(NamedTuple):
    """What the cases of a task are made of."""

    fragments: tuple[str, ...]
    """Pieces of predictions."""
    targets: tuple[str, ...]
    """Gold answers."""
    classes: tuple[str, ...] = ()
    """Class names."""


GLUE = (
    "", "", " ", " ", " ", "\n", "\n\n", "\t", ", ", ". ", "\u00a0", "\u3000", "\r\n", "\x85", "\u2028",
    "\x0b", "\x1c",
)  # fmt: skip
ODD = (
    "\u200b", "\u0323", "**", "`", "]", "[", "(", ")", "'", "\\", "，", "\ufeff", "🇩🇪", "İ", "²", "<think>", "*", "#",
)  # fmt: skip
DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")

WORDS = ("the", "a", "An", "Eiffel", "tower", "U.S.", "don't", "1,200", "3.5", "co-op", "naïve", "…", "words.", "Yes")
CHINESE = ("中国", "的", "首都", "是", "北京", "。", "，", "他国", "A股", "2024年", "《红楼梦》", "研究生命")
CHOICES = (
    "A", "B", "C", "D", "AB", "BA", "ACD", "E", "DEAR", "A.", "B)", "(C)", "Answer:", "Question:", "Question 2", "and",
    "because", "NASA.", "Both", "**B**", "none", "ABCD", "A:", "C is wrong", "The answer is D",
)  # fmt: skip
NUMBERS = (
    "The answer is", "the answer is", "The answer is:", "42", "1,200", "$18", "-3", "3.14", "1/2", "7 apples", "5.",
    "1e3", "below.", "unknown", "x = 12", "dollars", "0042", "Wait.", "12%",
)  # fmt: skip
CODE = (
    "the final output", "The final output", "is", "will be", "would be", "of the code", "the value of", "the result of",
    "printed", "[1, 2, 3]", "[ [1 ] , [2] ]", "5", "5.0", "'abc'", "x", ",", "\\", "this list", "a b c d", ".0", ":",
)  # fmt: skip
FACTS = (
    "True", "False", "true", "FALSE", "[fact:", "[fact: True]", "[fact: False]", "[Fact:", "]", "Not true", "untrue",
    "false/true", "<error>", "unknown", "or", ".", "The claim is", "although it sounds true", "tru", "error",
)  # fmt: skip
VERDICTS = tuple(f"{loyalty} [fact: {fact}]" for loyalty in ("True", "False") for fact in ("True", "False"))
PARAGRAPHS = (
    "Paragraph 3", "Paragraph 12", "paragraph 3", "3", "12", "3.", "Paragraph", "段落3", "段落12", "段落 3", "第3段",
)  # fmt: skip
CODE_LINES = (
    "return x", "x = 1", "# note", "// note", "```python", "self.value += 1", "for i in range(3):", "`x`", "!",
)  # fmt: skip
CLASSES = ("Food", "Date", "Number of something", "Other number", "体育", "Sport and date")
KEY = "\nHidden on Saffron Island is the legendary Emerald Orb.\n"

TASKS: dict[str, Material] = {
    "hotpotqa": Material(WORDS, ("Eiffel tower", "the U.S.", "1,200", "a", "", "don't")),
    "triviaqa": Material((*WORDS, "\n", "\nPassage:"), ("Eiffel tower", "words.", "Yes")),
    "multifieldqa_zh": Material((*CHINESE, *WORDS[:3]), ("北京", "中国的首都", "2024年。", "")),
    "gov_report": Material(WORDS, ("the Eiffel tower. a co-op", "words. words.", ".", "")),
    "samsum": Material((*WORDS, "\n"), ("the Eiffel tower. a co-op", "Yes")),
    "vcsum": Material((*CHINESE, *WORDS[3:6]), ("中国的首都是北京。", "他国 A股", " ", "北京.的")),
    "dureader": Material(CHINESE, ("研究生命的他国", "2024年，北京")),
    "trec": Material((*CLASSES, *WORDS[:4], "\n"), CLASSES[:4], CLASSES),
    "lsht": Material((*CLASSES, *CHINESE[:4]), CLASSES[4:], CLASSES),
    "passage_count": Material((*PARAGRAPHS, "5", "05"), ("3", "12", "5")),
    "passage_retrieval_en": Material(PARAGRAPHS, ("Paragraph 3", "Paragraph 12")),
    "passage_retrieval_zh": Material(PARAGRAPHS, ("段落3", "段落12")),
    "lcc": Material((*CODE_LINES, "\n", "\n"), ("x = 1", "return x", "self.value += 1", "")),
    "coursera": Material(CHOICES, ("A", "AB", "ACD", "BCD. all", "D", "x")),
    "quality": Material(CHOICES, ("(A) yes", "(B) no", "(C", "(D) A", "x B")),
    "tpo": Material(CHOICES, ("A", "B", "C", "D")),
    "gsm100": Material(NUMBERS, ("42", "1,200", "$18", "3.14", "7 apples", "-3", "12")),
    "topic_retrieval_longchat": Material(WORDS, ("Eiffel tower", "the U.S.", "don't", "1200", "A")),
    "codeU": Material(CODE, ("5", " 5", "5.0", "[1, 2, 3]", "abc\n", "[[1], [2]]", "a , b", "x is y", "")),
    "sci_fi": Material((*FACTS, "[fact:", "[fact:"), (*VERDICTS, *VERDICTS, "Not true [fact: false or true]")),
    "single_en": Material((*WORDS, KEY.strip(), "Emerald Orb", "emerald orb"), (f"{KEY}*Emerald Orb", "no mark")),
    "multi_retrieval_en": Material(
        ("Orb", "Key", "Map", *WORDS[:4]), ("Orb*Key*Map#0*50*100", "Orb*Key#10*10", "Orb*Key", "Orb#deep")
    ),
}  # fmt: skip
"""Task → what its cases are made of."""


def cases(task: str, count: int, seed: int) -> Iterator[Case]:
    """So many cases of a task; the same for the same seed."""
    random, material = Random(f"{task} {seed}"), TASKS[task]
    for index in range(count):
        is_deep = task in ("gov_report", "vcsum", "dureader") and index % 100 == 99
        if is_deep:
            yield Case(task, *_deep(random))
            continue
        pieces = [random.choice(material.fragments) for _ in range(random.choice((0, 1, 1, 2, 2, 3, 4, 6, 9)))]
        text = "".join(piece + random.choice(GLUE) for piece in pieces)
        targets = tuple(random.choices(material.targets, k=1 if task in SINGLE else random.choice((1, 1, 2, 3))))
        yield Case(task, mutated(text, random), targets, material.classes)


SINGLE = {
    "coursera", "quality", "tpo", "gsm100", "topic_retrieval_longchat", "codeU", "sci_fi", "single_en",
    "multi_retrieval_en",
}  # fmt: skip
"""Tasks whose records have one gold answer."""


def mutated(text: str, random: Random) -> str:
    """The text with up to three kinds of damage."""
    for change in random.choices(CHANGES, k=random.choice((0, 1, 1, 2, 3))):
        text = change(text, random)
    return text


def _cut(text: str, random: Random) -> str:
    return text[: random.randint(0, len(text))]


def _decapitated(text: str, random: Random) -> str:
    return text[random.randint(0, len(text)) :]


def _doubled(text: str, random: Random) -> str:
    start = random.randint(0, len(text))
    return text + random.choice(GLUE) + text[start:]


def _with_odd(text: str, random: Random) -> str:
    place = random.randint(0, len(text))
    return text[:place] + random.choice(ODD + GLUE) + text[place:]


def _wrapped(text: str, random: Random) -> str:
    before, after = random.choice((("**", "**"), ("```python\n", "\n```"), ("(", ")"), ('"', '"'), ("\n", "\n")))
    return before + text + after


def _in_other_case(text: str, random: Random) -> str:
    return random.choice((str.upper, str.lower, str.swapcase))(text)


def _in_other_digits(text: str, _: Random) -> str:
    return text.translate(DIGITS)


CHANGES: tuple[Callable[[str, Random], str], ...] = (
    _cut, _cut, _decapitated, _doubled, _with_odd, _with_odd, _wrapped, _in_other_case, _in_other_digits,
)  # fmt: skip


def _deep(random: Random) -> tuple[str, tuple[str, ...]]:
    """A pair whose walk takes about as many recursive calls as Python allows."""
    calls, target_words = random.randint(986, 994), random.randint(1, 9)
    predicted = ["k", *(f"p{number}" for number in range(calls - target_words - 1))]
    return " ".join(predicted), (" ".join(["k", *(f"q{number}" for number in range(target_words))]),)
