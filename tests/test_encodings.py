"""tiktoken's encodings: which there are, and where their vocabularies are looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tiktoken

from evalkit.encodings import tiktoken_encoding, vocabulary_file, vocabulary_folder
from evalkit.errors import DataError, UnknownNameError

CL100K = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"  # as tiktoken's own cache names it


def test_an_unknown_encoding_is_answered_with_the_nearest_one() -> None:
    """And with what else could have been given."""
    with pytest.raises(UnknownNameError, match=r"unknown tiktoken encoding 'cl100k': did you mean 'cl100k_base'.*card"):
        tiktoken_encoding("cl100k", hint="correct the card")


def test_a_missing_vocabulary_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What tiktoken raises when it can neither find nor download its file becomes advice."""

    def unreachable(_: str) -> None:
        raise ConnectionError("no\nroute")

    monkeypatch.setattr(tiktoken, "get_encoding", unreachable)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    tiktoken_encoding.cache_clear()

    with pytest.raises(DataError) as caught:
        tiktoken_encoding("cl100k_base")

    assert (
        f"the vocabulary of tiktoken's cl100k_base is not in {tmp_path} and cannot be downloaded (no route): "
        f"set TIKTOKEN_CACHE_DIR to a folder that has it as {CL100K}"
    ) == str(caught.value)


def test_encodings_that_share_a_vocabulary_are_looked_for_in_one_file() -> None:
    """tiktoken keeps a file by its address, and these two have the same."""
    assert (CL100K, vocabulary_file("p50k_base")) == (vocabulary_file("cl100k_base"), vocabulary_file("p50k_edit"))


def test_the_vocabulary_is_looked_for_below_evalkit_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without tiktoken's own variable, a vocabulary beside the benchmark data is used, and the variable put back."""
    (tmp_path / "tokenizers").mkdir()
    (tmp_path / "tokenizers" / CL100K).touch()
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    monkeypatch.setenv("EVALKIT_DATA", str(tmp_path))

    with vocabulary_folder("cl100k_base") as folder:
        inside = os.environ["TIKTOKEN_CACHE_DIR"]

    assert (str(tmp_path / "tokenizers"), str(tmp_path / "tokenizers")) == (folder, inside)
    assert "TIKTOKEN_CACHE_DIR" not in os.environ


def test_a_vocabulary_that_is_nowhere_goes_to_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is ever downloaded into the folder of benchmark data."""
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    monkeypatch.setenv("EVALKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EVALKIT_CACHE", str(tmp_path / "cache"))

    with vocabulary_folder("o200k_base") as folder:
        assert str(tmp_path / "cache" / "tokenizers") == folder


def test_the_users_own_folder_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """tiktoken's variables mean the same here."""
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path))

    with vocabulary_folder("cl100k_base") as folder:
        assert str(tmp_path) == folder


def test_a_vocabulary_of_two_files_is_missing_with_both_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user who copies files by hand copies both."""

    def fail(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(tiktoken, "get_encoding", fail)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))

    with pytest.raises(
        DataError, match="6d1cbeee0f20b3d9449abfede4726ed8212e3aee and 6c7ea1a7e38e3a7f062df639a5b80947f"
    ):
        tiktoken_encoding("gpt2")
