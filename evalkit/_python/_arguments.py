"""Arguments of the Python functions: what is no name is refused for what it is, and what was meant is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.errors import UserError
from evalkit.settings import RunSettings, read_settings, settings_of

__all__ = [
    "check_list",
    "check_names",
    "check_places",
    "check_predictions",
    "check_text",
    "loose_options",
    "read_call",
    "read_model",
]

_SAVED = "save it with save_pretrained('my-model') and name the folder: './my-model'"
_MOST_CHARACTERS = 4096  # no path or name is longer

HABITS = {
    "apply_chat_template": "chat='tokenizer' or chat='none' says it",
    "batch_size": "the hf backend answers one prompt at a time, backend='vllm' batches by itself",
    "device_map": "device='cuda' places the model; backend='vllm' with engine={'tensor_parallel': 2} spreads it",
    "do_sample": "temperature= above 0 draws tokens",
    "gen_kwargs": "decoding is greedy unless temperature= says otherwise; max_new_tokens= limits it",
    "log_samples": "every answer is in samples.jsonl of the run folder",
    "max_gen_toks": "max_new_tokens= limits an answer",
    "max_length": "max_seq_len= is the window of prompt and answer",
    "max_tokens": "max_new_tokens= limits an answer",
    "model_args": "the model is the first argument: evaluate('owner/name', 'leval')",
    "num_fewshot": "a protocol fixes its prompts, examples included",
    "num_return_sequences": "samples_per_question= draws several answers to each sample",
    "output_path": "out= names the run folder",
    "pretrained": "the model is the first argument: evaluate('owner/name', 'leval')",
    "revision": "it stands behind the model: evaluate('owner/name@revision', 'leval')",
    "seed": "options={'seed': 3} is the seed of a benchmark's own choices; sampling_seed= is that of draws",
    "system_prompt": "chat= takes a Jinja file that writes one",
    "task": "tasks= names parts of a benchmark",
    "tokenizer": "a card names a tokenizer of its own (docs/cards.md)",
    "torch_dtype": "dtype='bfloat16' says it",
}
"""What users of other harnesses write, and what says it here: hints in messages, never accepted."""

_CHATTING = "the model is the first argument: chat('owner/name', 'report.pdf')"
HABITS_OF_CHATS = HABITS | {
    "document": "file= names the document",
    "model_args": _CHATTING,
    "pretrained": _CHATTING,
    "question": "ask(question) of the chat asks it",
    "revision": "it stands behind the model: chat('owner/name@revision', 'report.pdf')",
    "seed": "sampling_seed= is that of draws",
    "stream": "stream(question) of the chat gives the answer as it grows",
    "system_prompt": "system= is the system message",
}
"""The same for a chat."""


def read_call(
    model: object, benchmarks: Sequence[object], options: Mapping[str, object], function: str = "evaluate"
) -> RunSettings:
    """The settings of a call; `UserError` that names the argument, what it is and what to pass."""
    if isinstance(model, RunSettings):
        _model(model.model)
        for each in model.benchmarks:
            _benchmark(each, function)
        return read_settings(model, [*map(str, benchmarks)], options)
    named = _model(model)
    names = tuple(_benchmark(each, function) for each in benchmarks)
    if not names:
        about = "; tasks= are parts of a benchmark" if "tasks" in options else ""
        raise UserError(
            f"no benchmark named: {function}({named!r}, 'leval'); `evalkit benchmarks list` shows them{about}"
        )
    return read_settings(named, names, loose_options(options))


def read_model(model: object, options: Mapping[str, object]) -> RunSettings:
    """The settings of a call that asks a model and runs no benchmark; `UserError` as for `read_call`."""
    if isinstance(model, RunSettings):
        _model(model.model)
        return read_settings(model, [*model.benchmarks], options)
    return read_settings(_model(model), (), loose_options(options, HABITS_OF_CHATS))


def _model(model: object) -> str:
    if isinstance(model, Path):  # a path is a path, never the name of a card or of a model on the hub
        text = str(model)
        return text if model.is_absolute() or text.startswith(("~", ".")) else f"./{text}"
    if isinstance(model, str):
        if not model.strip() or len(model) > _MOST_CHARACTERS or not model.isprintable():
            what = "an empty text" if not model.strip() else f"a text of {len(model):,} characters, no name"
            raise UserError(f"model: {what}; pass {_NAMES}")
        return model
    raise UserError(f"model: {_shown(model)}{_advice(model)}; pass {_NAMES}")


_NAMES = "a card's name, a model folder, a hub id ('owner/name') or a server's address"


def _shown(value: object) -> str:
    """What a value is, in a few words; never its text, which may be a page or hold a secret."""
    if value is None:
        return "None"
    kind = type(value)
    article = "an" if kind.__name__[:1] in "AEIOUaeiou" else "a"
    place = "" if kind.__module__ == "builtins" else f" (of {kind.__module__.partition('.')[0]})"
    return f"{article} {kind.__name__}{place}"


def _advice(value: object) -> str:
    """What to do with an object that stands for a model: they are run from their files, so that a run can be named."""
    if isinstance(value, bytes):
        return ": decode it to text"
    if isinstance(value, list | tuple | set | dict):
        return ": one model a call"
    if hasattr(value, "save_pretrained"):
        return f" object: {_SAVED}" if hasattr(value, "config") else f" object without its model: {_SAVED}"
    if hasattr(value, "model") and hasattr(value, "tokenizer"):
        return f" object: {_SAVED}"
    if hasattr(value, "state_dict"):
        return " object: save it as a folder of transformers' (save_pretrained), or bring a backend (docs/extending.md)"
    return ": pass its name (card.name), or the path it was read from" if type(value).__name__ == "Card" else ""


def _benchmark(value: object, function: str) -> str:
    if isinstance(value, str | Path):
        if str(value).strip() and str(value).isprintable() and len(str(value)) <= _MOST_CHARACTERS:
            return str(value)
        raise UserError(f"benchmark {str(value)!r:.60}: pass names, as `evalkit benchmarks list` shows them, or files")
    if isinstance(value, list | tuple):
        raise UserError(
            f"benchmark: {_shown(value)}; names are arguments of their own: {function}(model, 'leval', 'needle')"
        )
    raise UserError(f"benchmark: {_shown(value)}; pass a name, as `evalkit benchmarks list` shows them, or a file")


def loose_options(options: Mapping[str, object], habits: Mapping[str, str] = HABITS) -> dict[str, object]:
    """Options as settings take them: None is not given, numbers and ranges of numpy are Python's.

    `UserError` for `habits` of other harnesses, and for what pydantic would silently take for a number or a text.
    """
    known = settings_of(RunSettings)
    given = {name: _plain(value) for name, value in options.items() if value is not None}
    for name, value in given.items():
        if name in habits and name not in known:
            raise UserError(f"{name}= is no setting: {habits[name]}")
        if name in known:
            _check_value(name, known[name].kind, value)
    return given


_LISTS = {"tasks": "a name or a list of names", "base_url": "an address or a list of addresses"}


def _check_value(name: str, kind: object, value: object) -> None:
    is_number = kind in (int | None, float | None)
    if is_number and isinstance(value, bool):
        raise UserError(f"{name}={value}: a number is meant")
    if kind is bool and not isinstance(value, bool):
        raise UserError(f"{name}={value!r:.60}: pass True or False")
    if isinstance(value, bytes) or (kind == (str | None) and not isinstance(value, str | Path)):
        raise UserError(f"{name}: {_shown(value)}; a text is meant")
    if name in {"options", "engine"} and not isinstance(value, Mapping):
        raise UserError(f"{name}: {_shown(value)}; pass a dictionary: {name}={{'name': value}}")
    if name in _LISTS and not isinstance(value, str | list | tuple | set):
        raise UserError(f"{name}: {_shown(value)}; pass {_LISTS[name]}")


def _plain(value: object) -> Any:
    """A value of numpy or a range as Python's own; mappings with plain values, without those that are None."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, range):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def check_predictions(path: object, output_format: object) -> None:
    """Raise a `UserError` where a folder of outputs or its format is not named by a text."""
    if not isinstance(path, str | Path) or not str(path).strip():
        hint = ": write the answers to files first" if hasattr(path, "columns") or isinstance(path, list | dict) else ""
        raise UserError(
            f"path: {'an empty text' if isinstance(path, str) else _shown(path)}{hint}; pass the folder of the outputs"
        )
    if not isinstance(output_format, str):
        raise UserError(f"output_format: {_shown(output_format)}; pass a format's name, such as 'leval' or 'evalkit'")


def check_places(**given: object) -> None:
    """Raise a `UserError` where an argument that is a folder or file is no path, or names none."""
    for name, value in given.items():
        if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
            what = "no path" if isinstance(value, str | Path) else _shown(value)
            raise UserError(f"{name}: {what}; pass the path of a folder or file, one an argument")


def check_names(**given: object) -> None:
    """Raise a `UserError` where an argument that is a name, or None for none, is no text or an empty one."""
    for name, value in given.items():
        if value is not None and not (isinstance(value, str) and value.strip()):
            what = "an empty text" if isinstance(value, str) else _shown(value)
            raise UserError(f"{name}: {what}; pass a name, or leave it out")


def check_text(**given: object) -> None:
    """Raise a `UserError` where an argument that is a text, which may be empty, is none."""
    for name, value in given.items():
        if not isinstance(value, str):
            raise UserError(f"{name}: {_shown(value)}; pass a text, or leave it out")


def check_list(name: str, value: object) -> None:
    """Raise a `UserError` for what is no list: a text would be taken letter by letter."""
    if not isinstance(value, list | tuple):
        raise UserError(f"{name}: {_shown(value)}; pass a list: {name}=[…]")
