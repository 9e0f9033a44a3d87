"""A benchmark and a model outside evalkit, found through entry points: what a third party would install.

The benchmark asks 3 questions about each of 8 stories, so that prompts share long prefixes. The model answers at once,
without any arithmetic on tensors; its answer depends on every token of the prompt.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.models import Completion, GenerationRequest
from evalkit.prompts import digest_ids
from evalkit.rope import RopeSetting
from evalkit.tasks import Answer, BenchmarkSpec, Message, Request, Sample, Scorer, single

DOCUMENTS, QUESTIONS = 8, 3
WORDS = {"tales": 40, "sagas": 120}


class ToyBenchmark:
    """Stories that need no data file."""

    def __init__(self, spec: BenchmarkSpec, *_: object) -> None:
        self.spec = spec

    def files(self, task: str) -> Sequence[str]:  # noqa: ARG002
        """None."""
        return ()

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:  # noqa: ARG002
        """Three questions about each story."""
        for index in range(DOCUMENTS * QUESTIONS):
            document, question = divmod(index, QUESTIONS)
            story = " ".join(f"word{(document * 7 + i * i) % 97}" for i in range(WORDS[task]))
            yield Sample(
                f"toy/{task}/{index}",
                task,
                f"toy/{task}/doc{document}",
                {"question": f"Which word is number {question}?", "context": story},
                (story.split()[question],),
                {"index": index},
            )

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:
        """The question; under `chain`, once more with the first answer in the prompt."""
        if len(previous) == self.spec.protocol(protocol).steps:
            return None
        story, question = sample.fields["context"], sample.fields["question"]
        text = f"Read: {story}\n{question}" + "".join(f"\nYou said: {answer}\nSo?" for answer in previous)
        step = len(previous)
        return Request(sample, step, (Message("user", text),), text, max_new_tokens=6, context=story)

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:  # noqa: ARG002
        """Share of characters that the answer has in common with the target, so that scores vary."""
        return single("overlap", _overlap)


def _overlap(prediction: str, targets: Sequence[str]) -> float:
    return 100.0 * len(set(prediction) & set(targets[0])) / len(set(prediction + targets[0]))


class ToyModel:
    """Answers with a piece of the prompt's digest; `TOY_FAIL` names indexes that fail, `TOY_SECONDS` slows it down."""

    name = "toy"

    def __init__(self, *_: object) -> None:
        self.engine_info: dict[str, Any] = {"device": "none"}

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:  # noqa: ARG002
        """One completion for each request."""
        failing = os.environ.get("TOY_FAIL", "").split()
        for request in requests:
            time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
            if str(request.index) in failing:
                yield Completion(request.index, finish_reason="error", error="the toy broke")
            else:
                yield Completion(request.index, text=digest_ids(request.ids)[:8], output_tokens=4, cached_tokens=0)

    def close(self) -> None:
        """Nothing to give back."""
