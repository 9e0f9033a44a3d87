"""A backend that says what a script says, piece by piece, and writes down what it was asked."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evalkit.models import Completion, GenerationRequest, PartialAnswer
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting


class ScriptedModel:
    """Answers from `script.json` in the folder `SCRIPT`: a list of answers, each a list of steps.

    A step is a piece of the answer, {"thought": piece}, {"await": name of a file that must come to be},
    {"finish": reason} or {"error": message}. Prompts are lines of `prompts.jsonl`.
    """

    name = "scripted"
    can_sample = True

    def __init__(self, card: object, tokenizer: PromptTokenizer, options: object) -> None:  # noqa: ARG002
        self.engine_info: dict[str, Any] = {"device": "none"}
        self._tokenizer = tokenizer
        self._folder = Path(os.environ["SCRIPT"])
        self._answers = iter(json.loads((self._folder / "script.json").read_text("utf-8")))
        self._cached = 0

    def stream(self, rope: RopeSetting, request: GenerationRequest) -> Iterator[PartialAnswer | Completion]:  # noqa: ARG002
        """The next answer of the script."""
        with (self._folder / "prompts.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(self._tokenizer.decode(request.ids.tolist(), skip_special=False)) + "\n")
        text = thoughts = ""
        tokens, finish, cached = 0, "stop", self._cached
        self._cached = len(request.ids)
        for step in next(self._answers):
            if isinstance(step, str):
                text, tokens = text + step, tokens + 1
            elif "thought" in step:
                thoughts, tokens = thoughts + step["thought"], tokens + 1
            elif "await" in step:
                self._wait(step["await"])
                continue
            elif "error" in step:
                yield Completion(request.index, finish_reason="error", error=step["error"])
                return
            else:
                finish = step["finish"]
                continue
            yield PartialAnswer(text, thoughts or None, tokens)
        yield Completion(
            request.index, text, tokens, finish, cached_tokens=cached, reasoning=thoughts or None,  # type: ignore[arg-type]
        )  # fmt: skip

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """The same, whole."""
        for request in requests:
            yield from (each for each in self.stream(rope, request) if isinstance(each, Completion))

    def close(self) -> None:
        """Nothing to give back."""

    def _wait(self, name: str) -> None:
        (self._folder / f"{name}.awaited").touch()
        while not (self._folder / name).exists():
            time.sleep(0.01)
