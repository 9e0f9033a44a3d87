"""Published scores: the transcription is checked against the means that the sources print themselves."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest

from evalkit.errors import UnknownNameError
from evalkit.paths import shipped
from evalkit.published import (
    PublishedScore,
    published,
    published_benchmarks,
    published_for,
    published_groups,
    published_sources,
)

GROUPS = {
    "leval": {
        "closed": ["coursera", "gsm100", "quality", "tpo", "topic_retrieval_longchat"],
        "open": [
            *("financial_qa", "gov_report_summ", "legal_contract_qa", "meeting_summ", "multidoc_qa", "narrative_qa"),
            *("natural_question", "news_summ", "paper_assistant", "patent_summ", "review_summ", "scientific_qa"),
            "tv_show_summ",
        ],
    },
    "longbench": {
        "single_document_qa": ["narrativeqa", "qasper", "multifieldqa_en", "multifieldqa_zh"],
        "multi_document_qa": ["hotpotqa", "2wikimqa", "musique", "dureader"],
        "summarization": ["gov_report", "qmsum", "multi_news", "vcsum"],
        "few_shot": ["trec", "triviaqa", "samsum", "lsht"],
        "synthetic": ["passage_count", "passage_retrieval_en", "passage_retrieval_zh"],
        "code": ["lcc", "repobench-p"],
    },
}
MEANS = [score for name in GROUPS for score in published_groups(name)]


def mean(values: list[Decimal]) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def recompute(target: PublishedScore) -> Decimal:
    """The mean behind `target` from the printed task scores; a dash counts as 0, as the report has it."""
    scores = {
        score.task: Decimal(score.printed)
        for score in published(target.benchmark)
        if (score.model, score.rope, score.protocol) == (target.model, target.rope, target.protocol)
    }
    groups = GROUPS[target.benchmark]
    means = {name: mean([scores.get(task, Decimal(0)) for task in tasks]) for name, tasks in groups.items()}
    return mean(list(means.values())) if target.kind == "overall" else means[target.task]


def raw_rows() -> Iterator[dict[str, str]]:
    for path in sorted(shipped("results/published").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines)


@pytest.mark.parametrize("target", MEANS, ids=lambda s: f"{s.benchmark}-{s.task}-{s.model}-{s.rope}")
def test_published_means_follow_from_the_task_scores(target: PublishedScore) -> None:
    """Every published group mean and average is the mean of the transcribed task scores, to the printed digits."""
    unit = Decimal(1).scaleb(-target.decimals)

    recomputed = recompute(target)

    assert Decimal(target.printed) == recomputed.quantize(unit, ROUND_HALF_UP)


def test_every_table_column_has_its_means() -> None:
    """Each column the report computed means for has all of them, so no mean escapes the check above."""
    columns = Counter((score.benchmark, score.model, score.rope) for score in MEANS)

    incomplete = {key: count for key, count in columns.items() if count != {"leval": 3, "longbench": 7}[key[0]]}

    assert {} == incomplete
    assert {"leval": 4, "longbench": 6} == Counter(key[0] for key in columns)


def test_the_truncated_average_of_the_report_is_explained() -> None:
    """35.23, the average the report's text gives, is 35.2356 cut after two digits."""
    overall = next(s for s in published_for("longbench", "index-1.9b-32k") if s.kind == "overall")

    cut = Decimal(overall.printed).quantize(Decimal("0.01"), ROUND_DOWN)

    assert "35.2356" == overall.printed
    assert Decimal("35.23") == cut


def test_the_needle_overall_is_the_mean_of_the_columns() -> None:
    """The needle grid's overall value is the mean of its eight column means."""
    lengths = published("needlebench-32k")
    (overall,) = published_groups("needlebench-32k")

    recomputed = mean([Decimal(score.printed) for score in lengths]).quantize(Decimal("0.01"), ROUND_HALF_EVEN)

    assert Decimal(overall.printed) == recomputed
    assert [9000, 13000, 17000, 21000, 25000, 29000, 31000, 32000] == [int(score.task) for score in lengths]


def attainable(printed: str, n: int) -> bool:
    """Whether some whole number of right answers out of n prints as `printed`, at two decimals."""
    nearest = round(float(printed) * n / 100)
    return any(
        abs(Decimal(100 * right) / n - Decimal(printed)) <= Decimal("0.005")
        for right in (nearest - 1, nearest, nearest + 1)
    )


