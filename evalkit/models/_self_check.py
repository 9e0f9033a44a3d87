"""Proves on a loaded model what every score rests on, and says what does not hold.

One BOS, the template, the window, the RoPE in force, the same tokens with and without a cache, with and without prefix
reuse and in any order, greedy decoding. None of these shows in a score: a model that is asked wrongly still answers
fluently.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from evalkit.cards import Card, longrope_of
from evalkit.errors import SampleError
from evalkit.prompts import ChatFormat, MarkedText, PromptTokenizer, TokenIds, token_array
from evalkit.rope import LongRope, RopeModel, RopeSetting, Rotation, parse_rope, rope_setting, rotation
from evalkit.tasks import Message

from ._base import Completion, GenerationRequest, ModelAdapter
from ._released import released_setting

__all__ = ["ComparesPasses", "LiveCheck", "ShowsRotation", "examine"]

NATIVE = RopeSetting("native")
NEW_TOKENS = 12
HALF = {"bfloat16", "float16"}
LONGEST_WINDOW = 2**25  # tokens; no model is made for more, and a longer prompt would fill this machine's memory
STEM_SENTENCES = 40
TOLERANCE = 2**-7  # of a frequency: the precision of a table kept in bfloat16
QUESTIONS = ("What comes first?", "What comes last, and why?", "How many are there?")


@dataclass(frozen=True)
class LiveCheck:
    """The result of one check on a loaded model."""

    name: str
    """What was checked."""
    holds: bool | None
    """True where it is as it must be, False where not, None where this backend does not show it."""
    detail: str
    """What was found, in numbers."""


@runtime_checkable
class ShowsRotation(Protocol):
    """A model whose rotary embeddings can be read."""

    @property
    def rotations(self) -> list[Rotation]:
        """What each rotary embedding does now."""


@runtime_checkable
class ComparesPasses(Protocol):
    """A model whose own loop can be held against whole passes without a cache."""

    def count_departures(self, request: GenerationRequest) -> tuple[int, int] | None:
        """Tokens of an answer, and how many of them whole passes would not choose; None where the two may differ.

        `SampleError` where a whole pass fails.
        """


def examine(
    model: ModelAdapter, card: Card, tokenizer: PromptTokenizer, chat: ChatFormat, window: int
) -> Iterator[LiveCheck]:
    """Each check as it is done; the model is loaded by the first that asks it something."""
    checks = _SelfCheck(model, tokenizer, chat, card.stop)
    yield checks.check_bos()
    yield checks.check_template()
    yield checks.check_window(window)
    yield checks.check_rope(card)
    yield from checks.check_answers()


class _SelfCheck:
    """Asks one model short questions and judges its answers."""

    def __init__(
        self, model: ModelAdapter, tokenizer: PromptTokenizer, chat: ChatFormat, stop: tuple[str, ...]
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._chat = chat
        self._stop = stop
        self._stem = " ".join(f"Sentence {number} says {number * number}." for number in range(STEM_SENTENCES))

    def check_bos(self) -> LiveCheck:
        """A prompt starts with one beginning-of-text token, or with none where the model has none."""
        ids, bos = self._prompt("Hello").tolist(), self._tokenizer.bos_id
        found = next((count for count, each in enumerate(ids) if each != bos), len(ids)) if bos is not None else 0
        done = self._ask([self._prompt("Hello")])[0]
        counted = done.prompt_tokens
        is_added = counted is not None and counted != len(ids) and self._chat.kind != "messages"
        detail = f"{found} at the start of a prompt of {len(ids)} {self._tokenizer.unit}"
        if is_added:
            detail += f", but {counted} arrive at the model"
        # The tokenizer's own habit, or its template's, is what the model was trained with.
        wants = bos is not None and (bos in self._tokenizer.prefix_ids or self._template_writes(bos))
        if found == 0 and bos is None:
            return LiveCheck("one BOS", not is_added, "the model has no beginning-of-text token")
        if wants and not found:
            detail += ", but its tokenizer puts one before every text (add_bos in the card)"
        return LiveCheck("one BOS", (found == 1 or (found == 0 and not wants)) and not is_added, detail)

    def _template_writes(self, bos: int) -> bool:
        """Whether the chat template begins with the token by itself."""
        return self._chat.kind == "template" and self._tokenizer.encode_marked([self._text("Hello")])[0][:1] == [bos]

    def check_template(self) -> LiveCheck:
        """The wrapped text holds the question once, hands over to the model, and survives its own tokens."""
        question = "Where does the needle lie?"
        marked = self._text(question)
        before, sign, after = marked.text.partition(question)
        if self._chat.kind == "messages":
            return LiveCheck("template", None, "the server formats the messages and does not show how")
        (ids,) = self._tokenizer.encode_marked([marked])
        is_whole = self._tokenizer.decode(ids, skip_special=False) == marked.text
        holds = bool(sign) and question not in after and is_whole and (self._chat.kind == "none" or bool(after))
        shown = f"{before[-40:]!r} question {after[:40]!r}"
        return LiveCheck("template", holds, shown + ("" if is_whole else "; its tokens give another text"))

    def check_window(self, window: int) -> LiveCheck:
        """A prompt as long as the window allows is answered; nobody tries one of a length that nobody knows."""
        serves = self._model.engine_info.get("window")
        if window > LONGEST_WINDOW and isinstance(serves, int):
            window = serves
        if window > LONGEST_WINDOW:
            return LiveCheck("window", None, "neither the card nor the server says how much fits; --max-seq-len does")
        unit = self._tokenizer.encode(self._stem) or [0]
        ids = (self._prompt("Hello").tolist() + unit * (window // len(unit) + 1))[: max(1, window - NEW_TOKENS)]
        done = self._ask([token_array(ids)])[0]
        if done.error is not None:
            return LiveCheck("window", False, f"{len(ids)} tokens: {done.error}")
        is_known_short = isinstance(serves, int) and serves < window
        return LiveCheck("window", not is_known_short, f"{len(ids)} tokens and {done.output_tokens} new were answered")

    def check_rope(self, card: Card) -> LiveCheck:
        """The frequencies in the model are those that the card's base and scaling make."""
        if _follows_length(card) and isinstance(self._model, ShowsRotation):
            self._ask([self._prompt("Hello")])  # its base follows the length: the window's prompt came before
        return _check_rope(self._model, card)

    def check_answers(self) -> Iterator[LiveCheck]:
        """Answers depend on the prompt alone: not on what was cached, on the order, or on chance."""
        prompts = sorted(
            (self._prompt(f"{self._stem} {question}") for question in QUESTIONS), key=lambda ids: ids.tolist()
        )
        alone = [self._ask([prompt])[0] for prompt in prompts]
        if broken := next((each for each in alone if each.error is not None), None):
            yield LiveCheck("answers", False, f"a plain prompt failed: {broken.error}")
            return
        yield self._check_loop(prompts)
        together = self._ask(prompts)
        cached = [each.cached_tokens for each in together]
        is_reused = any(cached)
        detail = "a shared stem was cached" if is_reused else "nothing was cached, so nothing could differ"
        yield self._compared("prefix reuse gives the same tokens", alone, together if is_reused else None, detail)
        turned = self._ask(prompts[::-1])[::-1]
        yield self._compared("order does not matter", alone, turned, f"{len(prompts)} prompts, forwards and backwards")
        again = self._ask([prompts[0]] * 3)
        is_greedy = all(_same(alone[:1], [each]) for each in again)
        yield LiveCheck("greedy is greedy", is_greedy, "the same prompt three times at once, and alone")

    def _compared(
        self, name: str, some: Sequence[Completion], others: Sequence[Completion] | None, detail: str
    ) -> LiveCheck:
        """Whether the answers are the same; where not, and tokens are chosen by few digits, that this may be why."""
        holds = None if others is None else _same(some, others)
        dtype = str(self._model.engine_info.get("dtype"))
        if holds is False and dtype in HALF:
            detail += f"; in {dtype} two tokens that are nearly as likely may change places: ask with --dtype float32"
        return LiveCheck(name, holds, detail)

    def _check_loop(self, prompts: Sequence[TokenIds]) -> LiveCheck:
        """Each token is the one that a pass over the whole text, without any cache, would choose."""
        name = "each token is that of a whole pass"
        if not isinstance(self._model, ComparesPasses):
            return LiveCheck(name, None, f"a model behind --backend {self._model.name} cannot be asked without a cache")
        try:
            counts = [self._model.count_departures(request) for request in self._requests(prompts)]
        except SampleError as error:
            return LiveCheck(name, False, str(error))
        known = [count for count in counts if count is not None]
        if not known:
            return LiveCheck(name, None, "the model's own scaling follows the length, so the two differ by design")
        tokens, departures = (sum(column) for column in zip(*known, strict=True))
        return LiveCheck(name, departures == 0, f"{departures} of {tokens} tokens differ")

    def _text(self, question: str) -> MarkedText:
        if self._chat.kind == "none":
            return MarkedText(question)
        return self._chat.wrap_marked([Message("user", question)], self._tokenizer)

    def _prompt(self, question: str) -> TokenIds:
        (plain,) = self._tokenizer.encode_marked([self._text(question)])
        return token_array(self._tokenizer.start(plain, is_wrapped=self._chat.kind != "none"))

    def _ask(self, prompts: Sequence[TokenIds]) -> list[Completion]:
        """Completions in the order of the prompts."""
        done = self._model.generate(NATIVE, self._requests(prompts))
        return sorted(done, key=lambda completion: completion.index)

    def _requests(self, prompts: Sequence[TokenIds]) -> list[GenerationRequest]:
        return [GenerationRequest(index, ids, NEW_TOKENS, self._stop) for index, ids in enumerate(prompts)]


