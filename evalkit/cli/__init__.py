"""The command line: one module per verb. Heavy imports happen inside the verbs, so that help answers at once."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.errors import EvalkitError, RunStoppedError

from . import (
    _benchmarks,
    _cards,
    _chat,
    _compare,
    _data,
    _demo,
    _explain,
    _leaderboard,
    _merge,
    _plan,
    _published,
    _repair,
    _report,
    _reproduce,
    _run,
    _score,
    _show,
)
from . import rope as _rope
from .terminal import note, say

__all__ = ["app", "main"]

INTERRUPTED = 130

BEGINNINGS = """\b
Begin with:
  evalkit demo                                       a small model, offline, in about a minute
  evalkit run ./my-model leval --task quality --limit 8
  evalkit score FOLDER --format longbench            answers made elsewhere
  evalkit compare RUN published                      do the published numbers of its model hold?
"""
"""Behind the list of verbs; the mark at its beginning keeps its lines apart."""

app = typer.Typer(
    name="evalkit",
    help="Measure how well language models use long contexts, and check published scores.",
    epilog=BEGINNINGS,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},  # every verb inherits it
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(_demo.demo)
app.command("run")(_run.run)
app.command("chat")(_chat.chat)
app.command("merge")(_merge.merge)
app.command("plan")(_plan.plan)
app.command("score")(_score.score)
app.command("compare")(_compare.compare)
app.command("explain")(_explain.explain)
app.command("reproduce")(_reproduce.reproduce)
app.command("report")(_report.report)
app.command("leaderboard")(_leaderboard.leaderboard)
app.command("repair")(_repair.repair)
app.command("show")(_show.show)
app.add_typer(_data.app, name="data")
app.add_typer(_cards.app, name="cards")
app.add_typer(_benchmarks.app, name="benchmarks")
app.add_typer(_published.app, name="published")
app.add_typer(_rope.app, name="rope")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from evalkit import __version__

        say(f"evalkit {__version__}")
        raise typer.Exit


@app.callback()
def _evalkit(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Measure how well language models use long contexts, and check published scores."""


def main() -> None:
    """Entry point: exit code 0 done, 1 samples failed or a check did not hold, 2 wrong input, 130 interrupted."""
    os.environ["PYTHONSAFEPATH"] = "1"  # no helper process imports from the working folder
    _ready_streams()
    try:
        code = app(prog_name="evalkit", standalone_mode=False)  # whatever started it: `python -m evalkit` too
        sys.stdout.flush()
    except EvalkitError as error:
        note(str(error))
        sys.exit(1 if isinstance(error, RunStoppedError) else 2)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to write would fail again as Python ends
        note(f"what is printed cannot be written ({error.strerror}); make room, or send it elsewhere")
        sys.exit(2)
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "show"):  # click's usage errors
            sys.exit(_refuse(error))
        raise
    if code == INTERRUPTED:  # typer turns Ctrl-C into this code by itself
        note("interrupted; what is finished is kept, the same command continues")
    sys.exit(code if isinstance(code, int) else 0)


def _ready_streams() -> None:
    """Standard streams that take any text; what goes to one that is closed goes nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows another one in its place


def _refuse(error: Any) -> int:
    """The exit code of a usage error, which is one line; the help where a command was called with nothing at all."""
    if type(error).__name__ == "NoArgsIsHelpError":
        if error.ctx.parent is None:  # `evalkit` alone is a question, not a mistake
            say(error.ctx.get_help())
            return 0
        error.show()
        return int(error.exit_code)
    reason = " ".join(error.format_message().split()).rstrip(".")
    note(f"{reason}; see: {error.ctx.command_path if error.ctx else 'evalkit'} --help")
    return int(error.exit_code)
