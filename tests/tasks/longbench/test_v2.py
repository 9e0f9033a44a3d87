"""LongBench v2: questions, prompts in one or two calls, extraction, breakdown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.data import DatasetConfig, Turn
from evalkit.errors import DataError
from evalkit.metrics import UnscorableError
from evalkit.tasks import Answer, Request, Sample, load_benchmark
from evalkit.tasks.longbench import _v2 as module

RECORD = {
    "_id": "x", "domain": "Code", "sub_domain": "y", "difficulty": "hard", "length": "short",
    "question": " Which $C_A$? ", "choice_A": "one ", "choice_B": "two", "choice_C": "three", "choice_D": "four",
    "answer": "C", "context": " text {idx}\n",
}  # fmt: skip
TEMPLATES = {
    "0shot": "T $DOC$ Q $Q$ $C_A$$C_B$$C_C$$C_D$",
    "0shot_cot": "R $DOC$ $Q$",
    "0shot_cot_ans": "A $Q$ $COT$",
    "0shot_no_context": "N $Q$",
    "0shot_rag": "C $DOC$",
}
MakeSample = Callable[..., Sample]


@pytest.fixture
def sample(tmp_path: Path) -> MakeSample:
    """Maker of the one question of a file: `sample("official", question="…")`."""

    def make(protocol: str = "official", **changes: Any) -> Sample:
        path = tmp_path / "data.json"
        path.write_text(json.dumps([RECORD | changes]), encoding="utf-8")
        return next(iter(load_benchmark("longbench-v2").samples("questions", protocol, {"data.json": path})))

    return make


@pytest.fixture(autouse=True)
def prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up prompts in place of upstream's."""
    turn = Turn(role="HUMAN", prompt="{context}|{question}|{answer}|{choice_D}|{length}")
    config = DatasetConfig(
        abbr="LongBenchv2", name=None, begin=(), round=(turn,), input_columns=(), output_column="answer",
        max_new_tokens=None, evaluator="", pred_postprocessor=None, pred_postprocessor_options={"options": "ABCD"},
        dataset_postprocessor=None, file="",
    )  # fmt: skip
    monkeypatch.setattr(module, "_template", TEMPLATES.__getitem__)
    monkeypatch.setattr(module, "dataset_configs", {"longbenchv2": {"LongBenchv2": config}}.__getitem__)


def asked(sample: Sample, protocol: str, *previous: str) -> Request | None:
    """What the protocol asks next."""
    return load_benchmark("longbench-v2").request(sample, protocol, previous)


def text(sample: Sample, protocol: str, *previous: str) -> str:
    """The text of what it asks, which must ask something."""
    request = asked(sample, protocol, *previous)
    assert request is not None
    return request.text


def test_the_official_prompt_is_filled_mark_by_mark(sample: MakeSample) -> None:
    """Fields are stripped, and a mark inside the question is replaced, as upstream's chain of replacements does."""
    assert "T text {idx} Q Which one? onetwothreefour" == text(sample(), "official")


@pytest.mark.parametrize(
    ("protocol", "tokens"),
    [("official", 128), ("official-cot", 1024), ("official-no-context", 128), ("opencompass", 1024)],
)
def test_generation_lengths(sample: MakeSample, protocol: str, tokens: int) -> None:
    """Reasoning may be longer than an answer; OpenCompass leaves the length to the model."""
    request = asked(sample(), protocol)

    assert request is not None
    assert tokens == request.max_new_tokens


def test_a_chain_of_thought_is_asked_for_its_answer(sample: MakeSample) -> None:
    """The second call holds the stripped reasoning and not the text."""
    second = asked(sample(), "official-cot", " because \n")

    assert second is not None
    assert (1, "A Which one? because", 128) == (second.step, second.text, second.max_new_tokens)
    assert asked(sample(), "official-cot", "because", "C") is None


def test_empty_reasoning_is_not_asked_on(sample: MakeSample) -> None:
    """pred.py gives the question up."""
    assert asked(sample(), "official-cot", "") is None


def test_without_context_nothing_can_be_cut(sample: MakeSample) -> None:
    """The prompt does not show the text."""
    request = asked(sample(), "official-no-context")

    assert request is not None
    assert ("N Which one?", "") == (request.text, request.context)


def test_retrieved_chunks_stand_in_the_order_of_the_text(sample: MakeSample) -> None:
    """Sorted by their place and numbered anew."""
    chunks = [{"c_idx": 7, "content": "late"}, {"c_idx": 2, "content": "early"}]

    made = sample("official-rag", retrieved_context=chunks)

    assert "C Retrieved chunk 1: early\n\nRetrieved chunk 2: late" == text(made, "official-rag")


def test_a_retrieval_protocol_needs_chunks(sample: MakeSample) -> None:
    """The message says what to add."""
    with pytest.raises(DataError, match="no field 'retrieved_context': add the retrieved chunks"):
        sample("official-rag")


def test_chunks_of_another_shape_are_refused(sample: MakeSample) -> None:
    """With the fields that they need."""
    with pytest.raises(DataError, match="must list objects with 'c_idx' and 'content'"):
        sample("official-rag", retrieved_context=[{"text": "x"}])


def test_opencompass_fills_column_by_column(sample: MakeSample) -> None:
    """Nothing is stripped, the answer is blank, and `{idx}` inside the text becomes the row number."""
    assert " text 0\n| Which $C_A$? ||four|short" == text(sample(), "opencompass")


def test_a_missing_field_is_named(sample: MakeSample) -> None:
    """With the line where the question begins."""
    with pytest.raises(DataError, match=r"data\.json:1: field 'choice_B' is null"):
        sample(choice_B=None)


def answered(prediction: str, **metadata: Any) -> Answer:
    """An answer to a question whose right option is C."""
    return Answer("longbench-v2/questions/0", "d", prediction, ("C",), metadata)


def score(protocol: str, prediction: str) -> float:
    """The score of one answer."""
    return load_benchmark("longbench-v2").scorer("questions", protocol, ()).score(answered(prediction))[0]


@pytest.mark.parametrize("protocol", ["official", "official-cot", "official-no-context", "official-rag"])
@pytest.mark.parametrize(
    ("prediction", "expected"),
    [("The correct answer is (C).", 100.0), ("**The correct answer is C**", 100.0), ("C", 0.0), ("(C)", 0.0)],
)
def test_the_official_rule_wants_its_sentence(protocol: str, prediction: str, expected: float) -> None:
    """A bare letter is no answer, whatever was asked."""
    assert expected == score(protocol, prediction)


def test_an_empty_answer_does_not_count_officially() -> None:
    """pred.py drops it, so that the denominator shrinks."""
    with pytest.raises(UnscorableError, match="drops empty answers"):
        score("official", "")


def test_accuracy_is_broken_down_by_difficulty_and_length() -> None:
    """A question enters two parts."""
    scorer = load_benchmark("longbench-v2").scorer("questions", "official", ())

    assert scorer.bucket is not None
    assert ("hard", "short") == scorer.bucket(answered("", difficulty="hard", length="short"))
    assert ("easy", "hard", "short", "medium", "long") == scorer.bucket_names
