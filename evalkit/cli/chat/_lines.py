"""What is said of a document, of what truncation leaves out, and of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalkit.chatting import Asked, ChatModel, Cut, Reply
from evalkit.documents import Document
from evalkit.printable import counted, printable

__all__ = ["cut_line", "document_line", "page_of", "reply_line", "seam_lines", "window_line"]

PAGE = 2000  # characters of a text that are shown before somebody asks for all of it: a screen and a half
LABEL = 9  # columns before a seam's text


def document_line(document: Document, tokens: int, unit: str) -> str:
    """Its name and size."""
    sizes = [counted(tokens, "token")] if unit == "tokens" else []
    how = document.encoding if document.kind == "text" else document.kind.upper()
    return f"{document.name}: {', '.join(filter(None, [*sizes, counted(len(document.text), 'character'), how]))}"


def window_line(model: ChatModel) -> str:
    """How much of it there is for what."""
    answer = f"{model.max_new_tokens:,} of them for the answer"
    if model.unit == "tokens":
        return f"window: {model.window:,} tokens, {answer}"
    return f"window: as many tokens as the server has, {answer}"


def cut_line(cut: Cut, document: Document | None, unit: str) -> str:
    """How much truncation leaves out, and where it was."""
    line = f"cut: {cut.before - cut.after:,} of {cut.before:,} {unit} are left out"
    if document is None:
        return f"{line}, of the conversation"
    if cut.gaps is None:
        return f"{line}, nobody can tell where"
    size = len(document.text)
    places = " and ".join(
        f"{gap.start:,} to {gap.stop:,} ({100 * gap.start / size:.0f} % to {100 * gap.stop / size:.0f} %)"
        for gap in cut.gaps
    )
    parts = [f"{cut.characters:,} characters of {document.name}, {places}"] if cut.gaps else []
    parts += ["some of what is no document"] if cut.is_beyond else []
    return f"{line}: {', and '.join(parts)}"


def seam_lines(cut: Cut, document: Document | None, room: int) -> Iterator[str]:
    """The text at both ends of what is cut from the document, in lines of `room` columns."""
    size = max(20, room - LABEL)
    for seam in () if document is None else cut.seams(document.text, size):
        yield f"  kept … {_last(seam.before, size)}" if seam.before else "  kept   nothing before it"
        yield f"  cut    {_first(seam.first, size - 2)} …"
        if seam.last:
            yield f"  cut  … {_last(seam.last, size)}"
        yield f"  kept   {_first(seam.after, size - 2)} …" if seam.after else "  kept   nothing behind it"


def page_of(text: str, is_whole: bool) -> tuple[str, int]:
    """As much of a text as is shown at once, and how many characters follow."""
    return (text, 0) if is_whole else (text[:PAGE], max(0, len(text) - PAGE))


def reply_line(asked: Asked, reply: Reply, unit: str, *, is_stopped: bool) -> str:
    """Time to the first token, tokens, speed, why it ended."""
    done, parts = reply.completion, []
    if (first := reply.first_token_seconds) is not None:
        whole = reply.first_token_seconds_uncached
        beside = "" if whole is None or whole == first else f" ({whole:.2f} s without the cached document)"
        parts.append(f"first token {first:.2f} s{beside}")
    cached = "" if reply.cached_tokens is None else f", {reply.cached_tokens:,} of them cached"
    whole_prompt = "" if asked.cut is None else f" of {asked.cut.before:,}"
    parts.append(f"{reply.prompt_tokens:,}{whole_prompt} prompt {unit}{cached}")
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
