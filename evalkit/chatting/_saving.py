"""Exchanges kept as samples: lines of a file that `evalkit run` takes."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
from pydantic import ValidationError

from evalkit.data import LINE_BYTES
from evalkit.errors import UserError
from evalkit.files import cannot_write, replace_bytes, user_path
from evalkit.records import explain
from evalkit.settings import RunSettings, Setting, settings_of
from evalkit.tasks import is_sample_file
from evalkit.tasks.samples import SavedSample, check_gold, read_rows, task_of

from ._model import ChatModel
from ._records import Asked, Reply

__all__ = ["check_samples_place", "run_command", "save_sample"]

PATIENCE = 30.0  # seconds for others who write: each takes as long as copying the file
TOLD = {"model", "answer"}
"""Fields that no prompt and no score depends on."""
SCORED = {"outputs", "evaluation"}
"""Fields that a score depends on, and no prompt."""


def save_sample(path: Path, asked: Asked, reply: Reply, gold: str | None = None, evaluation: str = "keyword") -> bool:
    """Add the exchange to the file as one line; False where the same question with the same gold answer is there.

    Without a gold answer it is also False where the question is there with one; with one, the line of the question
    without any is replaced. The line holds everything that the prompt was made of. The file is as it was or has the
    whole line, whoever else writes and whenever power fails. Raises `UserError` for a file that is none of samples or
    cannot be written, for an evaluation that cannot be, and for a question without an answer.
    """
    if reply.completion.error is not None:
        raise UserError(f"nothing to save: the question was not answered ({reply.completion.error})")
    saved = _sample_of(asked, reply, gold, evaluation)
    target = _place(path).resolve()  # through a link, which would be replaced by a file
    try:
        with filelock.FileLock(target.with_name(f".{target.name}.lock"), timeout=PATIENCE):
            return _add(target, saved)
    except filelock.Timeout as error:
        raise UserError(f"{path}: another process has been writing there for {PATIENCE:.0f} s; try again") from error
    except (OSError, NotImplementedError) as error:  # NotImplementedError: a file system without locks
        raise cannot_write(path, error if isinstance(error, OSError) else OSError(str(error))) from error


def check_samples_place(path: Path) -> Path:
    """The file that samples can be added to; `UserError` where that is impossible, as far as a look can tell."""
    path = _place(path)
    if path.exists() and _holds_rows(path.read_bytes()):
        for _ in read_rows(path):
            pass
    return path


def _place(path: Path) -> Path:
    path = user_path(path)
    if not is_sample_file(str(path)):
        raise UserError(f"{path}: samples go to a file that ends in .jsonl, by which `evalkit run` knows it; rename it")
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a file; name one that ends in .jsonl")
    if not path.parent.is_dir():
        raise UserError(f"{path}: no such folder; make it, or choose another one")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"{path}: cannot be written (no permission); choose another file")
    return path


def run_command(model: ChatModel, path: Path, spec: str | None = None) -> str:
    """The command that asks the samples of a file as the chat asked them, its sampling and its cut included.

    `spec` is the RoPE condition of a question that had one of its own.
    """
    settings = model.session.settings
    known = {"max_new_tokens": settings.max_new_tokens, "backend": "hf"}  # the row says its limit; hf is the default
    words = ["evalkit", "run", settings.model, str(path)]
    for name, setting in settings_of(RunSettings).items():
        value = spec if name == "rope" and spec is not None else getattr(settings, name)
        if not setting.is_argument and value not in (setting.default, known.get(name)):
            words += _words(setting, value)
    return shlex.join(words)


def _words(setting: Setting, value: Any) -> Iterator[str]:
    if setting.kind is bool:
        yield setting.flag
    elif setting.is_pairs or setting.is_list:
        for each in [f"{name}={text}" for name, text in value.items()] if setting.is_pairs else value:
            yield from (setting.flag, each)
    else:
        yield from (setting.flag, str(value))


def _sample_of(asked: Asked, reply: Reply, gold: str | None, evaluation: str) -> SavedSample:
    document = asked.conversation.document
    try:
        saved = SavedSample.model_validate({
            "input": "" if document is None else document.text,
            "instructions": [asked.question],
            "outputs": [] if gold is None or not gold.strip() else [gold],
            "evaluation": evaluation,
            "system": asked.conversation.system,
            "examples": asked.examples,
            "turns": asked.conversation.turns,
            "max_new_tokens": asked.max_new_tokens,
            "model": asked.model,
            "answer": reply.text,
        })  # fmt: skip
    except ValidationError as error:
        raise UserError(f"no sample can be made of this: {explain(error)}") from None
    (question,) = saved.questions
    if problem := check_gold(task_of(saved, question), question.answer):
        raise UserError(problem)
    return saved


def _add(path: Path, saved: SavedSample) -> bool:
    line = _line(saved)
    if len(line) > LINE_BYTES:
        raise UserError(f"{path}: the sample has {len(line):,} bytes, and lines of up to {LINE_BYTES:,} can be read")
    content = path.read_bytes() if path.exists() else b""
    if not _holds_rows(content):
        replace_bytes(path, content + line)
        return True
    asked = {row.line: row.saved for row in read_rows(path) if _asks(row.saved) == _asks(saved)}
    if asked and (not saved.outputs or any(_scores(each) == _scores(saved) for each in asked.values())):
        return False
    lines = content.removesuffix(b"\n").split(b"\n")
    unscored = next((number for number, each in asked.items() if not each.outputs), None)
    if unscored is None:
        lines.append(line.removesuffix(b"\n"))
    else:  # now somebody says what is right
        lines[unscored - 1] = line.removesuffix(b"\n")
    replace_bytes(path, b"\n".join(lines) + b"\n")
    return True


def _asks(saved: SavedSample) -> dict[str, Any]:
    """All that its prompt is made of."""
    return saved.model_dump(exclude={*TOLD, *SCORED})


def _scores(saved: SavedSample) -> dict[str, Any]:
    """How its answer is scored."""
    return saved.model_dump(include=SCORED)


def _holds_rows(content: bytes) -> bool:
    return bool(content.strip(b"\xef\xbb\xbf \t\r\n"))


def _line(saved: SavedSample) -> bytes:
    """The sample as JSON, without fields that say nothing; turns as objects and the document last, for readers."""
    said = {name: value for name, value in saved.model_dump().items() if value not in ("", (), None)}
    for name in ("examples", "turns"):
        if name in said:
            said[name] = [turn._asdict() for turn in getattr(saved, name)]
    said |= {"input": said.pop("input")} if saved.input else {}
    # Half a surrogate pair, which no file can hold, is written as JSON escapes it.
    return (json.dumps(said, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
