"""The values of literal Python expressions, computed without running any Python.

Upstream prompts live in Python files. This evaluator knows constants, names, lists, tuples, dicts, `dict(k=v)`,
f-strings of plain names, `+`, `==`, `if`, indexing, list comprehensions over strings, the string methods `split`,
`join`, `replace` and `format`, and functions made of these. Anything else raises, so that a changed upstream release
fails loudly.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from evalkit.errors import DataError, one_line

__all__ = ["Symbol", "assignments", "call", "evaluate"]

Names = Mapping[str, object]


class Symbol(NamedTuple):
    """A name that the file imports, such as a class; it stays a name."""

    name: str


class _Unread(NamedTuple):
    """A name whose assignment is outside the evaluator's set; using it raises."""

    reason: DataError


def evaluate(node: ast.expr, names: Names) -> object:
    """The value of an expression; `names` gives the value of each name that may occur."""
    rule = _RULES.get(type(node))
    if rule is None:
        raise _refused(node)
    return rule(node, names)


def assignments(statements: Iterable[ast.stmt], names: Names) -> dict[str, object]:
    """`names` plus the last value of each name that the statements assign, following `if` by its condition.

    Imported names become symbols. An assignment that cannot be evaluated raises when its name is used.
    """
    scope = dict(names)
    for statement in statements:
        match statement:
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                scope |= {item.asname or item.name: Symbol(item.name) for item in imported}
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                scope[name] = _attempt(value, scope)
            case ast.If(test=test, body=body, orelse=orelse):
                scope = assignments(body if evaluate(test, scope) else orelse, scope)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.With(items=[ast.withitem(context_expr=ast.Call(func=ast.Name(id="read_base")))]):
                pass  # what another configuration file defines; the caller follows these imports
            case _:
                raise _refused(statement)
    return scope


def call(function: ast.FunctionDef, names: Names) -> object:
    """What a function returns when its parameters and the names it closes over have these values.

    It may call the functions among `names` by position; a function that reaches no `return` with a value raises.
    """
    returned = _returned(function.body, dict(names))
    if returned is None:
        raise DataError(f"upstream line {function.lineno}: {function.name} returns nothing: the release changed")
    return returned.value


class _Returned(NamedTuple):
    value: object


def _returned(statements: Iterable[ast.stmt], scope: dict[str, object]) -> _Returned | None:
    """The value of the first `return` on the way through the statements, which change the scope."""
    for statement in statements:
        match statement:
            case ast.Return(value=ast.expr() as value):
                return _Returned(evaluate(value, scope))
            case ast.If(test=test, body=body, orelse=orelse):
                returned = _returned(body if evaluate(test, scope) else orelse, scope)
                if returned is not None:
                    return returned
            case _:
                scope |= assignments([statement], scope)
    return None


def _attempt(node: ast.expr, names: Names) -> object:
    try:
        return evaluate(node, names)
    except DataError as error:
        return _Unread(error)


def _refused(node: ast.stmt | ast.expr) -> DataError:
    shown = one_line(ast.unparse(node), 80)
    return DataError(f"upstream line {node.lineno}: {shown!r} is not a literal that evalkit reads: the release changed")


def _constant(node: ast.Constant, _: Names) -> object:
    if node.value is None or isinstance(node.value, (str, int, float)):
        return node.value
    raise _refused(node)


def _name(node: ast.Name, names: Names) -> object:
    if node.id not in names:
        raise _refused(node)
    value = names[node.id]
    if isinstance(value, _Unread):
        raise value.reason
    return value


def _list(node: ast.List | ast.Tuple, names: Names) -> object:
    return [evaluate(item, names) for item in node.elts]


def _dict(node: ast.Dict, names: Names) -> object:
    if None in node.keys:
        raise _refused(node)
    keys = [evaluate(key, names) for key in node.keys if key is not None]
    if not all(isinstance(key, str) for key in keys):
        raise _refused(node)
    return dict(zip(keys, (evaluate(value, names) for value in node.values), strict=True))


def _f_string(node: ast.JoinedStr, names: Names) -> object:
    return "".join(_text(part, evaluate(part, names)) for part in node.values)


def _inserted(node: ast.FormattedValue, names: Names) -> object:
    if node.format_spec is not None or node.conversion != -1:
        raise _refused(node)
    return _text(node, evaluate(node.value, names))


