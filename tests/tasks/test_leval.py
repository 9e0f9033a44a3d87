"""L-Eval: reading its records, asking its questions, choosing its metrics."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, UserError
from evalkit.scores import TaskAnswers, score_task
from evalkit.tasks import Answer, Benchmark, Request, Sample, load_benchmark

Write = Callable[..., dict[str, Path]]


@pytest.fixture
def leval() -> Benchmark:
    """The benchmark."""
    return load_benchmark("leval")


@pytest.fixture
def write(tmp_path: Path, leval: Benchmark) -> Write:
    """Writer of a task's file: `write("coursera", {...}, {...})`; the mapping that `samples` takes."""

    def go(task: str, *records: dict[str, Any]) -> dict[str, Path]:
        path = tmp_path / "task.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        return {leval.files(task)[0]: path}

    return go


def document(**fields: Any) -> dict[str, Any]:
    """One record with two questions."""
    return {
        "instructions": ["Who?", "When?"],
        "outputs": ["Frantzen went", "1998"],
        "input": "Long ago, in 1998…",
        "evaluation": "f1",
    } | fields


def samples(leval: Benchmark, task: str, files: dict[str, Path]) -> list[Sample]:
    """All samples of a task."""
    return list(leval.samples(task, "opencompass", files))


def test_a_sample_is_one_question_of_one_document(leval: Benchmark, write: Write) -> None:
    """Every pair in file order, whatever its `evaluation`; questions of a document are one cluster."""
    read = samples(leval, "financial_qa", write("financial_qa", document(), document(evaluation="human")))

    assert [f"leval/financial_qa/{index}" for index in range(4)] == [sample.id for sample in read]
    assert [0, 0, 1, 1] == [int(sample.document[-1]) for sample in read]
    assert [("Frantzen went",), ("1998",)] * 2 == [sample.targets for sample in read]
    assert ["f1", "f1", "human", "human"] == [sample.metadata["evaluation"] for sample in read]


def test_open_questions_carry_the_length_of_their_answer(leval: Benchmark, write: Write) -> None:
    """In words, after question and context, as upstream's data set has its columns; closed questions do not."""
    opened = samples(leval, "financial_qa", write("financial_qa", document()))
    closed = samples(leval, "coursera", write("coursera", document()))

    assert ["question", "context", "length"] == list(opened[0].fields)
    assert ["2", "1"] == [sample.fields["length"] for sample in opened]
    assert ["question", "context"] == list(closed[0].fields)


def test_the_gold_answer_is_evidence_where_answers_stand_in_the_document(leval: Benchmark, write: Write) -> None:
    """A letter of a multiple choice stands everywhere and says nothing."""
    opened = samples(leval, "financial_qa", write("financial_qa", document()))
    closed = samples(leval, "coursera", write("coursera", document()))

    assert [("Frantzen went",), ("1998",)] == [sample.evidence for sample in opened]
    assert {()} == {sample.evidence for sample in closed}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"instructions": "Who?"}, "field 'instructions' is a string, a list is expected"),
        ({"instructions": ["Who?", 3]}, "item 1 of field 'instructions' is an integer"),
        ({"outputs": ["one"]}, "2 instructions but 1 outputs"),
        ({"input": None}, "field 'input' is null"),
        ({"evaluation": 1}, "field 'evaluation' is an integer"),
    ],
)
def test_a_bad_record_is_named_by_file_line_and_field(
    leval: Benchmark, write: Write, fields: dict[str, Any], problem: str
) -> None:
    """Records before it are fine; nothing is guessed."""
    files = write("coursera", document(), document(**fields))

    with pytest.raises(DataError) as caught:
        samples(leval, "coursera", files)

    assert f"task.jsonl:2: {problem}" in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.usefixtures("upstream")
def test_a_question_is_asked_once_with_upstreams_words(leval: Benchmark, write: Write) -> None:
    """One user message that ends with a newline more than the plain text, and the task's generation limit."""
    sample = samples(leval, "coursera", write("coursera", document()))[0]

    request = leval.request(sample, "opencompass", ())

    assert isinstance(request, Request)
    assert [("user", request.text + "\n")] == [(message.role, message.content) for message in request.messages]
    assert (10, sample.fields["context"]) == (request.max_new_tokens, request.context)
    assert request.text.count(request.context) == request.text.count("Who?") == 1
    assert leval.request(sample, "opencompass", ("an answer",)) is None


