"""What scorers say they read of an answer is what they compare: its score is that of the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from evalkit.metrics import UnscorableError
from evalkit.tasks import Answer, Scorer, _opencompass, load_benchmark

PROSE = (
    "The Cat, a cat, sat on AN old mat!\nIt is the end.",
    "  the answer is B: (C) AB and [1, 2]. The answer is 1,234.50. Paragraph 5 of 30\n\nmore 7",
    "\n\n``` python\n# a comment\nreturn the_value  // no\nreturn value + 2\n",
    "今天我们讨论《第一》个议题，段落12 和段落3。国际 体育",
    "\\boxed{Jasmine \\text{Lane}} or Emerald Orb",
    "True, it is [fact: False]",
    "",
)
TARGETS = {
    "qa_f1": "cat old mat", "qa_f1_zh": "讨论议题", "rouge_l": "the end of a cat", "rouge_l_zh": "讨论 议题。第一",
    "classification": "Order, rank", "count": "5", "retrieval": "Paragraph 30", "retrieval_zh": "段落12",
    "code_sim": "return value + 1",
}  # fmt: skip
CLASSES = ["Order, rank", "B", "国际", "体育", "cat"]


def answers(target: str, texts: Sequence[str] = PROSE, **metadata: object) -> list[Answer]:
    """An answer for each text, with what any scorer asks of the metadata."""
    known = {"all_classes": CLASSES, "length": 1000, "evaluation": "f1", **metadata}
    return [Answer(f"x/y/{index}", "d", text, (target,), {**known, "index": index}) for index, text in enumerate(texts)]


def score(scorer: Scorer, answer: Answer) -> list[float | None] | str:
    """Columns without NaN, which equals nothing; or that the answer is refused."""
    try:
        return [None if math.isnan(value) else value for value in scorer.score(answer)]
    except UnscorableError:
        return "refused"


def of_what_is_read(scorer: Scorer, answer: Answer) -> list[float | None] | str:
    """The score of the text that is said to be compared."""
    assert scorer.reads is not None
    try:
        return score(scorer, replace(answer, prediction=scorer.reads(answer)))
    except UnscorableError:
        return "refused"


LONGBENCH = [
    (name, task, protocol)
    for name in ("longbench", "longbench-e")
    for protocol in load_benchmark(name).spec.protocols
    for task in load_benchmark(name).spec.tasks
    if task != "vcsum" and "zh" not in task  # words cut out of a text can be cut otherwise when they stand alone
]


@pytest.mark.parametrize(("name", "task", "protocol"), LONGBENCH)
def test_longbench_scores_what_it_reads(name: str, task: str, protocol: str) -> None:
    """Of every task: the first line, numbers, class names, a line of code, normalised words, or the answer as it is."""
    benchmark = load_benchmark(name)
    given = answers(TARGETS[benchmark.spec.tasks[task].settings["metric"]])
    scorer = benchmark.scorer(task, protocol, given)

    assert [score(scorer, each) for each in given] == [of_what_is_read(scorer, each) for each in given]


@pytest.mark.parametrize(
    ("task", "prediction", "read"),
    [
        ("hotpotqa", "The Cat, a cat,\nsat.", "cat cat sat"),
        ("trec", "\n Order, rank, B\nQuestion: cat", "Order, rank, B"),
        ("samsum", "\nOne. Two\nThree", "One. Two"),
        ("gov_report", "As it is.\nAll of it", "As it is.\nAll of it"),
        ("triviaqa", "The Answer!\nQuestion", "answer"),
        ("passage_count", "5 of 30", "5 30"),
        ("passage_retrieval_en", "Paragraph 7, I think", "7"),
        ("lcc", "```\n# no\nx = 1\ny = 2", "x = 1"),
        ("lcc", "# no", ""),
        ("multifieldqa_zh", "今天，讨论 API。", "今天 讨论 api"),
        ("vcsum", "讨论议题。", "讨论 议题 。"),
        ("passage_retrieval_zh", "段落12", "12"),
    ],
)
def test_longbench_reads(task: str, prediction: str, read: str) -> None:
    """Worked out by hand from `LongBench/metrics.py` and `eval.py`."""
    (answer,) = answers("Order, rank", [prediction])
    scorer = load_benchmark("longbench").scorer(task, "official", [answer])

    assert scorer.reads is not None
    assert read == scorer.reads(answer)


def test_longbench_v2_reads_the_option() -> None:
    """The letter that is stated; nothing where none is."""
    given = answers("B", ["The correct answer is **(B)**.", "It is B."])
    scorer = load_benchmark("longbench-v2").scorer("longbench-v2", "official", given)

    assert scorer.reads is not None
    assert ["B", ""] == [scorer.reads(each) for each in given]
    assert [[100.0], [0.0]] == [score(scorer, each) for each in given]


@pytest.mark.parametrize(
    ("task", "target", "prediction", "read"),
    [
        ("coursera", "AC", "A. and C)", "AC"),
        ("coursera", "A", "   ", "None"),
        ("quality", "(B) because", "I say (B)", "B"),
        ("tpo", "C", "no letter", "A"),
        ("gsm100", "42", "The answer is $1,234.50", "1234"),
        ("codeU", "[1, 2, 3]", "the final output will be [1, 2, 3]", "[123]"),
        ("sci_fi", "True [fact: False]", "True, so [fact: nothing]", "true [fact: <error>]"),
        ("topic_retrieval_longchat", "The Roles of X", "The  roles of X.", "therolesofx."),
        ("financial_qa", "1998", "In the year 1998, a", "in year 1998"),
    ],
)
def test_leval_reads(task: str, target: str, prediction: str, read: str) -> None:
    """Worked out by hand from `Evaluation/auto_eval.py` and `em.py`."""
    (answer,) = answers(target, [prediction])
    scorer = load_benchmark("leval").scorer(task, "official", [answer])

    assert scorer.reads is not None
    assert read == scorer.reads(answer)


LEVAL = {
    "coursera": "AB", "quality": "(B) so", "tpo": "A", "gsm100": "1234", "sci_fi": "True [fact: False]",
    "topic_retrieval_longchat": "the cat", "financial_qa": "cat old mat", "gov_report_summ": "cat old mat",
}  # fmt: skip


@pytest.mark.parametrize(
    ("task", "protocol"),
    [
        (task, protocol)
        for task in LEVAL
        for protocol in ("official", "opencompass")
        if load_benchmark("leval").spec.has_task(task, protocol)
    ],
)
def test_leval_scores_what_it_reads(task: str, protocol: str) -> None:
    """Of the tasks whose reading, read again, stays what it is; a worked number of OpenCompass needs its sentence."""
    benchmark = load_benchmark("leval")
    given = answers(LEVAL[task], PROSE[:-1], evaluation="rouge" if task == "gov_report_summ" else "f1")
    scorer = benchmark.scorer(task, protocol, given)
    assert scorer.reads is not None
    if (task, protocol) == ("gsm100", "opencompass"):
        before = scorer.reads
        scorer = replace(scorer, reads=lambda answer: f"The answer is {before(answer)}")

    assert [score(scorer, each) for each in given] == [of_what_is_read(scorer, each) for each in given]


@pytest.mark.parametrize(
    ("name", "task", "prediction", "read"),
    [
        ("needlebench-4k", "single_en", "The Orb", None),
        ("needlebench-4k", "multi_retrieval_en", "The Orb", None),
        ("needlebench-4k", "multi_reasoning_2_en", "The Emerald ORB", "the emerald orb"),
        ("needlebench-v2-4k", "single_en", "The Orb", None),
        ("needlebench-v2-4k", "multi_reasoning_2_en", "so \\boxed{\\text{Jasmine} Lane}", "Jasmine Lane"),
        ("needlebench-v2-4k", "multi_reasoning_2_en", "Jasmine Lane", "None"),
        ("needlebench-atc-v2", "en", "\\boxed{'Jasmine~Lane'}", "Jasmine Lane"),
    ],
)
def test_needlebench_reads(name: str, task: str, prediction: str, read: str | None) -> None:
    """A keyword is looked for in the answer as it is, words in lower case, a name in its box."""
    given = answers("key*key#0*50", [prediction])
    scorer = load_benchmark(name).scorer(task, load_benchmark(name).spec.default_protocol, given)

    assert read == (scorer.reads(given[0]) if scorer.reads is not None else None)


def test_a_rotation_reads_the_letter_that_it_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the patterns of upstream's wheel, here a made-up one."""
    upstream = "def first_option_postprocess():\n    patterns = ['([ABCD])']\n    cushion_patterns = []\n"
    monkeypatch.setattr(_opencompass, "read_wheel_text", lambda _: upstream)
    _opencompass._patterns.cache_clear()
    given = answers("7--D--BCDA", ["I choose D", "none"], question="q", rotation="BCDA", needles=2)
    scorer = load_benchmark("needlebench-atc-choice-20").scorer("en", "opencompass", given)

    read = [scorer.reads(each) for each in given] if scorer.reads is not None else []
    _opencompass._patterns.cache_clear()

    assert ["D", ""] == read
    assert [100.0, 0.0] == [scorer.score(each)[0] for each in given]


def test_needle_reads_all_or_what_edits_are_counted_in() -> None:
    """The keyword's rule takes the answer as it is; edits are counted without blanks."""
    needle = load_benchmark("needle", {"lengths": "64", "depths": "0"})
    (answer,) = answers("The number is 5.", ["The  number\nis 5"], keyword="5", length=64)
    keyword, edits = (needle.scorer("needle", protocol, [answer]) for protocol in ("keyword", "edit-distance"))

    assert keyword.reads is None
    assert edits.reads is not None
    assert "Thenumberis5" == edits.reads(answer)
    assert score(edits, answer) == of_what_is_read(edits, answer)
