"""A tiny random model, and its answers under circumstances that must not matter: what docs/rope.md shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from transformers import LlamaConfig, LlamaForCausalLM

LENGTH, VOCABULARY = 256, 97

Logits = torch.Tensor


def tiny(**rope_parameters: object) -> LlamaForCausalLM:
    """A random Llama of two layers, made for 256 tokens, always with the same weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=LENGTH, initializer_range=0.3,
        rope_parameters={"rope_theta": 10000.0, **rope_parameters},
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def prompt(tokens: int, seed: int = 0) -> list[int]:
    """That many random tokens."""
    return torch.randint(VOCABULARY, (tokens,), generator=torch.Generator().manual_seed(seed)).tolist()  # type: ignore[no-any-return]


@torch.inference_mode()
def alone(model: LlamaForCausalLM, tokens: Sequence[int]) -> Logits:
    """In one pass, as the only prompt."""
    return model(torch.tensor([list(tokens)])).logits[0, -1]


@torch.inference_mode()
def after_a_longer_one(model: LlamaForCausalLM, tokens: Sequence[int]) -> Logits:
    """In one pass, when the model has just read twice as many tokens."""
    model(torch.tensor([prompt(2 * len(tokens), seed=1)]))
    return alone(model, tokens)


@torch.inference_mode()
def in_pieces(model: LlamaForCausalLM, tokens: Sequence[int]) -> Logits:
    """A hundred tokens at a time, over one cache: prefill in chunks, and a prefix that is used again."""
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    for start in range(0, len(tokens), 100):
        out = model(torch.tensor([list(tokens[start : start + 100])]), past_key_values=cache)
    return out.logits[0, -1]


@torch.inference_mode()
def beside_a_longer_one(model: LlamaForCausalLM, tokens: Sequence[int]) -> Logits:
    """In a batch with twice as many tokens; what is filled up stands behind and is not seen."""
    mate = prompt(2 * len(tokens), seed=1)
    filled = [*tokens, *[0] * len(tokens)]
    return model(torch.tensor([filled, mate])).logits[0, len(tokens) - 1]


CIRCUMSTANCES: dict[str, Callable[[LlamaForCausalLM, Sequence[int]], Logits]] = {
    "after a longer prompt": after_a_longer_one,
    "prefill in pieces": in_pieces,
    "batched with a longer prompt": beside_a_longer_one,
}


def change(make: Callable[[], LlamaForCausalLM], circumstance: str, tokens: int) -> float:
    """How far the largest logit moves from those of a fresh model that reads the prompt alone."""
    text = prompt(tokens)
    return float((CIRCUMSTANCES[circumstance](make(), text) - alone(make(), text)).abs().max())


@torch.inference_mode()
def equal_tokens(make: Callable[[], LlamaForCausalLM], start: int, count: int) -> int:
    """How many greedy tokens over one cache, up to the first other one, are those of fresh models in whole passes."""
    from transformers import DynamicCache

    model, text = make(), prompt(start)
    cache, new = DynamicCache(config=model.config), text
    for index in range(count):
        token = int(model(torch.tensor([new]), past_key_values=cache).logits[0, -1].argmax())
        if token != int(alone(make(), text).argmax()):
            return index
        text, new = [*text, token], [token]
    return count
