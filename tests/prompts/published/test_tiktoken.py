"""XGen's tokenizer: tiktoken's encoding with longer runs of blanks, and marks that documents never become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evalkit.errors import CardError
from evalkit.prompts import PromptTokenizer
from evalkit.prompts.published import _tiktoken

NewTokenizer = Callable[..., PromptTokenizer]

XGEN = {"tokenizer_class": "XgenTokenizer", "clean_up_tokenization_spaces": True, "eos_token": "<|endoftext|>"}
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
END = 260


@pytest.fixture(autouse=True)
def small_gpt2(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An encoding of all bytes and four merges in place of gpt2, which has to be downloaded."""
    import tiktoken

    merges = [b"  ", b"he", b"the", b" the"]
    ranks = {bytes([each]): each for each in range(256)} | {merge: 256 + place for place, merge in enumerate(merges)}
    base = tiktoken.Encoding("small", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": END})
    monkeypatch.setattr(_tiktoken, "tiktoken_encoding", lambda *_, **__: base)
    return base


def test_texts_without_runs_of_blanks_are_the_encodings_own(new_tokenizer: NewTokenizer, small_gpt2: Any) -> None:
    """No BOS, and the text of marks is plain text."""
    tokenizer = new_tokenizer(None, XGEN)
    texts = ["the fox", "中文 🙂\n", "<|endoftext|><fim_prefix>", "", "a\tb"]

    assert [small_gpt2.encode_ordinary(text) for text in texts] == tokenizer.encode_batch(texts)
    assert ((), (), (END,)) == (tokenizer.prefix_ids, tokenizer.suffix_ids, tokenizer.eos_ids)


def test_runs_of_blanks_and_tabs_have_tokens_behind_the_encodings(new_tokenizer: NewTokenizer) -> None:
    """31 blanks come first, 2 tabs last; a run that gpt2 has keeps no second id."""
    tokenizer = new_tokenizer(None, XGEN)
    first = END + 1

    assert [first + 29] == tokenizer.encode("  ")
    assert [first + 37] == tokenizer.encode("\t\t")
    assert first + 38 + 18 == len(tokenizer)
    assert "x \t\t  y" == tokenizer.decode(tokenizer.encode("x \t\t  y"), skip_special=False)


def test_marks_are_tokens_where_a_format_writes_them(new_tokenizer: NewTokenizer) -> None:
    """And left out of answers where that is asked for."""
    tokenizer = new_tokenizer(None, XGEN)

    (ids,) = tokenizer.encode_marked([tokenizer.marked(f"a<|endoftext|>{tokenizer.guarded('<|endoftext|>')}")])

    assert 1 == ids.count(END)
    assert "a<|endoftext|><|endoftext|>" == tokenizer.decode(ids, skip_special=False)
    assert "a<|endoftext|>" == tokenizer.decode(ids, skip_special=True)


def test_decoding_shows_half_characters_and_leaves_unknown_ids_out(new_tokenizer: NewTokenizer) -> None:
    """Its class never cleaned blanks up, whatever its file says."""
    tokenizer = new_tokenizer(None, XGEN)

    assert "\ufffd" == tokenizer.decode(tokenizer.encode("中")[:2], skip_special=True)
    assert "a , b" == tokenizer.decode_as_upstream(tokenizer.encode("a , b"))
    assert "a" == tokenizer.decode([51199, *tokenizer.encode("a")], skip_special=False)


def test_a_special_token_at_another_place_is_refused(new_tokenizer: NewTokenizer) -> None:
    """One line."""
    with pytest.raises(CardError, match=r"'<\|endoftext\|>' is 5 there, and 260"):
        new_tokenizer(None, XGEN, special_tokens={"<|endoftext|>": 5})
