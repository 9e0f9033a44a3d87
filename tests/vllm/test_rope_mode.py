"""`--rope-mode engine` on vLLM: an engine of its own configuration, which counts with its window for all prompts."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from evalkit.errors import UserError
from evalkit.models import Completion, GenerationRequest
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeModel, RopeSetting, engine_setting, parse_rope, rope_setting
from tests.vllm.conftest import MODEL

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

LENGTH, WINDOW, NEW = 1024, 3072, 12
BASE, FACTOR = 10000.0, 4.0
TRAINED = RopeModel(BASE, LENGTH, 32)
Load = Callable[..., "ModelAdapter"]


def own(spec: str) -> RopeSetting:
    """The setting of a run under `--rope-mode engine`."""
    return engine_setting(parse_rope(spec), TRAINED, "vllm", WINDOW)


@pytest.fixture(scope="module")
def prompts(tokenizer: PromptTokenizer) -> list[TokenIds]:
    """Prompts within and beyond the model's window."""
    draw = np.random.default_rng(6)
    made = [draw.integers(10, len(tokenizer), length).tolist() for length in (100, 700, 1100, 2000, 2900)]
    return [token_array(ids) for ids in sorted(made)]


@pytest.fixture(scope="module")
def engine(load: Load) -> Iterator[ModelAdapter]:
    """One engine that was started with dynamic NTK."""
    model = load("vllm", longest_sequence=WINDOW)
    yield model
    model.close()
    gc.collect()


def texts(completions: Iterator[Completion]) -> list[str]:
    """Answers in the order of the requests."""
    found = sorted(completions, key=lambda completion: completion.index)
    assert [None] * len(found) == [completion.error for completion in found]
    return [completion.text for completion in found]


def test_it_is_vllm_started_by_hand_and_the_effective_base_at_the_window(
    engine: ModelAdapter, tokenizer: PromptTokenizer, prompts: list[TokenIds], tmp_path: Path
) -> None:
    """Token for token, for prompts of every length: vLLM's dynamic NTK is one base, that of its maximum length."""
    requests = [GenerationRequest(index, ids, NEW) for index, ids in enumerate(prompts)]
    dynamic = {"rope_type": "dynamic", "rope_theta": BASE, "factor": FACTOR, "max_trained_positions": LENGTH}
    theta = BASE * (FACTOR * WINDOW / LENGTH - (FACTOR - 1)) ** (32 / 30)
    by_hand = [dynamic, {"rope_type": "default", "rope_theta": theta}]
    work = [
        [{"max_position_embeddings": WINDOW, "rope_parameters": each}, [ids.tolist() for ids in prompts]]
        for each in by_hand
    ]
    (tmp_path / "work.json").write_text(json.dumps(work))
    command = [sys.executable, str(Path(__file__).with_name("fresh_engines.py")), str(MODEL), str(WINDOW), str(NEW)]
    subprocess.run([*command, str(tmp_path / "work.json"), str(tmp_path / "out.json")], check=True, capture_output=True)

    found = texts(engine.generate(own("dynamic:4"), requests))

    assert engine.engine_info["rope_verified"]
    for fresh in json.loads((tmp_path / "out.json").read_text()):
        body = [[token for token in ids if token not in tokenizer.eos_ids] for ids in fresh]
        assert [tokenizer.decode(ids, skip_special=False) for ids in body] == found
    # ours at the window, written into the table of the same engine; and at each prompt's own length it is another one
    at_window = rope_setting(parse_rope("dynamic:4"), TRAINED, WINDOW)
    at_length = [rope_setting(parse_rope("dynamic:4"), TRAINED, len(each.ids) + NEW) for each in requests]
    assert found == texts(engine.generate(at_window, requests))
    alone = [texts(engine.generate(rope, [each]))[0] for rope, each in zip(at_length, requests, strict=True)]
    assert found != alone


def test_its_own_rules_begin_with_the_engine(engine: ModelAdapter, prompts: list[TokenIds]) -> None:
    """A started engine takes no other one, and says what to do."""
    requests = [GenerationRequest(0, prompts[0], NEW)]
    texts(engine.generate(rope_setting(parse_rope("none"), TRAINED, WINDOW), requests))

    with pytest.raises(UserError, match=r"only from the start: start another run"):
        texts(engine.generate(own("yarn:4"), requests))
