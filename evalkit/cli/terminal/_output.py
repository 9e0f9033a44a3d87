"""Where things are printed: answers to standard output, progress and warnings to standard error.

Nothing else of the command line prints: what others wrote passes here, and comes out as signs that only stand there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import UserError
from evalkit.printable import printable, printable_json, printable_lines, safe_message
from evalkit.secrecy import without_secrets

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "check_target",
    "note",
    "print_json",
    "print_table",
    "say",
    "say_beside",
    "say_exactly",
    "say_wrapped",
    "terminal_room",
]

_RECORDS = frozenset(
    ("run.json", "run.copy.json", "samples.jsonl", "outputs.json", "answers.jsonl", "scores.json", "scores.jsonl")
)
ENDLESS = 100_000  # columns of a table that goes to a file or pipe, where there is no terminal to fit


def note(message: str) -> None:
    """A line for the user on standard error."""
    print(f"evalkit: {safe_message(message)}", file=sys.stderr)


def say(text: str = "", end: str = "\n") -> None:
    """Lines of an answer on standard output, at once."""
    print(printable_lines(text), end=end, flush=True)


def say_beside(text: str, end: str = "\n", *, is_faint: bool = False) -> None:
    """Lines on standard error that are no messages of evalkit, at once; at a terminal as faint as asked for."""
    from rich.console import Console
    from rich.text import Text

    text = printable_lines(without_secrets(text))
    if is_faint and sys.stderr.isatty():
        Console(stderr=True).print(Text(text, "dim"), end=end, soft_wrap=True)
    else:
        print(text, end=end, file=sys.stderr, flush=True)


def say_exactly(text: str) -> None:
    """A text on standard output as it is, sign for sign, into a file or pipe; at a terminal as `say` prints it."""
    if sys.stdout.isatty():
        say(text)
        return
    sys.stdout.write(text)
    sys.stdout.flush()


def say_wrapped(line: str, indent: str = "  ") -> None:
    """One line of an answer, at a terminal broken at blanks, `indent` before what follows; whole in a file or pipe."""
    from textwrap import wrap

    room, line = terminal_room(), printable(line)
    parts = [line] if room is None else wrap(line, room, subsequent_indent=indent, break_on_hyphens=False)
    for part in parts or [""]:
        say(part)


def terminal_room() -> int | None:
    """Columns of the terminal that answers go to; None for a file or pipe, which has room for any table."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else None


def print_table(table: Table, narrow: Callable[[], Table] | None = None) -> None:
    """A table on standard output, its title on one line, no name and no number cut.

    In a terminal free texts wrap; where its names alone are too wide, the table that `narrow` makes is printed, or
    lines go on behind the end of the terminal. Into a file or pipe every row is one line, without blanks at its end.
    """
    from rich.console import Console

    from evalkit.tables import fit, room_of, take_literally

    is_terminal = sys.stdout.isatty()
    terminal = Console() if is_terminal else Console(width=ENDLESS)
    take_literally(table)
    if narrow is not None and room_of(table) > terminal.width:
        table = narrow()
        take_literally(table)
    title, table.title = table.title, None
    if title is not None:
        terminal.print(title, style="italic", soft_wrap=True)
    room = max(terminal.width, room_of(table))
    fit(table, room)
    if is_terminal:
        Console(width=room).print(table, crop=False)
        return
    with terminal.capture() as captured:
        terminal.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_json(value: object, target: str) -> None:
    """JSON to a file, or to standard output where `target` is `-`."""
    text = printable_json(json.dumps(value, ensure_ascii=False, indent=2))
    if target == "-":
        print(text)
        return
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--json {target}: cannot be written ({error.strerror})") from error


def check_target(target: str | None) -> None:
    """Raise `UserError` for a JSON file that cannot be written or must not be, before anything is computed."""
    if target in (None, "-"):
        return
    path = Path(str(target))
    if not path.parent.is_dir() or path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UserError(f"--json {target}: cannot be written there; name a file in a folder that exists")
    if path.is_file() and _is_precious(path):
        raise UserError(f"--json {target}: holds other things than JSON of evalkit's answers; name another file")


def _is_precious(path: Path) -> bool:
    """Whether a file is one of a run or of scores, or nothing that `--json` wrote: no slip may cost these."""
    if path.name in _RECORDS and any((path.parent / name).exists() for name in ("run.json", "outputs.json")):
        return True
    if path.suffix == ".jsonl":
        return True
    try:
        with path.open("rb") as stream:
            start = stream.read(1)
    except OSError:
        return False  # writing says why
    return start not in (b"", b"{", b"[")
