"""Parts of a plan that are run for themselves: everything once, samples together, the same everywhere."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from evalkit.planning import Plan, make_plan
from evalkit.planning.shards import WorkCost, part_costs, shard_of
from evalkit.prompts import Prompt, token_array
from evalkit.rope import RopeSetting

COST = WorkCost(1.0, 0.001, 4.0)


def plan_of(documents: int = 12, questions: int = 6, draws: int = 2) -> Plan:
    """Documents with questions, each drawn twice, some of which cannot be run; two RoPE groups."""
    draw = random.Random(5)
    prompts = []
    for document in range(documents):
        stem = [document + 10] + [draw.randint(100, 999) for _ in range(draw.randint(50, 400))]
        for question in range(questions):
            ids = token_array([*stem, question, 7])
            error = "too long" if (document + question) % 11 == 0 else None
            prompts += [
                Prompt(f"toy/{document}/{question}", "toy", 0, ids, None, 16, error=error, draw=each)
                for each in range(draws)
            ]
    return make_plan(
        (("toy", prompt) for prompt in prompts), lambda tokens: RopeSetting("default", float(tokens > 200))
    )


@pytest.mark.parametrize("count", [1, 2, 5, 200])
def test_parts_hold_everything_once_and_samples_whole(count: int) -> None:
    plan = plan_of()
    parts = [shard_of(plan, COST, index, count) for index in range(1, count + 1)]
    assert sorted(index for part in parts for index in part) == list(range(len(plan.prompts)))
    owners = defaultdict(set)
    for number, part in enumerate(parts):
        for index in part:
            owners[plan.prompts[index].sample_id].add(number)
    assert all(len(each) == 1 for each in owners.values())


def test_parts_are_even_and_keep_documents() -> None:
    plan = plan_of()
    costs = part_costs(plan, COST, 3)
    assert costs.longest <= 1.1
    assert costs.computed <= 1.02
    alone = part_costs(plan, COST, 1)
    assert (alone.longest, alone.computed) == pytest.approx((1.0, 1.0))


def test_what_parts_compute_twice_is_counted() -> None:
    """One document on two engines: each reads it, and half of the questions."""
    plan = plan_of(documents=1, questions=800, draws=1)
    counts = plan.counts()
    stem = min(prompt.tokens for prompt in plan.prompts) - 2
    assert part_costs(plan, COST, 2).computed == pytest.approx(1 + stem / counts.unique_prompt_tokens)
