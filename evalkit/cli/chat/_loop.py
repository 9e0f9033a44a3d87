"""Questions typed at a prompt."""

from __future__ import annotations

import sys

from evalkit.errors import EvalkitError

from ..terminal import say_beside
from ._commands import QUIT, is_command, obey
from ._talk import Talk

__all__ = ["converse"]

PROMPT, FURTHER = "> ", ". "


def converse(talk: Talk) -> int:
    """Answer what is typed until somebody ends it; the exit code."""
    talk.open()
    talk.load()
    talk.screen.tell("/help lists commands; Ctrl-C stops an answer, Ctrl-D ends")
    _edit_lines()
    while (text := _typed()) is not None:
        try:
            if text == QUIT:
                break
            if is_command(text):
                obey(talk, text)
            elif text:
                talk.ask(text)
        except EvalkitError as error:
            talk.screen.tell(str(error))
        except KeyboardInterrupt:
            talk.screen.tell("stopped")
    return 0


def _typed() -> str | None:
    """What is typed next, the lines that a backslash joins as one text; None where somebody ends the conversation."""
    lines: list[str] = []
    while not lines or lines[-1].endswith("\\"):
        try:
            lines.append(_line(FURTHER if lines else PROMPT))
        except (EOFError, KeyboardInterrupt):
            say_beside("")
            return None
    return "\n".join(line.removesuffix("\\") for line in lines).strip()


def _line(prompt: str) -> str:
    if sys.stdout.isatty():
        return input(prompt)
    say_beside(prompt, end="")  # answers go to a file
    return input()


def _edit_lines() -> None:
    """Lines can be edited and called back where there is readline; nothing is written to the disk."""
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        import readline
    except ImportError:  # Windows
        return
    if "GNU" in (readline.__doc__ or ""):
        readline.parse_and_bind("set enable-bracketed-paste on")  # several lines pasted are one question
