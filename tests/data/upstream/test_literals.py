"""The evaluator of literals: what it computes, and that it refuses everything else."""

from __future__ import annotations

import ast
import textwrap

import pytest

from evalkit.data import Symbol, assignments, evaluate
from evalkit.errors import DataError

NAMES = {"text": "a-b", "count": 3, "items": ["x", "y"], "table": {"en": "yes"}, "Thing": Symbol("Thing")}


def value_of(code: str) -> object:
    """What the expression evaluates to, with NAMES."""
    return evaluate(ast.parse(code, mode="eval").body, NAMES)


def scope_of(code: str) -> dict[str, object]:
    """What the statements assign."""
    return assignments(ast.parse(textwrap.dedent(code)).body, {"language": "zh"})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("'a' 'b'", "ab"),
        ("'a' + text", "aa-b"),
        ("[1] + items", [1, "x", "y"]),
        ("('a', None, True, -2, 1.5)", ["a", None, True, -2, 1.5]),
        ("dict(a=1, b=dict(c=text))", {"a": 1, "b": {"c": "a-b"}}),
        ("{'a': items}", {"a": ["x", "y"]}),
        ("f'{text}: {count}{{}}'", "a-b: 3{}"),
        ("text == 'a-b'", True),
        ("items[-1]", "y"),
        ("items[-1:]", ["y"]),
        ("table['en']", "yes"),
        ("text.split('-')", ["a", "b"]),
        ("'+'.join(items)", "x+y"),
        ("text.replace('-', '')", "ab"),
        ("'{0} {name} {{}}'.format(text, name=count)", "a-b 3 {}"),
        ("[item + '!' for item in items]", ["x!", "y!"]),
        ("Thing", Symbol("Thing")),
    ],
)
def test_literals_have_their_python_value(code: str, expected: object) -> None:
    """Every form that upstream's prompts use is computed as Python would."""
    assert expected == value_of(code)


@pytest.mark.parametrize(
    "code",
    [
        "open('x')",
        "Thing()",
        "__import__('os')",
        "text.upper()",
        "text.__class__",
        "text.format",
        "'{0.__class__}'.format(text)",
        "'{a[0]}'.format(a=text)",
        "'{0!r}'.format(text)",
        "'{0:>99999999}'.format(text)",
        "'{0}'.format(items)",
        "'{1}'.format(text)",
        "'{'.format(text)",
        "text.split('')",
        "text.join('ab')",
        "text.replace('a', 1)",
        "text.split(sep='-')",
        "f'{text!r}'",
        "f'{count:09d}'",
        "f'{Thing}'",
        "f'{items}'",
        "text + count",
        "text * 99999999",
        "count + count",
        "text != 'x'",
        "1 < 2 < 3",
        "not text",
        "text if count else text",
        "lambda: 1",
        "unknown",
        "items[5]",
        "items['x']",
        "table['xx']",
        "items[text:]",
        "{**table}",
        "{1: 2}",
        "dict(**table)",
        "dict(table)",
        "{1, 2}",
        "[*items]",
        "[x for x in items if x]",
        "[x for x in items for y in items]",
        "[x for x in table]",
        "(x for x in items)",
        "b'bytes'",
        "...",
        "(x := 1)",
    ],
)
def test_anything_else_is_refused(code: str) -> None:
    """Calls, attributes and every other form raise and name the line."""
    with pytest.raises(DataError, match=r"upstream line 1: .* is not a literal that evalkit reads"):
        value_of(code)


def test_a_hidden_dict_is_not_the_builtin() -> None:
    """A file that gives `dict` another meaning is not read as if it had not."""
    with pytest.raises(DataError, match="not a literal"):
        evaluate(ast.parse("dict(a=1)", mode="eval").body, {"dict": Symbol("dict")})


def test_the_last_assignment_of_a_name_counts() -> None:
    """Statements are followed in order, imports become symbols."""
    scope = scope_of("""
        '''Docstring.'''
        from somewhere import Thing as Other
        a = 'x'
        a = a + 'y'
        b = dict(type=Other, text=a)
    """)

    assert {"type": Symbol("Thing"), "text": "xy"} == scope["b"]


def test_conditions_choose_their_branch() -> None:
    """An if-chain leaves the assignment of the branch that applies."""
    scope = scope_of("""
        if language == 'en':
            prompt = 'one'
        elif language == 'zh':
            prompt = 'two'
        else:
            prompt = 'three'
    """)

    assert "two" == scope["prompt"]


def test_an_unreadable_assignment_only_matters_when_used() -> None:
    """A sum over locals() at the end of a file is passed over, unless something builds on it."""
    scope = scope_of("""
        everything = sum(locals(), [])
        a = 'x'
    """)

    with pytest.raises(DataError, match=r"sum\(locals\(\), \[\]\)"):
        evaluate(ast.parse("a + everything", mode="eval").body, scope)

    assert "x" == scope["a"]


@pytest.mark.parametrize(
    "code",
    [
        "for x in 'ab':\n    a = x",
        "def f():\n    pass",
        "del language",
        "with open('x'):\n    pass",
        "a += 'x'",
        "a, b = 1, 2",
    ],
)
def test_other_statements_are_refused(code: str) -> None:
    """Loops, definitions and the like raise instead of being passed over."""
    with pytest.raises(DataError, match="not a literal"):
        scope_of(code)
