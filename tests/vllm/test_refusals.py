"""What a vLLM engine is not started for: scaling it would get wrong, windows and memory that do not suffice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Card, load_card
from evalkit.errors import UserError
from evalkit.models import BackendOptions, GenerationRequest, load_model
from evalkit.prompts import PromptTokenizer, load_tokenizer, token_array
from evalkit.rope import RopeSetting
from tests.vllm.conftest import MODEL

BASE = 10000.0
REQUEST = GenerationRequest(0, token_array([5, 6, 7]), 4)
LONG = GenerationRequest(0, token_array([5] * 1500), 4)  # beyond the model's length


def changed_model(folder: Path, **config: Any) -> Card:
    """The embedded model with another configuration."""
    shutil.copytree(MODEL, folder, ignore=shutil.ignore_patterns("card.yaml", ".*"))
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config), "utf-8")
    return load_card(folder)


@pytest.mark.parametrize("window", [2048, 4096])
def test_dynamic_scaling_past_the_window_is_refused(tmp_path: Path, window: int) -> None:
    """vLLM answers "dynamic" with garbage past the original length; evalkit says so and what to do."""
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": BASE}
    card = changed_model(tmp_path / "dynamic", rope_parameters=rope)
    model = load_model("vllm", card, load_tokenizer(card), BackendOptions(dtype="float32", longest_sequence=window))

    with pytest.raises(UserError, match=r"past that it returns garbage; .*--rope dynamic:F"):
        list(model.generate(RopeSetting("native"), [LONG]))

    model.close()


def test_a_window_beyond_a_scaled_models_needs_a_rope_condition(tmp_path: Path) -> None:
    """Beyond what its own scaling serves, a model is refused in one line that names the way out."""
    rope = {"rope_type": "linear", "factor": 2.0, "rope_theta": BASE}
    card = changed_model(tmp_path / "linear", rope_parameters=rope)
    model = load_model("vllm", card, load_tokenizer(card), BackendOptions(dtype="float32", longest_sequence=5000))

    with pytest.raises(UserError, match=r"window of 5,000 tokens .*--rope none") as caught:
        list(model.generate(RopeSetting("native"), [REQUEST]))

    assert "\n" not in str(caught.value)


def test_keys_and_values_that_do_not_fit_are_refused_before_loading(card: Card, tokenizer: PromptTokenizer) -> None:
    """The longest prompt is held against the memory before anything is loaded."""
    needed = card.kv_bytes_per_token
    assert needed is not None
    model = load_model("vllm", card, tokenizer, BackendOptions(dtype="float32", longest_sequence=2**31 // needed))

    with pytest.raises(UserError, match=r"take 2\.0 GiB and VLLM_CPU_KVCACHE_SPACE=1 leaves 1\.0"):
        list(model.generate(RopeSetting("default", BASE), [REQUEST]))
