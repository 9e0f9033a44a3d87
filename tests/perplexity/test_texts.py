"""Texts, read in pieces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.cards import load_card
from evalkit.errors import DataError
from evalkit.perplexity import _texts, find_texts
from evalkit.prompts import PromptTokenizer, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> PromptTokenizer:
    """A tokenizer that merges across words and lines as it likes."""
    return load_tokenizer(load_card(tiny_model))


def texts_of(place: Path, tokenizer: PromptTokenizer) -> dict[str, str]:
    """Document → its text, decoded from its tokens."""
    found = {}
    for document in find_texts(place).documents():
        ids = [token for piece in document.tokens(tokenizer) for token in piece.ids.tolist()]
        found[document.name] = tokenizer.decode(ids, skip_special=False)
    return found


def test_a_folder_is_searched_with_its_subfolders(tmp_path: Path, tokenizer: PromptTokenizer) -> None:
    """Texts, Markdown and the records of JSON lines, in the order of names; nothing else."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "story.md").write_text("word12 word93")
    (tmp_path / "a.txt").write_bytes("\ufeffSo?\r\nword40".encode())
    (tmp_path / "c.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("word1", "word2")))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")

    found = texts_of(tmp_path, tokenizer)

    assert {"a.txt": "So?\nword40", "b/story.md": "word12 word93", "c.jsonl:1": "word1", "c.jsonl:2": "word2"} == found
    assert ["a.txt", "b/story.md", "c.jsonl:1"] == [each.name for each in find_texts(tmp_path).documents(3)]


@pytest.mark.parametrize("piece", [7, 20, 64, 10_000])
def test_a_long_text_is_encoded_in_pieces_that_lose_nothing(
    piece: int, tmp_path: Path, tokenizer: PromptTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut behind a line end, else a blank, else anywhere; blocks cut characters of several bytes in two."""
    text = "word12 word93\nDie Brücke über den Fluß, 2024.\n\n第一个话题是什么？答案在文中。" * 4 + "wordwithoutend" * 9
    path = tmp_path / "long.txt"
    path.write_text(text, "utf-8")
    monkeypatch.setattr(_texts, "PIECE", piece)
    monkeypatch.setattr(_texts, "BLOCK", 5)

    (document,) = find_texts(path).documents()
    pieces = list(document.tokens(tokenizer))

    assert text == texts_of(path, tokenizer)["long.txt"]
    assert len(text.encode()) == sum(each.bytes for each in pieces)
    assert len(pieces) >= len(text) // piece


def test_a_file_is_read_no_further_than_it_is_asked_for(
    tmp_path: Path, tokenizer: PromptTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beginning of a text of gigabytes is there at once: what cannot be decoded far behind does no harm yet."""
    path = tmp_path / "long.txt"
    path.write_bytes(b"word12 word93\n" * 100 + b"\xff")
    monkeypatch.setattr(_texts, "PIECE", 50)
    monkeypatch.setattr(_texts, "BLOCK", 64)

    (document,) = find_texts(path).documents()
    pieces = document.tokens(tokenizer)

    assert next(pieces).bytes <= 50
    with pytest.raises(DataError, match=r"long\.txt: not UTF-8 \(byte 1,401\); convert the file"):
        list(pieces)


def test_names_and_sizes_tell_a_text_from_another(tmp_path: Path) -> None:
    """Wherever the folder is."""
    for name, text in (("one", "word1"), ("same", "word1"), ("other", "word12")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(text)
    one, same, other = (find_texts(tmp_path / name).listing_sha256 for name in ("one", "same", "other"))

    assert one == same != other


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """In one line that names the place."""
    (tmp_path / "empty.txt").touch()
    (tmp_path / "pictures").mkdir()
    for place, complaint in (
        ("nowhere", "no such file or folder"),
        ("pictures", r"no \*\.jsonl, \*\.md, \*\.txt in it"),
        ("empty.txt", "empty; name a file with a text in it"),
    ):
        with pytest.raises(DataError, match=f"--text .*{place}: {complaint}"):
            find_texts(tmp_path / place)
