"""Every row of the official truncation code's output."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from evalkit.prompts import Budget, TruncationMode, kept_ranges, leval_word_count

SUFFIX = "_before_redecode"

DIALECTS = {
    "opencompass_chat_mid": TruncationMode.INDEX,
    "bilibili_chat_mid": TruncationMode.INDEX,
    "opencompass_legacy_hf_or_vllm_mid": TruncationMode.OPENCOMPASS_LEGACY_MID,
    "opencompass_legacy_vllm_mid": TruncationMode.OPENCOMPASS_LEGACY_VLLM_MID,
    "opencompass_chat_none": TruncationMode.OPENCOMPASS_LEFT,
    "opencompass_base_drop_middle": TruncationMode.OPENCOMPASS_DROP_MIDDLE,
    "longbench_v1_official": TruncationMode.LONGBENCH_OFFICIAL,
    "longbench_v2_official": TruncationMode.LONGBENCH_V2_OFFICIAL,
    "leval_baseline_words": TruncationMode.LEVAL_OFFICIAL,
}
"""Upstream code path → the mode that follows it, as in `docs/truncation.md`."""


def rows() -> list[dict[str, Any]]:
    """Rows of truncation.json, wherever the golden folder is."""
    folder = os.environ.get("EVALKIT_GOLDEN")
    path = Path(folder) / "truncation.json" if folder else None
    if path is None or not path.is_file():
        pytest.skip("EVALKIT_GOLDEN is not set to a folder with truncation.json")
    return json.loads(path.read_text(encoding="utf-8"))


def kept(row: dict[str, Any]) -> list[list[int]]:
    """Inclusive ranges that our mode for the row's dialect keeps."""
    mode = DIALECTS[row["dialect"].removesuffix(SUFFIX)]
    if mode is TruncationMode.LEVAL_OFFICIAL:
        ratio = row["tokens_per_word"]
        return [[0, leval_word_count(row["n"], row["max_length"], lambda k: math.ceil(ratio * k)) - 1]]
    limit = row.get("max_length", row.get("max_len"))
    budget = Budget(row.get("max_seq_len", limit), row.get("max_out_len", 0), limit, row.get("truncation_side", "left"))
    return [[span.start, span.stop - 1] for span in kept_ranges(mode, row["n"], budget)]


def merged(ranges: list[list[int]]) -> list[list[int]]:
    """Adjacent ranges joined, as the golden file writes them."""
    joined: list[list[int]] = []
    for start, stop in ranges:
        if joined and joined[-1][1] + 1 == start:
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    return joined


def test_every_dialect_keeps_the_tokens_that_upstream_keeps(golden_report: Any) -> None:
    """The kept ranges equal those of the upstream code for every row."""
    wrong = [(row, kept(row)) for row in rows() if merged(kept(row)) != row["kept_ranges"]]

    golden_report("truncation.json", len(rows()) - len(wrong), len(rows()))
    assert [] == wrong


def test_every_dialect_of_the_golden_file_has_a_mode() -> None:
    """The published table from dialect to mode has an entry for each dialect in use."""
    assert {row["dialect"].removesuffix(SUFFIX) for row in rows()} <= set(DIALECTS)
