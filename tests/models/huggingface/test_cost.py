"""Whether a shared prefix is kept follows from what both ways cost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.models.huggingface._cost import CPU, GPU, Device, PrefillCost, prefill_cost
from evalkit.models.huggingface._feeding import Feeding
from evalkit.models.huggingface._prefill import Prefill
from evalkit.models.huggingface._prefix import cache_maker

WHOLE = 2**16
SMALL = PrefillCost(token=1e7, pair=6144, layers=6, width=256, device=CPU)  # 6 million parameters
LARGE = PrefillCost(token=1.4e10, pair=524288, layers=32, width=4096, device=GPU)  # 8 billion


def best(cost: PrefillCost, cached: int, tokens: int) -> str:
    """The cheapest way, with a mask in pieces."""
    ways = {way: cost.of(way, cached, tokens, WHOLE) for way in ("whole", "joined")}
    ways["masked"] = cost.of("masked", cached, tokens, cost.masked_piece())
    return min(ways, key=lambda way: ways[way])


@pytest.mark.parametrize("cost", [SMALL, LARGE], ids=["small on a CPU", "large on a GPU"])
@pytest.mark.parametrize(
    ("cached", "tokens", "expected"),
    [
        (15, 4_000, "whole"),  # an instruction before a context of its own: joining costs more than it saves
        (15, 15_500, "whole"),
        (8_000, 16_000, "joined"),
        (15_000, 15_500, "joined"),
        (500, 2_000, "joined"),
    ],
)
def test_instructions_are_computed_again_and_documents_are_not(
    cost: PrefillCost, cached: int, tokens: int, expected: str
) -> None:
    """Both ends of what benchmarks have."""
    assert expected == best(cost, cached, tokens)


def test_an_aligned_kernel_keeps_any_prefix() -> None:
    """It adds nothing, so that each token saved is a gain."""
    assert LARGE.of("aligned", 1, 10_000, WHOLE) < LARGE.of("whole", 0, 10_000, WHOLE)


@given(cached=st.integers(1, 20_000), new=st.integers(1, 20_000))
def test_a_longer_prefix_is_never_worth_less(cached: int, new: int) -> None:
    """With as many new tokens behind it: what was kept stays kept."""

    def gain(kept: int) -> float:
        tokens = kept + new
        return SMALL.of("whole", 0, tokens, WHOLE) - SMALL.of("joined", kept, tokens, WHOLE)

    assert gain(cached) <= gain(cached + 1)


def test_a_mask_costs_the_future_pairs_of_each_piece() -> None:
    """Larger pieces hide more of them; smaller ones are more passes."""
    free = Device(layer=0, join=0, joined=0, masked=1)
    cost = PrefillCost(token=0, pair=1, layers=1, width=1, device=free)

    assert 4 * 8 + 8 * 8 / 2 == cost.of("joined", 4, 12, 8)
    assert 4 * 8 + 8 * 8 / 2 + 2 * (4 * 4 / 2) == cost.of("masked", 4, 12, 4)
    assert 512 == SMALL.masked_piece()
    assert 2048 == LARGE.masked_piece()


def test_only_what_each_token_is_multiplied_with_is_counted() -> None:
    """Not the embeddings, and of experts those that a token is sent to."""
    import transformers

    sizes: dict[str, Any] = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                             "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
    plain = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))
    experts = transformers.MixtralForCausalLM(
        transformers.MixtralConfig(**sizes, num_local_experts=8, num_experts_per_tok=2)
    )
    attention, expert = 32 * 32 + 2 * 32 * 16 + 32 * 32, 3 * 32 * 64

    assert 2.0 * 2 * (attention + expert) == prefill_cost(plain).token
    assert 2.0 * 2 * (attention + 2 * expert + 8 * 32) == prefill_cost(experts).token
    assert (4.0 * 32 * 2, 2, 32) == (prefill_cost(plain).pair, prefill_cost(plain).layers, prefill_cost(plain).width)


def test_what_is_kept_is_all_or_nothing_of_the_shared_prefix() -> None:
    """By the same costs that choose the way."""
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=300, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4
    )
    model = transformers.LlamaForCausalLM(config).eval()
    computing = Prefill(model, Feeding(model, cache_maker(model)), cache_maker(model))

    assert [0, 0, 15_000] == [computing.kept(shared, 16_000) for shared in (0, 11, 15_000)]
