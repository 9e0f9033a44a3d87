"""L-Eval: 20 tasks, asked as OpenCompass asks them, scored by OpenCompass's or the official rules.

A record is one document with its questions; a sample is one question:

    {"instructions": ["why did frantzen go to the sales barn\\nA. …"], "outputs": ["A"], "input": "…the document…",
     "evaluation": "exam"}

Facts and sources of every rule: `docs/benchmarks/leval.md`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from evalkit import metrics
from evalkit.data import Record, dataset_configs, read_records, require, require_strings
from evalkit.errors import DataError, UserError
from evalkit.metrics.leval import official_choice, official_choices, official_judgement, official_number

from ._opencompass import ask
from ._records import Answer, Request, Sample, Scorer, mean_of_columns, single
from ._shape import Shape
from ._spec import BenchmarkSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LEval"]

ROUGE = ("rouge1", "rouge2", "rougeL")

OFFICIAL_EXAMS = {
    "coursera": single("exact_match", metrics.leval_coursera, official_choices),
    "quality": single("exact_match", metrics.leval_quality, official_choice),
    "tpo": single("exact_match", metrics.leval_tpo, official_choice),
    "gsm100": single("exact_match", metrics.leval_gsm100, official_number),
    "codeU": replace(
        single("exact_match", metrics.leval_codeu),
        reads=lambda answer: metrics.leval_codeu_compared(answer.prediction, metrics.first_target(answer.targets)),
    ),
}

OTHER_EXAMS = ("sci_fi", "topic_retrieval_longchat")
EXAM = "exam"
"""Value of a record's `evaluation` field in the tasks with exact answers."""

JUDGED = ("human", "LLM")
"""Values of a record's `evaluation` field that the n-gram evaluation passes over."""

Clean = Callable[[str], str]


def _accuracy(clean_prediction: Clean, clean_reference: Clean = str) -> Scorer:
    """OpenCompass's accuracy after a task's post-processing of both sides."""

    def score(prediction: str, targets: Sequence[str]) -> float:
        # The first target alone: OpenCompass's data sets of these tasks have one.
        return metrics.opencompass_accuracy(
            clean_prediction(prediction), clean_reference(metrics.first_target(targets))
        )

    return single("accuracy", score, clean_prediction)


OPENCOMPASS_EXAMS = {
    "coursera": _accuracy(metrics.first_capitals),  # several letters may be right
    "quality": _accuracy(metrics.first_capital, metrics.second_character),  # targets are written "(B) …"
    "tpo": _accuracy(metrics.first_capital),
    "gsm100": _accuracy(metrics.gsm100_postprocess, metrics.without_commas),
}


class _TaskSettings(BaseModel):
    """What a task's settings may say, as far as it is read here."""

    columns: list[str] = []
    extractive: bool = False


class LEval:
    """The L-Eval benchmark."""

    shape = Shape(task=_TaskSettings)

    def __init__(self, spec: BenchmarkSpec) -> None:
        self.spec = spec

    def files(self, task: str) -> Sequence[str]:
        """The one file of the task."""
        return (self.spec.tasks[task].file,)

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:  # noqa: ARG002
        """Every (instruction, output) pair in file order, whatever its `evaluation` field says."""
        index = 0
        for document, record in enumerate(read_records(files[self.spec.tasks[task].file])):
            for instruction, output in _pairs(record):
                yield self._sample(task, index, document, record, instruction, output)
                index += 1

    def _sample(self, task: str, index: int, document: int, record: Record, question: str, output: str) -> Sample:
        fields = {"question": question, "context": require(record, "input", str)}
        if "length" in self.spec.tasks[task].settings.get("columns", ()):
            fields["length"] = str(len(output.split()))  # of the target: it leaks into the prompt by design
        name = f"{self.spec.name}/{task}"
        metadata = {"index": index, "evaluation": require(record, "evaluation", str)}
        evidence = (output,) if self.spec.tasks[task].settings.get("extractive") else ()
        return Sample(f"{name}/{index}", task, f"{name}/doc{document}", fields, (output,), metadata, evidence)

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:
        """The one question of the sample; `UserError` under a protocol that evalkit cannot generate for."""
        if previous:
            return None
        rules = self.spec.protocol(protocol)
        if not rules.prompts:
            raise UserError(f"{self.spec.name}: nothing can be generated under protocol {protocol!r}: {rules.refusal}")
        upstream = self.spec.tasks[sample.task].upstream
        config = dataset_configs("leval")[upstream]
        columns = {
            **sample.fields,
            "answer": "",  # the target is a column as well; upstream blanks it in the prompt
            "subdivision": f"{upstream}_test",  # added to every row upstream: a document with "{idx}" is changed by it
            "idx": str(sample.metadata["index"]),
        }
        return ask(config, sample, columns)

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:
        """OpenCompass's evaluator of the task, or the official metric that the answers' `evaluation` asks for."""
        if self.spec.protocol(protocol).scoring == "opencompass":
            return _opencompass_scorer(task)
        scorer = _official_scorer(task, answers)
        return replace(scorer, notes=lambda scored: self._notes(task, answers, scored))

    def _notes(self, task: str, answers: Sequence[Answer], scored: Sequence[Answer]) -> list[str]:
        """What the answers' `evaluation` says and the official metric of the task does not follow."""
        kinds = Counter(str(answer.metadata.get("evaluation")) for answer in answers)
        if task in OFFICIAL_EXAMS or task in OTHER_EXAMS:
            told = {kind: count for kind, count in kinds.items() if kind not in (EXAM, "None")}
            return [f"{_counted(told)} by their 'evaluation', but {task} is an exam: scored as one"] if told else []
        notes = []
        judged = {kind: kinds[kind] for kind in JUDGED if kinds[kind]}
        if judged and len(scored) < (self.spec.tasks[task].expected.get("official") or 0):
            notes.append(f"{_counted(judged)} by their 'evaluation': left to a judge, not in the score")
        others = {kind: count for kind, count in kinds.items() if kind not in JUDGED}
        if len(others) > 1:
            notes.append(f"{_counted(others)} by their 'evaluation': the last row's metric scores them all")
        return notes


