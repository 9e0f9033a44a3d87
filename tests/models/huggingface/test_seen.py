"""The tokens of a text that grows, kept on the device, and the groups of tokens that may not come again."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.generation.logits_process import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

from evalkit.models.huggingface._seen import NoRepeats, SeenTokens

texts = st.lists(st.integers(0, 6), min_size=1, max_size=12)
VOCABULARY = 6  # one less than there are tokens: an embedding may be larger than the output


def scores() -> torch.Tensor:
    """Scores of both signs."""
    return torch.linspace(-2.0, 3.0, VOCABULARY)[None]


@given(prompt=texts, answer=texts)
def test_a_text_holds_every_token_in_place_and_each_different_one_once(prompt: list[int], answer: list[int]) -> None:
    """After each token of the answer, without being told of those before again."""
    seen = SeenTokens(prompt, len(answer), "cpu")

    for end in range(len(answer) + 1):
        seen.follow(answer[:end])

        assert [*prompt, *answer[:end]] == seen.ids[0].tolist() == seen.texts
        assert sorted({*prompt, *answer[:end]}) == sorted(seen.distinct[0].tolist())
    assert len(prompt) == seen.prompt_tokens


@given(prompt=texts, answer=texts, penalty=st.floats(0.5, 2.0))
def test_a_penalty_on_different_tokens_is_that_on_all(prompt: list[int], answer: list[int], penalty: float) -> None:
    """It counts which tokens there are, not how often."""
    seen = SeenTokens(prompt, len(answer), "cpu")
    processor = RepetitionPenaltyLogitsProcessor(penalty)

    seen.follow(answer)

    whole = processor(torch.tensor([[*prompt, *answer]]), scores())
    assert torch.equal(whole, processor(seen.distinct, scores()))


@given(prompt=texts, answer=texts, size=st.integers(1, 4))
def test_groups_are_banned_as_transformers_bans_them(prompt: list[int], answer: list[int], size: int) -> None:
    """At every token of the answer, also where the text is shorter than a group."""
    seen = SeenTokens(prompt, len(answer), "cpu")
    ours, theirs = NoRepeats(size, seen), NoRepeatNGramLogitsProcessor(size)

    for end in range(len(answer) + 1):
        seen.follow(answer[:end])

        assert torch.equal(theirs(seen.ids, scores()), ours(seen.ids, scores()))
