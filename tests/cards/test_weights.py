"""Which files of a model folder are its weights, and what they name besides themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.cards import foreign_code, load_card, loaded_files, weight_files
from evalkit.errors import CardError
from evalkit.runs._session import _code_notes
from evalkit.settings import RunSettings
from tests.cards.conftest import WriteModel

OWN = {"AutoConfig": "own.Config", "AutoTokenizer": ["own.Slow", None]}
OTHERS = {
    "AutoConfig": "o/base--config.C",
    "AutoModelForCausalLM": "o/base--model.M",
    "AutoTokenizer": [None, "a/t--t.T"],
}


@pytest.mark.parametrize(("config", "repositories"), [(OWN, []), (OTHERS, ["a/t", "o/base"]), (None, []), (["x"], [])])
def test_code_of_other_repositories_is_named(write_model: WriteModel, config: object, repositories: list[str]) -> None:
    """Each once; a folder's own code is its own."""
    folder = write_model({"auto_map": config})

    assert repositories == foreign_code(folder)


def test_a_tokenizer_may_bring_it_too(write_model: WriteModel) -> None:
    """It is in its own configuration."""
    folder = write_model()
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["x/y--t.T", None]}}))

    assert ["x/y"] == foreign_code(folder)


def test_a_run_says_that_such_code_is_not_pinned(write_model: WriteModel) -> None:
    """Where it may run at all."""
    card = load_card(Path(write_model({"auto_map": OTHERS})))

    (first, _), none = (
        _code_notes(card, RunSettings("m", ("b",), trust_remote_code=allowed)) for allowed in (True, False)
    )

    assert "its code comes from a/t on the hub, which this run does not pin" in first
    assert [] == none


ALL = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def place(folder: Path, names: tuple[str, ...]) -> None:
    """Empty weights, and indexes that name one shard of their kind."""
    for name in names:
        kind = "safetensors" if "safetensors" in name else "bin"
        is_index = name.endswith(".index.json")
        (folder / name).write_text(json.dumps({"weight_map": {"a": f"shard.{kind}"}}) if is_index else "", "utf-8")
        if is_index:
            (folder / f"shard.{kind}").touch()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (ALL, "model.safetensors"),
        (ALL[1:], "shard.safetensors"),
        (ALL[2:], "pytorch_model.bin"),
        (ALL[3:], "shard.bin"),
        (("other.safetensors",), "other.safetensors"),
        (("other.safetensors", "pytorch_model.bin"), "pytorch_model.bin"),
        ((), None),
    ],
    ids=str,
)
def test_the_weights_that_are_read_are_those_of_transformers(
    write_model: WriteModel, names: tuple[str, ...], expected: str | None
) -> None:
    """Safetensors before pickles, one file before the shards of an index."""
    folder = write_model(weights=False)
    place(folder, names)

    assert ([expected] if expected else []) == [path.name for path in weight_files(folder)]


def test_pickled_shards_count_where_nothing_else_is_read(write_model: WriteModel) -> None:
    """Their digests are the model's; beside safetensors they are files like any other."""
    folder = write_model(weights=False)
    place(folder, ("pytorch_model.bin.index.json",))
    (folder / "training_args.bin").touch()
    pickled = loaded_files(folder, with_code=False)
    place(folder, ("model.safetensors",))

    assert ["shard.bin", "config.json"] == [path.name for path in pickled]
    assert folder / "shard.bin" not in loaded_files(folder, with_code=False)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model.bin.index.json"])
def test_pickled_weights_are_complete(write_model: WriteModel, name: str) -> None:
    """One file, or all the shards that its index names."""
    folder = write_model(weights=False)
    place(folder, (name,))

    assert str(folder) == load_card(folder).require_weights()


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"pytorch_model.bin.index.json": '{"weight_map": {"a": "b.bin"}}'}, "1 shards are missing, first b.bin"),
        ({"pytorch_model.bin.index.json": '{"weight_map": {"a": "b.pt"}}'}, "'b.pt' is no .*bin file of this folder"),
        ({"pytorch_model.bin.index.json": '{"weight_map": {"a": "b.safetensors"}}'}, "is no .*bin file of this folder"),
        ({"pytorch_model.bin.index.json": '{"weight_map": {"a": "../b.bin"}}'}, "is no .*bin file of this folder"),
        ({"pytorch_model.bin.index.json": "[]"}, "expected a JSON object, found list"),
        ({"pytorch_model.bin.index.json": "{}"}, "weight_map: expected an object"),
        ({"pytorch_model-00001-of-00002.bin": ""}, "without pytorch_model.bin.index.json, which says what"),
        ({"training_args.bin": "", "optimizer.pt": "", "rng_state.pth": ""}, "no weights .*: copy them there"),
        ({"optimizer.bin": "", "scheduler.bin": "", "z.bin": ""}, "found z.bin, pickled in another layout"),
    ],
    ids=str,
)
def test_pickles_that_are_no_weights_are_told_apart(
    write_model: WriteModel, files: dict[str, str], problem: str
) -> None:
    """One line each, with the file and what to do."""
    folder = write_model(weights=False)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")

    with pytest.raises(CardError, match=problem):
        load_card(folder).require_weights()
