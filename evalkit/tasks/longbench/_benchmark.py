"""LongBench and LongBench-E: the tasks of one archive, asked and scored by its own rules or OpenCompass's.

A record is one sample:

    {"input": "Which year …?", "context": "…the document…", "answers": ["1999"], "length": 5120, "dataset": "hotpotqa",
     "language": "en", "all_classes": null, "_id": "…"}

Facts and sources of every rule: `docs/benchmarks/longbench.md`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, field_validator

from evalkit.data import Record, dataset_configs, locate, read_records, require, require_strings, source
from evalkit.errors import DataError
from evalkit.reading import read_json

from .._opencompass import ask
from .._records import Answer, Message, Request, Sample, Scorer, StopRule
from .._shape import Shape
from .._spec import BenchmarkSpec
from ._scoring import METRICS, Rules, make_scorer

__all__ = ["LongBench"]

CONFIG = "longbench_config"

# LongBench/pred.py at 2e00731f: answers are decoded without special tokens; samsum also ends at the newline token, and
# not before one token was made, because models go on with dialogues of their own.
DECODING = StopRule(skips_special_tokens=True)
ONE_LINE = StopRule(skips_special_tokens=True, ends_at_token_of="\n", min_new_tokens=1)


class _TaskSettings(BaseModel):
    """What a task's settings may say, as far as it is read here."""

    metric: str
    extractive: bool = False
    wrapped: bool = True
    one_line: bool = False
    first_line: bool = False

    @field_validator("metric")
    @classmethod
    def _check_metric(cls, value: str) -> str:
        if value not in METRICS:
            raise ValueError(f"expected one of {', '.join(METRICS)}")
        return value


class LongBench:
    """LongBench, or LongBench-E where the definition's protocols score by length."""

    shape = Shape(task=_TaskSettings)

    def __init__(self, spec: BenchmarkSpec, options: Mapping[str, str] | None = None) -> None:
        self.spec = spec
        self._options = options or {}

    def files(self, task: str) -> Sequence[str]:
        """The one file of the task."""
        return (self.spec.tasks[task].file,)

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:  # noqa: ARG002
        """One sample per record, in file order."""
        for index, record in enumerate(read_records(files[self.spec.tasks[task].file])):
            yield self._sample(task, index, record)

    def _sample(self, task: str, index: int, record: Record) -> Sample:
        rules = self.spec.tasks[task].settings
        context, answers = require(record, "context", str), tuple(require_strings(record, "answers"))
        name = f"{self.spec.name}/{task}"
        metadata: dict[str, Any] = {"index": index, "length": require(record, "length", int)}
        metadata["language"] = require(record, "language", str)
        if rules["metric"] == "classification":
            metadata["all_classes"] = require_strings(record, "all_classes")
        return Sample(
            f"{name}/{index}",
            task,
            f"{name}/{document_digest(context)}",  # several questions may be asked about one document
            {"input": require(record, "input", str), "context": context},
            answers,
            metadata,
            answers if rules.get("extractive") else (),
        )

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:
        """The one question of the sample, with the prompt of the protocol's source."""
        if previous:
            return None
        prompts = self.spec.protocol(protocol).prompts
        if prompts == "official":
            return self._official_request(sample)
        # OpenCompass 0.2.6, which Index-1.9B used, has the same prompts but not these two columns.
        rows = {} if prompts == "opencompass-0.2.6" else _row_columns(self.spec.tasks[sample.task].upstream, sample)
        return self._opencompass_request(sample, rows)

    def _official_request(self, sample: Sample) -> Request:
        rules = self.spec.tasks[sample.task].settings
        # One pass of `str.format`, as pred.py: braces inside a document are left alone, unlike under OpenCompass.
        text = _official("dataset2prompt")[sample.task].format(**sample.fields)
        return Request(
            sample,
            step=0,
            messages=(Message("user", text),),
            text=text,
            max_new_tokens=_official("dataset2maxlen")[sample.task],
            context=sample.fields["context"],
            is_wrapped=rules.get("wrapped", True),  # pred.py sends few-shot and code tasks without the chat template
            stop_rule=ONE_LINE if rules.get("one_line") else DECODING,
        )

    def _opencompass_request(self, sample: Sample, rows: Mapping[str, str]) -> Request:
        upstream = self.spec.tasks[sample.task].upstream
        config = dataset_configs("longbench")[upstream]
        # The order of the columns is upstream's: what an earlier one inserts, a later one may fill.
        columns = {**sample.fields, config.output_column: "", **rows}
        return ask(config, sample, columns)

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:
        """The metric of the task under the protocol's rules, which the options may change."""
        settings = self.spec.tasks[task].settings
        return make_scorer(
            settings["metric"], self._rules(protocol), answers, first_line=settings.get("first_line", False)
        )

    def _rules(self, protocol: str) -> Rules:
        definition = self.spec.protocol(protocol)
        try:
            rules = Rules(definition.scoring, **definition.options)  # type: ignore[arg-type]
        except TypeError as error:
            raise DataError(f"{self.spec.name}: protocol {protocol}: options: {error}") from error
        backend = self._options.get("code-backend", "protocol")
        return rules if backend == "protocol" else Rules(**{**vars(rules), "code_backend": backend})


def _row_columns(upstream: str, sample: Sample) -> dict[str, str]:
    """What OpenCompass adds to every row; a document that holds these names in braces is changed by it."""
    return {"subdivision": f"{upstream}_test", "idx": str(sample.metadata["index"])}


def document_digest(text: str) -> str:
    """A name for a document that its text decides, so that all questions about it form one cluster."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@functools.cache
def _official(name: str) -> dict[str, Any]:
    """Task → prompt template (`dataset2prompt`) or generation length in tokens (`dataset2maxlen`)."""
    located = locate(source(CONFIG), f"config/{name}.json")
    values: dict[str, Any] = read_json(located.path)
    return values
