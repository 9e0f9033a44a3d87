"""LongBench v2: 503 four-choice questions about very long texts, asked as its own code does or as OpenCompass does.

A record is one question of a JSON array:

    {"_id": "66f2…", "domain": "Single-Document QA", "sub_domain": "Academic", "difficulty": "hard", "length": "short",
     "question": "Which …?", "choice_A": "…", "choice_B": "…", "choice_C": "…", "choice_D": "…", "answer": "C",
     "context": "…the text…"}

Facts and sources of every rule: `docs/benchmarks/longbench.md`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from evalkit import metrics
from evalkit.data import Record, dataset_configs, locate, read_array, require, source
from evalkit.errors import DataError
from evalkit.records import Count

from .._opencompass import ask, first_option
from .._records import Answer, Message, Request, Sample, Scorer, StopRule
from .._shape import Shape
from .._spec import BenchmarkSpec
from ._benchmark import document_digest

__all__ = ["BREAKDOWN", "LongBenchV2"]

PROMPTS = "longbench_v2_prompts"
UPSTREAM = "LongBenchv2"

BREAKDOWN = ("easy", "hard", "short", "medium", "long")
"""Difficulties, then lengths: what accuracy is reported for besides the whole."""

COLUMNS = ("question", "context", "choice_A", "choice_B", "choice_C", "choice_D", "difficulty", "length")
MARKS = {
    "$DOC$": "context", "$Q$": "question",
    "$C_A$": "choice_A", "$C_B$": "choice_B", "$C_C$": "choice_C", "$C_D$": "choice_D",
}  # fmt: skip
"""Marks of the official prompts in the order in which pred.py replaces them, and the column behind each."""

REASONING_TOKENS = 1024  # pred.py at 2e00731f, get_pred: first call with --cot
ANSWER_TOKENS = 128  # and every call that asks for the answer


class _ProtocolOptions(BaseModel):
    """What a protocol's options may say, as far as it is read here."""

    retrieves: bool = False
    max_new_tokens: Count | None = None
    prompts: list[str] = []


class LongBenchV2:
    """The LongBench v2 benchmark."""

    shape = Shape(protocol=_ProtocolOptions)

    def __init__(self, spec: BenchmarkSpec) -> None:
        self.spec = spec

    def files(self, task: str) -> Sequence[str]:
        """The one file of the benchmark."""
        return (self.spec.tasks[task].file,)

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:
        """One sample per question, in file order; under a retrieval protocol with its retrieved chunks as the text."""
        retrieves = bool(self.spec.protocol(protocol).options.get("retrieves"))
        for index, record in enumerate(read_array(files[self.spec.tasks[task].file])):
            yield self._sample(task, index, record, retrieves=retrieves)

    def _sample(self, task: str, index: int, record: Record, *, retrieves: bool) -> Sample:
        fields = {column: require(record, column, str) for column in COLUMNS}
        name = f"{self.spec.name}/{task}"
        document = document_digest(fields["context"])
        if retrieves:
            fields["context"] = _retrieved(record)
        metadata = {"index": index, **{key: fields[key] for key in ("difficulty", "length")}}
        metadata["domain"] = require(record, "domain", str)
        if isinstance(record.fields.get("_id"), str):  # outputs made elsewhere name their samples by it
            metadata["_id"] = record.fields["_id"]
        answer = require(record, "answer", str)
        return Sample(f"{name}/{index}", task, f"{name}/{document}", fields, (answer,), metadata)

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:
        """The question; under a chain-of-thought protocol first the reasoning, then the answer."""
        rules = self.spec.protocol(protocol)
        if len(previous) >= rules.steps:
            return None
        if rules.prompts == "opencompass":
            return _opencompass_request(sample, int(rules.options["max_new_tokens"]))
        if previous and not previous[-1]:
            return None  # pred.py gives a question up where the reasoning is empty
        template = rules.options["prompts"][len(previous)]
        tokens = REASONING_TOKENS if rules.steps > len(previous) + 1 else ANSWER_TOKENS
        return _official_request(sample, template, tokens, previous)

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:  # noqa: ARG002
        """Accuracy of the option read from the answer, also by difficulty and by length."""
        official = self.spec.protocol(protocol).scoring == "official"
        score, reads = (_official_score, _official_choice) if official else (_opencompass_score, _opencompass_choice)
        return Scorer("accuracy", score, ("accuracy",), bucket=_breakdown, bucket_names=BREAKDOWN, reads=reads)