def _same(some: Sequence[Completion], others: Sequence[Completion]) -> bool:
    return [(each.text, each.output_tokens) for each in some] == [(each.text, each.output_tokens) for each in others]


def _check_rope(model: ModelAdapter, card: Card) -> LiveCheck:
    """The frequencies in the model are those that the card's base and scaling make."""
    expected = _expected(card)
    if not isinstance(model, ShowsRotation):
        return LiveCheck("RoPE in force", None, f"a model behind --backend {model.name} does not show it")
    found = model.rotations
    if expected is None or not found:
        none_read = "there is no rotary embedding, or one for each kind of layer"
        what = "the card states no base and scaling that evalkit can compute" if found else none_read
        return LiveCheck("RoPE in force", None, what)
    worst = max(_distance(each, expected) for each in found)
    change = "begins" if _is_dynamic(card) else "changes"
    place = f", which {change} behind its original length" if _follows_length(card) else ""
    base = f"base {card.rope.theta:g}, scaling {card.rope.scaling or 'none'}{place}"
    return LiveCheck(
        "RoPE in force", worst <= TOLERANCE, f"{base}; frequencies and scale are off by {worst:.1%} at most"
    )


def _expected(card: Card) -> Rotation | None:
    """The rotation that the card states, after a short prompt; None where it states none that a formula gives."""
    turned, setting = card.turned_dimensions, released_setting(card)
    if setting is None and card.rope.theta is not None and _follows_length(card):
        found = longrope_of(card)
        model = RopeModel(card.rope.theta, card.original_length, turned or 0, longrope=found and LongRope(*found))
        is_known = found is not None or card.rope.scaling != "longrope"
        setting = rope_setting(parse_rope(card.rope.scaling or "none"), model, 1) if is_known else None
    return None if setting is None or turned is None else rotation(setting, turned)


def _follows_length(card: Card) -> bool:
    """Whether the weights' own scaling follows the length, so that it shows only what the last prompt made of it."""
    return card.rope.scaling == "longrope" or _is_dynamic(card)


def _is_dynamic(card: Card) -> bool:
    """Whether the weights' own scaling follows the length; factor 1 is what files state that scale by `alpha`."""
    scaling = card.rope.scaling or ""
    return scaling.startswith("dynamic:") and (parse_rope(scaling).number or 0) > 1


def _distance(found: Rotation, expected: Rotation) -> float:
    """Largest relative difference of a frequency, or of the scale; infinite where they are not as many."""
    if len(found.frequencies) != len(expected.frequencies):
        return math.inf
    pairs = zip(found.frequencies, expected.frequencies, strict=True)
    return max(abs(found.scale / expected.scale - 1), *(abs(ours / theirs - 1) for ours, theirs in pairs))
