"""LongBench's scorers: which metric, under which rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, UserError
from evalkit.tasks import Answer, Scorer, load_benchmark
from evalkit.tasks.longbench._scoring import BUCKETS, bucket_of

DEEP = " ".join(f"w{number}" for number in range(1200))


def answer(prediction: str, targets: Sequence[str], **metadata: Any) -> Answer:
    """An answer as outputs give it."""
    return Answer("longbench/task/0", "longbench/task/0", prediction, tuple(targets), metadata)


def scorer(task: str, protocol: str, answers: Sequence[Answer] = (), backend: str = "protocol") -> Scorer:
    """The scorer of a task of LongBench."""
    return load_benchmark("longbench", {"code-backend": backend}).scorer(task, protocol, answers)


def value(task: str, protocol: str, given: Answer, backend: str = "protocol") -> float:
    """The score of one answer that is alone in its file."""
    return scorer(task, protocol, (given,), backend).score(given)[0]


@pytest.mark.parametrize(
    ("task", "prediction", "target"),
    [
        ("hotpotqa", "the Eiffel tower", "Eiffel Tower"),
        ("multifieldqa_zh", "北京。", "北京"),
        ("gov_report", "a b. c d", "a b. c d"),
        ("vcsum", "今天天气很好", "今天天气很好"),
        ("passage_count", "5", "5"),
        ("passage_retrieval_en", "Paragraph 3", "Paragraph 3"),
        ("passage_retrieval_zh", "段落3", "段落3"),
        ("lcc", "x = 1\ny = 2", "x = 1"),
    ],
)
@pytest.mark.parametrize("protocol", ["official", "opencompass", "index"])
def test_a_right_answer_scores_full_marks(task: str, prediction: str, target: str, protocol: str) -> None:
    """Every metric, under every protocol."""
    assert 100.0 == pytest.approx(value(task, protocol, answer(prediction, [target])), abs=1e-5)


@pytest.mark.parametrize("task", ["trec", "triviaqa", "samsum", "lsht"])
@pytest.mark.parametrize("protocol", ["official", "opencompass"])
def test_only_the_first_line_of_few_shot_answers_counts(task: str, protocol: str) -> None:
    """After leading line feeds; models go on with examples of their own."""
    given = answer("\n\nFood\nQuestion: Date", ["Food"], all_classes=["Food", "Date"])

    assert 100.0 == pytest.approx(value(task, protocol, given), abs=1e-5)


def test_the_two_backends_of_code_similarity_differ_by_protocol() -> None:
    """difflib where the requirements install nothing else, Levenshtein in OpenCompass."""
    given = answer("    limits.append(15.0)", ["    i1 = iso.get_default()"])
    values = {name: value("lcc", name, given) for name in ("official", "opencompass", "index")}

    assert values["opencompass"] == values["index"] != values["official"]


@pytest.mark.parametrize("protocol", ["official", "opencompass"])
def test_the_backend_can_be_set(protocol: str) -> None:
    """An option overrides the protocol's backend."""
    given = answer("    limits.append(15.0)", ["    i1 = iso.get_default()"])

    assert value("lcc", "official", given) == value("lcc", protocol, given, "difflib")
    assert value("lcc", "opencompass", given) == value("lcc", protocol, given, "levenshtein")


def test_an_unknown_backend_is_refused() -> None:
    """The message lists the known ones."""
    with pytest.raises(UserError, match="expected one of protocol, difflib, levenshtein"):
        load_benchmark("longbench", {"code-backend": "edit"})


@pytest.mark.parametrize(("protocol", "expected"), [("official", 100.0), ("opencompass", 200.0), ("index", 200.0)])
def test_several_gold_answers_of_a_count(protocol: str, expected: float) -> None:
    """The best of them officially; OpenCompass adds up."""
    assert expected == value("passage_count", protocol, answer("5", ["5", "5"]))


def test_classes_are_the_last_records_officially_and_each_records_own_in_opencompass() -> None:
    """eval.py keeps the classes that it read last."""
    first = answer("Food", ["Food"], all_classes=["Food"])
    last = answer("Date", ["Date"], all_classes=["Date", "Dat"])

    official, opencompass = (scorer("trec", name, (first, last)) for name in ("official", "opencompass"))

    assert (0.0, 100.0) == (official.score(first)[0], opencompass.score(first)[0])


def test_classes_that_nobody_gave_are_an_error() -> None:
    """A score without them would mean nothing."""
    with pytest.raises(DataError, match="no 'all_classes'"):
        value("trec", "official", answer("Food", ["Food"]))


@pytest.mark.parametrize(
    ("task", "text", "protocol", "calls"),
    [
        ("gov_report", DEEP, "official", 991),
        ("gov_report", DEEP, "opencompass", 991),
        ("vcsum", "今天天气 很好吗" * 300, "official", 990),
        ("vcsum", "今天天气 很好吗" * 300, "opencompass", 991),
    ],
)
def test_a_recursion_zero_is_reproduced_and_reported(task: str, text: str, protocol: str, calls: int) -> None:
    """An answer without a full stop that shares nothing needs too many calls; one that needs few does not count."""
    deep, shallow = answer(text, ["z" * 30]), answer("a b", ["a b"])
    made = scorer(task, protocol, (deep, shallow))

    assert made.notes is not None
    assert 0.0 == made.score(deep)[0]
    assert [f"1 of 2 samples need more than {calls} recursive calls"] == [
        note.split(",")[0] for note in made.notes((deep, shallow))
    ]
    assert [] == made.notes((shallow,))


def test_other_metrics_have_nothing_to_report() -> None:
    """Only ROUGE-L recurses."""
    assert scorer("hotpotqa", "official").notes is None


@pytest.mark.parametrize(("length", "bucket"), [(0, 0), (3999, 0), (4000, 1), (7999, 1), (8000, 2), (99999, 2)])
def test_length_ranges_end_before_4000_and_8000(length: int, bucket: int) -> None:
    """As eval.py cuts them."""
    assert BUCKETS[bucket] == bucket_of(answer("", [], length=length))


def test_scores_by_length_need_lengths() -> None:
    """A record without one is named."""
    with pytest.raises(DataError, match="longbench/task/0: no 'length'"):
        bucket_of(answer("", []))


@pytest.mark.parametrize(("name", "buckets"), [("longbench", ()), ("longbench-e", BUCKETS)])
def test_only_longbench_e_scores_by_length(name: str, buckets: tuple[str, ...]) -> None:
    """All ranges are reported, empty ones too."""
    made = load_benchmark(name).scorer("qasper", "official", ())

    assert buckets == made.bucket_names
    assert bool(buckets) == (made.bucket is not None)


def test_a_definition_with_unknown_settings_is_refused(tmp_path: Path) -> None:
    """A user's own YAML file gets one line, not a traceback."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ntitle: Mine\nkind: longbench\nabout: x\nsource: longbench\ndefault_protocol: official\n"
        "options: {code-backend: {about: x, default: protocol}}\n"
        "protocols: {official: {meaning: x, source: x, scoring: official, options: {code: difflib}}}\n"
        "tasks: {lcc: {group: g, settings: {metric: code_sim}}}\n",
        encoding="utf-8",
    )

    with pytest.raises(DataError, match=r"mine: protocol official: options: .*'code'"):
        load_benchmark(str(path)).scorer("lcc", "official", ())
