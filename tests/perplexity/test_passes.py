"""Which passes measure all specs at all lengths."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.perplexity import Sums, Window, WindowRule, cells_of, plan_passes, sums_of
from evalkit.prompts import token_array
from evalkit.rope import RopeModel, RopeSetting, RopeSpec, parse_rope, rope_setting

MODEL = RopeModel(10000.0, 1024, 32)
LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
PREFIX = WindowRule("prefix", LENGTHS)


def setting_of(spec: RopeSpec, length: int) -> RopeSetting:
    """For a model made for 1,024 tokens."""
    return rope_setting(spec, MODEL, length)


def planned(*specs: str, rule: WindowRule = PREFIX, follows_length: bool = False) -> list[tuple[int, ...]]:
    """The lengths of each pass."""
    parsed = [parse_rope(spec) for spec in specs]
    return [each.lengths for each in plan_passes(parsed, rule, setting_of, follows_length=follows_length)]


@pytest.mark.parametrize("spec", ["native", "none", "linear:4", "ntk:4", "yarn:4", "llama3:8", "base:320000"])
def test_a_setting_that_is_the_same_at_all_lengths_is_one_pass(spec: str) -> None:
    """Over the longest window."""
    assert [LENGTHS] == planned(spec)


@pytest.mark.parametrize("spec", ["dynamic:4", "dynamic-yarn"])
def test_a_dynamic_rule_is_a_pass_for_each_length_beyond_the_original(spec: str) -> None:
    """All lengths within it share one."""
    assert [(256, 512, 1024), (2048,), (4096,), (8192,)] == planned(spec)


def test_specs_share_what_they_have_in_common() -> None:
    """Within the original length a dynamic rule is no scaling, and costs no pass of its own."""
    assert [LENGTHS, (2048,), (4096,), (8192,), (2048,), (4096,), (8192,)] == planned("none", "dynamic:2", "dynamic:4")


def test_a_scaling_of_the_models_own_that_follows_the_length_is_a_pass_a_length() -> None:
    """Though its setting has one name."""
    assert [(length,) for length in LENGTHS] == planned("native", follows_length=True)
    assert [LENGTHS] == planned("none", follows_length=True)


def test_windows_that_slide_are_passes_of_their_own() -> None:
    """Each length has other windows."""
    rule = WindowRule("sliding", LENGTHS)

    assert [(length,) for length in LENGTHS] == planned("none", rule=rule)
    assert [*LENGTHS] == [cell.window for cell in cells_of(parse_rope("none"), rule, setting_of)]


def test_sums_are_over_the_tokens_that_count() -> None:
    """Losses begin with that of the second token."""
    window, losses = Window(6, 0, token_array([0] * 6), 2, 6), np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])

    assert {4: Sums(110.0, 2), 6: Sums(11110.0, 4)} == sums_of(window, [4, 6], losses)
