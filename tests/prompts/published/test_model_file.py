"""A SentencePiece model's bytes: types of pieces, and the same model with a few changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sentencepiece

from evalkit.cards import Card
from evalkit.errors import CardError
from evalkit.prompts import load_tokenizer
from evalkit.prompts.published._model_file import PieceType, changed_model, piece_types

from .conftest import KINDS, TEXTS


def processor(raw: bytes) -> Any:
    """SentencePiece's own reader."""
    made = sentencepiece.SentencePieceProcessor()
    made.LoadFromSerializedProto(raw)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_types_are_those_that_sentencepiece_tells(
    models: dict[str, bytes], references: dict[str, Any], kind: str
) -> None:
    """Of every piece; symbols of the user's, which it does not tell, are those that it was trained with."""
    reference, types = references[kind], piece_types(models[kind])

    assert reference.get_piece_size() == len(types)
    for told, expected in (
        (reference.is_unknown, PieceType.UNKNOWN), (reference.is_control, PieceType.CONTROL),
        (reference.is_byte, PieceType.BYTE), (reference.is_unused, PieceType.UNUSED),
    ):  # fmt: skip
        assert [bool(told(each)) for each in range(len(types))] == [found == expected for found in types]
    assert ([3, 4, 5] if kind == "symbols" else []) == [
        place for place, found in enumerate(types) if found == PieceType.USER_DEFINED
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_without_changes_a_model_stays_as_it_is(models: dict[str, bytes], kind: str) -> None:
    """To the byte."""
    assert models[kind] == changed_model(models[kind], {})


def test_a_changed_model_differs_in_its_piece_alone(models: dict[str, bytes], references: dict[str, Any]) -> None:
    """Ids and texts of all pieces stay, and so do the ids of texts without it."""
    changed = processor(changed_model(models["symbols"], {3: PieceType.CONTROL}))
    texts = [text for text in TEXTS if "reserved_0" not in text]

    assert changed.is_control(3)
    assert [references["symbols"].id_to_piece(each) for each in range(400)] == changed.id_to_piece(list(range(400)))
    assert references["symbols"].encode(texts) == changed.encode(texts)


def test_fields_of_an_unknown_kind_are_one_line(card_of: Callable[..., Card], models: dict[str, bytes]) -> None:
    """Groups, which SentencePiece skips and nobody writes any more."""
    raw = models["symbols"] + b"\xa3\x06\xa4\x06"
    assert processor(raw)

    with pytest.raises(CardError, match=r"tokenizer\.model: holds fields that are not SentencePiece's"):
        load_tokenizer(card_of(raw, {"tokenizer_class": "IndexTokenizer"}, special_tokens={"reserved_0": 3}))
