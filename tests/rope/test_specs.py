"""RoPE conditions: what a spec means for a prompt of a given length."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.rope import RopeModel, RopeSetting, RopeSpec, parse_rope, rope_setting

MODEL = RopeModel(base=10000.0, length=1024, dimension=64)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("native", RopeSpec("native")),
        ("none", RopeSpec("none")),
        ("linear:8", RopeSpec("linear", 8.0)),
        ("ntk:2.5", RopeSpec("ntk", 2.5)),
        ("dynamic:1", RopeSpec("dynamic", 1.0)),
        ("yarn:4", RopeSpec("yarn", 4.0)),
        ("base:320000", RopeSpec("base", 320000.0)),
        ("base:1e6", RopeSpec("base", 1e6)),
    ],
)
def test_a_spec_is_read_and_written(text: str, spec: RopeSpec) -> None:
    """What is written again is read as the same."""
    assert spec == parse_rope(text)
    assert spec == parse_rope(str(spec))


@pytest.mark.parametrize(
    "text",
    ["", "linear", "linear:", "linear:0.5", "linear:-2", "linear:nan", "linear:inf", "linear:x", "native:2", "none:1",
     "base", "base:0", "base:1e19", "dynamic:1e9", "yarn:1e308", "Dynamic:8", "dynamic:8:2",
     "llama3", "longrope:2", "dynamic-yarn:2", "yarn:beta_fast=32", "none:"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_list(text: str) -> None:
    """One line."""
    with pytest.raises(UserError, match=r"is not one of native, none, linear:F, ntk:F, dynamic:F, yarn:F") as caught:
        parse_rope(text)

    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("spec", "setting"),
    [
        ("native", RopeSetting("native")),
        ("none", RopeSetting("default", 10000.0)),
        ("linear:8", RopeSetting("linear", 10000.0, 8.0)),
        ("yarn:8", RopeSetting("yarn", 10000.0, 8.0, 1024)),
        ("base:320000", RopeSetting("default", 320000.0)),
        ("ntk:8", RopeSetting("default", 10000.0 * 8 ** (64 / 62))),
    ],
)
@pytest.mark.parametrize("tokens", [1, 1024, 100_000])
def test_specs_without_length_mean_the_same_for_every_prompt(spec: str, setting: RopeSetting, tokens: int) -> None:
    """`none` is the trained base with all scaling off: naive extrapolation."""
    assert setting == rope_setting(parse_rope(spec), MODEL, tokens)


@pytest.mark.parametrize(
    ("tokens", "multiplier"),
    [(1, 1.0), (1024, 1.0), (1025, 4 * 1025 / 1024 - 3), (2048, 5.0), (4096, 13.0)],
)
def test_dynamic_is_the_effective_base_at_the_prompts_own_length(tokens: int, multiplier: float) -> None:
    """m = s·n/L − (s − 1) beyond the window, base · m^(d/(d−2)); within it the trained base, bit for bit."""
    base = rope_setting(parse_rope("dynamic:4"), MODEL, tokens).base

    assert base == (10000.0 if multiplier == 1 else pytest.approx(10000.0 * multiplier ** (64 / 62), rel=1e-12))


def test_the_effective_base_is_what_transformers_computes_at_that_length() -> None:
    """The same formula as its `dynamic` rule, for a model that has seen exactly these tokens."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    config = LlamaConfig(max_position_embeddings=1024, hidden_size=128, num_attention_heads=2, rope_parameters=rope)
    theirs, _ = ROPE_INIT_FUNCTIONS["dynamic"](config, "cpu", seq_len=3000)

    base = rope_setting(parse_rope("dynamic:4"), MODEL, 3000).base or 0

    assert [base ** (-2 * index / 64) for index in range(32)] == pytest.approx(theirs.tolist(), rel=1e-5)


@given(tokens=st.integers(1, 10**6), factor=st.floats(1, 64), grid=st.floats(1.01, 4))
def test_a_grid_rounds_the_multiplier_up_by_less_than_one_step(tokens: int, factor: float, grid: float) -> None:
    """Prompts share groups more often; within the window nothing changes."""
    spec = RopeSpec("dynamic", factor)

    exact, rounded = (rope_setting(spec, MODEL, tokens, each).base or 0 for each in (None, grid))

    power = 62 / 64
    ratio = (rounded / exact) ** power
    assert 1 - 1e-6 <= ratio < grid * (1 + 1e-6)
    if tokens <= MODEL.length:
        assert exact == rounded == MODEL.base
    steps = math.log((rounded / MODEL.base) ** power, grid)
    assert steps == pytest.approx(round(steps), abs=1e-6)


@given(shorter=st.integers(1, 10**5), longer=st.integers(1, 10**5))
def test_longer_prompts_never_get_a_smaller_base(shorter: int, longer: int) -> None:
    """With and without a grid."""
    shorter, longer = sorted((shorter, longer))

    for grid in (None, 1.25):
        bases = [rope_setting(RopeSpec("dynamic", 8.0), MODEL, tokens, grid).base or 0 for tokens in (shorter, longer)]
        assert sorted(bases) == bases


def test_settings_have_keys_of_their_own() -> None:
    """Groups are told apart exactly, to the last bit of the base."""
    settings = [
        RopeSetting("native"), RopeSetting("default", 1e4), RopeSetting("default", math.nextafter(1e4, 2e4)),
        RopeSetting("linear", 1e4, 2.0), RopeSetting("linear", 1e4, 4.0), RopeSetting("yarn", 1e4, 4.0, 1024),
    ]  # fmt: skip

    assert len(settings) == len({setting.key for setting in settings})


def test_engines_are_told_in_their_own_words() -> None:
    """`rope_parameters` of transformers 5; nothing for native."""
    yarn = RopeSetting("yarn", 10000.0, 4.0, 1024).parameters()

    assert {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 1024
    } == yarn  # fmt: skip
    assert {"rope_type": "default", "rope_theta": 5.0} == RopeSetting("default", 5.0).parameters()
    assert {} == RopeSetting("native").parameters()
