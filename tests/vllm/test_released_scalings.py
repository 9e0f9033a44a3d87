"""Models released with a scaling, in a real engine: their own rule is verified, and found again after another one."""

from __future__ import annotations

import gc
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.cards import load_card
from evalkit.models import BackendOptions, GenerationRequest, load_model
from evalkit.prompts import load_tokenizer, token_array
from evalkit.rope import RopeSetting
from tests.vllm.conftest import MODEL

WINDOW = 2048
NATIVE, NONE = RopeSetting("native"), RopeSetting("default", 10000.0)
ORIGINAL = {"rope_theta": 10000.0, "original_max_position_embeddings": 512}
RULES: dict[str, dict[str, Any]] = {
    "yarn": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 16.0, "truncate": False, **ORIGINAL},
    "llama3": {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, **ORIGINAL},
}


@pytest.mark.parametrize("rule", RULES)
def test_their_own_rule_is_verified_and_found_again(rule: str, tmp_path: Path) -> None:
    """transformers and vLLM answer alike under it, before and after another condition was in force."""
    folder = tmp_path / "scaled"
    shutil.copytree(MODEL, folder)
    (folder / "card.yaml").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    changes = {"rope_parameters": RULES[rule], "max_position_embeddings": WINDOW}
    (folder / "config.json").write_text(json.dumps(config | changes))
    card = load_card(folder)
    draw = np.random.default_rng(5)
    requests = [
        GenerationRequest(index, token_array(draw.integers(10, 300, length).tolist()), 12)
        for index, length in enumerate((90, 480, 900, 1900))
    ]
    options = BackendOptions(dtype="float32", longest_sequence=WINDOW)
    peer, model = (load_model(backend, card, load_tokenizer(card), options) for backend in ("hf", "vllm"))
    expected, plain = ({each.index: each.text for each in peer.generate(rope, requests)} for rope in (NATIVE, NONE))

    try:
        for rope, wanted in ((NATIVE, expected), (NONE, plain), (NATIVE, expected)):
            assert wanted == {each.index: each.text for each in model.generate(rope, requests)}
            assert True is model.engine_info["rope_verified"]
    finally:
        model.close()
        gc.collect()
    assert expected != plain
