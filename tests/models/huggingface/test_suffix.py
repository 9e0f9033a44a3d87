"""Attention behind a cached prefix without a mask gives the numbers of a whole pass."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from evalkit.models.huggingface._feeding import Feeding
from evalkit.models.huggingface._prefill import Prefill
from evalkit.models.huggingface._prefix import cache_maker

TOKENS = 90
SPLITS = (1, 7, 45, 83, 88)

_SIZES = {
    "vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.3, "pad_token_id": 0,
    "tie_word_embeddings": False,
}  # fmt: skip
_EXPERTS = {"num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48}
WITHOUT_MASK: dict[str, dict[str, Any]] = {
    "Llama": {},
    "Llama, one key for each query": {"num_key_value_heads": 4},
    "Llama, one key for all": {"num_key_value_heads": 1},
    "Qwen2": {},
    "Qwen3": {"head_dim": 32},
    "Mistral": {"sliding_window": None},
    "Glm": {"head_dim": 16, "partial_rotary_factor": 0.5},
    "Gemma": {"head_dim": 32},
    "GPTNeoX": {"rotary_pct": 0.25},
    "Phi3": {},
    "Cohere": {},
    "Mixtral": _EXPERTS,
    "Qwen3Moe": {**_EXPERTS, "head_dim": 16},
}
_LATENT = {"q_lora_rank": 24, "kv_lora_rank": 16, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 12}
WITH_MASK: dict[str, dict[str, Any]] = {
    "DeepseekV3, queries wider than values": {**_LATENT, "n_routed_experts": 4, "n_group": 1, "topk_group": 1,
                                              "num_experts_per_tok": 2, "first_k_dense_replace": 3,
                                              "num_key_value_heads": 4},
    "Gemma2, capped scores and windows": {"head_dim": 16, "sliding_window": 16},
    "Mistral, a window": {"sliding_window": 16},
}  # fmt: skip


def model(name: str, changes: dict[str, Any], attention: str = "sdpa") -> Any:
    """A small random model of that family in float32."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(5)
    kind = name.partition(",")[0]
    config = getattr(transformers, f"{kind}Config")(**_SIZES | changes)
    return getattr(transformers, f"{kind}ForCausalLM")._from_config(config, attn_implementation=attention).eval()


