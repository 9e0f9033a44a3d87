"""Holds a tokenizer against the tokens that a model has."""

from __future__ import annotations

from typing import Any

from evalkit.prompts import PromptTokenizer, TokenIds

__all__ = ["Vocabulary"]


class Vocabulary:
    """The tokens that a model of transformers has an embedding of."""

    def __init__(self, model: Any) -> None:
        self._rows: int | None = getattr(model.get_input_embeddings(), "num_embeddings", None)  # unknown in own code

    def doubt(self, tokenizer: PromptTokenizer) -> str | None:
        """What to say of a tokenizer with more tokens than that; None of one that fits."""
        if self._rows is None or len(tokenizer) <= self._rows:
            return None
        return (
            f"the tokenizer has {len(tokenizer):,} tokens and the model {self._rows:,}: prompts that hold one of the "
            "others fail; is it the tokenizer of these weights?"
        )

    def refusal(self, ids: TokenIds) -> str | None:
        """Why a prompt cannot be computed; an accelerator would compute none after it."""
        last = int(ids.max(initial=0))
        if self._rows is None or last < self._rows:
            return None
        return f"token {last:,} is not among the model's {self._rows:,}: get the tokenizer of these weights"
