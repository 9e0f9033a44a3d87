"""Prompts whose context is made in tokens: wrapped once around a mark, then spliced, never encoded again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.errors import UserError
from evalkit.tasks import CONTEXT_MARK, ContextBuilder, Message, Request, encode_inside

from ._chat import ChatFormat
from ._records import Ledger, Prompt, TokenIds, token_array
from ._tokenizer import PromptTokenizer
from ._truncation import CUT_AS_TEXT, Budget, Range, TruncationMode, context_ranges, kept_ranges
from .published import MarkedText

__all__ = ["Frame", "make_frame", "splice"]

ON_TEXTS = CUT_AS_TEXT | {TruncationMode.OPENCOMPASS_LEGACY_MID, TruncationMode.OPENCOMPASS_LEGACY_VLLM_MID}
"""Modes that cut or encode texts again, which a prompt made of tokens does not have."""


class Frame(NamedTuple):
    """What stands around the context of a prompt; the same in all cells of a grid that ask the same question."""

    head: TokenIds
    """Ids before the context, BOS included."""
    tail: TokenIds
    """Ids behind it."""


class _Spliced(NamedTuple):
    """A whole prompt before truncation."""

    ids: TokenIds
    context: Range
    evidence: tuple[Range, ...]
    depths: tuple[float, ...]


def splice(
    request: Request,
    builder: ContextBuilder,
    frame: Frame,
    tokenizer: PromptTokenizer,
    mode: TruncationMode,
    budget: Budget,
) -> Prompt:
    """The prompt of a request with its context made by `builder`, truncated, with its ledger.

    Raises `UserError` where the length asked for cannot be made.
    """
    whole = _whole(request, builder, frame, tokenizer)
    if mode is TruncationMode.CONTEXT_MIDDLE:
        kept = context_ranges(len(whole.ids), whole.context, budget)
    else:
        kept = kept_ranges(mode, len(whole.ids), budget)
    ids = whole.ids if len(kept) == 1 and kept[0].tokens == len(whole.ids) else _joined(whole.ids, kept)
    lost = tuple(index for index, part in enumerate(whole.evidence) if not _is_inside(part, kept))
    starts = tuple(part.start for part in whole.evidence)
    is_kept = not lost if whole.evidence else None
    ledger = Ledger(mode, len(whole.ids), len(ids), kept, is_kept, lost, starts, whole.depths)
    sample = request.sample
    return Prompt(sample.id, sample.task, request.step, ids, ledger, budget.all_new_tokens, request.stop,
        stop_rule=request.stop_rule,
    )  # fmt: skip


def make_frame(
    messages: tuple[Message, ...], text: str, chat: ChatFormat, tokenizer: PromptTokenizer, mode: TruncationMode
) -> Frame:
    """The ids around the mark in a request's messages, or in its text where it has none to wrap.

    Raises `UserError` where the mode needs texts, or the template does not show the mark once.
    """
    if mode in ON_TEXTS:
        raise UserError(f"truncation {mode} cuts texts, but these prompts are made of tokens; use middle")
    whole = chat.wrap_marked(messages, tokenizer) if messages else MarkedText(text)
    if whole.text.count(CONTEXT_MARK) != 1:
        raise UserError("the chat template does not show each message once; pass another with --chat")
    start = whole.text.index(CONTEXT_MARK)
    before, after = whole.part(0, start), whole.part(start + len(CONTEXT_MARK), len(whole.text))
    head = token_array(tokenizer.start(tokenizer.encode_marked([before])[0], is_wrapped=bool(messages)))
    return Frame(head, token_array(_behind(tokenizer, after)))


def _behind(tokenizer: PromptTokenizer, text: MarkedText) -> list[int]:
    """The ids of a text as it stands behind the context: encoded alone, some tokenizers put a blank before it."""
    start = text.marks[0].start if text.marks else len(text.text)
    ids = encode_inside(tokenizer, [text.text[:start]])[0]
    # From a control token on, what stands before it changes nothing.
    return ids + tokenizer.encode_marked([text.part(start, len(text.text))])[0] if text.marks else ids


def _whole(request: Request, builder: ContextBuilder, frame: Frame, tokenizer: PromptTokenizer) -> _Spliced:
    head, tail = frame
    built = builder.build(tokenizer, len(head) + len(tail))
    ids = np.concatenate([head, built.ids, tail])
    if len(ids) != builder.length:
        raise AssertionError(f"{request.sample.id}: prompt of {len(ids)} tokens, {builder.length} were asked for")
    evidence = tuple(Range(len(head) + start, len(head) + stop) for start, stop in built.evidence)
    return _Spliced(ids, Range(len(head), len(head) + len(built.ids)), evidence, built.depths)


def _is_inside(part: Range, kept: tuple[Range, ...]) -> bool:
    """Whether it is whole inside one kept range."""
    # Half a needle cannot be found, and two halves around a seam are not the needle.
    return any(span.start <= part.start and part.stop <= span.stop for span in kept)


def _joined(ids: TokenIds, kept: tuple[Range, ...]) -> TokenIds:
    return np.concatenate([ids[span.start : span.stop] for span in kept]) if kept else token_array([])
