"""Rotations computed from a RoPE setting are those that transformers computes."""

from __future__ import annotations

import pytest

from evalkit.errors import UserError
from evalkit.rope import LongRope, RopeModel, RopeSetting, parse_rope, rope_setting, rotation

MODEL = RopeModel(500000.0, 512, 64, longrope=LongRope((1.0,) * 32, tuple(1 + pair / 4 for pair in range(32)), 1.19))
SPECS = [
    "llama3:8", "llama3:32,low_freq_factor=2,high_freq_factor=8", "yarn:4,beta_fast=16,beta_slow=2",
    "yarn:4,attention_factor=1", "yarn:8,mscale=0.707,mscale_all_dim=1", "yarn:8,truncate=0", "dynamic-yarn",
    "dynamic-yarn:beta_fast=8", "longrope",
]  # fmt: skip


@pytest.mark.parametrize("dimension", [32, 64, 128])
@pytest.mark.parametrize(
    "setting",
    [
        RopeSetting("default", 10000.0),
        RopeSetting("default", 320000.0),
        RopeSetting("linear", 10000.0, 8.0),
        RopeSetting("yarn", 10000.0, 4.0, 1024),
        RopeSetting("yarn", 1000000.0, 16.0, 32768),
        RopeSetting("yarn", 10000.0, 1.0, 4096),
    ],
    ids=lambda setting: setting.key,
)
def test_they_are_those_of_transformers(setting: RopeSetting, dimension: int) -> None:
    """Frequencies to float32 precision, and YaRN's attention scale."""
    check(setting, dimension)


@pytest.mark.parametrize("tokens", [500, 3000])
@pytest.mark.parametrize("spec", SPECS)
def test_they_are_those_of_transformers_with_every_option(spec: str, tokens: int) -> None:
    """Within the original length and beyond it, where longrope has other factors and dynamic-yarn another one."""
    check(rope_setting(parse_rope(spec), MODEL, tokens), 64)


def check(setting: RopeSetting, dimension: int) -> None:
    """Hold a rotation against the module that transformers makes of the setting's parameters."""
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    factor = setting.factor or 1.0
    length = int((setting.original_length or 4096) * factor)
    config = LlamaConfig(
        hidden_size=2 * dimension, num_attention_heads=2, head_dim=dimension, max_position_embeddings=length,
        rope_parameters=setting.parameters(),
    )  # fmt: skip
    theirs = LlamaRotaryEmbedding(config)

    ours = rotation(setting, dimension)

    assert theirs.inv_freq.tolist() == pytest.approx(ours.frequencies, rel=1e-6)
    assert theirs.attention_scaling == pytest.approx(ours.scale, rel=1e-9)


def test_a_models_own_rotation_has_no_formula() -> None:
    """`native` leaves the configuration alone, so nothing can be computed for it."""
    with pytest.raises(UserError, match="names no base"):
        rotation(RopeSetting("native"), 64)


def test_factors_of_another_width_are_refused() -> None:
    """One for each turned pair."""
    with pytest.raises(UserError, match="32 factors for 16 turned pairs"):
        rotation(rope_setting(parse_rope("longrope"), MODEL, 100), 32)
