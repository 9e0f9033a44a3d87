"""The columns of the page's samples, made again here from `samples.jsonl` and `scores.jsonl`."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.reports.page import read_runs
from evalkit.reports.page._labels import labels_of
from evalkit.reports.page._samples import samples_part
from evalkit.reports.page._texts import shortened
from evalkit.scores import KeptAnswers, KeptOutputs, TaskAnswers, keep_answers, write_scores
from evalkit.tasks import Answer, load_benchmark

Command = Callable[..., Any]
Columns = dict[str, Any]
Change = Callable[[dict[str, Any]], dict[str, Any]]

CUT, LOST, FAILED, STARVED, LIMIT, FRAGILE, REFUSED, DOUBTFUL = (2**power for power in range(8))


def columns_of(folder: Path) -> Columns:
    """The columns of one run, as JSON gives them back."""
    part = samples_part(read_runs([folder]), labels_of("en"))
    assert part is not None
    (columns,) = json.loads(json.dumps(part.data["samples"], allow_nan=False, ensure_ascii=False).encode())
    lengths = {len(column) for name, column in columns.items() if name != "scores"}
    lengths |= {len(column) for column in columns.get("scores", {}).values()}
    assert {len(columns["task"])} == lengths
    return dict(columns)


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file, one a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def rewrite(folder: Path, *changes: Change) -> list[dict[str, Any]]:
    """The first records changed in turn, without their checksums, as if they had been recorded so; all records."""
    records = [
        {name: value for name, value in each.items() if name != "crc32"} for each in lines(folder / "samples.jsonl")
    ]
    for place, change in enumerate(changes):
        records[place] |= change(records[place])
    (folder / "samples.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records), "utf-8")
    return records


@pytest.fixture
def run(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> Callable[..., Path]:
    """A finished run of the toy benchmark: `run("--limit", 3)`; its folder."""

    def go(*options: object, backend: str = "toy") -> Path:
        done = evalkit("run", tiny_model, toy, "--backend", backend, "--out", bare / "run", *options)
        assert done.code in (0, 1), done
        return bare / "run"

    return go


def test_every_column_says_what_the_log_says(run: Callable[..., Path], evalkit: Command) -> None:
    """Both tasks, one of them cut; a failed sample, a starved one, a refusal, one at the limit, a near tie."""
    folder = run("--limit", 5, "--max-seq-len", 350)
    thoughts = "so " * 1000
    records = rewrite(
        folder,
        lambda _: {"error": "broke", "text": None, "finish_reason": "error"},
        lambda _: {"text": "", "lost_to": "reasoning", "finish_reason": "length", "reasoning": thoughts},
        lambda _: {"text": "", "lost_to": "refusal"},
        lambda _: {"margin": 0.4, "margin_token": 3, "reasoning": "short"},
        lambda _: {"margin": 0.5, "margin_token": 3, "text": "x" * 3000},
    )
    assert 0 == evalkit("score", folder).code - 1  # one sample failed
    by_id = {record["id"]: record for record in records}
    scores = {row["id"]: row["score"] for row in lines(folder / "scores.jsonl")}

    columns = columns_of(folder)

    tasks = ["tales", "sagas"]
    ids = [f"toy/{tasks[task]}/{key}" for task, key in zip(columns["task"], columns["key"], strict=True)]
    assert [f"toy/{task}/{index}" for task in tasks for index in range(5)] == ids
    told = [by_id[each] for each in ids]
    assert [scores.get(each) for each in ids] == columns["score"]
    assert [record["ledger"]["before"] for record in told] == columns["before"]
    assert [record["ledger"]["after"] for record in told] == columns["after"]
    assert 5 == sum(record["ledger"]["after"] < record["ledger"]["before"] for record in told)
    assert [
        [place for span in record["ledger"]["kept"] for place in span] if len(record["ledger"]["kept"]) > 1 else None
        for record in told
    ] == columns["kept"]
    assert [record["preview"] for record in told] == columns["head"]
    assert [record["preview_end"] or None for record in told] == columns["tail"]
    assert [
        text if text is None or len(text) <= 2000 else [text[:1000], text[-1000:], len(text)]
        for text in (record["text"] for record in told)
    ] == columns["answer"]
    assert [record["error"] for record in told] == columns["error"]
    assert {"so " * 166 + "so", "short"} == {
        text[0] if isinstance(text, list) else text for text in columns["reasoning"] if text is not None
    }
    assert [
        (CUT if record["ledger"]["after"] < record["ledger"]["before"] else 0)
        + (FAILED if record["error"] else 0)
        + (STARVED if record["lost_to"] == "reasoning" else 0)
        + (LIMIT if record["finish_reason"] == "length" else 0)
        + (FRAGILE if record["margin"] is not None and record["margin"] < 0.5 else 0)
        + (REFUSED if record["lost_to"] == "refusal" else 0)
        for record in told
    ] == columns["flags"]
    assert {"draw", "id", "more", "steps", "seen", "scores", "length", "needle", "evidence"}.isdisjoint(columns)


def test_a_draw_has_the_score_of_its_own(run: Callable[..., Path]) -> None:
    """And its own answer; draws of a sample stand together."""
    options = ("--task", "tales", "--temperature", 0.9, "--samples-per-question", 3)
    folder = run("--limit", 2, *options, backend="hf")
    records = {(each["id"], each.get("draw", 0)): each for each in lines(folder / "samples.jsonl")}
    scores = {(row["id"], row["draw"]): row["score"] for row in lines(folder / "scores.jsonl")}

    columns = columns_of(folder)

    names = [(f"toy/tales/{key}", draw) for key, draw in zip(columns["key"], columns["draw"], strict=True)]
    assert [(f"toy/tales/{index}", draw) for index in range(2) for draw in range(3)] == names
    assert [records[name]["text"] for name in names] == columns["answer"]
    assert [scores[name] for name in names] == columns["score"]


def test_the_last_step_answers_and_earlier_ones_are_kept(run: Callable[..., Path]) -> None:
    """A sample whose last step has not been asked yet has no answer, and has not failed."""
    folder = run("--limit", 3, "--task", "tales", "--protocol", "chain")
    records = {(each["id"], each["step"]): each["text"] for each in lines(folder / "samples.jsonl")}
    kept = [each for each in rewrite(folder) if (each["id"], each["step"]) != ("toy/tales/1", 1)]
    (folder / "samples.jsonl").write_text("".join(json.dumps(each) + "\n" for each in kept))

    columns = columns_of(folder)

    first, last = ([records[f"toy/tales/{index}", step] for index in range(3)] for step in (0, 1))
    assert [[each] for each in first] == columns["steps"]
    assert [last[0], None, last[2]] == columns["answer"]
    assert ([0, 0, 0], [False, True, False]) == (columns["flags"], [score is None for score in columns["score"]])


def kept(folder: Path, name: str, protocol: str, tasks: dict[str, TaskAnswers]) -> Path:
    """A folder of scores of answers made elsewhere."""
    folder.mkdir()
    origin = KeptOutputs(schema=1, format="made", place="x", benchmark=name, protocol=protocol, model="m")
    answers = KeptAnswers(origin, load_benchmark(name), tasks)
    measured = answers.measure()
    write_scores(folder, measured.scores, measured.rows)
    keep_answers(folder, answers)
    return folder


def answer(task: str, index: int, text: str, *targets: str, **metadata: object) -> Answer:
    """An answer to a question of its own document."""
    return Answer(f"leval/{task}/{index}", f"d{index}", text, targets, {"index": index, **metadata})


def test_several_columns_are_combined_as_the_task_combines_them(tmp_path: Path) -> None:
    """The geometric mean of three, the mean of those there are; one that nobody scores has none, a refused one why."""
    summaries = [
        answer("gov_report_summ", 0, "The cat sat down.", "the cat sat", evaluation="rouge"),
        answer("gov_report_summ", 1, "nothing alike", "the cat sat", evaluation="rouge"),
        answer("gov_report_summ", 2, "left to a judge", "the cat sat", evaluation="LLM"),
        answer("gov_report_summ", 3, "the cat", "the cat sat", evaluation="rouge"),
    ]
    topics = [answer("topic_retrieval_longchat", index, "The Cat", "cat", evaluation="exam") for index in range(3)]
    science = [
        answer("sci_fi", 0, "True", "True [fact: False]"),
        answer("sci_fi", 1, "True [fact: no]", "True [fact: no]"),
    ]
    silent = [answer("sci_fi", 2, "", "True [fact: False]")]
    folder = kept(
        tmp_path / "kept",
        "leval",
        "official",
        {
            "gov_report_summ": TaskAnswers(summaries),
            "topic_retrieval_longchat": TaskAnswers(topics),
            "sci_fi": TaskAnswers(science, unanswered=silent),
        },
    )
    rows: dict[tuple[str, str], float] = {
        (each["id"], each["metric"]): each["score"] for each in lines(folder / "scores.jsonl")
    }

    columns = columns_of(folder)

    tasks = list(json.loads((folder / "scores.json").read_text())["tasks"])
    found = {f"leval/{tasks[task]}/{columns['key'][place]}": place for place, task in enumerate(columns["task"])}
    for each in (summaries[0], summaries[1], summaries[3]):
        three = [rows[each.id, name] for name in ("rouge1", "rouge2", "rougeL")]
        assert columns["score"][found[each.id]] == pytest.approx(math.prod(three) ** (1 / 3))
        assert three == [columns["scores"][name][found[each.id]] for name in ("rouge1", "rouge2", "rougeL")]
    judged = found[summaries[2].id]
    assert (None, None, 0) == (columns["score"][judged], columns["scores"]["rouge1"][judged], columns["flags"][judged])
    for place, each in enumerate(topics):
        sentence = ("first", "second", "third")[place]
        assert 100 == columns["score"][found[each.id]] == columns["scores"][sentence][found[each.id]]
        assert "thecat" == columns["seen"][found[each.id]]
    refused, said, unanswered = (found[f"leval/sci_fi/{index}"] for index in range(3))
    assert [None, 50, None] == [columns["score"][place] for place in (refused, said, unanswered)]
    assert [FAILED, 0, FAILED] == [columns["flags"][place] for place in (refused, said, unanswered)]
    assert "no '[fact:' part" in columns["error"][refused]
    assert "no answer in the outputs" == columns["error"][unanswered]
    assert ["True", "True [fact: no]", None] == [columns["answer"][place] for place in (refused, said, unanswered)]
    assert "true [fact: <error>]" == columns["seen"][said]


def test_what_is_seen_is_left_out_where_it_is_the_answer(tmp_path: Path) -> None:
    """Only the answers that post-processing changed have it; one of which it leaves nothing has an empty text."""
    texts = ("A", "Surely B", "?")
    answers = [answer("coursera", index, text, "A") for index, text in enumerate(texts)]
    folder = kept(tmp_path / "kept", "leval", "opencompass", {"coursera": TaskAnswers(answers)})

    columns = columns_of(folder)

    assert [None, "B", ""] == columns["seen"]
    assert [100, 0, 0] == columns["score"]


def test_long_texts_and_many_targets_are_cut_and_counted(tmp_path: Path) -> None:
    """Both ends and the length, of an answer of ten million characters too; the number of further gold answers."""
    made = answer(
        "financial_qa", 0, "a" * 5_000_000 + "b" * 5_000_000, *("c" * 601 for _ in range(12)), evaluation="f1"
    )
    short = answer("financial_qa", 1, "a" * 2000, "c" * 600, evaluation="f1")
    folder = kept(tmp_path / "kept", "leval", "official", {"financial_qa": TaskAnswers([made, short])})

    columns = columns_of(folder)

    assert [["a" * 1000, "b" * 1000, 10_000_000], "a" * 2000] == columns["answer"]
    assert [[["c" * 300, "c" * 300, 601]] * 10, ["c" * 600]] == columns["targets"]
    assert [2, None] == columns["more"]


def test_texts_that_no_file_can_hold_are_shown_all_the_same(tmp_path: Path) -> None:
    """NULs stay; half a surrogate pair becomes the sign for what cannot be shown."""
    text = "nul \0, line \u2028, </script>"
    folder = kept(tmp_path / "kept", "leval", "official", {"codeU": TaskAnswers([answer("codeU", 0, text, "1")])})

    assert [text] == columns_of(folder)["answer"]
    assert "half \N{REPLACEMENT CHARACTER}, whole 👩" == shortened("half \ud83d, whole \ud83d\udc69", 100)


@given(st.text(st.sampled_from("ae\u0301\u200d\ufe0f👩国"), max_size=60), st.integers(2, 40))
def test_a_cut_text_is_both_ends_of_it(text: str, most: int) -> None:
    """Never more than was asked for, and parted where a reader sees two letters, if there is such a place nearby."""
    found = shortened(text, most)

    if len(text) <= most:
        assert text == found
        return
    assert isinstance(found, list)
    start, end, count = found
    assert isinstance(start, str)
    assert isinstance(end, str)
    assert len(text) == count
    assert len(start) + len(end) <= most
    assert text.startswith(start)
    assert text.endswith(end)
    if len(start) < most // 2:  # moved, and so to a place between two letters
        assert unicodedata.category(text[len(start)])[0] != "M"
        assert unicodedata.category(text[most // 2])[0] == "M" or "\u200d" in text[most // 2 - 1 : most // 2 + 1]
