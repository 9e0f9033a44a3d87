"""Losses of tokens are those of transformers' own logits, however few of them are made at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.errors import SampleError
from evalkit.models import MeasuresLosses
from evalkit.prompts import token_array
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]
SaveModel = Callable[..., Path]

WINDOW, TOKENS = 48, 130
ROPE = RopeModel(10000.0, WINDOW, 16)
NATIVE = RopeSetting("native")
SPECS = [
    *("native", "none", "base:320000", "linear:4", "ntk:4", "dynamic:4", "yarn:4", "yarn:4,beta_fast=16"),
    *("dynamic-yarn", "llama3:4,high_freq_factor=4,low_freq_factor=1"),
]


@pytest.fixture(scope="module")
def ids() -> list[int]:
    """A text longer than the window."""
    return [0, *np.random.default_rng(5).integers(2, 380, TOKENS - 1).tolist()]


def plain(folder: Path, ids: list[int]) -> Any:
    """Each token's loss from all logits of a fresh model at once, by a softmax in float64."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        chances = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), dim=-1)
    return -chances[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].numpy()


@pytest.mark.parametrize("spec", SPECS)
def test_losses_are_those_of_a_model_loaded_with_the_setting(
    spec: str, ids: list[int], save_model: SaveModel, load: Load
) -> None:
    """Token by token, by transformers' own scaling at that length; perplexity to 1e-6 of itself."""
    setting = rope_setting(parse_rope(spec), ROPE, TOKENS)
    written = {"rope_parameters": setting.parameters()} if setting.parameters() else {}
    model = load(save_model(max_position_embeddings=WINDOW))

    found = model.token_losses(setting, token_array(ids))

    expected = plain(save_model(max_position_embeddings=WINDOW, **written), ids)
    assert (TOKENS - 1,) == found.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert np.exp(expected.mean()) == pytest.approx(np.exp(found.mean()), rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("Gemma2", {"head_dim": 16, "final_logit_softcapping": 2.0, "sliding_window": 16}),  # caps behind the matrix
        ("Cohere", {"logit_scale": 0.3}),  # scales behind it
        ("OPT", {"ffn_dim": 64, "word_embed_proj_dim": 32}),  # learns its positions
        ("Mamba", {"state_size": 4}),  # a running state in place of attention
    ],
)
def test_what_a_class_does_behind_its_output_matrix_is_done(
    kind: str, changes: dict[str, Any], ids: list[int], save_model: SaveModel, load: Load
) -> None:
    """By the class itself, for a few tokens at a time."""
    folder = save_model(kind=kind, **changes)
    model = load(folder)
    model._losses._rows = 7

    found = model.token_losses(NATIVE, token_array(ids))

    assert model._losses.is_by_pieces
    np.testing.assert_allclose(found, plain(folder, ids), atol=2e-5)


@pytest.mark.parametrize("rows", [1, 7, TOKENS, 1000])
def test_how_many_logits_are_made_at_once_changes_nothing(
    rows: int, ids: list[int], tiny_model: Path, load: Load
) -> None:
    """One row, some, or all; no more than `rows` ever exist."""
    model = load(tiny_model)
    expected = model.token_losses(NATIVE, token_array(ids))
    model._losses._rows = rows
    seen: list[int] = []
    head = model._model.get_output_embeddings()
    head.register_forward_hook(lambda *parts: seen.append(parts[2].shape[1]))

    found = model.token_losses(NATIVE, token_array(ids))

    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert max(seen) <= rows


def test_a_text_too_long_for_one_pass_is_computed_in_pieces(ids: list[int], tiny_model: Path, load: Load) -> None:
    """Over a cache, with the same losses."""
    model = load(tiny_model)
    expected = model.token_losses(NATIVE, token_array(ids))
    model._prefill.most_tokens = 32

    found = model.token_losses(NATIVE, token_array(ids))

    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_scaling_that_follows_the_length_begins_anew_with_each_text(
    ids: list[int], save_model: SaveModel, load: Load
) -> None:
    """Whatever was measured before, and never in pieces."""
    own = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    folder = save_model(max_position_embeddings=WINDOW, rope_parameters=own)
    model = load(folder)
    model._prefill.most_tokens = 32
    model.token_losses(NATIVE, token_array(ids))

    for length in (20, TOKENS, 60):
        found = model.token_losses(NATIVE, token_array(ids[:length]))

        np.testing.assert_allclose(found, plain(folder, ids[:length]), atol=2e-5)


def test_measuring_leaves_the_model_as_it_was(ids: list[int], tiny_model: Path, load: Load) -> None:
    """Its body computes again what it computed, and answers are the same."""
    import torch

    model = load(tiny_model)
    batch = torch.tensor([ids])
    with torch.inference_mode():
        before = model._model(batch).logits

        model.token_losses(rope_setting(parse_rope("linear:4"), ROPE, TOKENS), token_array(ids))
        model.token_losses(NATIVE, token_array(ids))

        assert torch.equal(before, model._model(batch).logits)
    assert "forward" not in model._model.base_model.__dict__


def test_where_logits_cannot_be_made_by_pieces_all_are_made_at_once_and_said(
    ids: list[int], tiny_model: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class whose body is not what makes its logits."""
    from evalkit.models.huggingface._losses import TokenLosses

    notes: list[str] = []
    model = load(tiny_model, note=notes.append)
    monkeypatch.setattr(TokenLosses, "_agrees", lambda *_: False)

    found = model.token_losses(NATIVE, token_array(ids))

    np.testing.assert_allclose(found, plain(tiny_model, ids), atol=2e-5)
    assert any("logits of a whole text at once" in note for note in notes)


def test_what_the_model_lacks_or_cannot_number_is_refused(tiny_model: Path, load: Load) -> None:
    """A token outside the vocabulary, and logits that overflow."""
    import torch

    model = load(tiny_model)
    assert isinstance(model, MeasuresLosses)
    with pytest.raises(SampleError, match="token 99,999 is not among the model's"):
        model.token_losses(NATIVE, token_array([0, 99_999]))

    with torch.inference_mode():
        model._model.get_output_embeddings().weight[3] = float("inf")
    with pytest.raises(SampleError, match="no number: logits overflow in float32; choose another --dtype"):
        model.token_losses(NATIVE, token_array([0, 3, 4]))


@pytest.mark.parametrize("tokens", [1, 2])
def test_short_texts(tokens: int, tiny_model: Path, load: Load) -> None:
    """One token has no loss, two have one."""
    assert (tokens - 1,) == load(tiny_model).token_losses(NATIVE, token_array([0, 5][:tokens])).shape