def _counted(kinds: Mapping[str, int]) -> str:
    """How many rows are of which kind: `3 rows are 'LLM', 1 'human'`."""
    (kind, count), *others = kinds.items()
    return ", ".join([f"{count} rows are {kind!r}", *(f"{number} {name!r}" for name, number in others)])


def _pairs(record: Record) -> Iterator[tuple[str, str]]:
    instructions, outputs = require_strings(record, "instructions"), require_strings(record, "outputs")
    if len(instructions) != len(outputs):
        raise DataError(f"{record.place}: {len(instructions)} instructions but {len(outputs)} outputs; need as many")
    return zip(instructions, outputs, strict=True)


def _official_scorer(task: str, answers: Sequence[Answer]) -> Scorer:
    """The official code takes one metric for a whole file: the one its last usable record names.

    `auto_eval.py` leaves out the records that only people or a model judge (`human`, `LLM`).
    """
    kind = next((str(answer.metadata.get("evaluation")) for answer in reversed(answers) if _is_official(answer)), None)
    if task in OFFICIAL_EXAMS:
        return OFFICIAL_EXAMS[task]
    if task == "sci_fi":
        return single("exact_match", metrics.leval_sci_fi, _judgement)
    if task == "topic_retrieval_longchat":
        return Scorer("exact_match", _by_sentence, ("first", "second", "third"), mean_of_columns, reads=_topic)
    if kind == "rouge":
        name = "rouge_geometric_mean"
        return Scorer(name, _rouge_columns, ROUGE, _geometric_mean, includes=_is_official, reads=_rouge_tokens)
    if kind in ("f1", None):  # None: no answer that could be scored, so none will be
        return replace(single("f1", metrics.word_f1, _words), includes=_is_official)
    raise DataError(f"{task}: field 'evaluation' is {kind!r} in the last record; the official rules score f1 and rouge")


def _is_official(answer: Answer) -> bool:
    """Whether the official rules score the sample without a judge."""
    return answer.metadata.get("evaluation") not in JUDGED


def _judgement(prediction: str) -> str:
    """Loyalty and fact, written as answers state them."""
    return "{} [fact: {}]".format(*official_judgement(prediction))


def _words(prediction: str) -> str:
    return " ".join(metrics.normalized_words(prediction))


def _topic(answer: Answer) -> str:
    return metrics.leval_compared(answer.prediction, metrics.first_target(answer.targets))


def _by_sentence(answer: Answer) -> tuple[float, ...]:
    """Three separate means, one for each of the three questions of a conversation."""
    value = metrics.leval_exact_match(answer.prediction, answer.targets)
    # Conversations have exactly three questions each, so the index tells which one this is.
    return tuple(value if answer.metadata["index"] % 3 == sentence else math.nan for sentence in range(3))


def _rouge_columns(answer: Answer) -> tuple[float, ...]:
    prediction, targets = answer.prediction, answer.targets
    return (
        metrics.rouge1(prediction, targets),
        metrics.rouge2(prediction, targets),
        metrics.rouge_l(prediction, targets),
    )


def _rouge_tokens(answer: Answer) -> str:
    return " ".join(metrics.rouge_tokens(answer.prediction))


def _geometric_mean(means: Sequence[float]) -> float:
    return metrics.leval_geometric_mean(*means)


def _opencompass_scorer(task: str) -> Scorer:
    """Post-processors and evaluators of the 18 tasks (pinned release, `configs/datasets/leval`)."""
    if task in OPENCOMPASS_EXAMS:
        return OPENCOMPASS_EXAMS[task]
    if task == "topic_retrieval_longchat":
        return single("exact_match", _opencompass_topic, _opencompass_topic_compared)
    return Scorer("rouge1", _rouge1, ("rouge1",), point=_bootstrap_median, reads=_rouge_tokens)


def _opencompass_topic(prediction: str, targets: Sequence[str]) -> float:
    return metrics.opencompass_leval_em(metrics.general_postprocess(prediction), metrics.first_target(targets))


def _opencompass_topic_compared(prediction: str) -> str:
    """The evaluator post-processes what was post-processed before it."""
    return metrics.general_postprocess(metrics.general_postprocess(prediction))


def _rouge1(answer: Answer) -> tuple[float, ...]:
    return (metrics.rouge1(answer.prediction, answer.targets),)


def _bootstrap_median(columns: NDArray[np.float64]) -> float:
    """OpenCompass prints the median of 1,000 bootstrap means, not the mean."""
    return metrics.bootstrap_medians([columns[:, 0].tolist()])[0]