def prefill(of: Any) -> tuple[Prefill, Feeding]:
    """How it computes prompts."""
    feeding = Feeding(of, cache_maker(of))
    return Prefill(of, feeding, cache_maker(of)), feeding


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", WITHOUT_MASK)
def test_logits_behind_a_prefix_are_those_of_a_whole_pass(
    name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As near to float32 as a whole pass in that format, wherever the prompt is split; no mask is made."""
    import torch

    from evalkit.models.huggingface import _suffix

    tried, exact = (model(name, WITHOUT_MASK[name]) for _ in range(2))
    exact.load_state_dict(tried.to(getattr(torch, dtype)).state_dict())
    (computing, feeding), (_, precise) = prefill(tried), prefill(exact)
    ids = torch.randint(1, 300, (TOKENS,), generator=torch.Generator().manual_seed(1)).tolist()
    monkeypatch.setattr(_suffix, "sdpa_mask", lambda **_: pytest.fail("a mask was made"))

    with torch.inference_mode():
        truth = precise.whole(ids)
        own = float((feeding.whole(ids) - truth).abs().max())  # nothing in float32, whose last places two orders share
        allowed = 3 * own + 32 * torch.finfo(torch.float32).eps * float(truth.max() - truth.min())
        for cached in SPLITS:
            cache = cache_maker(tried)()
            feeding.step(ids[:cached], cache)
            assert computing._suffix is not None
            with computing._suffix.in_force():
                behind = feeding.step(ids[cached:], cache)
            assert TOKENS == cache.get_seq_length()
            assert float((behind - truth).abs().max()) <= allowed

    assert "joined" == computing.way
    assert "sdpa" == tried.config._attn_implementation


@pytest.mark.parametrize("name", WITH_MASK)
def test_models_that_need_a_mask_keep_it(name: str) -> None:
    """A window, a bias, widths that the kernel does not take: tried and left."""
    assert "masked" == prefill(model(name, WITH_MASK[name]))[0].way


def test_eager_attention_keeps_its_mask() -> None:
    """Who asks for it gets it."""
    assert "masked" == prefill(model("Llama", {}, "eager"))[0].way


def test_a_kernel_that_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried at load against a mask: here causality is aligned with the first key instead of the last."""
    import torch

    from evalkit.models.huggingface import _suffix

    def upper_left(query: Any, key: Any, value: Any, scaling: float | None) -> Any:
        key, value = (each.repeat_interleave(query.shape[1] // each.shape[1], 1) for each in (key, value))
        mask = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).tril()
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=scaling)

    assert "joined" == prefill(model("Llama", {}))[0].way
    monkeypatch.setitem(_suffix._WAYS, "cpu", upper_left)

    assert "masked" == prefill(model("Llama", {}))[0].way


def test_a_kernel_that_is_not_there_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device may refuse what torch chose for it."""
    from evalkit.models.huggingface import _suffix

    def refuse(*_: Any) -> Any:
        raise RuntimeError("no kernel image is available")

    monkeypatch.setitem(_suffix._WAYS, "cpu", refuse)

    computing, _ = prefill(model("Llama", {}))

    assert ("masked", "sdpa") == (computing.way, model("Llama", {}).config._attn_implementation)


@pytest.mark.parametrize(
    ("plain", "with_plans", "short", "long"),
    [
        ({"flash"}, {"cudnn"}, ("aligned", False), ("joined", True)),
        ({"flash"}, {"flash"}, ("aligned", True), ("aligned", True)),  # a device without cuDNN: nothing is switched
        ({"masked"}, {"cudnn"}, ("joined", True), ("joined", True)),  # heads that no other kernel takes
        ({"flash"}, {"masked"}, ("aligned", False), ("aligned", False)),
    ],
)
def test_kernels_that_make_plans_compute_what_is_long(
    monkeypatch: pytest.MonkeyPatch,
    plain: set[str],
    with_plans: set[str],
    short: tuple[str, bool],
    long: tuple[str, bool],
) -> None:
    """A plan of each new shape takes longer than most prompts, and than any token of an answer."""
    from torch.backends import cuda

    from evalkit.models.huggingface import _prefill

    cuda.enable_cudnn_sdp(True)
    monkeypatch.setattr(_prefill, "_tried", lambda *_: with_plans if cuda.cudnn_sdp_enabled() else plain)
    computing, feeding = prefill(model("Llama", {}))
    monkeypatch.setattr(_prefill, "PLAN_PAYS", computing._cost.attention(0, 50))
    seen: list[bool] = []
    step = feeding.step
    monkeypatch.setattr(feeding, "step", lambda *given: (seen.append(cuda.cudnn_sdp_enabled()), step(*given))[1])

    for tokens in (49, 50):
        computing.logits(np.arange(tokens), 0, cache_maker(feeding._model)(), is_whole=False)
    with feeding.for_one_token():
        seen.append(cuda.cudnn_sdp_enabled())

    assert (short[0], long[0]) == (computing._ways(0, 49)[0], computing._ways(0, 50)[0])
    assert [short[1], long[1], short[1]] == seen
    assert cuda.cudnn_sdp_enabled()


def test_masks_that_are_no_plain_ones_are_made() -> None:
    """Padding, windows and overlays stay sdpa's business."""
    import torch
    from transformers.masking_utils import causal_mask_function, sdpa_mask

    from evalkit.models.huggingface._suffix import _mask

    plain = {"batch_size": 1, "q_length": 3, "kv_length": 5, "q_offset": 2, "kv_offset": 0,
             "mask_function": causal_mask_function}  # fmt: skip
    padding = torch.tensor([[False, True, True, True, True]])
    others: list[dict[str, Any]] = [{"attention_mask": padding}, {"allow_is_causal_skip": False}, {"q_offset": 0}]

    assert _mask(**plain) is None
    for change in others:
        expected, found = sdpa_mask(**plain | change), _mask(**plain | change)
        assert (expected is None) == (found is None)
        assert expected is None or torch.equal(expected, found)


@pytest.mark.parametrize("shape", list(itertools.product((1, 5), (3, 40), (2, 8))), ids=str)
def test_joined_attention_is_the_softmax_over_all_keys(shape: tuple[int, int, int]) -> None:
    """Against float64, also where the prefix has next to all of the weight, or none."""
    import torch

    from evalkit.models.huggingface._suffix import _WAYS

    cached, new, width = shape
    draw = torch.Generator().manual_seed(2)
    query = torch.randn(1, 2, new, width, generator=draw)
    key, value = (torch.randn(1, 2, cached + new, width, generator=draw) for _ in range(2))
    mask = torch.ones(new, cached + new, dtype=torch.bool).tril(cached)
    for factor in (1.0, 60.0, -60.0):
        keys = key.clone()
        keys[:, :, :cached] = factor * query[:, :, :1]
        expected = torch.nn.functional.scaled_dot_product_attention(query.double(), keys.double(), value.double(), mask)

        found = _WAYS["cpu"](query, keys, value, None)

        torch.testing.assert_close(expected, found.double(), rtol=1e-5, atol=1e-5)
