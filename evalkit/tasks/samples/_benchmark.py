"""The samples of a file as a benchmark: asked as a chat asks them, token by token.

    {"input": "…the document…", "instructions": ["Which number has Mona's locker?"], "outputs": ["39352"]}

Every field and every metric: `docs/benchmarks/samples.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.errors import UserError
from evalkit.files import user_path

from .._records import Answer, Request, Sample, Scorer
from .._shape import Shape
from .._spec import BenchmarkSpec
from ._file import Row, definition_of, read_rows, task_of
from ._row import Turn, messages_of
from ._scoring import UNSCORED, scorer_of

__all__ = ["OwnSamples"]


class OwnSamples:
    """The questions of one file."""

    shape = Shape(options=("file",))

    def __init__(self, spec: BenchmarkSpec, options: Mapping[str, str]) -> None:
        named = spec.options["file"].default
        if named and user_path(named).resolve() != Path(options["file"]).resolve():
            raise UserError(f"--option file={options['file']}: {named} is named already; leave one out")
        self.spec = spec
        self._file = options["file"]

    def expected(self, task: str, protocol: str) -> int | None:
        """Questions of the task; None where no file is named, or where they are not scored."""
        return self.spec.tasks[task].expected[protocol]

    @staticmethod
    def expand_file(raw: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """The definition of the benchmark that a file of samples is; `DataError` for a line that is no sample."""
        return definition_of(raw, path)

    def files(self, task: str) -> Sequence[str]:  # noqa: ARG002
        """None of a pinned source: the file is the user's."""
        return ()

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:  # noqa: ARG002
        """The questions of the task in file order; `UserError` where no file is named."""
        if not self._file:
            raise UserError(f"{self.spec.name}: name the file of samples in its place: evalkit run CARD FILE.jsonl")
        for row in read_rows(Path(self._file)):
            for place, question in enumerate(row.saved.questions):
                if task_of(row.saved, question) == task:
                    yield self._sample(task, row, place, question)

    def _sample(self, task: str, row: Row, place: int, question: Turn) -> Sample:
        saved, gold = row.saved, question.answer if question.answer.strip() else ""
        name = f"{row.line}" if len(saved.instructions) == 1 else f"{row.line}-{place + 1}"
        return Sample(
            id=f"{self.spec.name}/{task}/{name}",
            task=task,
            document=f"{self.spec.name}/{_cluster(row)}",
            fields={
                "question": question.question,
                "context": saved.input,
                "system": saved.system,
                "examples": json.dumps(saved.examples),
                "turns": json.dumps(saved.turns),
            },
            targets=(gold,) if gold else (),
            metadata={"line": row.line, "evaluation": saved.evaluation, "max_new_tokens": saved.max_new_tokens},
            evidence=(gold,) if gold and gold in saved.input else (),
        )

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:  # noqa: ARG002
        """The one question of the sample, after what was said before it."""
        if previous:
            return None
        fields = sample.fields
        messages = messages_of(
            fields["question"],
            document=fields["context"],
            system=fields["system"],
            examples=[Turn(*each) for each in json.loads(fields["examples"])],
            turns=[Turn(*each) for each in json.loads(fields["turns"])],
        )
        text = "\n\n".join(message.content for message in messages)
        return Request(sample, 0, messages, text, sample.metadata["max_new_tokens"], context=fields["context"])

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:  # noqa: ARG002
        """The metric that the rows' `evaluation` names."""
        return scorer_of(task, answers)

    def notes(self, tasks: Sequence[str], max_seq_len: int) -> Iterator[str]:  # noqa: ARG002
        """That some questions are not scored."""
        if self._file and UNSCORED in tasks:
            count = sum(1 for _ in self.samples(UNSCORED, self.spec.default_protocol, {}))
            yield f"{count} without a gold answer to score by: asked and shown, not scored; `outputs` of a row says it"

    def seeding(self, tasks: Sequence[str]) -> dict[str, str]:  # noqa: ARG002
        """Nothing is left to chance."""
        return {}


def _cluster(row: Row) -> str:
    """What a row's questions share with those of other rows: the document, or nothing where there is none."""
    if not row.saved.input:
        return f"line{row.line}"
    return "document-" + hashlib.sha256(row.saved.input.encode("utf-8", "surrogatepass")).hexdigest()[:16]
