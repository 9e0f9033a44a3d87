"""A small NeedleBench: files of a few lines, and a tokenizer whose tokens are bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from evalkit.data import read_wheel_text
from evalkit.errors import DataError
from evalkit.tasks import Sample, load_benchmark
from evalkit.tasks.needlebench import NeedleBench, _grid
from evalkit.tasks.needlebench._tokens import Cl100kEncoder, TokenBytes

WORDS = ["alder", "birch", "cedar", "dogwood", "elm", "fir"]


class ByteEncoder(Cl100kEncoder):
    """Every UTF-8 byte is a token, so that lengths in tests can be counted by eye."""

    def encode(self, text: str) -> TokenBytes:
        data = text.encode()
        return TokenBytes(data, np.arange(len(data) + 1, dtype=np.int64))


@pytest.fixture
def encode() -> Cl100kEncoder:
    """The tokenizer of bytes."""
    return ByteEncoder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all of NeedleBench's files, a few lines each."""
    haystacks = {
        "PaulGrahamEssays.jsonl": [f"{word} " * 400 for word in WORDS],
        "zh_finance.jsonl": ["财经。" * 900] * 3,
    }
    for name, lines in haystacks.items():
        (tmp_path / name).write_text("".join(json.dumps({"text": line}) + "\n" for line in lines), encoding="utf-8")
    needles = [_needle(index, language) for index in range(25) for language in ("English", "Chinese")]
    (tmp_path / "needles.jsonl").write_text("".join(json.dumps(each) + "\n" for each in needles), encoding="utf-8")
    for language in ("en", "zh"):
        records = [_record(count, serial) for count in range(2, 6) for serial in range(3)]
        (tmp_path / f"multi_needle_reasoning_{language}.json").write_text(json.dumps(records), encoding="utf-8")
    names = {name: ",".join(f"{name[0]}{index}" for index in range(600)) for name in ("English", "Chinese")}
    (tmp_path / "names.json").write_text(json.dumps(names), encoding="utf-8")
    return tmp_path


def _needle(index: int, language: str) -> dict[str, str]:
    """A needle in the shape of upstream's file: the question says how to answer between single quotes."""
    if language == "English":
        question = f"What is in box {index}? Please answer in the format 'In box {index} is ____.'"
        sentence = f"In box {index} is key{index}."
    else:
        question = f"盒子{index}里有什么？请按照'盒子{index}里有____。'的格式回答。"
        sentence = f"盒子{index}里有钥匙{index}。"
    keyword = f"key{index}" if language == "English" else f"钥匙{index}"
    return {"needle": sentence, "retrieval_question": question, "arg1": f"box {index}", "arg2": keyword,
        "language": language}  # fmt: skip


def _record(count: int, serial: int) -> dict[str, object]:
    derivations = [f"Fact {serial}.{step} of {count}" for step in range(count)]
    return {"id": f"{count}-{serial}", "derivation_count": count, "derivations": derivations, "answer": f"end {serial}",
        "question": f"Where does {serial} end?"}  # fmt: skip


@pytest.fixture(scope="session")
def wheel() -> Iterator[None]:
    """Upstream's wheel can be read: it is at hand, or the package index is."""
    try:
        read_wheel_text("opencompass/datasets/needlebench/origin.py")
    except DataError as error:
        if "pip cannot download" not in str(error):
            raise
        pytest.skip(f"no wheel at hand and no package index: {error}")
    yield


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., NeedleBench]:
    """Loader of a set by name, its lengths counted in bytes: `load("needlebench-4k", seed="1")`."""
    monkeypatch.setattr(_grid, "Cl100kEncoder", ByteEncoder)

    def loaded(name: str, **options: str) -> NeedleBench:
        benchmark = load_benchmark(name, options)
        assert isinstance(benchmark, NeedleBench)
        return benchmark

    return loaded


@pytest.fixture
def samples(folder: Path, load: Callable[..., NeedleBench]) -> Callable[..., list[Sample]]:
    """All samples of a task of a set: `samples("needlebench-4k", "single_en")`."""

    def made(name: str, task: str, **options: str) -> list[Sample]:
        benchmark = load(name, **options)
        return list(benchmark.samples(task, "opencompass", {file: folder / file for file in benchmark.files(task)}))

    return made
