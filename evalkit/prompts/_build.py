"""From requests to prompts: chat wrapping, one tokenisation, truncation, ledger."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from evalkit.errors import SampleError
from evalkit.tasks import Message, Request, whole_text

from ._chat import ChatFormat
from ._records import Ledger, Prompt, token_array
from ._splice import Frame, make_frame, splice
from ._tokenizer import PromptTokenizer
from ._truncation import (
    LEVAL_RESERVED_TOKENS,
    Budget,
    Range,
    TruncationMode,
    context_ranges,
    kept_ranges,
    leval_word_count,
    require_room,
)
from .published import MarkedText

__all__ = ["PromptBuilder", "first_words"]

BATCH = 64  # texts tokenised at once: enough to keep the tokenizer's threads busy, few enough to stream
BATCH_CHARACTERS = 2**22  # or when this much text has come together: token lists take 50 times its bytes and more
FRAMES = 64  # remembered wrappings of contexts that are made in tokens

# pred.py of both LongBench versions cuts the raw prompt: the chat template around it is neither cut nor counted.
BEFORE_WRAPPING = {TruncationMode.LONGBENCH_OFFICIAL, TruncationMode.LONGBENCH_V2_OFFICIAL}
TOKENISED_AGAIN = {TruncationMode.OPENCOMPASS_LEGACY_MID, TruncationMode.OPENCOMPASS_LEGACY_VLLM_MID}


@dataclass(frozen=True)
class _Cut:
    """What a mode that works on texts dropped before the prompt was tokenised."""

    before: int
    """Tokens of the text it looked at."""
    kept: tuple[Range, ...]
    """Ranges of them that it kept."""


@dataclass(frozen=True)
class _Draft:
    """A request with its text settled and, for modes that cut texts, what they cut."""

    request: Request
    """The request as asked: what modes that cut texts dropped is still in it."""
    marked: MarkedText
    """The text to tokenise, with the control tokens that the chat format wrote."""
    is_wrapped: bool
    """Whether the text went through the chat format."""
    cut: _Cut | None = None
    """What was dropped from the text."""


class PromptBuilder:
    """Turns requests into prompts for one model under one truncation mode. Pure: equal requests, equal prompts."""

    def __init__(
        self,
        tokenizer: PromptTokenizer,
        chat: ChatFormat,
        mode: TruncationMode,
        max_seq_len: int,
        *,
        max_new_tokens: int | None = None,
        max_reasoning_tokens: int = 0,
    ) -> None:
        self._tokenizer = tokenizer
        self._chat = chat
        self._mode = mode
        self._max_seq_len = max_seq_len
        self._max_new_tokens = max_new_tokens
        self._max_reasoning_tokens = max_reasoning_tokens
        self._frames: dict[tuple[Message, ...] | str, Frame] = {}

    def build(self, requests: Iterable[Request]) -> Iterator[Prompt]:
        """One prompt per request, in order, streaming. A request that cannot fit becomes a prompt with an error."""
        for batch in _batched(requests, BATCH):
            drafts = [self._draft(request) for request in batch]
            texts = [draft.marked for draft in drafts if isinstance(draft, _Draft)]
            encoded = iter(self._tokenizer.encode_marked(texts) if texts else [])
            for draft in drafts:
                yield draft if isinstance(draft, Prompt) else self._finish(draft, next(encoded))

    def _draft(self, request: Request) -> _Draft | Prompt:
        is_wrapped = self._chat.kind != "none" and request.is_wrapped
        try:
            require_room(self._budget(request))
            _require_text(request)
            if request.context_builder is not None:
                frame = self._frame(request, is_wrapped)
                budget = self._budget(request)
                return splice(request, request.context_builder, frame, self._tokenizer, self._mode, budget)
            short, cut = self._cut_text(request, is_wrapped)
        except SampleError as error:
            return self._failed(request, error)
        wrapped = self._chat.wrap_marked(short.messages, self._tokenizer) if is_wrapped else MarkedText(short.text)
        return _Draft(request, wrapped, is_wrapped, cut)

    def _frame(self, request: Request, is_wrapped: bool) -> Frame:
        """What stands around the request's context, remembered: the cells of a grid ask few questions in turn."""
        messages = tuple(request.messages) if is_wrapped else ()
        key = messages or request.text
        if key not in self._frames:
            if len(self._frames) == FRAMES:
                self._frames.clear()
            self._frames[key] = make_frame(messages, request.text, self._chat, self._tokenizer, self._mode)
        return self._frames[key]

    def _finish(self, draft: _Draft, plain: list[int]) -> Prompt:
        request = draft.request
        ids = self._tokenizer.start(plain, is_wrapped=draft.is_wrapped)
        try:
            if not ids:
                raise SampleError("the prompt is empty: there is nothing to ask")
            ids, before, kept = self._cut_ids(draft, ids)
        except SampleError as error:
            return self._failed(request, error)
        ledger = Ledger(self._mode, before, len(ids), kept, None, evidence_depths=request.evidence_depths)
        if request.sample.evidence:
            lost = self._evidence_lost(draft, ids, ledger)
            ledger = replace(ledger, evidence_kept=None if lost is None else not lost, evidence_lost=lost or ())
        budget = self._budget(request)
        return Prompt(
            request.sample.id, request.sample.task, request.step, token_array(ids), ledger, budget.all_new_tokens,
            request.stop, stop_rule=request.stop_rule,
        )  # fmt: skip

    def _failed(self, request: Request, error: SampleError) -> Prompt:
        limit = self._budget(request).all_new_tokens
        sample = request.sample
        return Prompt(sample.id, sample.task, request.step, token_array([]), None, limit, error=str(error))

    def _budget(self, request: Request) -> Budget:
        thoughts = self._max_reasoning_tokens
        limit = self._max_new_tokens or request.max_new_tokens
        return Budget(self._max_seq_len - thoughts, limit, max_reasoning_tokens=thoughts)

    def _cut_text(self, request: Request, is_wrapped: bool) -> tuple[Request, _Cut | None]:
        """The modes that shorten text before it is wrapped."""
        if self._mode is TruncationMode.LEVAL_OFFICIAL:
            return self._cut_words(request)
        if self._mode not in BEFORE_WRAPPING:
            return request, None
        longest = max((message.content for message in request.messages), key=len) if is_wrapped else request.text
        # With its BOS, as upstream's tokenizer call counts it against the limit.
        ids = self._tokenizer.as_upstream(longest)
        kept = kept_ranges(self._mode, len(ids), self._budget(request))
        if sum(span.tokens for span in kept) == len(ids):
            return request, None
        pieces = [ids[span.start : span.stop] for span in kept]
        if self._mode is TruncationMode.LONGBENCH_V2_OFFICIAL:  # decoded once as a whole there, in halves in v1
            pieces = [list(itertools.chain(*pieces))]
        # Without special tokens, as upstream decodes: the BOS of the head goes, and comes back with the template.
        short = "".join(map(self._tokenizer.decode_as_upstream, pieces))
        return _with_text(request, longest, short), self._without_end(len(ids), kept)

    def _without_end(self, tokens: int, kept: Iterable[Range]) -> _Cut:
        """A cut as the ledger tells it: without the EOS that the published code counts and that is never sent."""
        end = tokens - len(self._tokenizer.suffix_ids)
        spans = (Range(span.start, min(span.stop, end)) for span in kept)
        return _Cut(end, tuple(span for span in spans if span.tokens > 0))

    def _cut_words(self, request: Request) -> tuple[Request, _Cut | None]:
        """L-Eval's baselines: the document is cut on the right by words, question and instruction stay."""
        context = request.context
        short = first_words(context, self._tokenizer, self._max_seq_len)
        if short == context:
            return request, None
        before, kept = (
            len(self._tokenizer.as_upstream(text)) - len(self._tokenizer.suffix_ids) for text in (context, short)
        )
        return _with_text(request, context, short), _Cut(before, (Range(0, kept),))

    def _cut_ids(self, draft: _Draft, ids: list[int]) -> tuple[list[int], int, tuple[Range, ...]]:
        """The ids that go to the model, the count before truncation, and the ranges kept of it."""
        if draft.cut is not None:
            return ids, draft.cut.before, draft.cut.kept
        budget, before = self._budget(draft.request), len(ids)
        if (
            self._mode in BEFORE_WRAPPING
        ):  # it fitted before it was wrapped; what the template adds may overflow, as there
            return ids, before, (Range(0, before),)
        if self._mode in TOKENISED_AGAIN:
            return self._cut_and_encode_again(ids, budget)
        if self._mode is TruncationMode.CONTEXT_MIDDLE:
            kept = self._context_ranges(draft, ids, budget)
        else:
            kept = kept_ranges(self._mode, before, budget)
        pieces = [ids[span.start : span.stop] for span in kept]
        return list(itertools.chain(*pieces)), before, kept

    def _cut_and_encode_again(self, ids: list[int], budget: Budget) -> tuple[list[int], int, tuple[Range, ...]]:
        """OpenCompass's older wrappers: halves of the ids become text, and the text ids again.

        The HuggingFace class leaves prompts inside the budget alone and cuts those that grew at the seam once more;
        the vLLM wrapper does neither.
        """
        whole = [*ids, *self._tokenizer.suffix_ids]
        is_vllm = self._mode is TruncationMode.OPENCOMPASS_LEGACY_VLLM_MID
        if len(whole) <= budget.max_prompt_len and not is_vllm:
            return ids, len(ids), (Range(0, len(ids)),)
        kept = kept_ranges(self._mode, len(whole), budget)
        halves = [self._tokenizer.decode_marked(whole[span.start : span.stop]) for span in kept]
        (plain,) = self._tokenizer.encode_marked([sum(halves, MarkedText(""))])
        if not is_vllm:
            added = len(self._tokenizer.start(plain, is_wrapped=False)) + len(self._tokenizer.suffix_ids) - len(plain)
            room = max(0, budget.max_prompt_len - added)
            plain = plain[max(0, len(plain) - room) :] if budget.side == "left" else plain[:room]
        cut = self._without_end(len(whole), kept)
        return self._tokenizer.start(plain, is_wrapped=False), cut.before, cut.kept

    def _context_ranges(self, draft: _Draft, ids: list[int], budget: Budget) -> tuple[Range, ...]:
        """Only the context is cut, at its middle: the tokens of what stands before and after it all survive."""
        if len(ids) <= budget.max_prompt_len:
            return (Range(0, len(ids)),)
        context, text = draft.request.context, draft.marked.text
        start = text.find(context) if context else -1
        # Shown twice, cutting one copy would leave the other whole, and which one was meant nobody knows.
        if start < 0 or text.find(context, start + 1) >= 0:
            times = "none" if start < 0 else "it more than once"
            raise SampleError(
                f"truncation 'context-middle' needs a context field, and this prompt shows {times}; use 'middle'"
            )
        parts = [draft.marked.part(0, start), draft.marked.part(start + len(context), len(text))]
        before, after = self._tokenizer.encode_marked(parts)
        before = self._tokenizer.start(before, is_wrapped=draft.is_wrapped)
        first = self._past(before, ids)
        last = len(ids) - self._past(after[::-1], ids[::-1], is_reversed=True)
        return context_ranges(len(ids), Range(first, last), budget)

    def _past(self, border: list[int], ids: list[int], *, is_reversed: bool = False) -> int:
        """How many of `ids` spell all of `border`, whose last tokens may have merged with what follows it.

        For the end of a prompt both lists come reversed.
        """
        common = _common(border, ids)
        step = -1 if is_reversed else 1
        rest = self._tokenizer.decode(border[common:][::step], skip_special=False)
        for tokens in range(common, min(len(ids), len(border) + 1) + 1):
            text = self._tokenizer.decode(ids[common:tokens][::step], skip_special=False)
            if text.endswith(rest) if is_reversed else text.startswith(rest):
                return tokens
        return min(len(ids), len(border) + 1)

    def _evidence_lost(self, draft: _Draft, ids: Sequence[int], ledger: Ledger) -> tuple[int, ...] | None:
        """Indexes of the evidence that stood in the prompt and stands there no more; None where none ever did."""
        whole = draft.marked.text if draft.cut is None else draft.request.text
        inside = {index: text for index, text in enumerate(draft.request.sample.evidence) if text and text in whole}
        if not inside or not ledger.is_truncated:
            return () if inside else None
        parts = self._parts(draft, ids, ledger)
        return tuple(index for index, text in inside.items() if not any(text in part for part in parts))

    def _parts(self, draft: _Draft, ids: Sequence[int], ledger: Ledger) -> list[str]:
        """The texts of a truncated prompt's pieces; evidence must stand whole in one of them.

        Without what is left of a character that a seam cut: byte fallback would spoil all the bytes around it.
        """
        if draft.cut is not None:
            return [draft.marked.text]
        if self._mode in TOKENISED_AGAIN:  # the ranges are not those of `ids`
            return [self._tokenizer.decode(ids, skip_special=False)]
        seams = list(itertools.accumulate(span.tokens for span in ledger.kept))
        starts = [0, *seams[:-1]]
        return [whole_text(self._tokenizer, ids[a:b]) for a, b in zip(starts, seams, strict=True)]


