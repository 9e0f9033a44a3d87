"""RoPE conditions: what a spec means for a prompt of a given length."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.rope import (
    LongRope,
    RopeModel,
    RopeSetting,
    RopeSpec,
    parse_rope,
    parse_ropes,
    rope_setting,
    stacked_refusal,
)

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


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("llama3:8", "llama3:8"),
        ("llama3:8,low_freq_factor=1,high_freq_factor=4", "llama3:8,high_freq_factor=4,low_freq_factor=1"),
        ("yarn:4,beta_fast=16,attention_factor=1.5", "yarn:4,attention_factor=1.5,beta_fast=16"),
        ("dynamic-yarn:truncate=0", "dynamic-yarn:truncate=0"),
        ("dynamic-yarn", "dynamic-yarn"),
        ("longrope", "longrope"),
    ],
)
def test_options_are_read_and_written_in_one_order(text: str, written: str) -> None:
    """So that a spec has one text in labels and manifests."""
    assert written == str(parse_rope(text))
    assert parse_rope(text) == parse_rope(written)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("llama3:8,low_freq_factor=4", r"low_freq_factor \(4\) must be less than high_freq_factor \(4\)"),
        ("llama3:8,low_freq_factor=0", "low_freq_factor must be greater than 0"),
        ("llama3:8,beta_fast=4", "llama3 takes low_freq_factor, high_freq_factor, each once, and 'beta_fast' is none"),
        ("yarn:4,beta_fast=1", r"beta_slow \(1\) must be less than beta_fast \(1\)"),
        ("yarn:4,beta_slow=40", r"beta_slow \(40\) must be less than beta_fast \(32\)"),
        ("yarn:4,attention_factor=0", "attention_factor must be greater than 0"),
        ("yarn:4,attention_factor=-1", "attention_factor must be a number from 0"),
        ("yarn:4,beta_fast=x", "beta_fast must be a number from 0"),
        ("yarn:4,truncate=2", "truncate must be 0 or 1"),
        ("yarn:4,mscale=1", "mscale and mscale_all_dim count only together"),
        ("yarn:4,mscale=1,mscale_all_dim=1,attention_factor=2", "and attention_factor in their place"),
        ("yarn:4,beta_fast=8,beta_fast=9", "said twice"),
        ("linear:4,beta_fast=8", "linear takes no options"),
        ("dynamic:2,4", "names 2 conditions, and one is asked for"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(text: str, message: str) -> None:
    """In one line, with the spec as it was written."""
    with pytest.raises(UserError, match=message) as caught:
        parse_rope(text)

    assert 1 == len(str(caught.value).splitlines())


def test_a_list_of_numbers_shares_its_options() -> None:
    """`yarn:2,4,beta_fast=16` is two conditions."""
    assert ["yarn:2,beta_fast=16", "yarn:4,beta_fast=16"] == [
        str(each) for each in parse_ropes("yarn:2,4,beta_fast=16")
    ]


def test_defaults_spelled_out_are_the_same_condition() -> None:
    """The same group and the same words for an engine; llama3's factors are always told, for it has no defaults."""
    pairs = [
        ("llama3:8", "llama3:8,low_freq_factor=1,high_freq_factor=4"),
        ("yarn:4", "yarn:4,beta_fast=32,beta_slow=1,truncate=1"),
    ]
    for bare, full in pairs:
        assert parse_rope(bare).means(parse_rope(full))
        assert rope_setting(parse_rope(bare), MODEL, 9) == rope_setting(parse_rope(full), MODEL, 9)
    assert not parse_rope("yarn:4").means(parse_rope("yarn:4,beta_fast=16"))
    assert {"low_freq_factor": 1.0, "high_freq_factor": 4.0}.items() <= rope_setting(
        parse_rope("llama3:8"), MODEL, 9
    ).parameters().items()  # fmt: skip


def test_longrope_has_two_groups_by_the_length_of_prompt_and_answer() -> None:
    """Short factors up to the original length, long ones beyond it, whatever ran before."""
    factors = LongRope((1.0,) * 32, (8.0,) * 32, 1.2)
    model = RopeModel(1e4, 1024, 64, is_scaled=True, longrope=factors)

    settings = [rope_setting(parse_rope("longrope"), model, tokens) for tokens in (1, 1024, 1025, 99999)]

    assert [factors.short, factors.short, factors.long, factors.long] == [each.factors for each in settings]
    assert 2 == len({each.key for each in settings})
    with pytest.raises(UserError, match="longrope needs a model that was released with LongRoPE factors"):
        rope_setting(parse_rope("longrope"), MODEL, 1)


def test_dynamic_yarn_stretches_by_the_length() -> None:
    """The factor is n / L beyond the original length, and nothing is scaled up to it."""
    assert RopeSetting("default", 1e4) == rope_setting(parse_rope("dynamic-yarn"), MODEL, 1024)
    assert RopeSetting("yarn", 1e4, 3.0, 1024) == rope_setting(parse_rope("dynamic-yarn"), MODEL, 3072)


