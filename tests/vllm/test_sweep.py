"""Sweeps on vLLM: one engine for all specs, one for each of its own rules, and the answers of the hf backend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalkit import rope_sweep

from .conftest import MODEL

SPECS = ["none", "dynamic:2,4", "yarn:2"]
GRID = {"lengths": "448,1500,1984", "depths": "50", "repeats": "2"}


def texts(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Spec and sample → answer and RoPE group."""
    return {
        (path.parent.parent.name, record["id"]): (record["text"], record["rope"])
        for path in folder.glob("*/needle/samples.jsonl")
        for record in map(json.loads, path.read_text().splitlines())
    }


def engines(folder: Path) -> list[dict[str, Any]]:
    """What each run says of its engine."""
    return [json.loads(path.read_text())["environment"]["engine"] for path in folder.glob("*/needle/run.json")]


def test_the_answers_are_those_of_the_hf_backend(tmp_path: Path) -> None:
    """Sample by sample, with the rotation verified in every run."""
    for backend in ("vllm", "hf"):
        given: dict[str, Any] = {"backend": backend, "dtype": "float32", "options": GRID, "out": tmp_path / backend}
        rope_sweep(MODEL, "needle", specs=SPECS, progress=False, **given)

    assert 24 == len(texts(tmp_path / "hf"))
    assert texts(tmp_path / "hf") == texts(tmp_path / "vllm")
    assert [True] * 4 == [engine["rope_verified"] for engine in engines(tmp_path / "vllm")]


def test_each_of_its_own_rules_gets_an_engine(tmp_path: Path) -> None:
    """Under which it turns all prompts as the window does."""
    given: dict[str, Any] = {"backend": "vllm", "dtype": "float32", "options": GRID, "out": tmp_path}
    rope_sweep(MODEL, "needle", specs=["none", "dynamic:2"], rope_mode="engine", progress=False, **given)

    groups = {spec: {group for (name, _), (_, group) in texts(tmp_path).items() if name == spec} for spec in
              ("none", "dynamic-2")}  # fmt: skip
    assert {"default/base=10000.0"} == groups["none"]
    assert 1 == len(groups["dynamic-2"])
    assert next(iter(groups["dynamic-2"])).startswith("engine:dynamic/")
