"""Ids of plain text are SentencePiece's own, whatever the model and whatever the text says."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import sentencepiece

from evalkit.prompts import PromptTokenizer

from .conftest import KINDS, SYMBOLS, TEXTS, train

NewTokenizer = Callable[..., PromptTokenizer]

INDEX = {"tokenizer_class": "IndexTokenizer"}
INTERNLM = {"tokenizer_class": "InternLMTokenizer"}
MARKERS = {"reserved_0": 3, "reserved_1": 4}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["IndexTokenizer", "InternLMTokenizer", "ChatGLMTokenizer", "LlamaTokenizer"])
def test_plain_texts_encode_as_sentencepiece_itself(
    new_tokenizer: NewTokenizer, references: dict[str, Any], kind: str, name: str
) -> None:
    """More than 2,000 texts: scripts, blanks at every place, control characters, the texts of special tokens."""
    tokenizer = new_tokenizer(kind, {"tokenizer_class": name})

    found = tokenizer.encode_batch(TEXTS)

    assert 2000 < len(set(TEXTS))
    assert references[kind].encode(TEXTS) == found
    assert found[:300] == [tokenizer.encode(text) for text in TEXTS[:300]]


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_is_sentencepieces_own(new_tokenizer: NewTokenizer, references: dict[str, Any], kind: str) -> None:
    """Byte fallback and the one blank before a text included; unknown pieces are the special token they are."""
    tokenizer = new_tokenizer(kind, INTERNLM)
    unknown = references[kind].unk_id()
    batch = [ids for ids in references[kind].encode(TEXTS) if unknown not in ids]

    assert 300 < len(batch)
    assert [references[kind].decode(ids) for ids in batch] == [
        tokenizer.decode(ids, skip_special=False) for ids in batch
    ]


@pytest.mark.parametrize("values", [INDEX, {"tokenizer_class": "LlamaTokenizer"}])
@pytest.mark.parametrize("kind", ["like llama", "no blank before"])
def test_the_first_piece_loses_its_blank_before_sentencepiece_drops_one(
    new_tokenizer: NewTokenizer, references: dict[str, Any], kind: str, values: dict[str, Any]
) -> None:
    """As the classes decode: a text that begins with a blank comes back without it."""
    tokenizer = new_tokenizer(kind, values)
    reference = references[kind]

    for ids in reference.encode([" the", "  the", "   the", "the  dog", "\n  the"]):
        pieces = [reference.id_to_piece(each) for each in ids]
        wanted = reference.decode([pieces[0].removeprefix("▁"), *pieces[1:]])
        assert wanted == tokenizer.decode(ids, skip_special=True)
    assert "the" == tokenizer.decode(tokenizer.encode(" the"), skip_special=True)
    blanks = [3 + ord(" "), *tokenizer.encode("x")]  # a byte is no blank of a piece
    assert reference.decode(blanks) == tokenizer.decode(blanks, skip_special=True)


def test_no_blank_is_lost_of_a_first_byte(new_tokenizer: NewTokenizer) -> None:
    """With `legacy: false` the blank of a piece goes, and one that is spelled as a byte stays."""
    tokenizer = new_tokenizer("like llama", {"tokenizer_class": "LlamaTokenizer", "legacy": False})
    word = tokenizer.encode("the")

    assert ("the", "  the") == tuple(tokenizer.decode([*ids, *word], skip_special=True) for ids in ([], [3 + ord(" ")]))


def test_internlm_joins_marks_to_words_as_published_code_decodes(new_tokenizer: NewTokenizer) -> None:
    """Its class cleans up whatever the setting says; answers and positions keep their blanks."""
    tokenizer = new_tokenizer("no blank before", {**INTERNLM, "clean_up_tokenization_spaces": False})
    ids = tokenizer.encode("the dog , the fox . you 're")

    assert "the dog, the fox. you're" == tokenizer.decode_as_upstream(ids)
    assert "the dog , the fox . you 're" == tokenizer.decode(ids, skip_special=True)


def test_texts_come_back_as_they_were(new_tokenizer: NewTokenizer) -> None:
    """Where the model neither normalises nor drops anything; `▁` is a blank to SentencePiece."""
    tokenizer = new_tokenizer("like llama", INTERNLM)
    texts = [text for text in TEXTS if "▁" not in text]

    assert texts == [tokenizer.decode(ids, skip_special=False) for ids in tokenizer.encode_batch(texts)]


def test_half_a_character_becomes_replacement_characters(new_tokenizer: NewTokenizer) -> None:
    """One for each byte, as SentencePiece writes them."""
    tokenizer = new_tokenizer("like llama", INDEX)
    ids = tokenizer.encode("🙂")[-4:]

    assert ["\ufffd", "\ufffd" * 2, "\ufffd" * 3, "🙂"] == [
        tokenizer.decode(ids[:size], skip_special=True) for size in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize("token", [-1, 400, 2**31 - 1])
def test_an_id_without_a_token_stands_for_no_text(new_tokenizer: NewTokenizer, token: int) -> None:
    """Padded vocabularies give a model more ids than its tokenizer has texts; the tokenizers library drops them too."""
    tokenizer = new_tokenizer("symbols", INDEX)
    known = tokenizer.encode("Hello")

    assert "Hello" == tokenizer.decode([known[0], token, *known[1:]], skip_special=True)


def test_without_its_markers_a_model_still_finds_its_symbols(
    new_tokenizer: NewTokenizer, references: dict[str, Any]
) -> None:
    """A symbol that SentencePiece was given is one token in a document too, unless the chat format uses it."""
    text = "x<eoh>reserved_0 reserved_1"

    free, bound = (new_tokenizer("symbols", INDEX, special_tokens=tokens) for tokens in ({}, MARKERS))

    assert references["symbols"].encode(text) == free.encode(text)
    assert {3, 4, 5} <= set(free.encode(text))
    assert {5} == {3, 4, 5} & set(bound.encode(text))
    assert text == bound.decode(bound.encode(text), skip_special=False)


def test_hidden_symbols_leave_the_ids_of_a_model_without_them(
    new_tokenizer: NewTokenizer, references: dict[str, Any]
) -> None:
    """A document that holds no marker has SentencePiece's own ids, whatever the card names."""
    tokenizer = new_tokenizer("symbols", INDEX, special_tokens={**MARKERS, "<eoh>": 5})
    free = [text for text in TEXTS if not any(symbol in text for symbol in SYMBOLS)]
    others = [text for text in TEXTS if any(symbol in text for symbol in SYMBOLS)]

    assert references["symbols"].encode(free) == tokenizer.encode_batch(free)
    assert 100 < len(others)
    assert not any({3, 4, 5} & set(ids) for ids in tokenizer.encode_batch(others))


