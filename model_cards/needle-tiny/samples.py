"""Training and test samples of needle-tiny as token ids: dense recall, and haystacks with needles.

A dense row is `Marta48 Ivan993 … Ivan993 Marta48 …`: pairs, then the same pairs in another order, and the loss is on
the digits of the second half. An echo row is questions and answers alone: it teaches to take the name from the
question. A haystack row is a conversation in the model's chat form: instruction, haystack with needles and one
question, then an answer; questions about the other needles follow as further turns.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from evalkit.tasks.needle import _grammar_en, _grammar_zh
from evalkit.tasks.needle._grammar import TRAINING_SEEDS, Language, Needle, haystack, joiner, needle, needles, prompt

__all__ = ["Row", "Text", "dense", "echo", "probe_row", "training_row"]

OTHER_PROMPTS = (
    "{context}\n\n{question}",
    "{context} {question}",
    "{context}\n\nQuestion: {question}\nAnswer:",
    "Read the following text.\n\n{context}\n\nNow answer this question: {question}",
    "{context}\n{question}",
)
"""Layouts besides the grammar's own, so that the model does not hang on one."""

REST_WEIGHT = 0.2
"""Loss weight of the words around name and value; they are learned within a few steps."""


@dataclass(slots=True)
class Row:
    """Token ids with a loss weight for each, zero where nothing is to be learned."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, ids: Sequence[int], weights: Sequence[float] | float = 0.0) -> None:
        """Appends ids with their weights, or with one weight for all."""
        self.ids.extend(ids)
        self.weights.extend([weights] * len(ids) if isinstance(weights, float) else weights)


class Text:
    """The tokenizer, with the few ids that rows are built from."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.bos, self.eos, self.user, self.assistant = (
            self.id(name) for name in ("<bos>", "<eos>", "<|user|>", "<|assistant|>")
        )
        self.digits = frozenset(self.id(digit) for digit in "0123456789")

    def id(self, token: str) -> int:
        """The id of one token."""
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"tokenizer has no token {token!r}")
        return int(found)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, no special tokens."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def dense(seed: int, length: int, text: Text) -> Row:
    """As many pairs as fit `length` tokens, asked again in another order."""
    rng = random.Random(f"dense/{seed}")
    chinese = rng.random() < 0.25
    names = (_grammar_zh if chinese else _grammar_en).NAMES.split()
    # A blank between name and value makes recall much slower to learn, so most rows go without.
    prefix, gap = ("小", "") if chinese else (" ", "" if rng.random() < 0.7 else " ")
    pairs = [(name, str(rng.randrange(10, 10 ** rng.randrange(2, 4)))) for name in rng.sample(names, 2 + length // 8)]
    pieces = text.encode([f"{prefix}{name}{gap}{value}" for name, value in pairs])
    sizes = itertools.accumulate(2 * len(piece) for piece in pieces)
    pieces = [piece for piece, total in zip(pieces, sizes, strict=True) if total < length]
    row = Row()
    row.add([text.bos])
    for piece in pieces:
        row.add(piece)
    for piece in rng.sample(pieces, len(pieces)):
        row.add(piece, [1.0 if token in text.digits else 0.0 for token in piece])
    return row


def echo(index: int, length: int, text: Text) -> Row:
    """Questions without a haystack, as many as fit; only the words of the answers count, among them the name."""
    seed = TRAINING_SEEDS.start + index % len(TRAINING_SEEDS)
    language: Language = "zh" if index % 10 < 3 else "en"
    metadata = needles(seed, 1 + length // 20, language, training=True)
    questions, answers = (
        text.encode([fact.question for fact in metadata]),
        text.encode([fact.answer for fact in metadata]),
    )
    row = Row()
    row.add([text.bos])
    for question, answer, fact in zip(questions, answers, metadata, strict=True):
        if len(row.ids) + len(question) + len(answer) + 3 > length:
            break
        row.add([text.user, *question, text.assistant])
        weights = _answer_weights(answer, fact, text)
        row.add(answer, [0.0 if token in text.digits else w for token, w in zip(answer, weights, strict=True)])
        row.add([text.eos], REST_WEIGHT)
    return row


def training_row(index: int, length: int, text: Text) -> Row:
    """The haystack row number `index` of training, of at most `length` tokens; every second one fills them."""
    seed = TRAINING_SEEDS.start + index % len(TRAINING_SEEDS)
    rng = random.Random(f"layout/{seed}")
    language: Language = "zh" if rng.random() < 0.3 else "en"
    other: Language = rng.choice(("en", "zh")) if rng.random() < 0.15 else language
    metadata = needles(seed, rng.randint(1, max(1, min(6, length // 60))), other, training=True)
    pile = Pile(
        tuple(itertools.islice(haystack(seed, language, training=True), 2 + length // 8)),
        metadata,
        depths=tuple(_depth(rng) for _ in metadata),
        blank=joiner(language),
        cut=rng.random() < 0.5,
    )
    layout = "" if rng.random() < 0.5 else rng.choice(OTHER_PROMPTS)
    return conversation(pile, length, text, layout)


def probe_row(seed: int, length: int, depth: float, text: Text, language: Language = "en") -> Row:
    """A haystack of whole sentences with one needle at `depth` (0 to 1), from an evaluation seed."""
    sentences = tuple(itertools.islice(haystack(seed, language), 2 + length // 8))
    pile = Pile(sentences, (needle(seed, language),), depths=(depth,), blank=joiner(language), cut=False)
    return conversation(pile, length, text)


@dataclass(frozen=True, slots=True)
class Pile:
    """A haystack and what is hidden in it."""

    sentences: tuple[str, ...]
    metadata: tuple[Needle, ...]
    depths: tuple[float, ...]
    """Where each needle goes: 0 is before the first sentence, 1 after the last."""
    blank: str
    """What stands between two sentences."""
    cut: bool
    """Shorten the last sentence so that the row is full."""


def conversation(pile: Pile, length: int, text: Text, layout: str = "") -> Row:
    """The pile in at most `length` tokens, every needle asked for, one turn each.

    `layout` is a prompt with {context} and {question}; without it, the grammar's own.
    """
    question, language = pile.metadata[0].question, pile.metadata[0].language
    whole = layout.format(context="\0", question=question) if layout else prompt("\0", question, language)
    head, tail = text.encode(whole.split("\0"))
    asked = [tail, *text.encode([fact.question for fact in pile.metadata[1:]])]
    answers = text.encode([fact.answer for fact in pile.metadata])
    # Bos; for each turn its two markers and eos.
    spare = length - 1 - len(head) - sum(len(part) + 1 for part in asked + answers) - len(answers)
    row = Row()
    row.add([text.bos, text.user, *head, *_context(pile, spare, text)])
    for turn, (words, answer, fact) in enumerate(zip(asked, answers, pile.metadata, strict=True)):
        row.add([text.user] * (turn > 0) + words + [text.assistant])
        row.add(answer, _answer_weights(answer, fact, text))
        row.add([text.eos], REST_WEIGHT)
    return row


def _context(pile: Pile, spare: int, text: Text) -> list[int]:
    """The ids of as many sentences as `spare` tokens hold beside the needles, and the needles among them."""
    openers = [pile.sentences[0], *(fact.statement for fact in pile.metadata)]
    joined = text.encode([pile.blank + opener for opener in openers])
    # Whichever comes first loses its blank, and its first word may then take more tokens.
    growth = max(len(bare) - len(ids) for bare, ids in zip(text.encode(openers), joined, strict=True))
    statements = joined[1:]
    spare -= sum(len(ids) for ids in statements) + max(0, growth)
    if spare < 0:
        raise ValueError(f"{len(pile.metadata)} needles and their questions leave no room for a haystack")
    pieces: list[tuple[str, list[int]]] = []
    for sentence, ids in zip(pile.sentences, text.encode([pile.blank + each for each in pile.sentences]), strict=True):
        if len(ids) > spare:
            if pile.cut and spare > 0:
                pieces.append((text.tokenizer.decode(ids[:spare]).strip(), ids[:spare]))
            break
        pieces.append((sentence, ids))
        spare -= len(ids)
    count = len(pieces)
    order = sorted(zip(pile.depths, pile.metadata, statements, strict=True), key=lambda each: -each[0])
    for depth, fact, ids in order:
        pieces.insert(round(depth * count), (fact.statement, ids))
    first, *rest = pieces
    return text.encode([first[0]])[0] + [token for _, ids in rest for token in ids]


def _depth(rng: random.Random) -> float:
    """A depth; the very first and the very last place are drawn more often, being the rarest."""
    draw = rng.random()
    return 0.0 if draw < 0.08 else 1.0 if draw < 0.16 else rng.random()


def _answer_weights(answer: Sequence[int], fact: Needle, text: Text) -> list[float]:
    """Full weight for the value's digits and the name, little for the words around them."""
    name = text.encode([f" {fact.subject}" if fact.language == "en" else fact.subject])[0]
    return [1.0 if token in text.digits or token in name else REST_WEIGHT for token in answer]
