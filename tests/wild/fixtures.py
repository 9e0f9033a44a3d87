"""Fixtures over the shapes; tests/conftest.py offers them to every test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.wild.models import MODELS, write_model
from tests.wild.tokenizers import TOKENIZERS, load_raw, write_tokenizer

if TYPE_CHECKING:
    from evalkit.prompts import PromptTokenizer

__all__ = ["tomorrow", "wild_model", "wild_raw", "wild_tokenizer", "wild_tokenizer_folder"]

Folder = Callable[[str], Path]


@pytest.fixture(scope="session")
def wild_tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Folder of a tokenizer by name, written once; do not change what lies in it."""
    root = tmp_path_factory.mktemp("wild-tokenizers")
    numbers = {name: number for number, name in enumerate(TOKENIZERS)}
    return cache(lambda name: write_tokenizer(name, root / f"tokenizer-{numbers[name]}"))


@pytest.fixture
def wild_raw(wild_tokenizer_folder: Folder) -> Callable[[str], Any]:
    """What transformers alone loads, new on every call: some tokenizers remember what they were asked."""
    return lambda name: load_raw(wild_tokenizer_folder(name))


@pytest.fixture
def wild_tokenizer(wild_tokenizer_folder: Folder) -> Callable[..., PromptTokenizer]:
    """What evalkit loads from that folder, new on every call: `wild_tokenizer(name, add_bos=…)`."""

    def load(name: str, **fields: Any) -> PromptTokenizer:
        from evalkit.cards import Card
        from evalkit.prompts import load_tokenizer

        values = {"name": "wild", "title": "Wild", "weights": str(wild_tokenizer_folder(name)), "licence": "none"}
        card = Card.model_validate({**values, "context_length": 4096, **fields})
        return load_tokenizer(card, trust_remote_code=True)

    return load


@pytest.fixture(scope="session")
def wild_model(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Folder of a model by name, written once; do not change what lies in it."""
    root = tmp_path_factory.mktemp("wild-models")
    numbers = {name: number for number, name in enumerate(MODELS)}
    return cache(lambda name: write_model(name, root / f"model-{numbers[name]}"))


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Turns the clock that chat templates see one day on, when called."""

    def turn() -> None:
        from transformers.utils import chat_template_utils

        class Tomorrow(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return super().now(tz) + timedelta(days=1, seconds=1)

        monkeypatch.setattr(chat_template_utils, "datetime", Tomorrow)

    return turn
