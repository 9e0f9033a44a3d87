"""What stands on the page, as HTML made of escaped text; nothing in an answer, a document or a name is mark-up."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from evalkit.chatting import Cut, Reply
from evalkit.documents import Document
from evalkit.printable import counted, printable, printable_lines
from evalkit.tasks.samples import Turn

__all__ = [
    "Exchange",
    "cut_view",
    "document_view",
    "download_view",
    "exchange_view",
    "facts_view",
    "line_view",
    "title_view",
]

SEAM = 600
"""Characters that are shown on each side of a seam before the rest is folded."""
UNFOLDED = 200_000
"""Characters that a fold shows at most."""
LONGEST_SHOWN = 1_000_000
"""Characters of one answer or thought that are shown."""


@dataclass
class Exchange:
    """A question on the page and what has come of it."""

    question: str
    """The question."""
    examples: Sequence[Turn] = ()
    """Turns of role play that were shown to the model."""
    left_out: int = 0
    """Nearest examples for which there was no room."""
    text: str = ""
    """The answer so far."""
    reasoning: str | None = None
    """The thoughts so far."""
    state: str = ""
    """What is going on, or how it ended otherwise than by itself; empty = nothing to say."""
    error: str | None = None
    """Why there is no answer."""
    reply: Reply | None = None
    """The whole answer."""
    is_open: bool = True
    """Whether the answer is still being made."""


def text_of(text: str, most: int = LONGEST_SHOWN) -> str:
    """A text as HTML that shows it and nothing else; signs that would act or hide are shown by their numbers."""
    rest = len(text) - most
    shown = escape(printable_lines(text[:most].replace("\r\n", "\n").replace("\t", "    ")))
    return shown if rest <= 0 else f"{shown}<i class=more>… {rest:,} more characters</i>"


def title_view(name: str, line: str, kind: str = "quiet") -> str:
    """The model's name, and what it is doing."""
    return f"<h1 dir=auto>{escape(printable(name))}</h1>{line_view(line, kind)}"


def line_view(text: str, kind: str = "problem") -> str:
    """One line of ours; nothing where it is empty."""
    return f'<p class="line {kind}" role=status dir=auto>{escape(printable(text))}</p>' if text else ""


def document_view(document: Document | None, tokens: int | None, unit: str) -> str:
    """Name, size and what is to be known of a document."""
    if document is None:
        return '<p class="line quiet">No document: questions are asked alone.</p>'
    size = counted(len(document.text), "character") if tokens is None else f"{tokens:,} {unit}"
    sort = f"{size} · {document.encoding or document.kind.upper()}"
    notes = "".join(line_view(each, "quiet") for each in document.notes)
    return (
        f'<p class="line document"><b dir=auto>{escape(printable(document.name))}</b> '
        f"<span>{escape(printable(sort))}</span></p>{notes}"
    )


def facts_view(facts: Iterable[tuple[str, str]]) -> str:
    """Names and values, one pair a line."""
    rows = "".join(f"<dt>{escape(printable(name))}</dt><dd>{escape(printable(value))}</dd>" for name, value in facts)
    return f"<dl class=facts>{rows}</dl>"


def exchange_view(exchange: Exchange) -> str:
    """A question with its answer, as far as it is known."""
    question = f'<div class="said user" dir=auto>{text_of(exchange.question)}</div>'
    parts = [question, _examples(exchange.examples, exchange.left_out)]
    if exchange.reasoning:
        parts.append(
            f"<details class=thoughts><summary>Thoughts ({len(exchange.reasoning):,} characters)</summary>"
            f"<div class=text dir=auto>{text_of(exchange.reasoning)}</div></details>"
        )
    if exchange.text or (exchange.reply is not None and exchange.error is None):
        empty = "" if exchange.text else "<i class=more>the answer is empty</i>"
        grows = " grows" if exchange.is_open else ""
        parts.append(f'<div class="said model{grows}" dir=auto>{text_of(exchange.text)}{empty}</div>')
    if exchange.error:
        parts.append(line_view(exchange.error))
    foot = " · ".join(each for each in (exchange.state, *_timings(exchange.reply)) if each)
    parts.append(f"<p class=foot>{escape(printable(foot))}</p>" if foot else "")
    return f"<article>{''.join(parts)}</article>"


