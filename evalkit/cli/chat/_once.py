"""Questions of a command line or a pipe, for scripts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from evalkit.errors import UserError

from ._talk import Exchange, Talk

__all__ = ["INTERRUPTED", "ask_all", "exchange_json", "questions_of"]

INTERRUPTED = 130
"""Exit code of Ctrl-C."""
PIPE = "-"


def questions_of(given: Iterable[str]) -> Iterator[str]:
    """The questions; `-` stands for the lines of the standard input, as they come.

    `UserError` for lines that are no UTF-8, and where nothing is asked at all.
    """
    count = 0
    for each in given:
        for question in _lines() if each == PIPE else (each,):
            count += 1
            yield question
    if not count:
        raise UserError("nothing is asked: the standard input is empty; write --question TEXT, or type at a terminal")


def ask_all(talk: Talk, questions: Iterable[str], exchanges: list[dict[str, Any]]) -> int:
    """Ask one after the other, in one conversation, and describe each exchange; the exit code."""
    for question in questions:
        exchange = talk.ask(question)
        exchanges.append(exchange_json(exchange))
        if exchange.is_stopped:
            raise SystemExit(INTERRUPTED)
        if exchange.reply.completion.error is not None:
            return 1
    return 0


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """What a script may want to know of an exchange."""
    asked, reply = exchange.asked, exchange.reply
    done, cut = reply.completion, asked.cut
    left_out = None if cut is None else {
        "tokens": cut.before - cut.after,
        "characters": cut.characters,
        "gaps": None if cut.gaps is None else [list(gap) for gap in cut.gaps],
    }  # fmt: skip
    return {
        "question": asked.question,
        "answer": None if done.error else reply.text,
        "reasoning": reply.reasoning,
        "error": done.error,
        "finish_reason": done.finish_reason,
        "rope": asked.spec,
        "document_tokens": asked.document_tokens,
        "prompt_tokens": reply.prompt_tokens,
        "cached_tokens": reply.cached_tokens,
        "output_tokens": done.output_tokens,
        "first_token_seconds": reply.first_token_seconds,
        "seconds": reply.seconds,
        "cut": left_out,
    }


def _lines() -> Iterator[str]:
    try:
        for line in sys.stdin or ():
            line.encode()  # some locales decode bytes that are no text to half characters
            if question := line.removeprefix("\ufeff").strip():
                yield question
    except UnicodeError:
        raise UserError("standard input: not text in UTF-8; each of its lines is a question") from None