def _text(node: ast.expr, value: object) -> str:
    if type(value) not in (str, int):
        raise _refused(node)
    return str(value)


def _sum(node: ast.BinOp, names: Names) -> object:
    left, right = evaluate(node.left, names), evaluate(node.right, names)
    if isinstance(node.op, ast.Add):
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        if isinstance(left, list) and isinstance(right, list):
            return left + right
    raise _refused(node)


def _equals(node: ast.Compare, names: Names) -> object:
    if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq):
        raise _refused(node)
    return evaluate(node.left, names) == evaluate(node.comparators[0], names)


def _negative(node: ast.UnaryOp, names: Names) -> object:
    value = evaluate(node.operand, names)
    if isinstance(node.op, ast.USub) and type(value) is int:
        return -value
    raise _refused(node)


def _indexed(node: ast.Subscript, names: Names) -> object:
    value = evaluate(node.value, names)
    key = _slice(node.slice, names) if isinstance(node.slice, ast.Slice) else evaluate(node.slice, names)
    try:
        if isinstance(value, (str, list)) and isinstance(key, (int, slice)):
            return value[key]
        if isinstance(value, dict):
            return value[key]
    except (LookupError, TypeError) as error:
        raise _refused(node) from error
    raise _refused(node)


def _slice(node: ast.Slice, names: Names) -> slice:
    bounds = [None if part is None else evaluate(part, names) for part in (node.lower, node.upper, node.step)]
    if not all(bound is None or type(bound) is int for bound in bounds):
        raise _refused(node)
    return slice(*bounds)


def _comprehension(node: ast.ListComp, names: Names) -> object:
    match node.generators:
        case [ast.comprehension(target=ast.Name(id=name), iter=iterable, ifs=[], is_async=0)]:
            values = evaluate(iterable, names)
            if isinstance(values, (str, list)):
                return [evaluate(node.elt, {**names, name: value}) for value in values]
    raise _refused(node)


def _call(node: ast.Call, names: Names) -> object:
    keywords = {item.arg: evaluate(item.value, names) for item in node.keywords if item.arg is not None}
    if len(keywords) != len(node.keywords):
        raise _refused(node)
    match node.func:
        case ast.Name(id="dict") if not node.args and "dict" not in names:
            return keywords
        case ast.Name(id=name) if isinstance(function := names.get(name), ast.FunctionDef) and not keywords:
            arguments = [evaluate(item, names) for item in node.args]
            parameters = [parameter.arg for parameter in function.args.args]
            if len(arguments) == len(parameters):
                return call(function, {**names, **dict(zip(parameters, arguments, strict=True))})
        case ast.Attribute(value=owner, attr=method):
            text, arguments = evaluate(owner, names), [evaluate(item, names) for item in node.args]
            try:
                if isinstance(text, str) and _is_plain(text, method, arguments, keywords):
                    return getattr(text, method)(*arguments, **keywords)
            except (LookupError, ValueError) as error:
                raise _refused(node) from error
    raise _refused(node)


def _is_plain(text: str, method: str, arguments: list[object], keywords: dict[str, object]) -> bool:
    """Whether this is one of the four string methods with harmless arguments of the right types."""
    if method == "format":
        fields = list(string.Formatter().parse(text))
        return all(type(value) in (str, int) for value in [*arguments, *keywords.values()]) and all(
            name is None or ((name.isidentifier() or name.isdigit() or not name) and not spec and not conversion)
            for _, name, spec, conversion in fields
        )
    if keywords:
        return False
    if method == "join":
        return len(arguments) == 1 and isinstance(arguments[0], list) and _all_strings(arguments[0])
    if method == "split":
        return len(arguments) <= 1 and _all_strings(arguments)
    return method == "replace" and len(arguments) == 2 and _all_strings(arguments)


def _all_strings(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)


_RULES: dict[type[ast.expr], Callable[..., object]] = {
    ast.BinOp: _sum,
    ast.Call: _call,
    ast.Compare: _equals,
    ast.Constant: _constant,
    ast.Dict: _dict,
    ast.FormattedValue: _inserted,
    ast.JoinedStr: _f_string,
    ast.List: _list,
    ast.ListComp: _comprehension,
    ast.Name: _name,
    ast.Subscript: _indexed,
    ast.Tuple: _list,
    ast.UnaryOp: _negative,
}
