"""What a vLLM engine is told of the model's configurations, and what it is not started for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import load_card
from evalkit.errors import CardError
from evalkit.models._generation import GenerationRules
from evalkit.models.vllm import _configuration as module

SaveModel = Callable[..., Path]


@pytest.fixture
def configured(save_model: SaveModel, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, GenerationRules]]:
    """What is read of a model with those fields in one of its files; vLLM itself is not needed for it."""
    monkeypatch.setattr(module, "import_vllm", lambda: None)

    def read(file: str = "generation_config.json", **fields: Any) -> tuple[Any, GenerationRules]:
        folder = save_model()
        path = folder / file
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **fields}), "utf-8")
        if file == "config.json":
            (folder / "generation_config.json").unlink()
        return module.configured_generation(load_card(folder))

    return read


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_what_requests_can_carry_is_read(file: str, configured: Callable[..., tuple[Any, GenerationRules]]) -> None:
    """From the model's generation configuration, or from its configuration where it has no other."""
    ends, rules = configured(file, repetition_penalty=1.2, min_new_tokens=3, stop_strings=["###"], eos_token_id=[1, 2])

    assert [1, 2] == ends
    assert {"repetition_penalty": 1.2, "min_new_tokens": 3, "stop_strings": ["###"]} == dict(rules.fields)
    assert ("###",) == rules.stop_strings


@pytest.mark.parametrize(
    ("name", "value"), [("no_repeat_ngram_size", 3), ("suppress_tokens", [5]), ("min_length", 40), ("num_beams", 4)]
)
def test_what_they_cannot_is_refused_before_the_engine_starts(
    name: str, value: Any, configured: Callable[..., tuple[Any, GenerationRules]]
) -> None:
    """In one line that names the field and what to do."""
    with pytest.raises(CardError, match=f"{name} is .*(--backend hf|remove it)") as caught:
        configured(**{name: value})

    assert 1 == len(str(caught.value).splitlines())


def test_a_penalty_that_cannot_be_is_one_line(configured: Callable[..., tuple[Any, GenerationRules]]) -> None:
    """vLLM would refuse each prompt for itself."""
    with pytest.raises(CardError, match=r"repetition_penalty is -1"):
        configured(repetition_penalty=-1)
