"""Complete outputs and data that are published, written as OpenCompass writes them: none is taken for doubled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError
from evalkit.tasks import load_spec

Row = dict[str, Any]
Files = dict[str, list[Row]]


@pytest.fixture
def data() -> Path:
    """The published data."""
    root = os.environ.get("EVALKIT_DATA")
    if not root:
        pytest.skip("EVALKIT_DATA is not set")
    return Path(root)


def dump(folder: Path, files: Files) -> Path:
    """The files in a folder of their own."""
    folder.mkdir()
    for name, rows in files.items():
        content = {str(index): row for index, row in enumerate(rows)}
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def lines(path: Path) -> Iterator[Row]:
    """The records of a file."""
    with path.open(encoding="utf-8") as stream:
        yield from (json.loads(line) for line in stream if line.strip())


def longbench(folder: Path) -> Files:
    """Published LongBench outputs."""
    tasks = load_spec("longbench").tasks
    return {
        str(task.upstream): [_longbench_row(row) for row in lines(folder / f"{name}.jsonl")]
        for name, task in tasks.items()
    }


def _longbench_row(row: Row) -> Row:
    classes = row.get("all_classes")
    gold = {"answers": row["answers"], "all_classes": classes} if classes else row["answers"]
    return {"prediction": row["pred"], "gold": gold}


def leval(folder: Path, *, with_prompts: bool) -> Files:
    """L-Eval's complete data, its gold answers as predictions."""
    tasks = load_spec("leval").tasks.values()
    return {
        task.upstream: [
            {"origin_prompt": record["input"] + question if with_prompts else "…", "prediction": output, "gold": output}
            for record in lines(folder / task.file)
            for question, output in zip(record["instructions"], record["outputs"], strict=True)
        ]
        for task in tasks
        if task.upstream and (folder / task.file).is_file()
    }


@pytest.mark.parametrize("model", ["llama3-8b-instruct", "llama2-7b-chat-4k"])
def test_published_longbench_outputs_pass_and_are_refused_when_doubled(data: Path, bare: Path, model: str) -> None:
    """Every task, without the data; and every task whose second half is its first again."""
    folder = data / "longbench_predictions" / model
    if not folder.is_dir():
        pytest.skip(f"{folder.name} is not in EVALKIT_DATA")
    files = longbench(folder)

    scores = score_predictions(dump(bare / "whole", files), "opencompass")

    assert [] == [task for task, score in scores.tasks.items() if score.n != score.expected or score.notes]
    for number, (name, rows) in enumerate(files.items()):
        half = rows[: len(rows) // 2]
        with pytest.raises(DataError, match="the same samples twice"):
            score_predictions(dump(bare / str(number), {name: half * 2}), "opencompass")


def test_the_first_gold_answer_alone_will_do(data: Path, bare: Path) -> None:
    """Files of other hands keep one of several."""
    folder = data / "longbench_predictions" / "llama3-8b-instruct"
    if not folder.is_dir():
        pytest.skip(f"{folder.name} is not in EVALKIT_DATA")
    files = {
        name: [row | {"gold": row["gold"][0]} for row in rows]
        for name, rows in longbench(folder).items()
        if isinstance(rows[0]["gold"], list)
    }

    scores = score_predictions(dump(bare / "first", files), "opencompass")

    assert [] == [task for task, score in scores.tasks.items() if score.n != score.expected]


@pytest.mark.parametrize("with_prompts", [False, True])
def test_complete_leval_data_passes(data: Path, bare: Path, with_prompts: bool) -> None:
    """Its open tasks hold up to 24 questions a second time."""
    files = leval(data / "leval", with_prompts=with_prompts)
    if not files:
        pytest.skip("leval is not in EVALKIT_DATA")

    scores = score_predictions(dump(bare / "whole", files), "opencompass")

    assert len(files) == len(scores.tasks)
    assert [] == [task for task, score in scores.tasks.items() if score.n != score.expected or score.notes]


@pytest.mark.parametrize("place", [
    "leval_predictions/exam_eval/gpt4-32k", "leval_predictions/exam_eval/turbo-16k-0613",
    "leval_predictions/ngram_eval/llama2-13b-chat-4k", "leval_predictions/ngram_eval/turbo-16k-0613",
    "longbench_predictions/llama3-8b-instruct", "longbench_predictions/llama2-7b-chat-4k",
    "longbench_predictions/llama3-8b-inst_longbench_e",
])  # fmt: skip
def test_published_outputs_have_no_note_of_their_own(data: Path, bare: Path, place: str) -> None:  # noqa: ARG001
    """What is said of a broken run is said of none of them."""
    folder = data / place
    if not folder.is_dir():
        pytest.skip(f"{place} is not in EVALKIT_DATA")
    benchmark = "longbench-e" if place.endswith("_e") else None

    read = score_predictions(folder, place.split("_")[0], benchmark=benchmark)

    words = ("one text", "all_classes", "evaluation", "twice")
    assert [] == [note for task in read.tasks.values() for note in task.notes if any(word in note for word in words)]
