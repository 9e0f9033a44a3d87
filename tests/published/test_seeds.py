"""Every number of the publications' own tables is a row, with the digits as they are printed there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from evalkit.published import PublishedScore, published, published_groups
from evalkit.tasks import load_spec

MODELS = {
    "index19b32k": ("index-1.9b-32k", "native"),
    "index19b4k": ("index-1.9b", "native"),
    "index19b4kdynamicntk": ("index-1.9b", "dynamic:8"),
    **{
        re.sub(r"\W", "", name): (name, "native")
        for name in (
            *("qwen2-1.5b-instruct", "longchat-7b-v1.5-32k", "gpt-4", "gpt-3.5-turbo-16k", "chatglm2-6b-32k"),
            *("vicuna-7b-v1.5-16k", "xgen-7b-8k", "internlm-chat-7b-8k", "chatglm2-6b"),
        )
    },
}
NAMES = {
    "leval": {
        "levalexactmatchacc": "closed",
        "levalgenrouge": "open",
        "average": "overall",
        "govreport": "gov_report_summ",
        "topicretrieval": "topic_retrieval_longchat",
    },
    "longbench": {
        "average": "overall",
        "summarization": "summarization",
        "dureaderzh": "dureader",
        "vcsumzh": "vcsum",
        "lshtzh": "lsht",
        "singledocumentqa": "single_document_qa",
        "multidocumentqa": "multi_document_qa",
        "fewshotlearning": "few_shot",
        "synthetictasks": "synthetic",
        "codecompletion": "code",
    },
}


class Cell(NamedTuple):
    """One number of a table."""

    benchmark: str
    task: str
    model: str
    rope: str
    printed: str


def plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def names_of(benchmark: str) -> dict[str, str]:
    """What a table may call a task or group → its name."""
    spec = load_spec(benchmark)
    own = {plain(each): name for name, task in spec.tasks.items() for each in (name, task.upstream)}
    return own | {plain(name.removeprefix("LEval_")): task for name, task in _upstream(benchmark)} | NAMES[benchmark]


def _upstream(benchmark: str) -> Iterator[tuple[str, str]]:
    for name, task in load_spec(benchmark).tasks.items():
        yield task.upstream, name


def cells(text: str) -> Iterator[Cell]:
    """The numbers of the score tables in a Markdown text."""
    benchmark, columns = "", []
    for line in text.splitlines():
        parts = [part.strip(" *") for part in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(parts) < 2:
            continue
        if all(plain(part) in MODELS for part in parts[1:]):
            columns = [MODELS[plain(part)] for part in parts[1:]]
            benchmark = {"dataset": "leval", "leval": "leval", "longbench": "longbench"}[plain(parts[0])]
        elif re.search(r"\d", parts[-1]):
            for (model, rope), printed in zip(columns, parts[1:], strict=True):
                yield Cell(benchmark, parts[0], model, rope, printed)


@pytest.fixture
def seeds() -> dict[str, str]:
    """Texts of the publications, by file name."""
    folder = Path(os.environ.get("EVALKIT_DATA", "")).parent / "seeds"
    if not os.environ.get("EVALKIT_DATA") or not folder.is_dir():
        pytest.skip("no folder seeds beside EVALKIT_DATA")
    return {path.name: path.read_text("utf-8") for path in folder.glob("*.txt")}


def rows(benchmark: str) -> list[PublishedScore]:
    return [*published(benchmark), *published_groups(benchmark)]


def test_every_number_of_every_table_is_a_row(seeds: dict[str, str]) -> None:
    """Those of report and page; a number that two of them print stands in one row, with the digits of both."""
    found = [cell for text in seeds.values() for cell in cells(text)]
    scores = {
        (each.benchmark, each.task, each.model, each.rope, printed)
        for benchmark in ("leval", "longbench")
        for each in rows(benchmark)
        for printed in (each.printed, each.also_printed)
    }
    names = {benchmark: names_of(benchmark) for benchmark in NAMES}

    missing = [
        cell
        for cell in found
        if cell.printed not in ("", "\\-")
        and (cell.benchmark, names[cell.benchmark][plain(cell.task)], *cell[2:]) not in scores
    ]

    assert [] == missing
    assert (21 + 28) * 4 + 28 * 3 + (18 + 21) * 8 == len(found)


def test_the_needle_test_of_the_long_model_is_a_row(seeds: dict[str, str]) -> None:
    """99.67% of 4 × 17 × 32 = 2,176 tests."""
    (score,) = published("needle-xverse-256k")
    text = "".join(seeds.values())

    assert f"{score.n}次测试(4x17x32)" in text
    assert f"{score.printed}%" in text


def test_the_needle_cell_of_the_report_is_a_row(seeds: dict[str, str]) -> None:
    """The report prints one number of its needle test in words."""
    printed = {score.printed for score in published("needlebench-32k") if score.also_in == "index-report"}

    assert {"91.08"} == printed
    assert any("91.08分" in text for text in seeds.values())
