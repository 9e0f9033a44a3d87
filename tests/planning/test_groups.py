"""What RoPE groups cost, against counting prefixes by hand and against machines made up."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from evalkit.planning import GroupCosts, Plan, group_costs, make_plan
from evalkit.prompts import Prompt, token_array
from evalkit.rope import RopeSetting


def planned(ids: Sequence[Sequence[int]], limits: Sequence[int], errors: Sequence[int] = ()) -> Plan:
    """A plan whose groups are the lengths of prompt and answer, as under exact dynamic conditions."""
    prompts = [
        Prompt(f"toy/{'even' if number % 2 == 0 else 'odd'}/{number}", "even" if number % 2 == 0 else "odd", 0,
               token_array(each), None, limit, error="no" if number in errors else None)
        for number, (each, limit) in enumerate(zip(ids, limits, strict=True))
    ]  # fmt: skip
    return make_plan((("toy", prompt) for prompt in prompts), lambda tokens: RopeSetting("default", float(tokens)))


def nodes(ids: Sequence[Sequence[int]]) -> int:
    """Distinct prefixes."""
    return len({tuple(each[:end]) for each in ids for end in range(1, len(each) + 1)})


def passes(limits: Sequence[int], at_once: int) -> int:
    """Passes of a machine that gives each answer under way a token, and lets one join wherever there is room."""
    waiting, running, count = list(limits), list[int](), 0
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(waiting.pop(0))
        running = [left - 1 for left in running if left > 1]
        count += 1
    return count


prompts = st.lists(
    st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=6), st.integers(1, 9)), min_size=1, max_size=12
)


@given(prompts=prompts, at_once=st.integers(1, 5))
def test_costs_are_those_of_a_machine_that_counts(prompts: list[tuple[list[int], int]], at_once: int) -> None:
    """Distinct prefixes of each group and of all prompts; passes of each group alone and of all answers together."""
    ids, limits = ([each[place] for each in prompts] for place in (0, 1))
    plan = planned(ids, limits)  # type: ignore[arg-type]
    members = [group.order for group in plan.groups]

    costs = group_costs(plan, at_once)

    together = [index for order in members for index in order]
    assert costs == GroupCosts(
        groups=len({len(each) + limit for each, limit in prompts}),
        unique_prompt_tokens=sum(nodes([prompts[index][0] for index in order]) for order in members),
        unique_prompt_tokens_one_group=nodes([each for each, _ in prompts]),
        passes=sum(passes([prompts[index][1] for index in order], at_once) for order in members),
        passes_one_group=passes([prompts[index][1] for index in together], at_once),
        at_once=at_once,
    )


@given(prompts=prompts, at_once=st.integers(1, 5), token=st.floats(0.001, 1000))
def test_no_machine_takes_longer_than_the_bounds(
    prompts: list[tuple[list[int], int]], at_once: int, token: float
) -> None:
    """Whatever it takes for a prompt token, relative to a pass."""
    costs = group_costs(planned(*zip(*prompts, strict=True)), at_once)  # type: ignore[arg-type]
    one = token * costs.unique_prompt_tokens_one_group + costs.passes_one_group
    together = token * costs.unique_prompt_tokens + costs.passes_one_group
    one_by_one = token * costs.unique_prompt_tokens + costs.passes

    assert together <= costs.time_together * one * (1 + 1e-9)
    assert one_by_one <= costs.time_one_by_one * one * (1 + 1e-9)
    assert 1 <= costs.time_together <= costs.time_one_by_one


def test_costs_of_a_part_count_that_part_alone() -> None:
    """Prompts of other tasks are no neighbours to share with, and those that cannot run cost nothing."""
    plan = planned([[1, 1, 1], [1, 1, 1], [1, 1], [1]], [4, 4, 4, 4], errors=[3])

    costs = group_costs(plan, 8, lambda prompt: prompt.task == "even")

    assert GroupCosts(2, 5, 3, 8, 4, 8) == costs
    assert (5 / 3, 2.0) == (costs.time_together, costs.time_one_by_one)


def test_one_group_costs_what_it_costs() -> None:
    """No second look at its prompts."""
    plan = planned([[1, 2], [1, 3]], [4, 4])

    assert GroupCosts(1, 3, 3, 4, 4, 2) == group_costs(plan, 2)


def test_nothing_to_run_costs_nothing() -> None:
    """Where all prompts failed."""
    costs = group_costs(planned([[1]], [4], errors=[0]), 2)

    assert GroupCosts(0, 0, 0, 0, 0, 2) == costs
    assert (0.0, 0.0) == (costs.time_together, costs.time_one_by_one)
