"""The moving cache: what it holds is always a true prefix of the next prompt, and shorter than it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.models.huggingface._prefix import MovingCache, cache_maker, unsuitable_reason
from evalkit.planning import common_prefix
from evalkit.prompts import token_array


class FakeCache:
    """Counts tokens as a real cache does, without tensors."""

    def __init__(self) -> None:
        self.tokens = 0

    def get_seq_length(self) -> int:
        return self.tokens

    def crop(self, tokens_to_remove: int) -> None:
        assert -self.tokens <= tokens_to_remove < 0
        self.tokens += tokens_to_remove

    def beginning(self, tokens: int) -> FakeCache:
        assert tokens <= self.tokens
        made = FakeCache()
        made.tokens = tokens
        return made


ids = st.lists(st.integers(0, 1), min_size=1, max_size=12)
answers = st.lists(st.integers(0, 1), max_size=4)


@given(turns=st.lists(st.tuples(ids, answers), min_size=1, max_size=8))
def test_the_cache_keeps_what_the_next_prompt_shares_with_prompt_and_answer(
    turns: list[tuple[list[int], list[int]]],
) -> None:
    """Exactly the common prefix, but never the last token of the new prompt, whose logits are needed."""
    cache = MovingCache(FakeCache, is_reusing=True)
    held: list[int] = []

    for prompt, answer in turns:
        kept = cache.start(token_array(prompt))

        assert min(common_prefix(token_array(held), token_array(prompt)), len(prompt) - 1) == kept
        assert kept == cache.cache.get_seq_length()
        held = prompt + answer
        cache.cache.tokens = len(held)
        cache.hold(token_array(prompt), answer)


@given(turns=st.lists(ids, min_size=1, max_size=8))
def test_a_cache_that_was_given_away_is_left_alone_and_still_begins_the_next(turns: list[list[int]]) -> None:
    """The answer that has it goes on behind the prompt, while the next prompt starts from a cache of its own."""
    cache = MovingCache(FakeCache, is_reusing=True)
    held: list[int] = []
    given: list[tuple[FakeCache, int]] = []

    for prompt in turns:
        kept = cache.start(token_array(prompt))

        assert min(common_prefix(token_array(held), token_array(prompt)), len(prompt) - 1) == kept
        assert kept == cache.cache.get_seq_length()
        assert all(cache.cache is not other for other, _ in given)
        cache.cache.tokens, held = len(prompt), prompt
        given.append((cache.give_away(token_array(prompt)), len(prompt) + 3))
        given[-1][0].tokens += 3  # tokens of the answer
        assert [tokens for _, tokens in given] == [other.tokens for other, _ in given]


@given(turns=st.lists(ids, min_size=1, max_size=5))
def test_without_reuse_every_prompt_starts_from_nothing(turns: list[list[int]]) -> None:
    """The control: `--no-prefix-reuse`."""
    cache = MovingCache(FakeCache, is_reusing=False)

    for prompt in turns:
        assert (0, 0) == (cache.start(token_array(prompt)), cache.cache.get_seq_length())
        cache.cache.tokens = len(prompt)
        cache.hold(token_array(prompt), [])


def test_a_prompt_that_was_given_up_leaves_only_what_it_shared() -> None:
    """Whatever a fault or Ctrl-C left behind the shared prefix is not taken for tokens of an earlier prompt."""
    cache = MovingCache(FakeCache, is_reusing=True)
    cache.start(token_array([1, 2, 3, 4]))
    cache.cache.tokens = 4
    cache.hold(token_array([1, 2, 3, 4]), [])
    cache.start(token_array([1, 2, 9, 9]))
    cache.cache.tokens = 4  # the forward pass over 9, 9 happened, but was never recorded

    assert (2, 2) == (cache.start(token_array([1, 2, 3, 4])), cache.cache.get_seq_length())


def test_a_cleared_cache_shares_nothing() -> None:
    """After a fault in the middle of a forward pass nothing of it is trusted."""
    cache = MovingCache(FakeCache, is_reusing=True)
    cache.start(token_array([1, 2, 3]))
    cache.hold(token_array([1, 2, 3]), [])

    cache.clear()

    assert 0 == cache.start(token_array([1, 2, 3]))


def test_the_growing_cache_holds_what_transformers_cache_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Appending, growing beyond its room and cropping give the same keys and values, in place."""
    import torch
    from transformers import DynamicCache

    from evalkit.models.huggingface import _cache

    monkeypatch.setattr(_cache, "ROOM_TOKENS", 3)
    torch.manual_seed(0)
    ours: Any = _cache.GrowingCache()
    theirs: Any = DynamicCache()

    for tokens, surplus in ((5, 2), (1, 0), (1, 1), (9, 4), (2, 0)):
        for layer in range(2):
            keys, values = torch.randn(1, 2, tokens, 4), torch.randn(1, 2, tokens, 4)
            found = ours.update(keys, values, layer)
            expected = theirs.update(keys, values, layer)
            assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))
        if surplus:
            ours.crop(-surplus)
            theirs.crop(-surplus)
        assert theirs.get_seq_length() == ours.get_seq_length()


def test_two_caches_of_one_beginning_grow_apart() -> None:
    """Neither sees what the other is given, whichever is written first."""
    import torch

    from evalkit.models.huggingface._cache import GrowingCache

    def states(tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(1, 2, tokens, 4), torch.randn(1, 2, tokens, 4)

    torch.manual_seed(0)
    first, stem, ends = GrowingCache(), [states(6) for _ in range(2)], [[states(2) for _ in range(2)] for _ in "ab"]
    for layer in range(2):
        first.update(*stem[layer], layer)

    second = first.beginning(4)

    for layer in range(2):
        found = (first.update(*ends[0][layer], layer), second.update(*ends[1][layer], layer))
        for kept, end, both in zip((6, 4), ends, found, strict=True):
            for whole, begun, new in zip(both, stem[layer], end[layer], strict=True):
                assert torch.equal(torch.cat([begun[..., :kept, :], new], dim=-2), whole)
    assert (8, 6) == (first.get_seq_length(), second.get_seq_length())


@pytest.mark.parametrize(
    ("kind", "changes", "is_suitable"),
    [
        ("Llama", {}, True),
        ("Qwen2", {"use_sliding_window": False, "sliding_window": 16}, True),
        ("Mistral", {"sliding_window": None}, True),
        ("Mistral", {"sliding_window": 16}, False),
        ("Qwen2", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}, False),
        ("Gemma3Text", {"sliding_window": 16, "head_dim": 16}, False),
    ],
)
def test_only_caches_that_forget_nothing_are_reused(kind: str, changes: dict[str, Any], is_suitable: bool) -> None:
    """A window anywhere in the model turns reuse off; a window that the configuration switches off does not."""
    import transformers

    class Model:
        config = getattr(transformers, f"{kind}Config")(num_hidden_layers=2, **changes)

    Model.__module__ = "transformers.models"
    assert is_suitable == (unsuitable_reason(Model()) is None)
    assert is_suitable == (type(cache_maker(Model())()).__name__ == "GrowingCache")


def test_a_models_own_code_is_never_trusted_to_crop(tiny_model: Path) -> None:
    """What a repository's code keeps in its cache is unknown."""
    from transformers import AutoConfig

    class Model:
        config = AutoConfig.from_pretrained(tiny_model)

    Model.__module__ = "transformers_modules.owner.model"
    assert "own code" in str(unsuitable_reason(Model()))
    assert "GrowingCache" != type(cache_maker(Model())()).__name__
