"""A misspelt name of attention is told before the work, a right one is left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AttentionInterface

from evalkit.errors import UserError
from evalkit.models import check_attention
from evalkit.runs import _runner


def test_a_misspelt_attention_is_one_line_before_any_work(
    evalkit: Callable[..., Any], toy: str, tiny_model: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the names that there are; no prompt is built and no folder made."""
    monkeypatch.setattr(_runner, "_first_plan", None)
    monkeypatch.setitem(AttentionInterface._global_mapping, "evalkit_suffix", print)  # after an earlier run

    complaint = evalkit("run", tiny_model, toy, "--attention", "flsh").last_complaint

    assert complaint.startswith("--attention flsh: must be one of auto, eager, flash_attention_2, ")
    names = {*complaint.partition("one of ")[2].split(", ")}
    assert {"flash_attention_3", "flex_attention", "sdpa"} <= names
    assert not any("evalkit" in name for name in names)
    assert [] == list(bare.iterdir())


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("hf", "auto"), ("hf", "sdpa"), ("hf", "eager"), ("hf", "flash_attention_2"), ("hf", "flex_attention"),
        ("hf", "owner/kernel@v1:run"), ("vllm", "flsh"),
    ],
)  # fmt: skip
def test_names_that_may_be_right_are_left_alone(backend: str, name: str) -> None:
    """Kernels of the hub are told when they are loaded, and other backends have names of their own."""
    check_attention(backend, name)


def test_attention_that_the_user_registered_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """By transformers' own way of adding one."""
    with pytest.raises(UserError, match="--attention own: must be one of"):
        check_attention("hf", "own")
    monkeypatch.setitem(AttentionInterface._global_mapping, "own", print)

    check_attention("hf", "own")
