"""Where a chat is shown: answers on standard output, all else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from evalkit.printable import printable

from ..terminal import note, say, say_beside, say_exactly

__all__ = ["Growing", "Screen"]


class Growing:
    """A text that grows, of which only what is new is written."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._is_ended = False
        self.text = ""
        """What is written."""

    def grow(self, text: str) -> None:
        """Write the text's end, which was not there before."""
        if new := text[len(self.text) :]:
            self._write(new)
            self.text = text

    def end(self) -> None:
        """Write the end of the line once, where there is a line without one."""
        if self.text and not self.text.endswith("\n") and not self._is_ended:
            self._write("\n")
        self._is_ended = True


@dataclass(frozen=True)
class Screen:
    """A terminal where somebody talks, or the streams of a script."""

    is_talk: bool = False
    """Whether somebody types: lines are then shown without the program's name."""
    is_silent: bool = False
    """Whether answers are left out of standard output, which holds something else."""

    def answer(self, piece: str) -> None:
        """A piece of an answer: into a file or pipe sign for sign, at a terminal harmless."""
        if self.is_silent:
            return
        if sys.stdout.isatty():
            say(piece, end="")
        else:
            say_exactly(piece)

    @staticmethod
    def thought(piece: str) -> None:
        """A piece of thoughts, which are no part of the answer."""
        say_beside(piece, end="", is_faint=True)

    @staticmethod
    def show(text: str) -> None:
        """Lines of somebody else's text, beside the answers."""
        say_beside(text)

    def tell(self, line: str, *, is_faint: bool = False) -> None:
        """A line of evalkit beside the answers; faint where nobody needs to read it."""
        if self.is_talk:
            say_beside(printable(line), is_faint=is_faint)
        else:
            note(line)
