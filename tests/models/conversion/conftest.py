"""A cache of its own for each test, published checkpoints with a tokenizer, and what a loaded model answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.models import GenerationRequest
from evalkit.prompts import token_array
from evalkit.rope import RopeSetting
from tests.models.conversion.checkpoints import State, write_checkpoint

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from evalkit.models.huggingface._adapter import HuggingFaceModel

Publish = Callable[..., Path]
NEW = 8


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of converted copies, empty at first."""
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "converted"


@pytest.fixture
def publish(tmp_path: Path, new_tokenizer: Callable[..., PreTrainedTokenizerFast]) -> Publish:
    """Writer of a published folder with a tokenizer: `publish(config, state, shards=2, is_pickled=True)`."""

    def write(config: Mapping[str, Any], state: State, name: str = "published", **options: Any) -> Path:
        folder = write_checkpoint(tmp_path / name, config, state, **options)
        new_tokenizer().save_pretrained(folder)
        return folder

    return write


def answers(model: HuggingFaceModel, prompts: Sequence[Sequence[int]], new: int = NEW) -> list[str]:
    """The texts that a loaded model answers greedily."""
    requests = [GenerationRequest(index, token_array(ids), new) for index, ids in enumerate(prompts)]
    done = list(model.generate(RopeSetting("native"), requests))
    assert [None] * len(prompts) == [each.error for each in done]
    return [each.text for each in sorted(done, key=lambda each: each.index)]


def greedy_texts(
    logits: Callable[[list[int]], torch.Tensor],
    prompts: Sequence[Sequence[int]],
    decode: Callable[..., str],
    new: int = NEW,
) -> list[str]:
    """What a reference answers: its likeliest token behind the text so far, over and over; `</s>` ends an answer."""
    texts = []
    for prompt in prompts:
        generated: list[int] = []
        while len(generated) < new:
            best = int(logits([*prompt, *generated])[-1].argmax())
            if best == 1:
                break
            generated.append(best)
        texts.append(decode(generated, skip_special=False))
    return texts
