"""NeedleBench's own texts, read from the pinned OpenCompass wheel: prompts, question forms, kinship sentences.

Upstream builds them inside its data set classes. The functions and branches that make text are evaluated as
expressions (`evalkit.data.call`); nothing of the wheel is imported or run.
"""

from __future__ import annotations

import ast
import functools
import string
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evalkit.data import assignments, call, evaluate, read_wheel_text
from evalkit.errors import DataError

from .._opencompass import PromptTurn

__all__ = [
    "LANGUAGES",
    "UPSTREAM_SUFFIXES",
    "Kinship",
    "document_prompt",
    "few_shot_turns",
    "joined_questions",
    "kinship",
    "kinship_generations",
    "question_turns",
    "reasoning_question",
    "story_question",
    "template_text",
]

LANGUAGES = {"en": "English", "zh": "Chinese"}
UPSTREAM_SUFFIXES = {"en": "en", "zh": "zh_CN"}  # of the constants of version 2

SETTINGS: Mapping[str, object] = {"guide": True, "position": "End", "quesiton_position": "End"}
"""Arguments of every published configuration; the last one is spelled so upstream (version 2)."""


class Kinship(NamedTuple):
    """The words that kinship sentences are made of."""

    terms: list[str]
    """`father`, `maternal grandmother`…"""
    templates: list[str]
    """Sentences with `{A}`, `{B}` and `{relationship}`."""


def document_prompt(file: str, language: str, fields: Mapping[str, str]) -> str:
    """The prompt of a grid sample: `file` builds it from `fields`, one of which is the document."""
    functions = _functions(file)
    value = call(functions["_generate_prompt"], {**functions, **SETTINGS, "language": LANGUAGES[language], **fields})
    return _text(value, file)


def joined_questions(file: str, language: str, needles: Sequence[Mapping[str, str]]) -> str:
    """The question of multi-needle retrieval, made of the questions of its needles."""
    names = {"language": LANGUAGES[language], "predefined_needles": [dict(needle) for needle in needles]}
    return _branch_text(file, "answers_format", "retrieval_question", names)


def reasoning_question(file: str, language: str, last_person: str) -> str:
    """The question of version 2 multi-needle reasoning about the youngest person of a chain."""
    names = {"language": LANGUAGES[language], "last_person": last_person}
    return _branch_text(file, "retrieval_question", "retrieval_question", names)


def story_question(file: str, language: str, last_person: str) -> str:
    """The question behind a version 1 kinship story."""
    return _branch_text(file, "prompt", "prompt", {"language": LANGUAGES[language], "last_person": last_person})


@functools.cache
def kinship(file: str, language: str) -> Kinship:
    """The kinship words of a file: version 1 assigns them by language, version 2 under one name per language."""
    suffix = UPSTREAM_SUFFIXES[language]
    if _assigned(file, f"relationship_terms_{suffix}") is not None:
        return Kinship(*(_strings(_constant(file, f"{name}_{suffix}"), file) for name in _KINSHIP_NAMES))
    branch = _branch(file, "relationship_terms")
    scope = assignments([branch], {"language": LANGUAGES[language]})
    return Kinship(*(_strings(_value(name, scope), file) for name in _KINSHIP_NAMES))


_KINSHIP_NAMES = ("relationship_terms", "relationship_templates")


@functools.cache
def kinship_generations(file: str, language: str) -> dict[str, int]:
    """Kinship term → how many generations it spans."""
    value = _constant(file, f"relationship_generation_map_{language}")
    if not isinstance(value, dict) or not all(isinstance(span, int) for span in value.values()):
        raise DataError(f"{file}: the map of generations has an unknown shape: the upstream release changed")
    return value


@functools.cache
def template_text(file: str, name: str) -> str:
    """A template of version 2 ATC, to be filled by `str.format`; only plain fields are let through."""
    text = _text(_constant(file, name), file)
    return _plain_template(text, file)


@functools.cache
def question_turns(file: str, name: str) -> tuple[PromptTurn, ...]:
    """The turns of a configuration's prompt template, placeholders unfilled."""
    value = _constant(file, name)
    for key in ("prompt_template", "template", "round"):
        value = value.get(key) if isinstance(value, dict) else None
    return _turns(value, file)


@functools.cache
def few_shot_turns(file: str, name: str, turns: int) -> tuple[PromptTurn, ...]:
    """The last `turns` turns of one list of examples; the very last asks the question itself."""
    value = _constant(file, "few_shot_prompts")
    for key in ("single_choice_prompts", name):
        value = value.get(key) if isinstance(value, dict) else None
    return _turns(value, file)[-turns:]


def _branch_text(file: str, mark: str, name: str, names: Mapping[str, object]) -> str:
    return _text(_value(name, assignments([_branch(file, mark)], names)), file)


@functools.cache
def _branch(file: str, mark: str) -> ast.If:
    """The `if language == …` of the file whose first branch assigns the name `mark`."""
    for node in ast.walk(_module(file)):
        if isinstance(node, ast.If) and mark in _targets(node.body):
            return node
    raise DataError(f"{file}: nothing assigns {mark} by language: the upstream release changed")


def _targets(statements: Sequence[ast.stmt]) -> set[str]:
    return {
        target.id
        for statement in statements
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


@functools.cache
def _functions(file: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(_module(file)) if isinstance(node, ast.FunctionDef)}


@functools.cache
def _module(file: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # upstream has escapes in plain strings that Python warns about
        return ast.parse(read_wheel_text(f"opencompass/{file}"), filename=file)


def _assigned(file: str, name: str) -> ast.Assign | None:
    """The file's own assignment of a name, outside its classes and functions."""
    found = [node for node in _module(file).body if isinstance(node, ast.Assign) and name in _targets([node])]
    return found[-1] if found else None


def _constant(file: str, name: str) -> object:
    assignment = _assigned(file, name)
    if assignment is None:
        raise DataError(f"{file}: nothing assigns {name}: the upstream release changed")
    imports = [node for node in _module(file).body if isinstance(node, ast.ImportFrom)]
    return evaluate(assignment.value, assignments(imports, {}))


def _value(name: str, scope: Mapping[str, object]) -> object:
    return evaluate(ast.Name(name, lineno=0), scope)


def _text(value: object, file: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{file}: a text was expected: the upstream release changed")
    return value


def _strings(value: object, file: str) -> list[str]:
    if not isinstance(value, list) or not value:
        raise DataError(f"{file}: a list of texts was expected: the upstream release changed")
    return [_text(item, file) for item in value]


def _turns(value: object, file: str) -> tuple[PromptTurn, ...]:
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        raise DataError(f"{file}: a prompt template was expected: the upstream release changed")
    return tuple(PromptTurn(_text(turn.get("role"), file), _text(turn.get("prompt"), file)) for turn in value)


def _plain_template(text: str, file: str) -> str:
    for _, name, specification, conversion in string.Formatter().parse(text):
        if name is not None and (not name.isidentifier() or specification or conversion):
            raise DataError(f"{file}: a template has the field {name!r}: the upstream release changed")
    return text