def test_exact_match_scores_are_attainable_with_their_sample_counts() -> None:
    """Every exact-match score under an OpenCompass protocol is a whole number of right answers out of n."""
    scores = [
        score
        for score in published("leval")
        if score.task in GROUPS["leval"]["closed"] and score.protocol != "official" and score.n is not None
    ]

    impossible = [(score.model, score.task) for score in scores if not attainable(score.printed, score.n or 0)]

    assert [] == impossible
    assert 5 * 10 - 1 == len(scores)


def test_the_one_impossible_exact_match_score_carries_a_note() -> None:
    """GPT-4's tpo score fits no count of 269 samples: it has no n, and a note says why."""
    score = next(s for s in published_for("leval", "gpt-4") if s.task == "tpo")

    assert not attainable(score.printed, 269)
    assert score.n is None
    assert "269" in score.note


def test_no_number_is_listed_twice() -> None:
    """One row per benchmark, task, model, RoPE setting and protocol, so a lookup has one answer."""
    columns = ("benchmark", "kind", "task", "bucket", "model", "rope", "protocol")
    keys = Counter(tuple(row.get(column, "") for column in columns) for row in raw_rows())

    repeated = [key for key, count in keys.items() if count > 1]

    assert [] == repeated


def test_every_source_resolves_and_is_used() -> None:
    """Each row names a listed source, and no listed source is an orphan."""
    used = {row[column].partition(":")[0] for row in raw_rows() for column in ("source", "also_in") if row[column]}

    assert set(published_sources()) == used


def test_every_model_has_all_tasks_of_its_table() -> None:
    """No task is missing from any column of the published tables; a dash stays in the file as a dash."""
    tasks = {name: {task for members in groups.values() for task in members} for name, groups in GROUPS.items()}
    seen: dict[tuple[str, str, str], set[str]] = {}
    for row in raw_rows():
        if row["kind"] == "task" and row["benchmark"] in GROUPS and row["protocol"] != "official":
            seen.setdefault((row["benchmark"], row["model"], row["rope"]), set()).add(row["task"])

    incomplete = {key: tasks[key[0]] - found for key, found in seen.items() if found != tasks[key[0]]}

    assert {} == incomplete
    assert {"leval": 10, "longbench": 12} == Counter(key[0] for key in seen)


def test_a_printed_dash_is_no_score() -> None:
    """The two dashes of the context-extension table are in the file but not among the scores."""
    dashes = {row["task"] for row in raw_rows() if row["score"] == "-"}

    tasks = {score.task for score in published_for("longbench", "index-1.9b")}

    assert {"lsht", "passage_count"} == dashes
    assert set() == dashes & tasks


def test_printed_digits_are_kept() -> None:
    """27 stays 27 and 96.00 stays 96.00, with the number beside them."""
    index = {score.task: score for score in published_for("leval", "index-1.9b-32k")}
    readme = {score.task: score for score in published_for("leval", "gpt4-32k")}

    assert ("27", 27.0, 0) == (index["gsm100"].printed, index["gsm100"].score, index["gsm100"].decimals)
    assert ("96.00", 96.0, 2) == (readme["gsm100"].printed, readme["gsm100"].score, readme["gsm100"].decimals)


def test_rope_settings_of_one_model_are_kept_apart() -> None:
    """The naive and the Dynamic NTK column of Index-1.9B-4K are two lookups."""
    naive = {score.task: score.printed for score in published_for("longbench", "index-1.9b")}
    dynamic = {score.task: score.printed for score in published_for("longbench", "index-1.9b", rope="dynamic:8")}

    assert ("7.65", "10.9") == (naive["overall"], dynamic["overall"])


def test_a_model_without_published_scores_has_none() -> None:
    """Asking for a model nobody published gives an empty answer, not an error."""
    assert () == published_for("leval", "my-model")


def test_an_unknown_benchmark_names_the_nearest() -> None:
    """A misspelt benchmark is a user error that names the right one."""
    with pytest.raises(UnknownNameError, match="did you mean 'longbench'"):
        published("longbensh")


def test_benchmarks_with_published_scores_are_listed() -> None:
    """The list has one entry per benchmark, without the files of the means."""
    assert (
        "leval", "longbench", "longbench-e", "needle", "needle-xverse-256k", "needlebench-32k",
    ) == published_benchmarks()  # fmt: skip
