"""The order in which a batching engine is fed, and what is said where there is no engine."""

from __future__ import annotations

import importlib.util
import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.models import GenerationRequest
from evalkit.models.vllm._order import deepest_first
from evalkit.planning import common_prefix
from evalkit.prompts import token_array

Prompts = list[list[int]]
prompts_of = st.lists(st.lists(st.integers(0, 2), max_size=7), max_size=14)


def ordered(prompts: Prompts) -> Prompts:
    """The prompts as an engine gets them, sorted first as a plan sorts them."""
    requests = [GenerationRequest(index, token_array(ids), 4) for index, ids in enumerate(sorted(prompts))]
    return [request.ids.tolist() for request in deepest_first(requests)]


def computed(order: Prompts) -> int:
    """Tokens that one moving cache computes in that order, none of them the last of its prompt twice for nothing."""
    arrays = [token_array([]), *map(token_array, order)]
    return sum(len(b) - common_prefix(a, b) for a, b in itertools.pairwise(arrays))


@given(prompts_of)
def test_no_prompt_is_lost_or_doubled(prompts: Prompts) -> None:
    """The order is a permutation."""
    assert sorted(prompts) == sorted(ordered(prompts))


@given(prompts_of)
def test_stems_stay_together(prompts: Prompts) -> None:
    """Whatever branch comes first, every stem is still walked in one go: as few tokens as in trie order."""
    assert computed(sorted(prompts)) == computed(ordered(prompts))


@given(prompts_of, st.integers(0, 2**32))
def test_the_order_given_does_not_matter(prompts: Prompts, seed: int) -> None:
    """The plan sorts, so the engine is fed the same whatever order samples were read in."""
    shuffled = random.Random(seed).sample(prompts, len(prompts))

    assert ordered(prompts) == ordered(shuffled)


def test_the_deepest_branch_of_a_stem_goes_first() -> None:
    """Long prefills hide behind decoding; short siblings fill the batch afterwards."""
    stem = [7] * 5
    prompts = [[*stem, 1], [*stem, 2, 2, 2], [*stem, 2, 2, 3, 3, 3], [*stem, 3], [8] * 3]

    assert [
        [*stem, 2, 2, 3, 3, 3], [*stem, 2, 2, 2], [*stem, 3], [*stem, 1], [8] * 3
    ] == ordered(prompts)  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
def test_a_missing_engine_says_what_to_install(tiny_model: Any, toy: str, bare: Any, evalkit: Any) -> None:
    """`--backend vllm` without vLLM is one line with the command that installs it."""
    done = evalkit("run", tiny_model, toy, "--task", "tales", "--limit", 1, "--backend", "vllm")

    assert 2 == done.code
    assert "needs 'vllm': pip install 'evalkit[vllm]'" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert bare.is_dir()
