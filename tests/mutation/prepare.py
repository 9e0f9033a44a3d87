"""Prepare a session of cosmic-ray over one area of the package: every mutant listed, a seeded sample of them open.

python tests/mutation/prepare.py AREA [COUNT] [SEED]      writes AREA.toml and AREA.sqlite; see README.md beside it
"""

from __future__ import annotations

import ast
import json
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MOST = 64  # sites drawn; the first COUNT of them are used, so that a smaller sample is a part of a larger one
SEED = 20261126
TIMEOUT_SECONDS = 90


class Area(NamedTuple):
    """What is mutated, and the tests that should notice."""

    modules: list[str]
    """Source files."""
    tests: list[str]
    """Test files that mirror them."""


def _area(room: str, modules: str, tests: str) -> Area:
    files = [f"evalkit/{room}/{name}.py" for name in modules.split()]
    return Area(files, [f"tests/{room}/test_{name}.py" for name in tests.split()])


AREAS = {
    "scoring": _area("scores", "_groups _interval _records _runs _score", "groups interval score runs"),
    "truncation": _area("prompts", "_truncation _build _splice _records", "truncation splice build records evidence"),
    "planning": _area("planning", "_plan _spool _trie", "plan spool trie"),
    "resume": _area("runs", "_store _runner _records _job", "store session runner outcome"),
    "reports": _area(
        "reports",
        "_tables _parts _plan_table heatmaps/_grid",
        "tables parts plan_table",
    ),
}
AREAS["reports"].tests.extend(f"tests/reports/heatmaps/test_{name}.py" for name in ("grid", "group_grids"))

OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|FloorDiv_Div|Mod_Mul|Pow_Mul"
    r"|BitAnd_BitOr|BitOr_BitAnd)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Lt_GtE|LtE_Gt|Gt_LtE|GtE_Lt"
    r"|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_(USub_UAdd|Delete_Not|Delete_USub)|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue"
    r"|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue|ReplaceContinueWithBreak|ExceptionReplacer"
    r"|NumberReplacer|RemoveDecorator|ZeroIterationForLoop)$"
)
"""One or two plausible slips for each operator; `==` for `is` and the like are no slips that people make."""

Spot = tuple[int, int]


def annotations(path: str) -> Iterator[tuple[Spot, Spot]]:
    """Begin and end of each annotation of a file: no mutant in them can be seen when the code runs."""
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        notes: list[ast.expr | None] = []
        if isinstance(node, ast.FunctionDef):
            given = node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            notes = [node.returns, *(each.annotation for each in every if each is not None)]
        elif isinstance(node, ast.AnnAssign):
            notes = [node.annotation]
        for note in notes:
            if note is not None and note.end_lineno is not None and note.end_col_offset is not None:
                yield (note.lineno, note.col_offset), (note.end_lineno, note.end_col_offset)


def write_config(name: str, area: Area) -> Path:
    """The configuration of cosmic-ray for an area."""
    command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider --hypothesis-seed=0 {' '.join(area.tests)}"
    path = Path(f"{name}.toml")
    path.write_text(
        f"[cosmic-ray]\nmodule-path = {json.dumps(area.modules)}\ntimeout = {TIMEOUT_SECONDS}\n"
        f'excluded-modules = []\ntest-command = {json.dumps(command)}\n\n[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    return path


def skip_all_but_a_sample(session: Path, count: int, seed: int) -> tuple[int, int]:
    """Leave one random mutant open at each of `count` random sites; how many sites there are, and how many are open."""
    with sqlite3.connect(session) as database:
        specs = database.execute(
            "select job_id, module_path, operator_name, occurrence, start_pos_row, start_pos_col, end_pos_row,"
            " end_pos_col from mutation_specs"
        ).fetchall()
        noted = {path: list(annotations(path)) for path in {spec[1] for spec in specs}}
        sites: dict[tuple[str, int, int, str], list[tuple[str, int, str]]] = {}
        for job, path, operator, occurrence, *place in specs:
            begin, end = tuple(place[:2]), tuple(place[2:])
            if OPERATORS.match(operator) and not any(low <= begin and end <= high for low, high in noted[path]):
                sites.setdefault((path, *begin, operator.partition("_")[0]), []).append((operator, occurrence, job))
        draw = random.Random(seed)
        chosen = draw.sample(sorted(sites), min(MOST, len(sites)))
        jobs = {draw.choice(sorted(sites[site]))[2] for site in chosen[:count]}
        closed = [(spec[0],) for spec in specs if spec[0] not in jobs]
        database.executemany("insert into work_results(worker_outcome, job_id) values ('SKIPPED', ?)", closed)
    return len(sites), len(jobs)


def main(name: str, count: str = "40", seed: str = str(SEED)) -> None:
    """Write both files of an area."""
    config, session = write_config(name, AREAS[name]), Path(f"{name}.sqlite")
    session.unlink(missing_ok=True)
    subprocess.run(["cosmic-ray", "init", config, session], check=True)
    sites, left = skip_all_but_a_sample(session, int(count), int(seed))
    sys.stdout.write(f"{name}: {left} mutants at {sites} sites; next: cosmic-ray exec {config} {session}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
