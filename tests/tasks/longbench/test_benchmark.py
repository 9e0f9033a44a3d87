"""LongBench: definitions, records, requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.data import DatasetConfig, Turn, source
from evalkit.errors import DataError
from evalkit.tasks import Sample, StopRule, load_benchmark, load_spec
from evalkit.tasks.longbench import _benchmark as module

RECORD = {
    "input": "Who {context}?", "context": "The {input} text.", "answers": ["A", "B"], "length": 3, "language": "en",
    "all_classes": ["A", "B", "C"], "dataset": "trec", "_id": "x",
}  # fmt: skip
MiniSample = Callable[..., Sample]


@pytest.fixture
def sample(tmp_path: Path) -> MiniSample:
    """Maker of the first sample of a task from one record: `sample("trec", length=5)`."""

    def make(task: str, name: str = "longbench", **changes: Any) -> Sample:
        benchmark = load_benchmark(name)
        (file,) = benchmark.files(task)
        path = tmp_path / file
        path.write_text(json.dumps(RECORD | changes) + "\n", encoding="utf-8")
        return next(iter(benchmark.samples(task, "official", {file: path})))

    return make


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts and limits of the official configuration, made up."""
    values = {"dataset2prompt": dict.fromkeys(load_spec("longbench").tasks, "{context}|{input}|{{x}}")}
    monkeypatch.setattr(module, "_official", {**values, "dataset2maxlen": {"trec": 64, "samsum": 128}}.__getitem__)


@pytest.fixture
def opencompass(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCompass's configuration of one task, made up."""
    turn = Turn(role="HUMAN", prompt="{context}|{input}|{all_labels}|{idx}|{subdivision}")
    config = DatasetConfig(
        abbr="LongBench_trec", name="trec", begin=(), round=(turn,), input_columns=("context", "input"),
        output_column="all_labels", max_new_tokens=64, evaluator="", pred_postprocessor=None,
        pred_postprocessor_options={}, dataset_postprocessor=None, file="",
    )  # fmt: skip
    monkeypatch.setattr(module, "dataset_configs", {"longbench": {"LongBench_trec": config}}.__getitem__)


def test_the_twenty_one_tasks_have_4750_samples() -> None:
    """As upstream's README counts them, under every protocol."""
    spec = load_spec("longbench")

    for protocol in spec.protocols:
        assert 4750 == sum(task.expected[protocol] or 0 for task in spec.tasks.values())
    assert 21 == len(spec.tasks)


def test_the_definition_and_the_listed_files_agree() -> None:
    """Files are members of the archive, with as many records as samples are expected."""
    listed = {file.path: file for file in source("longbench").files}

    for name in ("longbench", "longbench-e"):
        for task in load_spec(name).tasks.values():
            assert "data.zip" == listed[task.file].archive
            assert {listed[task.file].records} == set(task.expected.values())


def test_longbench_e_has_thirteen_of_the_tasks_under_their_names() -> None:
    """Task keys are those of its result files, without the `_e` of its data files."""
    spec = load_spec("longbench-e")

    assert 13 == len(spec.tasks)
    assert set(spec.tasks) < set(load_spec("longbench").tasks)
    assert {f"{name}_e.jsonl" for name in spec.tasks} == {task.file for task in spec.tasks.values()}


def test_six_tasks_go_without_chat_format_and_four_count_their_first_line() -> None:
    """The lists of upstream's pred.py and eval.py."""
    tasks = load_spec("longbench").tasks
    unwrapped = {name for name, task in tasks.items() if not task.settings.get("wrapped", True)}
    first_line = {name for name, task in tasks.items() if task.settings.get("first_line")}

    assert {"trec", "triviaqa", "samsum", "lsht"} == first_line
    assert {*first_line, "lcc", "repobench-p"} == unwrapped


def test_a_record_becomes_one_sample(sample: MiniSample) -> None:
    """With what prompts, scoring and grouping need."""
    made = sample("trec")

    assert "longbench/trec/0" == made.id
    assert ("A", "B") == made.targets
    assert {"index": 0, "length": 3, "language": "en", "all_classes": ["A", "B", "C"]} == made.metadata


def test_questions_about_one_text_share_a_document(sample: MiniSample) -> None:
    """The cluster is the text, not the record."""
    first, second = sample("qasper", input="One?"), sample("qasper", input="Two?")

    assert first.document == second.document
    assert first.document != sample("qasper", context="Another text.").document


def test_a_lone_surrogate_in_a_text_is_no_crash(sample: MiniSample) -> None:
    """JSON can hold one; the sample then fails when its prompt is built."""
    assert "\ud800" in sample("qasper", context="a \ud800 b").fields["context"]


@pytest.mark.parametrize(
    ("task", "field"), [("qasper", "answers"), ("trec", "all_classes"), ("lsht", "all_classes"), ("qasper", "context")]
)
def test_a_missing_field_is_named_with_its_line(tmp_path: Path, task: str, field: str) -> None:
    """The file, the line and the field."""
    benchmark = load_benchmark("longbench")
    path = tmp_path / f"{task}.jsonl"
    path.write_text(json.dumps({key: value for key, value in RECORD.items() if key != field}) + "\n", encoding="utf-8")

    with pytest.raises(DataError, match=f"jsonl:1: field '{field}' is missing"):
        list(benchmark.samples(task, "official", {path.name: path}))


@pytest.mark.usefixtures("official")
def test_the_official_prompt_scans_no_inserted_text(sample: MiniSample) -> None:
    """`str.format` leaves braces in a document alone."""
    request = load_benchmark("longbench").request(sample("trec"), "official", ())

    assert request is not None
    assert "The {input} text.|Who {context}?|{x}" == request.text
    assert (request.text,) == tuple(message.content for message in request.messages)
    assert 64 == request.max_new_tokens


@pytest.mark.usefixtures("official")
def test_the_official_rules_for_few_shot_tasks(sample: MiniSample) -> None:
    """No chat format; samsum's answer ends at a newline, but not before it has begun."""
    benchmark = load_benchmark("longbench")

    trec, samsum = (benchmark.request(sample(task), "official", ()) for task in ("trec", "samsum"))

    assert trec is not None and samsum is not None
    assert (False, StopRule(skips_special_tokens=True)) == (trec.is_wrapped, trec.stop_rule)
    assert StopRule(skips_special_tokens=True, ends_at_token_of="\n", min_new_tokens=1) == samsum.stop_rule


@pytest.mark.usefixtures("opencompass")
def test_opencompass_scans_inserted_text_again(sample: MiniSample) -> None:
    """Column by column: `{context}` inside the question is filled, `{input}` inside the document is not."""
    request = load_benchmark("longbench").request(sample("trec"), "opencompass", ())

    assert request is not None
    assert "The {input} text.|Who The {input} text.?||0|LongBench_trec_test" == request.text
    assert request.text + "\n" == request.messages[0].content
    assert (True, StopRule()) == (request.is_wrapped, request.stop_rule)


@pytest.mark.usefixtures("opencompass")
def test_the_index_protocol_lacks_the_row_columns(sample: MiniSample) -> None:
    """OpenCompass 0.2.6 did not add `idx` and `subdivision`."""
    request = load_benchmark("longbench").request(sample("trec"), "index", ())

    assert request is not None
    assert request.text.endswith("||{idx}|{subdivision}")


def test_a_sample_is_asked_once(sample: MiniSample) -> None:
    """There is no second step."""
    assert load_benchmark("longbench").request(sample("trec"), "official", ("Food",)) is None
