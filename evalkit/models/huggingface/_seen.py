"""The tokens of a prompt and its answer, kept on the device from one token to the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["NoRepeats", "SeenTokens"]


class SeenTokens:
    """A text that grows: where each token stands, and which tokens there are."""

    def __init__(self, prompt: Sequence[int], max_new_tokens: int, device: Any) -> None:
        self.texts = list(prompt)
        """All tokens, here."""
        self.prompt_tokens = len(self.texts)
        """Tokens of the prompt."""
        known = list(dict.fromkeys(self.texts))
        self._known = set(known)
        self._ids = _room(self.texts, max_new_tokens).to(device)
        self._distinct = _room(known, max_new_tokens).to(device)

    @property
    def ids(self) -> torch.Tensor:
        """All tokens on the device, shape (1, tokens)."""
        return self._ids[:, : len(self.texts)]

    @property
    def distinct(self) -> torch.Tensor:
        """Each token that occurs, once, shape (1, different tokens)."""
        return self._distinct[:, : len(self._known)]

    def follow(self, generated: Sequence[int]) -> None:
        """Take in the tokens of the answer that are new since the last call."""
        for token in generated[len(self.texts) - self.prompt_tokens :]:
            self._ids[0, len(self.texts)] = token
            self.texts.append(token)
            if token not in self._known:
                self._distinct[0, len(self._known)] = token
                self._known.add(token)


def _room(tokens: list[int], more: int) -> torch.Tensor:
    """The tokens with room for more, shape (1, tokens + more)."""
    import torch

    return torch.tensor([[*tokens, *[0] * more]], dtype=torch.long)


class NoRepeats:
    """Bans each token that would repeat a group of `size` tokens, as `NoRepeatNGramLogitsProcessor` does."""

    def __init__(self, size: int, seen: SeenTokens) -> None:
        self._size = size
        self._texts = seen.texts
        self._done = 0
        self._followers: dict[tuple[int, ...], set[int]] = defaultdict(set)

    def __call__(self, _: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores, shape (1, vocabulary), with -infinity for the banned ones."""
        texts, before = self._texts, self._size - 1
        for end in range(max(self._done, before), len(texts)):
            self._followers[tuple(texts[end - before : end])].add(texts[end])
        self._done = len(texts)
        if len(texts) < before:
            return scores
        followers = self._followers.get(tuple(texts[len(texts) - before :]), ())
        banned = [token for token in followers if token < scores.shape[-1]]
        if banned:
            scores = scores.clone()
            scores[:, banned] = float("-inf")
        return scores
