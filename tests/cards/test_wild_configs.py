"""Cards of folders whose config.json is as published models have it: window, base, scaling, turned dimensions."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.cards import load_card
from tests.wild import CONFIGS, ConfigShape, cases, write_config

# GPT-2 names its widths otherwise; a folder without a window has no card.
WITH_WIDTHS = {name: shape for name, shape in CONFIGS.items() if name not in {"n_positions", "max_seq_len"}}


@pytest.mark.parametrize("shape", cases(CONFIGS))
def test_the_window_is_what_the_file_gives_the_model(shape: ConfigShape, tmp_path: Path) -> None:
    """Scaling that extends the stated length extends the window, and only that."""
    assert shape.window == load_card(write_config(shape, tmp_path / "model")).context_length


@pytest.mark.parametrize("shape", cases(CONFIGS))
def test_base_and_scaling_are_read_in_every_spelling(shape: ConfigShape, tmp_path: Path) -> None:
    """One base and one scaling, or none where the model has several."""
    card = load_card(write_config(shape, tmp_path / "model"))

    assert (shape.theta, shape.scaling) == (card.rope.theta, card.rope.scaling)


TURNED = ("plain", "partial rotary, v4", "partial rotary, v5", "partial rotary, ignored", "rotary_pct")


@pytest.mark.parametrize("name", TURNED)
def test_the_turned_part_of_a_head_is_read_in_every_spelling(name: str, tmp_path: Path) -> None:
    """Dimensions that the rotary embedding turns, of 16."""
    shape = CONFIGS[name]

    card = load_card(write_config(shape, tmp_path / "model"))

    assert (shape.rotary_dim, 16) == (card.architecture.rotary_dim, card.architecture.head_dim)


def test_latent_attention_turns_a_part_of_its_own(tmp_path: Path) -> None:
    """Hidden / heads is no width of it, so none is stated, and no bytes of keys and values are counted with one."""
    shape = CONFIGS["latent attention, v4"]

    card = load_card(write_config(shape, tmp_path / "model"))

    assert (shape.rotary_dim, None, None) == (
        card.turned_dimensions, card.architecture.head_dim, card.kv_bytes_per_token,
    )  # fmt: skip


@pytest.mark.parametrize("shape", cases(WITH_WIDTHS))
def test_the_widths_of_the_language_model_are_read(shape: ConfigShape, tmp_path: Path) -> None:
    """Layers and heads decide the memory of a plan; a vision tower's own are not meant."""
    card = load_card(write_config(shape, tmp_path / "model"))

    assert (2, 32, 2, 1, 400) == (
        card.architecture.layers, card.architecture.hidden, card.architecture.heads, card.architecture.kv_heads,
        card.architecture.vocabulary,
    )  # fmt: skip
