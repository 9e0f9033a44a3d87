"""The command line: one module per verb. Heavy imports happen inside the verbs, so that help answers at once."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import typer

from evalkit.errors import EvalkitError

from . import _benchmarks, _cards, _data, _demo, _plan, _repair, _report, _run, _score
from ._output import note

__all__ = ["app", "main"]

INTERRUPTED = 130

app = typer.Typer(
    name="evalkit",
    help="Measure how well language models use long contexts, and check published scores.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(_demo.demo)
app.command("run")(_run.run)
app.command("plan")(_plan.plan)
app.command("score")(_score.score)
app.command("report")(_report.report)
app.command("repair")(_repair.repair)
app.add_typer(_data.app, name="data")
app.add_typer(_cards.app, name="cards")
app.add_typer(_benchmarks.app, name="benchmarks")


def main() -> None:
    """Entry point: exit code 0 done, 1 samples failed or a check did not hold, 2 wrong input, 130 interrupted."""
    os.environ["PYTHONSAFEPATH"] = "1"  # no helper process imports from the working folder
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows another one in its place
    try:
        code = app(prog_name="evalkit", standalone_mode=False)  # whatever started it: `python -m evalkit` too
    except EvalkitError as error:
        note(str(error))
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "show"):  # click's usage errors
            _refuse(error)
            sys.exit(error.exit_code)
        raise
    if code == INTERRUPTED:  # typer turns Ctrl-C into this code by itself
        note("interrupted; what is finished is kept, the same command continues")
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: Any) -> None:
    """A usage error in one line; the help where a command was called with nothing at all."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    reason = " ".join(error.format_message().split()).rstrip(".")
    note(f"{reason}; see: {error.ctx.command_path if error.ctx else 'evalkit'} --help")
