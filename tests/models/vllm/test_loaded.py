"""What vLLM loads for a card: which folder and class, who reads its text, and what it is not started for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import load_card
from evalkit.errors import CardError, UserError
from evalkit.models import BackendOptions
from evalkit.models.vllm._configuration import overrides
from evalkit.models.vllm._environment import refusal
from evalkit.models.vllm._loaded import check_choices, find_loaded
from evalkit.rope import RopeModel, RopeSetting
from tests.vllm.checkpoints import WINDOW, save_published

SaveModel = Callable[..., Path]
NATIVE = RopeSetting("native")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Converted copies go to a cache of the test's own."""
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def published(tmp_path: Path) -> Callable[[str], Path]:
    """A checkpoint as it was published, with a `tokenizer.json` beside it."""

    def save(name: str) -> Path:
        folder = save_published(tmp_path / "published" / name, name)
        (folder / "tokenizer.json").write_text("{}", "utf-8")
        return folder

    return save


def test_a_folder_with_a_tokenizer_is_loaded_as_it_is(save_model: SaveModel) -> None:
    """vLLM reads its text too, and nothing stands in for it."""
    folder = save_model()

    found = find_loaded(load_card(folder), BackendOptions())

    assert (str(folder), None, True, "safetensors", {}) == (
        found.place.place, found.own_class, found.reads_text, found.format, found.facts,
    )  # fmt: skip
    assert [folder / "model.safetensors"] == found.files


@pytest.mark.parametrize(
    "changes", [{"tokenizer": "elsewhere"}, {"use_fast_tokenizer": False}], ids=["another tokenizer", "a slow one"]
)
def test_text_is_read_by_the_tokenizer_that_made_the_prompts(changes: dict[str, Any], save_model: SaveModel) -> None:
    """Where the card names another than the folder's, vLLM gets none."""
    card = load_card(save_model())

    assert not find_loaded(card.model_copy(update=changes), BackendOptions()).reads_text


def test_a_folder_without_tokenizer_json_is_read_by_evalkit(save_model: SaveModel) -> None:
    """Whatever other files transformers would make one of."""
    folder = save_model()
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")

    assert not find_loaded(load_card(folder), BackendOptions()).reads_text


def test_a_converted_copy_says_what_it_runs_as(published: Callable[[str], Path]) -> None:
    """The copy holds no tokenizer, so evalkit reads its text."""
    folder = published("index")

    found = find_loaded(load_card(folder), BackendOptions())

    assert str(folder) != found.place.place
    assert ({"runs_as": "llama"}, None, False, "safetensors") == (
        found.facts, found.own_class, found.reads_text, found.format,
    )  # fmt: skip


def test_errors_name_the_published_folder(published: Callable[[str], Path]) -> None:
    """Nobody has asked for the copy in the cache."""
    card = load_card(published("index"))
    place = find_loaded(card, BackendOptions()).place.place

    error = refusal(card, NATIVE, 99, RuntimeError(f"no\nlayers in {place}"), place)

    assert f"index: vLLM cannot load the model: no layers in {card.weights_path}" == str(error)


def test_pickled_weights_with_their_own_code_are_left_as_they_are(published: Callable[[str], Path]) -> None:
    """The flag runs the published files, which vLLM then reads from pickles of tensors."""
    folder = published("index")

    found = find_loaded(load_card(folder), BackendOptions(trust_remote_code=True))

    assert (str(folder), "hf", True) == (found.place.place, found.format, found.reads_text)


@pytest.mark.parametrize(
    ("name", "base", "is_otherwise"),
    [("chatglm2-6b", 1e4, False), ("chatglm3-6b-32k", 5e5, False), ("chatglm2-6b-32k", 1e4, True)],
)
def test_chatglm_runs_by_vllms_own_class(
    name: str, base: float, is_otherwise: bool, published: Callable[[str], Path]
) -> None:
    """Under its own names, with a table as long as the window; one ratio is not that of the class."""
    card = load_card(published(name))
    found = find_loaded(card, BackendOptions())

    told = overrides(card, found, BackendOptions(rope_model=RopeModel(base, WINDOW, 32)), NATIVE, 5000)

    assert {"seq_length": 5000, "max_position_embeddings": 5000, "tie_word_embeddings": False} == told
    assert ({}, is_otherwise, False) == (found.facts, found.is_turned_otherwise, found.reads_text)
    with pytest.raises(UserError, match=f"by base {base:g}, and --rope counts with 77777"):
        overrides(card, found, BackendOptions(rope_model=RopeModel(77777.0, WINDOW, 32)), NATIVE, 5000)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"_attn_implementation": "owner/kernel"}, "refused"),
        ({"vision_config": {"attn_implementation": "owner/kernel@v1"}}, "refused"),
        ({"kernel_config": {"RMSNorm": "owner/kernel:Norm"}}, "refused"),
        ({"_attn_implementation": "flash_attention_2"}, "ignored, vLLM attends"),
        ({"_attn_implementation": None}, ""),
    ],
    ids=str,
)
def test_what_a_folder_chooses_is_refused_or_said(fields: dict[str, Any], expected: str, save_model: SaveModel) -> None:
    """Code of the hub needs the flag; vLLM needs no other attention."""
    folder = save_model()
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **fields}), "utf-8")
    notes: list[str] = []

    if expected == "refused":
        with pytest.raises(CardError, match="code that is not run unasked") as caught:
            check_choices(load_card(folder), BackendOptions())
        assert 1 == len(str(caught.value).splitlines())
    check_choices(load_card(folder), BackendOptions(trust_remote_code=True, note=notes.append))

    assert bool(expected) == bool(notes)
    assert expected == "refused" or expected in "".join(notes)
