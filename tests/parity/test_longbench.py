"""LongBench against upstream: prompts to the byte, published scores of real outputs, every recorded metric value."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.data import locate, source
from evalkit.tasks import Benchmark, Sample, load_benchmark
from evalkit.tasks._opencompass import first_option

Row = dict[str, Any]
Report = Callable[..., None]
BLOBS = {  # git blob ids at THUDM/LongBench 2e00731f
    "config/dataset2prompt.json": "1c85f6bc0f0df4e42131aa49a867797ee7043ecf",
    "config/dataset2maxlen.json": "79d0d9990e5799c845ebcf839c1ee1a4ff14873e",
}


def data() -> Path:
    """The folder of benchmark data; skips the test where it is not set."""
    folder = os.environ.get("EVALKIT_DATA")
    if not folder:
        pytest.skip("EVALKIT_DATA is not set")
    return Path(folder)


def prompts(name: str) -> list[Row]:
    """The rows of a golden prompt file; skips the test where it is absent."""
    golden = os.environ.get("EVALKIT_GOLDEN")
    if not golden:
        pytest.skip("EVALKIT_GOLDEN is not set")
    path = Path(golden).parent / "golden_prompts" / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside EVALKIT_GOLDEN")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def digest(text: str) -> str:
    """As the golden files have it."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def request_digests(benchmark: Benchmark, sample: Sample, protocol: str) -> tuple[str, str]:
    """Digests of the prompt and of the user message."""
    request = benchmark.request(sample, protocol, ())
    assert request is not None
    (message,) = request.messages
    return digest(request.text), digest(message.content)


@pytest.mark.usefixtures("upstream")
def test_longbench_prompts_are_upstreams_to_the_byte(golden_report: Report) -> None:
    """Of the official configuration and of OpenCompass, as a base and as a chat model gets them."""
    benchmark, root, rows = load_benchmark("longbench"), data(), prompts("longbench.jsonl")

    @cache
    def samples(task: str, file: str) -> list[Sample]:
        return list(benchmark.samples(task, "official", {benchmark.spec.tasks[task].file: root / file}))

    wrong = []
    for row in rows:
        sample = samples(row["task"], row["file"])[row["index"]]
        official = request_digests(benchmark, sample, "official")
        opencompass = request_digests(benchmark, sample, "opencompass")
        wanted = (row["sha256_official"],) * 2, (row["sha256_opencompass"], row["sha256_opencompass_chat"])
        if (official, opencompass, opencompass) != (*wanted, request_digests(benchmark, sample, "index")):
            wrong.append((row["file"], row["index"]))

    golden_report("golden_prompts/longbench.jsonl", len(rows) - len(wrong), len(rows))
    assert [] == wrong


@pytest.mark.usefixtures("upstream")
def test_inserted_text_is_scanned_again_as_upstream_does(golden_report: Report) -> None:
    """Made-up records with literal placeholders, in the release of the Index report and in the pinned one."""
    benchmark, rows = load_benchmark("longbench"), prompts("longbench_rescan.jsonl")

    wrong = []
    for row in rows:
        fields = {name: row["record"][name] for name in ("input", "context")}
        sample = Sample("id", "qasper", "doc", fields, ("A",), {"index": row["index"]})
        found = [request_digests(benchmark, sample, name)[0] for name in ("index", "opencompass")]
        if found != [row["sha256_index19b"], row["sha256_opencompass_0_5_4"]]:
            wrong.append(row["index"])

    golden_report("golden_prompts/longbench_rescan.jsonl", len(rows) - len(wrong), len(rows))
    assert [] == wrong


@pytest.mark.usefixtures("upstream")
def test_longbench_v2_prompts_are_upstreams_to_the_byte(golden_report: Report) -> None:
    """Every official variant, and OpenCompass with its row numbers."""
    benchmark, root, rows = load_benchmark("longbench-v2"), data(), prompts("longbench_v2.jsonl")
    samples = list(benchmark.samples("questions", "official", {"data.json": root / "longbench_v2" / "data.json"}))
    variants = {"0shot": "official", "0shot_cot": "official-cot", "no_context": "official-no-context"}

    wrong = []
    for row in rows:
        sample = samples[row["index"]]
        found = {
            f"sha256_official_{name}": request_digests(benchmark, sample, protocol)[0]
            for name, protocol in variants.items()
        }
        plain, chat = request_digests(benchmark, sample, "opencompass")
        found |= {"sha256_opencompass": plain, "sha256_opencompass_chat": chat}
        if any(row[name] != value for name, value in found.items()):
            wrong.append(row["index"])

    golden_report("golden_prompts/longbench_v2.jsonl", len(rows) - len(wrong), len(rows))
    assert [] == wrong


@pytest.mark.parametrize("path", BLOBS)
def test_the_official_configuration_is_the_file_of_the_commit(path: str) -> None:
    """Its git blob id, computed as git does."""
    data()
    content = locate(source("longbench_config"), path).path.read_bytes()

    assert BLOBS[path] == hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


@pytest.mark.usefixtures("upstream")
def test_opencompass_reads_the_options_it_read(mismatches: Callable[..., list[Row]]) -> None:
    """Its first-option rule on answers of every kind."""
    assert [] == mismatches(
        "longbench_v2_extraction.json",
        lambda row: first_option(row["prediction"], "ABCD") == row["extra"]["opencompass_extracted"],
    )


def published() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folders of published outputs and the scores published with them."""
    root = data() / "longbench_predictions"
    if not root.is_dir():
        pytest.skip("longbench_predictions is not in EVALKIT_DATA")
    for path in sorted(root.glob("*/scores.json")):
        yield path.parent, json.loads(path.read_text(encoding="utf-8"))["scores"]


def test_published_scores_are_reproduced_to_the_last_digit() -> None:
    """Both models, all tasks, and every length range of LongBench-E; difflib, as their publishers had it."""
    wrong, count = [], 0
    for folder, wanted in published():
        by_length = any(isinstance(value, dict) for value in wanted.values())
        scores = score_predictions(
            folder, "longbench", "official", benchmark="longbench-e" if by_length else "longbench"
        )
        for task, value in wanted.items():
            found = scores.tasks[task]
            parts = {name: part.score for name, part in (found.buckets or {}).items()} if by_length else found.score
            count += len(value) if by_length else 1
            if _rounded(parts) != value:
                wrong.append((folder.name, task, parts, value))

    assert [] == wrong
    assert count >= 75


def _rounded(value: float | dict[str, float | None] | None) -> object:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return None if value is None else round(value, 2)
