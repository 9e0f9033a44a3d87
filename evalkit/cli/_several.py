"""One command for several models: each runs for itself, and what one of them lacks does not stop the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import EvalkitError, UserError, one_line

if TYPE_CHECKING:
    from evalkit._api import EvaluationResult
    from evalkit.reports import ModelColumn
    from evalkit.runs import Session
    from evalkit.settings import RunSettings

__all__ = [
    "Opened",
    "columns_of",
    "objects_of",
    "one_or_named",
    "open_all",
    "print_models",
    "run_all",
    "say_problems",
]

Problems = dict[str, str]
"""Model as named → why it was not run."""


class Opened(NamedTuple):
    """The sessions of a command, and the models that have none."""

    sessions: dict[str, Session]
    """Model as named → its session."""
    problems: Problems
    """Model as named → what is wrong with it."""


def open_all(all_settings: Sequence[RunSettings]) -> Opened:
    """Every model's session; a model that cannot run is said at once, and the error is raised where no model can."""
    from evalkit.runs import of_several, open_session

    from .terminal import ProgressMonitor

    sessions: dict[str, Session] = {}
    errors: dict[str, EvalkitError] = {}
    for settings in all_settings:
        try:
            with ProgressMonitor() as monitor:
                session = open_session(settings, monitor)
        except EvalkitError as error:
            errors[settings.model] = error
        else:
            sessions[settings.model] = of_several(session) if len(all_settings) > 1 else session
    if not sessions and len({str(error) for error in errors.values()}) == 1:
        raise next(iter(errors.values()))
    _check_names(sessions)
    problems = {name: one_line(error, 1000) for name, error in errors.items()}
    say_problems(problems)
    return Opened(sessions, problems)


def _check_names(sessions: dict[str, Session]) -> None:
    """Raise where two models are called the same: they would share folders, columns and keys."""
    seen: dict[str, str] = {}
    for named, session in sessions.items():
        other = seen.setdefault(session.card.name, named)
        if other != named:
            raise UserError(
                f"{other} and {named}: both models are called {session.card.name!r}; give one of them a card with "
                "another name, or run them one by one with --out"
            )


def say_problems(problems: Problems) -> None:
    """A line for each model that was not run."""
    from .terminal import note

    for name, problem in problems.items():
        note(f"model not run: {name}: {problem}")


def run_all(
    sessions: dict[str, Session], run: Callable[[Session], EvaluationResult]
) -> tuple[dict[str, EvaluationResult], Problems]:
    """Card name → result of every model that ran, and why the others did not, which is also said when it happens."""
    results: dict[str, EvaluationResult] = {}
    problems: Problems = {}
    for named, session in sessions.items():
        try:
            results[session.card.name] = run(session)
        except EvalkitError as error:
            problem = one_line(error, 1000)
        except BrokenPipeError:  # nobody reads what is printed: no model can help that
            raise
        except Exception as error:  # memory, drivers, libraries: the other models shall run, and nothing is hidden
            traceback.print_exc()
            problem = f"{type(error).__name__}: {one_line(error)}"
        else:
            continue
        problems[named] = problem
        say_problems({named: problem})  # the other models may take days
    return results, problems


def print_models(columns: Sequence[ModelColumn], *, intervals: bool = False, transpose: bool = False) -> None:
    """The tables over these runs, one for each benchmark that two of them have."""
    from evalkit.reports import model_list, model_tables, models_table

    from .terminal import note, print_table

    for table in model_tables(columns):
        if len(table.columns) > 1:
            print_table(
                models_table(table, intervals=intervals, transpose=transpose),
                lambda table=table: model_list(table, intervals=intervals),  # type: ignore[misc]
            )
            for line in table.notes:
                note(line)


def columns_of(results: Sequence[EvaluationResult]) -> list[ModelColumn]:
    """Every run of these results as a column."""
    from evalkit.reports import model_column

    return [model_column(result.folders[name], scores) for result in results for name, scores in result.scores.items()]


def one_or_named(objects: Mapping[str, Any], kind: str) -> Any:
    """The one object as it is; several by name, below their kind."""
    return next(iter(objects.values())) if len(objects) == 1 else {kind: dict(objects)}


def objects_of(objects: Mapping[str, Any], models: int) -> Any:
    """What JSON says of a command: of one model as it is, of several by card name, those that did not run left out."""
    return one_or_named(objects, "models") if models == 1 else {"models": dict(objects)}
