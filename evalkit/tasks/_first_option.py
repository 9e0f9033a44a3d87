"""Which option OpenCompass reads from a multiple-choice answer: its `first_option_postprocess`.

The patterns are read from the pinned wheel; what is done with them is written here. The last patterns take any letter,
so an answer that states no option still counts as one more often than under LongBench v2's own rule.
"""

from __future__ import annotations

import ast
import functools
import re
import warnings

from evalkit.data import evaluate, read_wheel_text
from evalkit.errors import DataError

__all__ = ["first_option"]

FILE = "opencompass/utils/text_postprocessors.py"
FUNCTION = "first_option_postprocess"
LISTS = ("patterns", "cushion_patterns")  # in the order in which they are tried


def first_option(text: str, options: str) -> str:
    """The first option that a pattern finds in the text; empty where none does."""
    text = text.strip()
    for pattern in _patterns(options):
        found = pattern.search(text)
        if found is None:
            continue
        shown = found.group(1) or found.group(0)
        for option in options:
            if option in shown:
                return option
    return ""


@functools.cache
def _patterns(options: str) -> tuple[re.Pattern[str], ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # upstream writes its patterns as plain strings
        warnings.simplefilter("ignore", DeprecationWarning)
        tree = ast.parse(read_wheel_text(FILE), filename=FILE)
    values = {name: node for name, node in _assigned(tree) if name in LISTS}
    patterns: list[str] = []
    for name in LISTS:
        value = evaluate(values[name], {"options": options}) if name in values else None
        if not isinstance(value, list) or not all(isinstance(pattern, str) for pattern in value):
            raise DataError(f"{FILE}: {FUNCTION} has no list {name}: the upstream release changed")
        patterns += value
    return tuple(re.compile(pattern, re.DOTALL) for pattern in patterns)


def _assigned(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    """Names and values that the function assigns at its top level."""
    bodies = (node.body for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == FUNCTION)
    return [
        (statement.targets[0].id, statement.value)
        for body in bodies
        for statement in body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    ]