def _official_request(sample: Sample, template: str, tokens: int, previous: Sequence[str]) -> Request:
    text = _template(template)
    holds_text = "$DOC$" in text
    for mark, column in MARKS.items():  # one after the other, so that a mark inside the text is replaced as upstream
        text = text.replace(mark, sample.fields[column].strip())  # pred.py strips every field, the document too
    if previous:
        text = text.replace("$COT$", previous[-1].strip())  # last, so that a "$COT$" in the document is filled too
    return Request(
        sample,
        step=len(previous),
        messages=(Message("user", text),),
        text=text,
        max_new_tokens=tokens,
        context=sample.fields["context"].strip() if holds_text else "",
        stop_rule=StopRule(skips_special_tokens=True),
    )


def _opencompass_request(sample: Sample, tokens: int) -> Request:
    config = dataset_configs("longbenchv2")[UPSTREAM]
    columns = {
        "question": sample.fields["question"],
        "context": sample.fields["context"],
        config.output_column: "",
        **{column: sample.fields[column] for column in COLUMNS[2:]},
        "subdivision": f"{UPSTREAM}_test",
        "idx": str(sample.metadata["index"]),
    }
    return ask(config, sample, columns, tokens)


@functools.cache
def _template(name: str) -> str:
    """One of the official prompts, its bytes as they are."""
    return locate(source(PROMPTS), f"prompts/{name}.txt").path.read_bytes().decode("utf-8")


def _retrieved(record: Record) -> str:
    """The retrieved chunks of a record in the order of the text, as pred.py writes them with --rag."""
    if "retrieved_context" not in record.fields:
        raise DataError(
            f"{record.place}: no field 'retrieved_context': add the retrieved chunks (objects with 'c_idx' and "
            "'content'), or choose another protocol"
        )
    chunks = require(record, "retrieved_context", list)
    try:
        ordered = [str(chunk["content"]) for chunk in sorted(chunks, key=lambda chunk: int(chunk["c_idx"]))]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{record.place}: field 'retrieved_context' must list objects with 'c_idx' and 'content'"
        ) from error
    return "\n\n".join(f"Retrieved chunk {number}: {content}" for number, content in enumerate(ordered, start=1))


def _official_score(answer: Answer) -> tuple[float, ...]:
    """pred.py drops empty answers, so that they do not count at all."""
    if not answer.prediction:
        raise metrics.UnscorableError("pred.py of LongBench v2 drops empty answers")
    # Stripped as pred.py strips the server's text before it looks for the letter.
    return (metrics.longbench_v2_accuracy(answer.prediction.strip(), metrics.first_target(answer.targets)),)


def _official_choice(answer: Answer) -> str:
    return metrics.longbench_v2_choice(answer.prediction.strip()) or ""


def _opencompass_score(answer: Answer) -> tuple[float, ...]:
    return (100.0 * (_opencompass_choice(answer) == metrics.first_target(answer.targets)),)


def _opencompass_choice(answer: Answer) -> str:
    options = dataset_configs("longbenchv2")[UPSTREAM].pred_postprocessor_options["options"]
    return first_option(answer.prediction, options)


def _breakdown(answer: Answer) -> tuple[str, ...]:
    """The difficulty and the length of an answer's question, as far as they are known."""
    return tuple(str(answer.metadata[name]) for name in ("difficulty", "length") if name in answer.metadata)
