"""A benchmark that exists only as values, and answers to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from evalkit.metrics import UnscorableError
from evalkit.tasks import Answer, BenchmarkSpec, Scorer, single


def _score(prediction: str, targets: Sequence[str]) -> float:
    if prediction == "refused":
        raise UnscorableError("the official code fails here")
    return 100.0 if prediction in targets else 0.0


class Quiz:
    """Three tasks in two groups under two protocols; `c` is missing in `short`."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        tasks: dict[str, Any] = {
            "a": {"group": "one", "expected": {"full": 6, "short": 6}},
            "b": {"group": "one", "expected": {"full": None, "short": None}},
            "c": {"group": "two", "expected": {"full": 6}},
        }
        rules = {"meaning": "", "source": "", "scoring": ""}
        self.spec = BenchmarkSpec.model_validate({
            "name": "quiz", "title": "Quiz", "kind": "quiz", "about": "", "source": "", "default_protocol": "full",
            "tasks": tasks, "groups": {"one": {"title": "One"}, "two": {"title": "Two"}}, "overall": "mean of groups",
            "protocols": {"full": rules, "short": rules},
        })  # fmt: skip

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:  # noqa: ARG002
        """The same one for all."""
        return self._scorer


@pytest.fixture
def quiz() -> Callable[..., Any]:
    """Maker of the benchmark: `quiz()`, or `quiz(scorer)`."""
    return lambda scorer=None: Quiz(scorer or single("exact", _score))


@pytest.fixture
def answers() -> Callable[..., list[Answer]]:
    """Maker of answers to questions whose right answer is `yes`: `answers("yes", "no")`, two a document."""

    def make(*predictions: str, task: str = "a", metadata: Sequence[Mapping[str, Any]] | None = None) -> list[Answer]:
        return [
            Answer(f"quiz/{task}/{index}", f"doc{index // 2}", text, ("yes",), metadata[index] if metadata else {})
            for index, text in enumerate(predictions)
        ]

    return make
