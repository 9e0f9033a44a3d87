"""What an engine is told under `--rope-mode engine`, and which specs it has no word for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.errors import UserError
from evalkit.rope import (
    LongRope,
    RopeModel,
    RopeSetting,
    engine_base,
    engine_setting,
    parse_rope,
    rope_setting,
    rotation,
)

MODEL = RopeModel(10000.0, 4096, 128)


@pytest.mark.parametrize("backend", ["hf", "vllm", "endpoint"])
@pytest.mark.parametrize("spec", ["none", "base:320000"])
def test_what_leaves_nothing_to_an_engine_is_the_same_in_both_modes(spec: str, backend: str) -> None:
    """One rotation for all prompts, and one name for it."""
    own = engine_setting(parse_rope(spec), MODEL, backend, 32768)

    assert rope_setting(parse_rope(spec), MODEL, 32768) == own
    assert not own.is_engines


@pytest.mark.parametrize("spec", ["linear:8", "yarn:8", "yarn:8,beta_fast=16", "dynamic:8"])
def test_a_record_tells_whose_rule_it_was(spec: str) -> None:
    """The group of an engine's own rule has a name that no effective base has."""
    own = engine_setting(parse_rope(spec), MODEL, "hf", 32768)
    ours = rope_setting(parse_rope(spec), MODEL, 32768)

    assert own.key.startswith("engine:")
    assert own.key.removeprefix("engine:") != own.key
    assert own != ours
    assert spec.startswith("dynamic") or own.parameters() == ours.parameters()


def test_transformers_is_told_the_rule_and_vllm_is_held_to_its_window() -> None:
    """The first follows each pass, so its group names no length; the second counts with one, so its group does."""
    followed = engine_setting(parse_rope("dynamic:8"), MODEL, "hf", 32768)
    counted = engine_setting(parse_rope("dynamic:8"), MODEL, "vllm", 32768)

    assert "engine:dynamic/base=10000.0/factor=8.0" == followed.key
    assert "engine:dynamic/base=10000.0/factor=8.0/window=32768" == counted.key
    assert {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 8.0} == followed.parameters()
    assert (None, 57.0) == (followed.multiplier, counted.multiplier)
    assert (None, 607_779) == (followed.effective_base, round(counted.effective_base or 0))


@pytest.mark.parametrize(("window", "multiplier"), [(32768, 57.0), (5000, 40000 / 4096 - 7), (4096, 1.0), (100, 1.0)])
def test_vllm_counts_dynamic_with_its_window_and_never_with_less_than_the_original_length(
    window: int, multiplier: float
) -> None:
    """Its formula at the end of the window; a smaller one leaves the table as long as the released one."""
    setting = engine_setting(parse_rope("dynamic:8"), MODEL, "vllm", window)

    expected = 10000.0 * multiplier ** (128 / 126)

    assert expected == pytest.approx(engine_base(setting, 128), rel=1e-12)
    assert rotation(RopeSetting("default", engine_base(setting, 128)), 128) == rotation(setting, 128)


def test_a_rule_that_follows_the_length_has_no_rotation_without_one() -> None:
    """Asked for one, it says so; at a length it has one, which is nothing up to the original length."""
    setting = engine_setting(parse_rope("dynamic:8"), MODEL, "hf", 32768)

    with pytest.raises(UserError, match="follows the length of each prompt"):
        rotation(setting, 128)
    assert [10000.0, 10000.0] == [engine_base(setting, 128, tokens) for tokens in (1, 4096)]
    assert 607_779 == round(engine_base(setting, 128, 32768))


@pytest.mark.parametrize(
    ("spec", "backend", "reason"),
    [
        ("ntk:4", "hf", "transformers has no rule of that name"),
        ("ntk:4", "vllm", "vLLM's ntk is another rule"),
        ("ntk:4", "endpoint", "vLLM's ntk is another rule"),
        ("dynamic-yarn", "hf", "transformers has no such rule"),
        ("dynamic-yarn", "vllm", "vLLM has no such rule"),
        ("none", "tracer", "what the backend tracer makes of a spec is not known"),
    ],
)
def test_specs_without_a_word_in_the_engine_are_refused(spec: str, backend: str, reason: str) -> None:
    """By name, for each engine, with what to do."""
    with pytest.raises(UserError, match=reason):
        engine_setting(parse_rope(spec), MODEL, backend, 32768)


def test_an_engine_has_one_rule() -> None:
    """What stands on a model's own scaling is evalkit's doing."""
    stacked = replace(MODEL, beneath=RopeSetting("linear", 10000.0, 4.0))

    with pytest.raises(UserError, match="an engine has one rule"):
        engine_setting(parse_rope("dynamic:8"), stacked, "hf", 32768)


def test_longrope_is_the_model_as_released_and_needs_its_factors() -> None:
    """Engines read the factors from the model's own configuration, and choose among them by their own rule."""
    released = replace(MODEL, longrope=LongRope((1.0,) * 64, (8.0,) * 64, 1.1))

    assert "engine:native" == engine_setting(parse_rope("longrope"), released, "hf", 32768).key
    with pytest.raises(UserError, match="released with LongRoPE factors"):
        engine_setting(parse_rope("longrope"), MODEL, "hf", 32768)