@pytest.mark.usefixtures("upstream")
def test_the_prompt_holds_the_length_and_never_the_answer(leval: Benchmark, write: Write) -> None:
    """The number of words leaks by design, the answer does not."""
    sample = samples(leval, "financial_qa", write("financial_qa", document(outputs=["Zanzibar quartz one two", "x"])))[
        0
    ]

    request = leval.request(sample, "opencompass", ())

    assert request is not None
    assert "with 4 words" in request.text
    assert "Zanzibar" not in request.text


@pytest.mark.usefixtures("upstream")
def test_placeholders_in_a_document_are_filled_as_upstream_fills_them(leval: Benchmark, write: Write) -> None:
    """Inserted text is scanned again: the answer's column is blank, and upstream adds the row number and its split."""
    text = "<{answer}> <{idx}> <{subdivision}> <{question}> <{context}> <{other}>"
    sample = samples(leval, "coursera", write("coursera", document(), document(input=text)))[2]

    request = leval.request(sample, "opencompass", ())

    assert request is not None
    assert "<> <2> <LEval_coursera_test> <{question}> <{context}> <{other}>" in request.text


def test_official_prompts_are_refused_with_the_reason(leval: Benchmark, write: Write) -> None:
    """They exist in GPL code only; existing outputs can still be scored."""
    sample = samples(leval, "coursera", write("coursera", document()))[0]

    with pytest.raises(UserError, match=r"nothing can be generated under protocol 'official'.*evalkit score"):
        leval.request(sample, "official", ())


def answers(*rows: tuple[str, str, str]) -> list[Answer]:
    """Answers of (prediction, target, evaluation)."""
    return [
        Answer(f"leval/x/{index}", f"doc{index}", prediction, (target,), {"index": index, "evaluation": kind})
        for index, (prediction, target, kind) in enumerate(rows)
    ]


def score(leval: Benchmark, task: str, protocol: str, given: Sequence[Answer]) -> Any:
    """The task's score."""
    return score_task(leval, task, protocol, TaskAnswers(given))[0]


@pytest.mark.parametrize(
    ("task", "prediction", "target", "official", "opencompass"),
    [
        ("coursera", "both A. and B. fit", "AB", 100.0, 0.0),  # OpenCompass takes the first run of letters
        ("coursera", "A", "AB", 25.0, 0.0),  # the official rule gives a quarter for a part
        ("quality", "The answer is B", "(B) home", 100.0, 0.0),  # OpenCompass takes the first capital, T
        ("tpo", "B", "B", 100.0, 100.0),
        ("gsm100", "The answer is 1,234.50", "1234", 100.0, 0.0),  # OpenCompass keeps the digits 123450
    ],
)
def test_closed_tasks_are_scored_by_each_protocols_own_rule(
    leval: Benchmark, task: str, prediction: str, target: str, official: float, opencompass: float
) -> None:
    """The same answer, two numbers; both as published code computes them."""
    given = answers((prediction, target, "exam"))

    scores = [score(leval, task, protocol, given).score for protocol in ("official", "opencompass")]

    assert [official, opencompass] == scores


def test_topic_retrieval_is_three_means_officially(leval: Benchmark) -> None:
    """One for each of the three questions of a conversation; their mean is the score."""
    given = answers(
        ("cats", "cats", "exam"), ("cats", "dogs", "exam"), ("owls", "owls", "exam"), ("cats", "dogs", "exam")
    )

    scored = score(leval, "topic_retrieval_longchat", "official", given)

    assert {"first": 50.0, "second": 0.0, "third": 100.0} == scored.columns
    assert (50.0, 4) == (scored.score, scored.n)


