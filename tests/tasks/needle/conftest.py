"""What tests of needle grids share: a tokenizer and a builder without a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from evalkit.prompts import ChatFormat, PromptBuilder, PromptTokenizer, TruncationMode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@pytest.fixture(scope="module")
def tokenizer(new_tokenizer: Callable[..., PreTrainedTokenizerFast]) -> PromptTokenizer:
    """The small tokenizer of the tests."""
    return PromptTokenizer(new_tokenizer())


@pytest.fixture(scope="module")
def builder(tokenizer: PromptTokenizer) -> PromptBuilder:
    """Builds prompts of any length with it."""
    return PromptBuilder(tokenizer, ChatFormat("template"), TruncationMode.MIDDLE, 10**6)
