"""What the files of a model folder name besides themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.cards import foreign_code
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
    from evalkit.cards import load_card

    card = load_card(Path(write_model({"auto_map": OTHERS})))

    (first, _), none = (
        _code_notes(card, RunSettings("m", ("b",), trust_remote_code=allowed)) for allowed in (True, False)
    )

    assert "its code comes from a/t on the hub, which this run does not pin" in first
    assert [] == none