def test_an_ordinary_piece_that_is_a_marker_is_not_merged_to() -> None:
    """A marker may be a piece like any other: in a document its parts stand instead."""
    from evalkit.prompts.published._model_file import PieceType, changed_model, piece_types

    raw = train(**KINDS["like llama"])
    reader, changed = (sentencepiece.SentencePieceProcessor() for _ in range(2))
    reader.LoadFromSerializedProto(raw)
    token = reader.piece_to_id("▁quick")
    changed.LoadFromSerializedProto(changed_model(raw, {token: PieceType.UNUSED}))

    assert PieceType.NORMAL == piece_types(raw)[token]
    assert token in reader.encode("a quick fox")
    assert token not in changed.encode("a quick fox")
    assert "a quick fox" == reader.decode(changed.encode("a quick fox"))


@pytest.mark.parametrize("legacy", [None, True, False])
def test_llama_begins_stretches_as_its_setting_says(
    new_tokenizer: NewTokenizer, references: dict[str, Any], legacy: bool | None
) -> None:
    """Without `legacy: false` each stretch behind a control token begins with the model's blank."""
    values = {"tokenizer_class": "LlamaTokenizer"} | ({} if legacy is None else {"legacy": legacy})
    tokenizer = new_tokenizer("like llama", values)

    (ids,) = tokenizer.encode_marked([tokenizer.marked("<s>fox</s>fox")])

    first, second = ids.index(1), ids.index(2)
    spelled = [
        "".join(references["like llama"].id_to_piece(part)) for part in (ids[first + 1 : second], ids[second + 1 :])
    ]
    assert (["fox"] if legacy is False else ["▁fox"]) * 2 == spelled
    assert references["like llama"].encode("fox") == tokenizer.encode("fox")


def test_a_long_text_takes_hardly_longer_than_with_sentencepiece_alone(
    new_tokenizer: NewTokenizer, references: dict[str, Any]
) -> None:
    """At most twice the time for a megabyte."""
    tokenizer = new_tokenizer("like llama", INDEX)
    text = ("the quick brown fox jumps over 中文 " * 40_000)[:1_000_000]

    def seconds(encode: Callable[[str], Any]) -> float:
        start = time.perf_counter()
        encode(text)
        return time.perf_counter() - start

    alone = statistics.median(seconds(references["like llama"].encode) for _ in range(3))
    ours = statistics.median(seconds(tokenizer.encode) for _ in range(3))

    assert ours < 2 * alone
