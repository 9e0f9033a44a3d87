"""RoPE scalings of configurations as specs, and what is no spec."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import check_card, load_card, longrope_of, positions_without_rope
from evalkit.cards._scaling import SPEC, is_same_scaling, long_factors, spec_of
from evalkit.rope import RopeSpec, parse_rope

YARN: dict[str, Any] = {"rope_type": "yarn", "factor": 4.0}
LLAMA3: dict[str, Any] = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}


@pytest.mark.parametrize(
    ("scaling", "spec"),
    [
        (YARN, "yarn:4"),
        (YARN | {"beta_fast": 32, "beta_slow": 1, "truncate": True, "finetuned": True}, "yarn:4"),
        (YARN | {"beta_fast": None, "beta_slow": 0, "mscale": 0, "attention_factor": None}, "yarn:4"),
        (YARN | {"beta_fast": 16.5, "truncate": False}, "yarn:4,beta_fast=16.5,truncate=0"),
        (YARN | {"mscale": 0.707, "mscale_all_dim": 0.707}, "yarn:4,mscale=0.707,mscale_all_dim=0.707"),
        (YARN | {"mscale": 1.0}, "yarn:4"),
        (YARN | {"attention_factor": 1.2, "mscale": 1, "mscale_all_dim": 2}, "yarn:4,attention_factor=1.2"),
        (YARN | {"beta_fast": 1, "beta_slow": 2}, "native"),
        (YARN | {"beta_fast": "32"}, "native"),
        (YARN | {"attention_factor": 0}, "native"),
        (YARN | {"factor": 0.5}, "native"),
        (LLAMA3, "llama3:8,high_freq_factor=4,low_freq_factor=1"),
        (LLAMA3 | {"low_freq_factor": 4.0}, "native"),
        (LLAMA3 | {"high_freq_factor": None}, "native"),
        ({"rope_type": "linear", "factor": 2.5}, "linear:2.5"),
        ({"rope_type": "dynamic", "factor": 8}, "dynamic:8"),
        ({"rope_type": "proportional", "factor": 8.0}, "native"),
        ({"rope_type": "default"}, None),
    ],
)
def test_a_scaling_is_a_spec_where_a_spec_says_all_of_it(scaling: dict[str, Any], spec: str | None) -> None:
    """Defaults and what counts for nothing are left out; `--rope` and cards read what is written here."""
    found = spec_of({"rope_scaling": scaling}, 1024)

    assert spec == found
    if spec is not None:
        assert isinstance(parse_rope(spec), RopeSpec)
        assert re.fullmatch(SPEC, spec)


def test_llama3_without_an_original_length_is_none() -> None:
    """It counts turns over that length."""
    assert "native" == spec_of({"rope_scaling": LLAMA3}, None)


SHORT, LONG = [1.0, 1.5], [2, 4.0]
LISTS = {"rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG}


@pytest.mark.parametrize(
    ("changes", "scale"),
    [
        ({}, (1 + 2 / 10) ** 0.5),  # ln 4 / ln 1024
        ({"factor": 16.0}, (1 + 4 / 10) ** 0.5),
        ({"factor": 1.0}, 1.0),
        ({"attention_factor": 1.3}, 1.3),
    ],
)
def test_the_factors_of_longrope_are_read_with_their_scale(changes: dict[str, Any], scale: float) -> None:
    """√(1 + ln s / ln L), where s is stated, or the ratio of both lengths."""
    config = {"max_position_embeddings": 4096, "rope_scaling": LISTS | changes}

    found = long_factors(config, 1024, 4)

    assert found is not None
    assert ((1.0, 1.5), (2.0, 4.0)) == found[:2]
    assert found.scale == pytest.approx(scale, rel=1e-12)
    assert "longrope" == spec_of(config, 1024, 4)


@pytest.mark.parametrize(
    ("changes", "original", "turned"),
    [
        ({}, None, 4), ({}, 1024, 6), ({}, 1024, None), ({"long_factor": [1.0, 0]}, 1024, 4),
        ({"short_factor": None}, 1024, 4), ({"short_mscale": 1.2, "long_mscale": 1.3}, 1024, 4),
        ({"attention_factor": "x"}, 1024, 4),
    ],
)  # fmt: skip
def test_longrope_with_something_missing_is_none(changes: dict[str, Any], original: int | None, turned: int) -> None:
    """A wrong number of factors, none of them, a scale of its own for each list."""
    config = {"max_position_embeddings": 4096, "rope_scaling": LISTS | changes}

    assert long_factors(config, original, turned) is None
    assert "native" == spec_of(config, original, turned)


@pytest.mark.parametrize(
    ("ours", "theirs", "is_same"),
    [
        ("yarn:4", "yarn:4", True),
        ("yarn:4.0,beta_fast=32", "yarn:4", True),
        ("yarn:4", "yarn:4,beta_fast=16", False),
        ("llama3:8", "llama3:8,high_freq_factor=4,low_freq_factor=1", True),
        ("native", "llama3:8,high_freq_factor=4,low_freq_factor=1", True),
        ("native", "longrope", True),
        ("native", "yarn:4", False),
        (None, "yarn:4", False),
        (None, None, True),
    ],
)
def test_cards_are_held_against_what_a_spec_means(ours: str | None, theirs: str | None, is_same: bool) -> None:
    """Cards of older releases say `native` for what no spec expressed then."""
    assert is_same is is_same_scaling(ours, theirs)


def test_a_card_may_state_every_spec(tmp_path: Path) -> None:
    """And no other text."""

    def written(scaling: str) -> Path:
        path = tmp_path / "card.yaml"
        path.write_text(
            "name: c\ntitle: C\nlicence: none\ncontext_length: 4096\nweights: a/b\n"
            f"rope: {{scaling: '{scaling}'}}\nsources: [{{facts: [rope], source: S}}]\n"
        )
        return path

    for spec in ("longrope", "llama3:8", "llama3:8,low_freq_factor=1", "yarn:4,beta_fast=1.5e1,truncate=0"):
        assert spec == load_card(written(spec)).rope.scaling
    for text in ("yarn", "yarn:4,beta=1", "llama3:8,beta_fast=2", "longrope:2", "dynamic:2,beta_fast=3"):
        with pytest.raises(Exception, match=r"llama3:8 \(any factor\), longrope, native or null"):
            load_card(written(text))


def test_a_folder_of_longrope_gives_card_and_factors(save_model: Callable[..., Path]) -> None:
    """The card says so in a word, the factors stay in the configuration."""
    lists = {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8}
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 128, **lists}
    card = load_card(save_model(rope_parameters=rope))
    plain = load_card(save_model())

    factors = longrope_of(card)

    assert ("longrope", 128) == (card.rope.scaling, card.original_length)
    assert factors is not None
    assert (4.0,) * 8 == factors.long
    assert longrope_of(plain) is None
    assert [] == [each for each in check_card(card) if each.level == "error"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"model_type": "bloom"}, "ALiBi"),
        ({"model_type": "mpt", "attn_config": {"alibi": True}}, "ALiBi"),
        ({"model_type": "falcon", "alibi": True}, "ALiBi"),
        ({"model_type": "falcon", "alibi": False}, None),
        ({"model_type": "baichuan", "hidden_size": 5120}, "ALiBi"),
        ({"model_type": "baichuan", "hidden_size": 4096}, None),
        ({"model_type": "jais", "position_embedding_type": "alibi"}, "ALiBi"),
        ({"model_type": "granitemoehybrid", "position_embedding_type": "nope"}, "no positions"),
        ({"model_type": "gpt2"}, "learned positions"),
        ({"model_type": "opt"}, "learned positions"),
        ({"model_type": "llama"}, None),
    ],
)
def test_models_without_a_rotary_embedding_are_known_by_their_configuration(
    changes: dict[str, Any], found: str | None, save_model: Callable[..., Path]
) -> None:
    """By type, or by what a type's file says."""
    folder = save_model()
    card = load_card(folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    assert found == positions_without_rope(card)
