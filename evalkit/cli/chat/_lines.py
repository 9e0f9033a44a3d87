"""What is said of a document, of what truncation leaves out, and of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalkit.chatting import Asked, ChatModel, Cut, Reply
from evalkit.documents import Document
from evalkit.printable import counted, printable

__all__ = ["cut_line", "document_line", "page_of", "reply_line", "seams", "window_line"]

PAGE = 2000  # characters of a text that are shown before somebody asks for all of it: a screen and a half
LABEL = 9  # columns before a seam's text


def document_line(document: Document, tokens: int, unit: str) -> str:
    """Its name and size."""
    size = f"{tokens:,} {unit}, {counted(len(document.text), 'character')}"
    how = document.encoding if document.kind == "text" else document.kind.upper()
    return f"{document.name}: {size}" + (f", {how}" if how else "")


def window_line(model: ChatModel) -> str:
    """How much of it there is for what."""
    return f"window: {model.window:,} tokens, {model.max_new_tokens:,} of them for the answer"


def cut_line(cut: Cut, document: Document | None, unit: str) -> str:
    """How much truncation leaves out, and where it was."""
    line = f"cut: {cut.before - cut.after:,} of the prompt's {cut.before:,} {unit} are left out"
    if document is None or cut.start is None or cut.stop is None or not document.text:
        return f"{line} ({counted(len(cut.text), 'character')})"
    first, last = (f"{100 * place / len(document.text):.0f} %" for place in (cut.start, cut.stop))
    return f"{line}: characters {cut.start:,} to {cut.stop:,} of {document.name} ({first} to {last})"


def seams(cut: Cut, document: Document | None, room: int) -> Iterator[str]:
    """The text at both ends of the cut, in lines of `room` columns."""
    whole = "" if document is None else document.text
    size = max(20, room - LABEL)
    if cut.start is not None:
        yield f"  kept … {_last(whole[: cut.start], size)}"
    yield f"  cut    {_first(cut.text, size - 2)} …"
    yield f"  cut  … {_last(cut.text, size)}"
    if cut.stop is not None:
        yield f"  kept   {_first(whole[cut.stop :], size - 2)} …"


def page_of(text: str, is_whole: bool) -> tuple[str, int]:
    """As much of a text as is shown at once, and how many characters follow."""
    return (text, 0) if is_whole else (text[:PAGE], max(0, len(text) - PAGE))


def reply_line(asked: Asked, reply: Reply, whole_seconds: float | None, unit: str, *, is_stopped: bool) -> str:
    """Time to the first token, tokens, speed, why it ended. `whole_seconds`: to the first token of the first question
    about this document; None where this is it."""
    done, parts = reply.completion, []
    if reply.first_token_seconds is not None:
        beside = "" if whole_seconds is None else f" ({whole_seconds:.2f} s without the cached document)"
        parts.append(f"first token {reply.first_token_seconds:.2f} s{beside}")
    cached = "" if reply.cached_tokens is None else f", {reply.cached_tokens:,} of them cached"
    left = "" if asked.cut is None else f"{asked.cut.after:,} of {asked.cut.before:,} "
    parts.append(f"{left or f'{reply.prompt_tokens:,} '}prompt {unit}{cached}")
    if done.output_tokens:
        parts.append(f"{counted(done.output_tokens, 'token')}{_speed(reply)}")
    parts.append("stopped" if is_stopped else _end(reply))
    return " · ".join(parts)


def _speed(reply: Reply) -> str:
    """Tokens a second, after the first token where its time is known."""
    tokens, seconds = reply.completion.output_tokens, reply.seconds
    if reply.first_token_seconds is not None:
        tokens, seconds = tokens - 1, seconds - reply.first_token_seconds
    return f" at {tokens / seconds:.1f} tokens/s" if tokens > 0 and seconds > 0 else ""


def _end(reply: Reply) -> str:
    done = reply.completion
    if done.lost_to == "reasoning":
        return f"only thoughts in {counted(done.output_tokens, 'token')}, no answer: give it more --max-new-tokens"
    if done.finish_reason == "length":
        return f"cut at {counted(done.output_tokens, 'token')}, --max-new-tokens"
    return "ended by itself" if done.finish_reason == "stop" else "nobody says why it ended"


def _first(text: str, columns: int) -> str:
    """Its beginning as one line of at most so many columns."""
    return "".join(_fitting(printable(text[:columns]), columns))


def _last(text: str, columns: int) -> str:
    """Its end as one line of at most so many columns."""
    return "".join(_fitting(reversed(printable(text[-columns:])), columns))[::-1]


def _fitting(signs: Iterable[str], columns: int) -> Iterator[str]:
    from rich.cells import cell_len

    for sign in signs:
        columns -= cell_len(sign)
        if columns < 0:
            return
        yield sign
