"""The transformers adapter with models as they are published: answers are those of transformers' own `generate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.cards import load_card
from evalkit.models import BackendOptions, GenerationRequest
from evalkit.prompts import PromptTokenizer, load_tokenizer
from evalkit.rope import RopeSetting
from tests.wild import MODELS, Shape, cases

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Folder = Callable[[str], Path]
NEW = 24

RUNNABLE = {name: shape for name, shape in MODELS.items() if name != "adapter beside base"}  # to be refused
REUSING = {name: shape for name, shape in RUNNABLE.items() if "bf16" not in name}  # in bf16 a chunk may round otherwise


def opened(folder: Path, *, is_reusing_prefixes: bool) -> tuple[HuggingFaceModel, PromptTokenizer]:
    """The model in the number format it was saved in, and its tokenizer."""
    from evalkit.models.huggingface._adapter import HuggingFaceModel

    card = load_card(folder)
    tokenizer = load_tokenizer(card, trust_remote_code=True)
    options = BackendOptions(trust_remote_code=True, is_reusing_prefixes=is_reusing_prefixes, device="cpu")
    return HuggingFaceModel(card, tokenizer, options), tokenizer


def answers(model: HuggingFaceModel, requests: Sequence[GenerationRequest]) -> list[str]:
    """Answers in the order of the requests' indexes; an error is no answer."""
    found = sorted(model.generate(RopeSetting("native"), requests), key=lambda completion: completion.index)
    assert [None] * len(found) == [completion.error for completion in found]
    return [completion.text for completion in found]


def targets(folder: Path, tokenizer: PromptTokenizer, prompts: Sequence[Sequence[int]]) -> list[str]:
    """What transformers' own greedy `generate` answers, sampling switched off and nothing else."""
    import torch
    from transformers import AutoModelForCausalLM

    has_sdpa = not (folder / "modeling_tiny.py").is_file()
    options: dict[str, Any] = {"attn_implementation": "sdpa" if has_sdpa else "eager", "trust_remote_code": True}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", **options).eval()
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends]) | set(tokenizer.eos_ids)
    texts = []
    for each in prompts:
        batch = torch.tensor([each])
        with torch.inference_mode():
            output = model.generate(
                batch, attention_mask=torch.ones_like(batch), max_new_tokens=NEW, do_sample=False, pad_token_id=1,
                temperature=None, top_p=None, top_k=None, eos_token_id=sorted(ends),
            )  # fmt: skip
        ids = output[0, len(each) :].tolist()
        texts.append(tokenizer.decode(ids[:-1] if ids[-1] in ends else ids, skip_special=False))
    return texts


@pytest.fixture(scope="module")
def many_prompts() -> list[list[int]]:
    """Short prompts within every vocabulary here; enough of them that a difference of rounding shows in some."""
    import numpy as np

    return np.random.default_rng(6).integers(3, 255, (24, 12)).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("shape", cases(RUNNABLE))
def test_answers_are_those_of_transformers_own_generate(
    shape: Shape, wild_model: Folder, ask: Ask, many_prompts: list[list[int]]
) -> None:
    """In the number format of the weights, with the penalties of the model, token for token."""
    folder = wild_model(shape.name)
    chosen = many_prompts if "penalty" in shape.name else many_prompts[:3]
    model, tokenizer = opened(folder, is_reusing_prefixes=False)
    expected = targets(folder, tokenizer, chosen)

    assert expected == answers(model, ask(chosen, max_new_tokens=NEW))


@pytest.mark.parametrize("shape", cases(REUSING))
def test_reuse_changes_no_answer(shape: Shape, wild_model: Folder, ask: Ask, prompts: list[list[int]]) -> None:
    """Where a window or the model's own code stands against reuse it is off; elsewhere it is exact."""
    inside = [[token % 250 + 3 for token in each] for each in prompts]
    folder = wild_model(shape.name)
    reusing, _ = opened(folder, is_reusing_prefixes=True)
    control, _ = opened(folder, is_reusing_prefixes=False)
    order = sorted(ask(inside), key=lambda request: request.ids.tolist())

    assert answers(control, ask(inside)) == answers(reusing, order)
