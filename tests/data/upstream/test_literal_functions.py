"""Functions of upstream files, evaluated without running them."""

from __future__ import annotations

import ast
import textwrap

import pytest

from evalkit.data import call
from evalkit.errors import DataError

FILE = """
def outer(language, text):
    if language == 'en':
        if text == 'short':
            return 'too short'
        text = inner(text)
    else:
        raise ValueError(language)
    return f'{prefix}{text}'

def inner(word):
    parts = word.split('-')
    return parts[0] + '+' + parts[1]

def nothing(text):
    text = text
"""


@pytest.fixture
def functions() -> dict[str, ast.FunctionDef]:
    """The functions of FILE by name."""
    body = ast.parse(textwrap.dedent(FILE)).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def test_a_function_may_call_another_and_close_over_names(functions: dict[str, ast.FunctionDef]) -> None:
    """Branches are followed by their condition; what they assign holds behind them."""
    names = {**functions, "language": "en", "text": "a-b", "prefix": "> "}

    assert "> a+b" == call(functions["outer"], names)


def test_the_first_return_on_the_way_counts(functions: dict[str, ast.FunctionDef]) -> None:
    """Also from inside nested branches."""
    assert "too short" == call(functions["outer"], {**functions, "language": "en", "text": "short"})


def test_a_raise_that_is_reached_is_refused(functions: dict[str, ast.FunctionDef]) -> None:
    """It is no expression that can be computed; the message quotes the line."""
    with pytest.raises(DataError, match="'raise ValueError"):
        call(functions["outer"], {**functions, "language": "fr", "text": "a-b"})


def test_a_function_without_a_value_is_refused(functions: dict[str, ast.FunctionDef]) -> None:
    """Upstream's text functions all return one."""
    with pytest.raises(DataError, match="nothing returns nothing: the release changed"):
        call(functions["nothing"], {"text": "a"})


def test_a_call_with_other_arguments_is_refused(functions: dict[str, ast.FunctionDef]) -> None:
    """By position and in full, or not at all."""
    outer = ast.parse("def outer(): return inner('a-b', 'c')").body[0]
    assert isinstance(outer, ast.FunctionDef)

    with pytest.raises(DataError, match="is not a literal that evalkit reads"):
        call(outer, functions)
