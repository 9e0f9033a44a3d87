"""What a user sees: texts and tables made harmless to print, progress, and what libraries say."""

from ._libraries import libraries_say
from ._output import (
    check_target,
    note,
    print_json,
    print_table,
    say,
    say_beside,
    say_exactly,
    say_wrapped,
    terminal_room,
)
from ._progress import ProgressMonitor, shown, shown_between

__all__ = [
    "ProgressMonitor",
    "check_target",
    "libraries_say",
    "note",
    "print_json",
    "print_table",
    "say",
    "say_beside",
    "say_exactly",
    "say_wrapped",
    "shown",
    "shown_between",
    "terminal_room",
]
