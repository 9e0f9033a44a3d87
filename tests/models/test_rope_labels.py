"""What each engine makes of one RoPE label, against formulas written down again."""

from __future__ import annotations

import math
from typing import Any

import pytest

from evalkit.models import RopeLabel, _rope_labels, own_overrides, rope_labels
from evalkit.rope import LongRope, RopeModel, engine_setting, parse_rope

LENGTHS, WINDOW = (1000, 4096, 5000, 32768), 32768
MODEL = RopeModel(10000.0, 4096, 128, longrope=LongRope((1.0,) * 64, (4.0,) * 64, 1.19))
SPECS = ["none", "base:320000", "linear:8", "dynamic:8", "yarn:8", "yarn:8,beta_fast=16", "llama3:8", "longrope"]


def labels(spec: str, **changes: Any) -> dict[tuple[str, int], RopeLabel]:
    """Engine and length → what it does."""
    asked = {"lengths": LENGTHS, "model": MODEL, "window": WINDOW} | changes
    return {(row.engine, row.length): row for row in rope_labels(parse_rope(spec), **asked)}


def numbers(row: RopeLabel) -> tuple[float, ...]:
    """What describes its rotation."""
    found = (row.multiplier, row.base, row.scale, row.fastest, row.slowest)
    return tuple(-1.0 if each is None else each for each in found)


@pytest.fixture
def uninstalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without engines."""
    monkeypatch.setattr(_rope_labels, "_version", lambda _: None)


def test_one_label_means_three_things() -> None:
    """dynamic:8 of a 4K model: at the length seen, at the window for all, at prompt and answer."""
    found = labels("dynamic:8")

    def base(multiplier: float) -> float:
        return float(10000 * multiplier ** (128 / 126))

    followed = [1.0, 1.0, 8 * 5000 / 4096 - 7, 57.0]
    for engine, multipliers in (("transformers", followed), ("vllm", [57.0] * 4), ("evalkit", followed)):
        for length, multiplier in zip(LENGTHS, multipliers, strict=True):
            row = found[engine, length]
            assert (multiplier, base(multiplier)) == pytest.approx((row.multiplier, row.base), rel=1e-6)
            assert 2 * math.pi * base(multiplier) ** (126 / 128) == pytest.approx(row.slowest, rel=1e-6)
    assert 607_779 == round(found["vllm", 1000].base or 0)
    assert [("the length seen", 5000), ("the window, for all prompts", WINDOW), ("prompt + answer", 5000)] == [
        (found[engine, 5000].counts, found[engine, 5000].counted) for engine in ("transformers", "vllm", "evalkit")
    ]


@pytest.mark.parametrize("spec", ["linear:8", "yarn:8", "llama3:8", "base:320000", "none"])
def test_rules_that_count_no_length_mean_one_thing(spec: str) -> None:
    """The same rotation at every length, in every engine."""
    found = labels(spec)

    expected = numbers(found["evalkit", 1000])
    for row in found.values():
        assert ("no length", None) == (row.counts, row.counted)
        assert expected == pytest.approx(numbers(row), rel=1e-5)


def test_longrope_is_chosen_by_what_each_engine_counts() -> None:
    """A short prompt gets short factors, but not in an engine that was started for long ones."""
    found = labels("longrope")

    short, long = 2 * math.pi, 4 * 2 * math.pi
    assert [short, long, short] == pytest.approx(
        [found[engine, 1000].fastest for engine in ("transformers", "vllm", "evalkit")], rel=1e-6
    )
    assert [long] * 3 == pytest.approx(
        [found[engine, 5000].fastest for engine in ("transformers", "vllm", "evalkit")], rel=1e-6
    )


@pytest.mark.parametrize("spec", SPECS)
def test_formulas_stand_in_for_what_is_not_installed(spec: str, request: pytest.FixtureRequest) -> None:
    """They give what transformers computes, and every row says which of both it is."""
    computed = labels(spec)
    request.getfixturevalue("uninstalled")

    found = labels(spec)

    for length in LENGTHS:
        ours, theirs = found["transformers", length], computed["transformers", length]
        assert numbers(theirs) == pytest.approx(numbers(ours), rel=2e-6)
        assert theirs.how.startswith("computed by transformers ")
        assert ("formula of transformers 5.19", "formula of vLLM 0.32") == (ours.how, found["vllm", length].how)
        assert "computed" == found["evalkit", length].how


@pytest.mark.parametrize("spec", ["ntk:4", "dynamic-yarn"])
def test_an_engine_without_the_word_has_no_numbers(spec: str) -> None:
    """And says why; evalkit's own row has them."""
    found = labels(spec)

    for engine in ("transformers", "vllm"):
        assert found[engine, 5000].instead
        assert {-1.0} == set(numbers(found[engine, 5000]))
    assert found["evalkit", 5000].instead is None
    assert 1 < (found["evalkit", 5000].multiplier or 0)


def test_a_window_below_the_original_length_counts_as_that() -> None:
    """Nobody starts vLLM with fewer positions than the model has."""
    found = labels("dynamic:8", window=1000)["vllm", 1000]

    assert (4096, 1.0, 10000.0) == pytest.approx((found.counted, found.multiplier, found.base), rel=1e-6)


def test_what_starts_such_a_vllm_server_is_complete() -> None:
    """With the original length, without which vLLM takes its window for it."""
    told = own_overrides(engine_setting(parse_rope("dynamic:8"), MODEL, "vllm", WINDOW), WINDOW)

    parameters = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 8.0, "max_trained_positions": 4096}
    assert {"max_position_embeddings": WINDOW, "rope_parameters": parameters} == told
