"""Settings as options of the verbs: their flags and help come from the fields of `evalkit.settings`.

A verb names what it takes and gets what was given:

    @takes("backend", "chat")
    def check(name: str, *, given: Given) -> int: ...
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.errors import UserError
from evalkit.settings import (
    BenchmarkOptions,
    RunSettings,
    Setting,
    fold_options,
    merge_values,
    read_config,
    settings_of,
    write_config,
)

__all__ = [
    "ALL", "Config", "Data", "Given", "Json", "Metrics", "Out", "complete", "config_text", "in_force", "named_path",
    "takes",
]  # fmt: skip

Given = Mapping[str, Any]
"""Field of `RunSettings` → value, of what the command line says."""

HELP_AT = {
    "engine": "docs/backends.md lists them",
    "options": "`evalkit benchmarks show` lists options",
    "chat_args": "the model's chat template names them, enable_thinking=false",
}


def _flags() -> dict[str, Setting]:
    """Every setting in the order of the help: options of benchmarks stand before `--option`, which is for the rest."""
    flags: dict[str, Setting] = {}
    for name, setting in settings_of(RunSettings).items():
        flags |= {**settings_of(BenchmarkOptions), name: setting} if name == "options" else {name: setting}
    return flags


FLAGS = _flags()
ALL = tuple(FLAGS)
"""Names of all settings."""


def _info(setting: Setting) -> Any:
    """What typer is told of a setting."""
    default = f"  [default: {setting.default}]" if isinstance(setting.default, str) else ""
    parser = named_path if setting.kind == Path | None else None
    return typer.Option(setting.flag, metavar=setting.metavar, help=setting.help + default, parser=parser)


def named_path(text: str | Path) -> Path:
    """A path of the command line; an empty one, which would be the current folder, is a slip of a script.

    So is `-`: nothing that is named so can go to the standard output.
    """
    if not str(text).strip():
        raise typer.BadParameter("the path is empty; name it, or leave the option out")
    if str(text) == "-":
        raise typer.BadParameter("files are written or read there, not the standard output; a path - is named ./-")
    return Path(text)


Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write scores, tables, figures to DIR.", parser=named_path)
]
Config = Annotated[Path | None, typer.Option(metavar="FILE", help="YAML file of settings; flags win.")]
Data = Annotated[Path | None, _info(FLAGS["data"])]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", metavar="NAME", help="Also score with this metric of a package.")
]
Json = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write JSON there; - = standard output.")]


def _complete(incomplete: str) -> list[str]:
    """Names for the shell to complete a word with."""
    from ._words import known_words

    return known_words(incomplete)


WORDS = "words"
"""The one positional parameter: models, then benchmarks."""
_Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CARD]... [BENCHMARK",  # `[` before it and `]...` behind it are the parser's
        hidden=True,  # in the list of arguments, where it would read so; the verbs' own help explains both
        autocompletion=_complete,
    ),
]


def takes(*names: str, helps: Mapping[str, str] | None = None) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorator of a verb that takes these settings: their flags stand where its parameter `given` stands.

    `helps`: setting → what this verb says of it instead.
    """
    chosen = {name: FLAGS[name] for name in names}
    chosen |= {name: replace(chosen[name], help=text) for name, text in (helps or {}).items()}

    def decorate(verb: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(verb)
        def wrapper(**values: Any) -> int:
            words = values.pop(WORDS, None) or []
            raw = {name: values.pop(setting.variable) for name, setting in chosen.items() if not setting.is_argument}
            return verb(**values, given=_named(words) | _given(chosen, raw))

        parameters = list(_parameters(verb, chosen))
        wrapper.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapper

    return decorate


def _parameters(verb: Callable[..., int], chosen: Mapping[str, Setting]) -> Iterator[inspect.Parameter]:
    """The verb's parameters, `given` replaced by one for each setting."""
    for parameter in inspect.signature(verb, eval_str=True).parameters.values():
        if parameter.name == "given":
            if any(setting.is_argument for setting in chosen.values()):
                yield inspect.Parameter(WORDS, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Words)
            yield from (_parameter(setting) for setting in chosen.values() if not setting.is_argument)
        else:
            yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _parameter(setting: Setting) -> inspect.Parameter:
    """A parameter whose default says that nothing was given: a configuration file may say more."""
    kind: Any = list[str] if setting.is_list or setting.is_pairs else setting.kind
    is_switch = setting.kind is bool
    return inspect.Parameter(
        setting.variable,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if is_switch else None,
        annotation=Annotated[kind if is_switch else kind | None, _info(setting)],
    )


def _named(words: Sequence[str]) -> dict[str, Any]:
    """Model and benchmarks that the words name; several models are a tuple."""
    from ._words import split_words

    if not words:
        return {}
    models, benchmarks = split_words(words)
    named = {"model": models if len(models) > 1 else models[0] if models else None, "benchmarks": benchmarks}
    return {name: value for name, value in named.items() if value}


def _given(chosen: Mapping[str, Setting], raw: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, as values of the fields."""
    found = {name: value for name, value in raw.items() if value not in (None, [], ()) and value is not False}
    return fold_options({name: _value(chosen[name], value) for name, value in found.items()})


def _value(setting: Setting, value: Any) -> Any:
    if setting.is_pairs:
        return dict(_pair(setting, text) for text in value)
    if setting.is_list:
        return tuple(value)
    return not setting.is_negated if setting.kind is bool else value


def _pair(setting: Setting, text: str) -> tuple[str, str]:
    """Name and value of `NAME=VALUE`."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise UserError(f"{setting.flag} {text}: expected NAME=VALUE; {HELP_AT[setting.name]}")
    return name, value


def in_force(given: Given, config: Path | None) -> dict[str, Any]:
    """The values of a configuration file and of the command line, which wins."""
    return dict(given) if config is None else merge_values(read_config(config), given)


def config_text(values: Given) -> str:
    """The settings in force as YAML that `--config` takes; checked, as far as they go."""
    settings = RunSettings(**{"model": "", "benchmarks": (), **values})
    settings.check_values()
    settings.check_together()
    return write_config(values)


def complete(values: Given) -> list[RunSettings]:
    """The settings of a run, one for each model; `UserError` where models or benchmarks are named nowhere."""
    for name, setting in FLAGS.items():
        if setting.is_argument and not values.get(name):
            raise UserError(f"Missing argument {setting.flag!r}: name it here, or as `{name}` in --config FILE")
    models = [values["model"]] if isinstance(values["model"], str) else values["model"]
    return [RunSettings(**{**values, "model": model}) for model in models]
