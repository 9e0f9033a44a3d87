"""`evalkit benchmarks`: benchmarks, tasks and protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.tables import listing

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.tasks import Benchmark, BenchmarkSpec, TaskSpec

app = typer.Typer(help="List benchmarks; show tasks and protocols.", no_args_is_help=True)


@app.command("list")
def list_all() -> int:
    """Show the benchmarks that ship with evalkit, and those of installed packages."""
    from .terminal import note, print_table

    headings = ("benchmark", "tasks", "protocols (default first)", "about")
    table = listing(headings, texts=headings[2:], numbers=("tasks",))
    specs, problems = _all_specs()
    for spec in specs:
        protocols = sorted(spec.protocols, key=lambda name: name != spec.default_protocol)
        table.add_row(spec.name, str(len(spec.tasks)), ", ".join(protocols), spec.about)
    print_table(table)
    for problem in problems:
        note(problem)
    return 0


def _all_specs() -> tuple[list[BenchmarkSpec], list[str]]:
    """Every definition there is, by origin and name, and what other packages offer that cannot be used."""
    from evalkit.errors import UserError
    from evalkit.tasks import benchmark_names, installed_benchmarks, load_spec

    installed = installed_benchmarks()
    specs, problems = [load_spec(name) for name in benchmark_names()], list(installed.problems)
    for name in installed.found:
        try:
            specs.append(load_spec(name))
        except UserError as error:
            problems.append(str(error))
    return specs, problems


@app.command("show")
def show(name: Annotated[str, typer.Argument(metavar="BENCHMARK")]) -> int:
    """Print a benchmark's protocols and tasks, and what they mean."""
    from evalkit.tasks import load_benchmark, load_spec

    from .terminal import print_table, say

    spec = load_spec(name)
    counting = load_benchmark(name) if not spec.source else None  # makes its samples itself: at its default options
    say(f"{spec.title}: {spec.about}\n{spec.homepage}\n")
    protocols = listing(("protocol", "truncation", "meaning", "source"), texts=("meaning", "source"))
    for key, rules in spec.protocols.items():
        mark = " (default)" if key == spec.default_protocol else ""
        protocols.add_row(key + mark, rules.truncation if rules.prompts else "–", rules.meaning, rules.source)
    tasks = listing(("task", "group", *(f"n {key}" for key in spec.protocols)))
    for key, task in spec.tasks.items():
        counts = [_count(task, key, each, counting) for each in spec.protocols]
        tasks.add_row(key, task.group, *counts)
    print_table(protocols)
    say()
    print_table(tasks)
    if spec.options:
        say()
        print_table(_options(spec))
    return 0


def _options(spec: BenchmarkSpec) -> Table:
    """What a user may set: as a flag of its name where there is one, else with `--option NAME=VALUE`."""
    table = listing(("option", "default", "meaning"), texts=("meaning",))
    for name, option in spec.options.items():
        table.add_row(name, option.default, option.about)
    return table


def _count(task: TaskSpec, name: str, protocol: str, counting: Benchmark | None) -> str:
    """Samples of the full task under the protocol: a number, `?` where it is not published, – where there is none."""
    from evalkit.tasks import expected_samples

    if protocol not in task.expected:
        return "–"
    count = task.expected[protocol] if counting is None else expected_samples(counting, name, protocol)
    return "?" if count is None else str(count)
