"""Which setting a model's own RoPE is for an engine whose table is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.cards import Card, load_card
from evalkit.errors import UserError
from evalkit.models import GenerationRequest
from evalkit.models._released import released_setting
from evalkit.models.vllm._rotation import put_in_force, within_length
from evalkit.prompts import token_array
from evalkit.rope import RopeSetting

NATIVE = RopeSetting("native")


@pytest.fixture
def scaled(save_model: Callable[..., Path]) -> Callable[..., Card]:
    """The card of a model of 512 tokens with that scaling."""
    card = load_card(save_model())

    def change(scaling: str | None, theta: float | None = 1e4, original: int | None = 512) -> Card:
        rope = card.rope.model_copy(update={"scaling": scaling, "theta": theta, "original_length": original})
        return card.model_copy(update={"rope": rope})

    return change


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        (None, RopeSetting("default", 1e4)),
        ("linear:8", RopeSetting("linear", 1e4, 8.0)),
        ("dynamic:2", None),
        ("ntk:2", RopeSetting("default", 1e4 * 2 ** (16 / 14))),
        ("yarn:4", RopeSetting("yarn", 1e4, 4.0, 512)),
        ("yarn:4,beta_fast=16", RopeSetting("yarn", 1e4, 4.0, 512, (("beta_fast", 16.0),))),
        (
            "llama3:8",
            RopeSetting("llama3", 1e4, 8.0, 512, (("high_freq_factor", 4.0), ("low_freq_factor", 1.0))),
        ),
        ("longrope", None),
        ("native", None),
    ],
)
def test_what_a_model_was_released_with(
    scaling: str | None, expected: RopeSetting | None, scaled: Callable[..., Card]
) -> None:
    """A setting where the card says all of it."""
    assert expected == released_setting(scaled(scaling))
    assert released_setting(scaled(scaling, None)) is None


def test_a_rule_that_counts_from_an_unstated_length_is_not_guessed(scaled: Callable[..., Card]) -> None:
    """A card written by hand may leave out what yarn and llama3 extend; linear does not count from it."""
    found = [released_setting(scaled(scaling, original=None)) for scaling in ("yarn:4", "llama3:8", "linear:8")]

    assert [None, None, RopeSetting("linear", 1e4, 8.0)] == found


@pytest.mark.parametrize(
    ("scaling", "theta", "tokens", "rope", "expected"),
    [
        ("dynamic:2", 1e4, 512, NATIVE, RopeSetting("default", 1e4)),
        ("dynamic:2", 1e4, 513, NATIVE, NATIVE),
        ("dynamic:2", None, 512, NATIVE, NATIVE),
        ("dynamic:2", 1e4, 512, RopeSetting("default", 2e4), RopeSetting("default", 2e4)),
        ("linear:2", 1e4, 512, NATIVE, NATIVE),
        (None, 1e4, 512, NATIVE, NATIVE),
    ],
)
def test_dynamic_scaling_is_nothing_within_the_length(
    scaling: str | None,
    theta: float | None,
    tokens: int,
    rope: RopeSetting,
    expected: RopeSetting,
    scaled: Callable[..., Card],
) -> None:
    """Prompt and answer together count, those of the longest request."""
    requests = [GenerationRequest(0, token_array([5] * 9), 5), GenerationRequest(1, token_array([5] * (tokens - 5)), 5)]

    assert expected == within_length(rope, scaled(scaling, theta), requests)


def test_a_softmax_that_an_option_scales_is_not_set_in_a_running_engine(scaled: Callable[..., Card]) -> None:
    """Latent attention (DeepSeek) takes it when it is loaded; refused before the engine is asked anything."""
    card = scaled("yarn:4,mscale=1,mscale_all_dim=1")
    latent = card.architecture.model_copy(update={"head_dim": None, "rotary_dim": 8})
    options = (("mscale", 1.0), ("mscale_all_dim", 1.0))

    for rope in (NATIVE, RopeSetting("yarn", 1e4, 4.0, 512, options)):
        with pytest.raises(UserError, match="scales the softmax by mscale_all_dim"):
            put_in_force(None, rope, card.model_copy(update={"architecture": latent}))
