"""What a check of published numbers finds in the files that ship, and in a user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.published import MEANINGS, check_published, published, published_benchmarks, published_groups
from evalkit.published._definition import definition

from .conftest import HEADER, Write

SHIPPED = check_published()


def test_the_shipped_numbers_hold_these_oddities_and_no_other() -> None:
    """What the notes of the files and the protocols' facts tell, and nothing else."""
    found = {(f.benchmark, f.task, f.model, f.kind) for f in SHIPPED.findings}

    assert {
        ("leval", "tpo", "gpt-4", "impossible"),
        ("leval", "tpo", "chatglm2-6b-32k", "equal_columns"),
        ("leval", "tpo", "gpt4-32k", "truncated"),
        ("leval", "quality", "gpt4-32k", "truncated"),
        ("leval", "sci_fi", "gpt4-32k", "truncated"),
        ("leval", "codeU", "gpt4-32k", "truncated"),
        ("longbench", "overall", "index-1.9b-32k", "truncated"),
        ("longbench", "few_shot", "index-1.9b", "dash_as_zero"),
        ("longbench", "synthetic", "index-1.9b", "dash_as_zero"),
        ("longbench", "overall", "index-1.9b", "dash_as_zero"),
        ("needle-xverse-256k", "single", "xverse-13b-256k", "truncated"),
    } == found
    assert len(found) == len(SHIPPED.findings)


def test_everything_that_can_be_checked_is() -> None:
    """All means, and every score of right and wrong answers."""
    scores = [score for name in published_benchmarks() for score in published(name) + published_groups(name)]
    exams = {*definition("leval").members("closed")}
    counted = [s for s in scores if s.task in exams or s.benchmark in ("needle", "needle-xverse-256k")]

    assert len(scores) == SHIPPED.checked["numbers"]
    assert len(counted) == SHIPPED.checked["arithmetic"]
    assert len([score for score in scores if score.kind in ("group", "overall")]) == SHIPPED.checked["means"]


def test_findings_are_plain_data() -> None:
    """The JSON of a finding names table, row and reason."""
    first = json.loads(json.dumps(SHIPPED.as_json()))["findings"][0]

    assert {"benchmark", "task", "model", "kind", "source", "row", "score", "n", "reason"} == set(first)
    assert ("72.93", 269, "leval.csv:26") == (first["score"], first["n"], first["row"])
    assert "72.862 and 73.234" in first["reason"]


def test_no_word_accuses() -> None:
    """Findings speak of numbers."""
    texts = " ".join([*MEANINGS.values(), *(finding.reason for finding in SHIPPED.findings)])

    assert not any(
        word in texts.lower() for word in ("wrong", "error", "false", "fake", "manipulat", "fraud", "mistake")
    )


def kinds(path: Path) -> list[str]:
    return [finding.kind for finding in check_published(path).findings]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("longbench-v2,overall,overall,m,64.5,,", ["runs"]),
        ("longbench-v2,overall,overall,m,64.4,,", []),
        ("longbench-v2,overall,overall,m,64.5,stated: 1,stated: rounded:1", ["impossible"]),
        ("longbench-v2,overall,overall,m,64.5,stated: 2,stated: rounded:1", []),
        ("leval,task,tpo,m,84.38,,", ["truncated"]),
        ("leval,task,tpo,m,72.93,stated: 1,", ["impossible"]),
        ("longbench,task,narrativeqa,m,72.93,stated: 1,", []),
    ],
)
def test_one_run_several_runs_and_none(write: Write, row: str, expected: list[str]) -> None:
    """Where the number of runs is known it is taken; where it is not, the least one that fits is told."""
    assert expected == kinds(write(row, header=f"{HEADER},runs,digits"))


V2 = [f"needlebench-32k,length,{length},m,{score}" for length, score in ((9000, "98.69"), (13000, "97.88"))]


@pytest.mark.parametrize(
    ("mean", "expected"),
    [("98.29", []), ("98.28", []), ("98.27", ["average"]), ("98.285", []), ("98.2", ["truncated"]), ("98.3", [])],
)
def test_a_mean_may_be_of_numbers_with_more_digits(write: Write, mean: str, expected: list[str]) -> None:
    """Of numbers that print as 98.69 and 97.88 the mean may be 98.28 or 98.29; 98.2 is 98.285 cut off."""
    path = write(*(f"{row},inferred: rounded:2" for row in V2), f"needlebench-32k,group,single,m,{mean},",
                 header=f"{HEADER},digits")  # fmt: skip

    assert expected == kinds(path)


CODE = ("longbench,task,lcc,m,66.4", "longbench,task,repobench-p,m,62.27")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((*CODE, "longbench,group,code,m,64.335"), []),
        ((*CODE, "longbench,group,code,m,65.335"), ["average"]),
        ((CODE[0], "longbench,task,repobench-p,m,-", "longbench,group,code,m,33.2"), ["dash_as_zero"]),
        ((CODE[0], "longbench,task,repobench-p,m,-", "longbench,group,code,m,66.4"), []),
        ((CODE[0], "longbench,task,repobench-p,m,-", "longbench,group,code,m,50"), ["average"]),
        ((CODE[0], "longbench,group,code,m,50"), []),
        (("longbench,group,code,m,50",), []),
    ],
)
def test_a_mean_is_computed_again_where_its_numbers_are_there(
    write: Write, rows: tuple[str, ...], expected: list[str]
) -> None:
    """By the benchmark's rule; a dash is left out or counts as 0; without the numbers nothing is said."""
    assert expected == kinds(write(*rows))


def test_the_digits_of_another_source_are_the_same_number(write: Write) -> None:
    """One source's digits are the other's, rounded; cut off is told, and so is another number."""
    row = "longbench,overall,overall,m,35.2356"
    header = f"{HEADER},also_in"

    assert [] == kinds(write(f"{row},x: 35.24", header=header))
    assert ["truncated"] == kinds(write(f"{row},x: 35.23", header=header))
    assert ["average"] == kinds(write(f"{row},x: 35.33", header=header))
