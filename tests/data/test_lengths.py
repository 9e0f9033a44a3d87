"""`evalkit data lengths`: documents found, read once and counted, against counts made here."""

from __future__ import annotations

import csv
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from evalkit.reports._document_lengths import PartLengths
from tests.reports.heatmaps.test_figure import words

Command = Callable[..., Any]
WORDS = ("river", "stone", "第一个", "house", "{value}", "42")


def text(count: int) -> str:
    """A document of so many words."""
    return " ".join(WORDS[index % len(WORDS)] for index in range(count))


@pytest.fixture
def tokenizer(tmp_path: Path, new_tokenizer: Callable[..., PreTrainedTokenizerFast]) -> Path:
    """A `tokenizer.json`."""
    path = tmp_path / "tokenizer.json"
    new_tokenizer().backend_tokenizer.save(str(path))
    return path


@pytest.fixture
def leval(tmp_path: Path) -> Path:
    """A folder with two tasks of L-Eval: one document with three questions; one in two records, and one in one."""
    folder = tmp_path / "data"
    for name, documents in {
        "Exam/tpo.jsonl": [(text(40), 3)],
        "Generation/news_summ.jsonl": [(text(900), 1), (text(7_000), 1), (text(900), 1)],
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(
            "".join(
                json.dumps({
                    "input": document, "instructions": ["Why?"] * count, "outputs": ["A"] * count,
                    "evaluation": "exam", "source": "",
                }) + "\n"
                for document, count in documents
            ),
            encoding="utf-8",
        )  # fmt: skip
    return folder


def tokens(tokenizer: Path, *texts: str) -> list[int]:
    """Tokens counted by the library itself."""
    from tokenizers import Tokenizer

    return [len(Tokenizer.from_file(str(tokenizer)).encode(each, add_special_tokens=False).ids) for each in texts]


def test_documents_are_counted_once_each_with_all_numbers(
    evalkit: Command, bare: Path, leval: Path, tokenizer: Path
) -> None:
    """Three questions about one document are one document; missing tasks are named."""
    done = evalkit(
        "data", "lengths", "leval", "--tokenizer", tokenizer, "--data", leval, "--json", "-", "--table", "t.csv",
        "--out", "figure",
    )  # fmt: skip

    assert 0 == done.code, done
    found = json.loads(done.out)
    (short,), (middle, long) = tokens(tokenizer, text(40)), tokens(tokenizer, text(900), text(7_000))
    assert (1, short, short) == tuple(found["parts"]["tpo"][name] for name in ("n", "min", "max"))
    assert (2, middle, long) == tuple(found["parts"]["news_summ"][name] for name in ("n", "min", "max"))
    assert statistics.fmean([short, middle, long]) == pytest.approx(found["total"]["mean"])
    assert middle == found["total"]["median"]
    ends = [4_000, 8_000, 16_000, 32_000]
    expected = [0] * 5
    for length in (short, middle, long):
        expected[sum(length >= end for end in ends)] += 1
    assert expected == list(found["total"]["ranges"].values())
    assert {"gsm100", "tv_show_summ"} <= set(found["missing"])
    assert {"Exam/tpo.jsonl", "Generation/news_summ.jsonl"} == set(found["unknown_files"])
    assert "PARTIAL: 2 of 20" in done.err
    rows = list(csv.DictReader((bare / "t.csv").read_text("utf-8").splitlines()))
    assert ["tpo", "news_summ", "total"] == [row["task"] for row in rows]
    assert [str(short), str(long)] == [rows[0]["max"], rows[2]["max"]]
    assert {"tpo", "news_summ", "total", "over 32K", "Share of documents"} <= set(words(bare / "figure.svg"))
    assert (bare / "figure.png").is_file()


@pytest.mark.usefixtures("upstream")
def test_whole_prompts_are_counted_where_they_are_asked_for(
    evalkit: Command,
    leval: Path,
    tokenizer: Path,
) -> None:
    """One for each question, longer than the document in it."""
    done = evalkit(
        "data", "lengths", "leval", "tpo", "--tokenizer", tokenizer, "--data", leval, "--json", "-", "--prompts"
    )

    found = json.loads(done.out)["parts"]["tpo"]
    assert 3 == found["n"]
    assert found["min"] > tokens(tokenizer, text(40))[0]


def test_a_source_of_texts_is_counted_by_its_files(evalkit: Command, tmp_path: Path, tokenizer: Path) -> None:
    """Each record a document."""
    folder = tmp_path / "data"
    folder.mkdir()
    documents = [text(10), text(300)]
    (folder / "zh_tech.jsonl").write_text("".join(json.dumps({"text": each}) + "\n" for each in documents), "utf-8")

    done = evalkit(
        "data", "lengths", "needlebench", "zh_tech", "--tokenizer", tokenizer, "--data", folder, "--json", "-"
    )

    assert (2, *tokens(tokenizer, *documents)) == tuple(
        json.loads(done.out)["parts"]["zh_tech"][name] for name in ("n", "min", "max")
    )


def test_a_model_folder_counts_as_its_file_does(evalkit: Command, leval: Path, tiny_model: Path) -> None:
    """The same tokens by the model's folder as by the tokenizers library."""
    done = evalkit("data", "lengths", "leval", "tpo", "--tokenizer", tiny_model, "--data", leval, "--json", "-")

    assert 0 == done.code, done
    assert tokens(tiny_model / "tokenizer.json", text(40)) == [json.loads(done.out)["total"]["max"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lonbench", "--tokenizer", "gpt2"), "unknown source or benchmark 'lonbench': did you mean 'longbench'"),
        (("leval", "--tokenizer", "cl100k"), "unknown tokenizer 'cl100k': did you mean 'cl100k_base'"),
        (("leval", "tpoo", "--tokenizer", "gpt2"), "unknown task of leval 'tpoo': did you mean 'tpo'"),
        (("leval", "gsm100", "--tokenizer", "gpt2"), "leval: no data of gsm100 is on this machine"),
        (("leval", "--tokenizer", "nowhere/tokenizer.json"), "--tokenizer nowhere/tokenizer.json: cannot be read"),
        (("needle", "--tokenizer", "gpt2"), "needle: its samples have no document of their own"),
        (("needlebench", "--prompts", "--tokenizer", "gpt2"), "--prompts: needlebench is a source of texts"),
        (("leval", "--tokenizer", "gpt2", "--table", "t.doc"), "--table t.doc: a table is written as"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_one_line(
    evalkit: Command, leval: Path, tokenizer: Path, arguments: tuple[str, ...], said: str
) -> None:
    """With what to do, and exit code 2."""
    given = [str(tokenizer) if each == "gpt2" else each for each in arguments]

    assert said in evalkit("data", "lengths", *given, "--data", leval).complaint


def test_the_95th_percentile_is_a_length_that_is_there() -> None:
    """The least one that 95% of the texts do not exceed."""
    assert 95 == PartLengths("x", list(range(1, 101))).p95
    assert 19 == PartLengths("x", list(range(1, 21))).p95
    assert 7 == PartLengths("x", [7]).p95