def test_the_last_usable_record_chooses_the_official_metric(leval: Benchmark) -> None:
    """Records that only people or a model judge are in no count, wherever they stand."""
    given = answers(("x", "y", "LLM"), ("the cat", "cat", "f1"), ("x", "y", "human"))

    scored = score(leval, "financial_qa", "official", given)

    assert ("f1", 100.0, 1, 0) == (scored.metric, scored.score, scored.n, scored.failed)


def test_summaries_are_scored_by_a_geometric_mean_of_means(leval: Benchmark) -> None:
    """ROUGE-1, -2 and -L over the corpus, not over each sample."""
    given = answers(("a b c d", "a b c d", "rouge"), ("a x", "a y", "rouge"))

    scored = score(leval, "gov_report_summ", "official", given)

    assert ("rouge_geometric_mean", {"rouge1": 75.0, "rouge2": 50.0, "rougeL": 75.0}) == (scored.metric, scored.columns)
    assert scored.score == pytest.approx((75.0 * 50.0 * 75.0) ** (1 / 3))


def test_opencompass_scores_every_question_of_an_open_task(leval: Benchmark) -> None:
    """Whatever its `evaluation` says, by ROUGE-1."""
    given = answers(("a b", "a b", "LLM"), ("a b", "a b", "f1"))

    scored = score(leval, "financial_qa", "opencompass", given)

    assert ("rouge1", 100.0, 2) == (scored.metric, scored.score, scored.n)


def test_a_task_whose_samples_all_failed_has_no_score(leval: Benchmark) -> None:
    """Even where the answers would have chosen the metric."""
    scored = score_task(leval, "financial_qa", "official", TaskAnswers([], failed=3))[0]

    assert (None, 0, 3) == (scored.score, scored.n, scored.failed)


def test_an_evaluation_the_official_rules_do_not_know_is_refused(leval: Benchmark) -> None:
    """Neither f1 nor rouge, and not left to a judge: the file is not L-Eval's."""
    with pytest.raises(DataError, match="field 'evaluation' is 'bleu'"):
        score(leval, "financial_qa", "official", answers(("x", "y", "bleu")))


def notes(leval: Benchmark, task: str, protocol: str, *kinds: str) -> list[str]:
    """What is said beside the score of answers whose records have these values of `evaluation`."""
    answers = [
        Answer(f"leval/{task}/{index}", "doc", "B", ("B",), {"evaluation": kind, "index": index})
        for index, kind in enumerate(kinds)
    ]
    return score_task(leval, task, protocol, TaskAnswers(answers))[0].notes


@pytest.mark.parametrize(("task", "kinds", "note"), [
    ("narrative_qa", ["LLM"] * 3, "3 rows are 'LLM' by their 'evaluation': left to a judge, not in the score"),
    ("narrative_qa", ["f1", "human", "LLM"], "1 rows are 'human', 1 'LLM' by their 'evaluation': left to a judge"),
    ("coursera", ["f1"] * 3, "3 rows are 'f1' by their 'evaluation', but coursera is an exam: scored as one"),
    ("sci_fi", ["exam", "LLM", "f1"], "1 rows are 'LLM', 1 'f1' by their 'evaluation', but sci_fi is an exam"),
    ("topic_retrieval_longchat", ["rouge"] * 3, "3 rows are 'rouge' by their 'evaluation', but topic_retrieval"),
    ("meeting_summ", ["f1", "f1", "rouge"], "2 rows are 'f1', 1 'rouge' by their 'evaluation': the last row's metric"),
])  # fmt: skip
def test_official_rules_say_which_evaluation_they_do_not_follow(
    leval: Benchmark, task: str, kinds: list[str], note: str
) -> None:
    """A score of nothing, or by a metric that the record does not name, has its reason; other protocols follow none."""
    (said,) = notes(leval, task, "official", *kinds)

    assert said.startswith(note)
    assert not task.startswith("coursera") or [] == notes(leval, task, "opencompass", *kinds)


def test_judged_records_beside_all_others_are_not_said(leval: Benchmark) -> None:
    """The complete data has them, and the official scores are without."""
    assert [] == notes(leval, "gov_report_summ", "official", *["rouge"] * 13, "LLM")
    assert [] == notes(leval, "coursera", "official", *["exam"] * 3)
