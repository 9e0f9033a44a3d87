"""Families whose files say all: their facts are those that transformers' own classes give."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import _class, _families
from evalkit.cards._folder import FolderFacts, read_facts
from evalkit.errors import CardError
from tests.cards.sizes import SIZES, YARN

LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 512,
}  # fmt: skip
LONGROPE = {
    "original_max_position_embeddings": 512,
    "rope_scaling": {"type": "longrope", "short_factor": [1.0] * 16, "long_factor": [1.0] * 16},
}

BASES: dict[str, dict[str, Any]] = {
    "no base": {}, "base": {"rope_theta": 5e5}, "whole number": {"rope_theta": 10000},
    "inside": {"rope_parameters": {"rope_type": "default", "rope_theta": 3e5}},
    "inside, scaled": {"rope_parameters": {**YARN, "factor": 2.0, "rope_theta": 3e5}},
    "inside and on top": {"rope_parameters": {"rope_type": "default", "rope_theta": 3e5}, "rope_theta": 5e5},
    "inside without": {"rope_parameters": {"rope_type": "default"}}, "base of null": {"rope_theta": None},
}  # fmt: skip
SCALINGS: dict[str, dict[str, Any]] = {
    "-": {}, "null": {"rope_scaling": None}, "yarn": {"rope_scaling": YARN}, "llama3": {"rope_scaling": LLAMA3},
    "linear": {"rope_scaling": {"type": "linear", "factor": 8.0}},
    "dynamic": {"rope_scaling": {"rope_type": "dynamic", "factor": 8.0}},
    "longrope": LONGROPE,
    "original length on top": {
        "original_max_position_embeddings": 256, "rope_scaling": {"rope_type": "yarn", "factor": 4.0},
    },
}  # fmt: skip
WIDTHS: dict[str, dict[str, Any]] = {
    "-": {}, "null": {"head_dim": None}, "width": {"head_dim": 16}, "part": {"partial_rotary_factor": 0.5},
    "another part": {"partial_rotary_factor": 0.25},
    "part, null": {"partial_rotary_factor": None}, "part and width": {"partial_rotary_factor": 0.5, "head_dim": 16},
    "percent": {"rotary_pct": 0.5},
    "latent": {"qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 16, "kv_lora_rank": 16},
}  # fmt: skip

FAMILIES = sorted(
    {*_families.PLAIN, *_families.LONGROPE, *_families.WITH_WIDTH, *_families.WITH_PART, *_families.LATENT}
    | _families.WITH_PART_AND_WIDTH
)

WHOLE = ("llama", "qwen2", "phi3", "gemma2", "glm4", "deepseek_v3")
"""Families that are held in every spelling; of the others each has a quarter, another one than its neighbours."""


def configurations(kind: str) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    """Spellings of a small model of that family by the names of their parts, at most two of them unusual."""
    for base, scaling, width in itertools.product(BASES, SCALINGS, WIDTHS):
        if base != "base" and scaling != "-" and width != "-":
            continue
        config = {"model_type": kind, **SIZES, **BASES[base], **SCALINGS[scaling], **WIDTHS[width]}
        yield (base, scaling, width), config


def facts(folder: Path) -> FolderFacts | str:
    """What a card of the folder would hold, or why there is none."""
    try:
        return read_facts(folder)
    except CardError as error:
        return str(error)


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_file_that_says_all_says_what_its_class_says(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever no class is asked, the facts are those that asking gives."""
    wrong, compared = {}, 0
    settled = [each for each in configurations(kind) if _families.settled(each[1]) is not None]
    for name, config in settled if kind in WHOLE else settled[FAMILIES.index(kind) % 4 :: 4]:
        (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
        ours = facts(tmp_path)
        with monkeypatch.context() as asking:
            asking.setattr(_class, "settled", lambda _config: None)
            theirs = facts(tmp_path)
        compared += 1
        if ours != theirs:
            wrong[name] = (ours, theirs)

    assert {} == wrong
    assert compared > 0


def test_code_of_a_repository_has_no_class_that_could_be_asked() -> None:
    """A release of transformers that knows one of these by itself takes it off the list."""
    from transformers import CONFIG_MAPPING

    assert set() == _families.WITHOUT_CLASS & set(CONFIG_MAPPING)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "mistral", "internlm2", "phi3"])
def test_common_folders_are_read_without_transformers(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As published: with the base stated, no width of a head."""
    config = {"model_type": kind, **SIZES, "rope_theta": 1e6}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(_class, "_loaded", lambda _folder: pytest.fail("a class was asked"))

    assert 1e6 == read_facts(tmp_path).rope.theta
