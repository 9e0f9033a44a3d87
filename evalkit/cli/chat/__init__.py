"""`evalkit chat` in the terminal: questions from options, a pipe or a prompt, answers as they come."""

from ._commands import system_message
from ._loop import converse
from ._once import INTERRUPTED, ask_all, questions_of
from ._screen import Screen
from ._talk import Talk

__all__ = ["INTERRUPTED", "Screen", "Talk", "ask_all", "converse", "questions_of", "system_message"]
