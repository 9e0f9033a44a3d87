"""Tiny models behind the transformers adapter, and what transformers itself answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.cards import load_card
from evalkit.models import BackendOptions, GenerationRequest
from evalkit.prompts import PromptTokenizer, load_tokenizer, token_array

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]
NEW = 6


@pytest.fixture(scope="session")
def load() -> Load:
    """Loader of a model folder into the adapter: `load(folder, is_reusing_prefixes=…)`."""

    def open_model(folder: Path, **options: Any) -> HuggingFaceModel:
        import torch

        from evalkit.models.huggingface._adapter import HuggingFaceModel

        torch.set_num_threads(1)
        card = load_card(folder)
        return HuggingFaceModel(card, load_tokenizer(card), BackendOptions(**{"dtype": "float32"} | options))

    return open_model


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> PromptTokenizer:
    """The tokenizer of every tiny model."""
    return load_tokenizer(load_card(tiny_model))


@pytest.fixture(scope="session")
def prompts() -> list[list[int]]:
    """Prompts as a benchmark has them: three documents with some questions each; one is a prefix of another."""
    draw = np.random.default_rng(3)
    documents = [draw.integers(2, 380, length).tolist() for length in (40, 60, 90)]
    questions = [draw.integers(2, 380, length).tolist() for length in (5, 9, 0)]
    return [[0, *document, *question] for document in documents for question in questions]


def requests_for(ids: Sequence[Sequence[int]], **options: Any) -> list[GenerationRequest]:
    """Requests in that order, each named by its place."""
    values = {"max_new_tokens": NEW} | options
    return [GenerationRequest(index, token_array(each), **values) for index, each in enumerate(ids)]


@pytest.fixture(scope="session")
def ask() -> Callable[..., list[GenerationRequest]]:
    """Maker of requests: `ask(prompts, max_new_tokens=…, stop=…)`."""
    return requests_for


@pytest.fixture(scope="session")
def target() -> Callable[..., list[list[int]]]:
    """What transformers' own greedy `generate` adds to each prompt, one model load and one prompt at a time."""

    def generate(folder: Path, ids: Sequence[Sequence[int]], new: int = NEW) -> list[list[int]]:
        import torch
        from transformers import AutoModelForCausalLM

        answers = []
        for each in ids:  # loaded again for each: some models remember what they were asked before
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
            batch = torch.tensor([each])
            with torch.inference_mode():
                output = model.generate(
                    batch, attention_mask=torch.ones_like(batch), max_new_tokens=new, do_sample=False, pad_token_id=1
                )
            answers.append(output[0, len(each) :].tolist())
        return answers

    return generate