def _examples(examples: Sequence[Turn], left_out: int) -> str:
    summary = f"{counted(len(examples), 'nearest example')} shown to the model"
    if left_out:
        nearest = counted(len(examples) + left_out, "nearest example")
        summary = f"{len(examples)} of the {nearest} shown to the model: no room for the rest"
    if not examples:
        return line_view(summary, "quiet") if left_out else ""
    turns = "".join(
        f"<li><div class=text dir=auto>{text_of(turn.question)}</div>"
        f'<div class="text reply" dir=auto>{text_of(turn.answer)}</div></li>'
        for turn in examples
    )
    return f"<details class=examples open><summary>{summary}</summary><ol>{turns}</ol></details>"


def _timings(reply: Reply | None) -> list[str]:
    if reply is None or reply.error is not None:
        return []
    found = []
    first, uncached = reply.first_token_seconds, reply.first_token_seconds_uncached
    if first is not None:
        is_faster = uncached is not None and reply.cached_tokens and first < uncached
        without = (
            f" ({_seconds(uncached)} before the document was cached)" if uncached is not None and is_faster else ""
        )
        found.append(f"first token {_seconds(first)}{without}")
    found.append(f"answer {_seconds(reply.seconds)}, {counted(reply.completion.output_tokens, 'token')}")
    prompt = f"prompt {counted(reply.prompt_tokens, 'token')}"
    found.append(prompt if reply.cached_tokens is None else f"{prompt}, {reply.cached_tokens:,} of them cached")
    if reply.completion.finish_reason == "length":
        found.append("ended at the limit")
    return found


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def cut_view(text: str, cut: Cut | None) -> str:
    """A document in which what truncation leaves out is marked; long parts are folded."""
    if not text:
        return '<p class="line quiet">No document.</p>'
    parts, at = [_heads(cut)], 0
    for gap in () if cut is None or cut.gaps is None else cut.gaps:
        parts.append(_part(text[at : gap.start], "", at == 0, False))
        parts.append(f"<p class=seam>✂ {counted(gap.stop - gap.start, 'character')} left out from here</p>")
        parts.append(_part(text[gap.start : gap.stop], "cut", False, False))
        parts.append("<p class=seam>✂ to here</p>")
        at = gap.stop
    parts.append(_part(text[at:], "", at == 0, True))
    return f"<div class=whole>{''.join(parts)}</div>"


def _heads(cut: Cut | None) -> str:
    """What is to be said of a cut before the text."""
    if cut is None:
        return line_view("All of the document is in the prompt.", "quiet")
    if cut.gaps is None:
        return line_view(
            "Something of the prompt is left out; the tokenizer does not tell which characters.", "problem"
        )
    if cut.is_beyond:
        return line_view("More than the document is cut: something of the conversation is left out too.", "problem")
    return ""


def _part(text: str, kind: str, is_first: bool, is_last: bool) -> str:
    """A part of the document: both of its ends are shown, what lies between is folded."""
    if not text:
        return ""
    first, last = (SEAM if not is_first or is_last else SEAM // 2), (SEAM if not is_last else SEAM // 2)
    tag = "del" if kind == "cut" else "div"
    if len(text) <= first + last + SEAM:
        return f'<{tag} class="text {kind}" dir=auto>{text_of(text)}</{tag}>'
    middle = text[first : len(text) - last]
    return (
        f'<{tag} class="text {kind}" dir=auto>{text_of(text[:first])}</{tag}>'
        f"<details class=fold><summary>{counted(len(middle), 'character')} folded</summary>"
        f'<{tag} class="text {kind}" dir=auto>{text_of(middle, UNFOLDED)}</{tag}></details>'
        f'<{tag} class="text {kind}" dir=auto>{text_of(text[-last:])}</{tag}>'
    )


def download_view(name: str, data: bytes) -> str:
    """A link that saves a file of the browser's own; no file lies on this machine."""
    encoded = base64.b64encode(data).decode()
    return (
        f'<p class="line saved"><a download="{escape(name)}" href="data:application/octet-stream;base64,{encoded}">'
        f"Download {escape(name)}</a></p>"
    )