def test_xverses_rule_is_dynamic_with_a_factor_of_two() -> None:
    """Its α = n/(L/2) − 1 (base 500,000, 128 dimensions, L 32,768), for every length up to 262,144, where α is 15."""
    model, spec = RopeModel(500000.0, 32768, 128), parse_rope("dynamic:2")

    for tokens in range(32769, 262145, 97):
        alpha = tokens / (32768 / 2) - 1
        setting = rope_setting(spec, model, tokens)
        assert setting.multiplier == pytest.approx(alpha, rel=1e-14)
        assert setting.base == pytest.approx(500000.0 * alpha ** (128 / 126), rel=1e-14)
    longest = rope_setting(spec, model, 262144)
    assert 15.0 == longest.multiplier
    assert longest.base == pytest.approx(7_829_416, abs=1)


def test_a_factor_of_eight_at_eight_times_4k() -> None:
    """Index's base model under Dynamic NTK, factor 8, at 32,768 tokens: α = 57, a base of some 607,779."""
    setting = rope_setting(parse_rope("dynamic:8"), RopeModel(10000.0, 4096, 128), 32768)

    assert 57.0 == setting.multiplier
    assert setting.base == pytest.approx(607_779, abs=1)


NATIVE = {
    "linear": RopeSetting("linear", 1e4, 4.0),
    "yarn": RopeSetting("yarn", 1e4, 4.0, 256, (("beta_fast", 16.0),)),
    "llama3": RopeSetting("llama3", 1e4, 4.0, 256, (("high_freq_factor", 4.0), ("low_freq_factor", 1.0))),
}


@pytest.mark.parametrize("native", list(NATIVE))
def test_another_base_stands_inside_the_models_own_rule(native: str) -> None:
    """L is the window that the rule makes; what it says of itself stays."""
    beneath = NATIVE[native]
    model = RopeModel(1e4, 1024, 64, is_scaled=True, beneath=beneath)
    multiplied = 1e4 * 5 ** (64 / 62)

    ntk, dynamic, base = (rope_setting(parse_rope(spec), model, 2048) for spec in ("ntk:5", "dynamic:4", "base:5e5"))

    assert replace(beneath, base=multiplied) == ntk == dynamic  # m = 4 · 2048 / 1024 − 3
    assert 5.0 == dynamic.multiplier
    assert replace(beneath, base=5e5) == base
    assert RopeSetting("native") == rope_setting(parse_rope("dynamic:4"), model, 1024)
    assert RopeSetting("native") == rope_setting(parse_rope("native"), model, 2048)


def test_linear_on_linear_multiplies_the_factors() -> None:
    """Positions are divided twice."""
    model = RopeModel(1e4, 1024, 64, is_scaled=True, beneath=NATIVE["linear"])

    assert RopeSetting("linear", 1e4, 8.0) == rope_setting(parse_rope("linear:2"), model, 9)


@pytest.mark.parametrize(
    ("spec", "released", "message"),
    [
        ("yarn:2", "yarn:4", "yarn on yarn:4 means nothing: only ntk, dynamic, base can stand on it"),
        ("linear:2", "yarn:4", "linear on yarn:4 means nothing"),
        ("linear:2", "llama3:8,low_freq_factor=2", "linear on llama3:8"),
        ("llama3:8", "linear:4", "llama3 on linear:4 means nothing: only linear, ntk, dynamic, base"),
        ("dynamic:2", "dynamic:4", "nothing can stand on dynamic:4"),
        ("base:5e5", "longrope", "nothing can stand on longrope"),
        ("ntk:2", "native", "nothing can stand on native"),
        ("none", "yarn:4", "none switches yarn:4 off, so nothing stands on it: native runs"),
    ],
)
def test_what_means_nothing_on_top_is_refused_by_name(spec: str, released: str, message: str) -> None:
    """With what would mean something."""
    assert message in (stacked_refusal(parse_rope(spec), released) or "")


@pytest.mark.parametrize("released", ["linear:4", "yarn:4,beta_fast=16", "llama3:8"])
def test_what_means_something_on_top_is_not(released: str) -> None:
    """Bases on every rule."""
    assert [None] * 3 == [stacked_refusal(parse_rope(spec), released) for spec in ("ntk:2", "dynamic:2", "base:5e5")]


@pytest.mark.parametrize("text", ["none,dynamic:2", "none, dynamic:2,4", "dynamic:2,yarn:4"])
def test_a_list_of_several_rules_is_told_from_a_list_of_numbers(text: str) -> None:
    """Each rule is a spec of its own."""
    with pytest.raises(UserError, match="names several rules"):
        parse_ropes(text)