def first_words(document: str, tokenizer: PromptTokenizer, max_seq_len: int) -> str:
    """What L-Eval's baselines keep of a document in a window of so many tokens: words from its beginning."""
    words = document.split(" ")  # single blanks: line ends stay inside words, joining gives the same bytes

    def count_tokens(first: int) -> int:
        return len(tokenizer.as_upstream(" ".join(words[:first])))  # BOS counts there

    return " ".join(words[: leval_word_count(len(words), max_seq_len - LEVAL_RESERVED_TOKENS, count_tokens)])


def _require_text(request: Request) -> None:
    """Raise `SampleError` for what JSON can hold and no tokenizer reads."""
    try:
        request.text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SampleError(f"the prompt is not text: a lone surrogate stands at character {error.start + 1}") from error


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the common prefix."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _with_text(request: Request, old: str, new: str) -> Request:
    """The request with `old` replaced once by `new` in its text and in the first message that holds it."""
    messages: list[Message] = []
    is_done = False
    for message in request.messages:
        if not is_done and old in message.content:
            # Once: a document may quote itself, and only the copy that was measured is cut.
            message, is_done = replace(message, content=message.content.replace(old, new, 1)), True
        messages.append(message)
    context = new if request.context == old else request.context
    return replace(request, messages=tuple(messages), text=request.text.replace(old, new, 1), context=context)


def _batched(items: Iterable[Request], size: int) -> Iterator[list[Request]]:
    batch: list[Request] = []
    characters = 0
    for item in items:
        batch.append(item)
        characters += len(item.text)
        if len(batch) == size or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
