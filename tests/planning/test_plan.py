"""The plan of a run: rope groups, what is left to do, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalkit.planning import Plan, PlannedGroup, make_plan
from evalkit.prompts import Ledger, Prompt, Range, token_array
from evalkit.rope import RopeModel, RopeSetting, RopeSpec, rope_setting

NATIVE = RopeSetting("native")


def prompt(ids: Sequence[int], number: int = 0, error: str | None = None, before: int | None = None) -> Prompt:
    """One prompt; `before` tokens before truncation."""
    before = before or len(ids)
    ledger = Ledger("middle", before, len(ids), (Range(0, len(ids)),), None if before == len(ids) else False)
    return Prompt(f"toy/tales/{number}", "tales", 0, token_array(ids), None if error else ledger, 5, error=error)


def planned(ids: Sequence[Sequence[int]]) -> Plan:
    """The plan of prompts with those ids under `native`."""
    return make_plan([("toy", prompt(each, number)) for number, each in enumerate(ids)], lambda _: NATIVE)


def nodes(ids: Sequence[Sequence[int]]) -> int:
    """Distinct prefixes."""
    return len({tuple(each[:end]) for each in ids for end in range(1, len(each) + 1)})


prompts = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=10)


@given(ids=prompts, data=st.data())
def test_what_is_left_after_a_stop_is_planned_as_if_alone(ids: list[list[int]], data: st.DataObject) -> None:
    """Leaving prompts out keeps the others sorted, with exactly the prefixes they share with their new neighbour."""
    plan = planned(ids)
    done = frozenset(index for index in range(len(ids)) if data.draw(st.booleans()))
    left = [index for index in range(len(ids)) if index not in done]

    pending = plan.pending(done)

    assert sorted(left, key=lambda index: ids[index]) == [index for group in pending for index in group.order]
    assert nodes([ids[index] for index in left]) == sum(group.unique_tokens(plan.spool.tokens) for group in pending)


@given(ids=prompts)
def test_counts_add_up(ids: list[list[int]]) -> None:
    """All tokens, distinct prefixes, and the longest prompt with and without its answer."""
    counts = planned(ids).counts()

    assert (len(ids), 0, 0) == (counts.samples, counts.done, counts.failed)
    assert (sum(map(len, ids)), nodes(ids)) == (counts.prompt_tokens, counts.unique_prompt_tokens)
    longest = max(map(len, ids))
    assert (longest, longest + 5, 5 * len(ids)) == (
        counts.longest_prompt, counts.longest_sequence, counts.max_new_tokens
    )  # fmt: skip


def test_counts_of_a_part_count_that_part_alone() -> None:
    """A benchmark's own unique tokens do not depend on the others planned with it."""
    shared = [[1, 2, 3], [1, 2, 4]]
    plan = make_plan([("a", prompt(shared[0])), ("b", prompt(shared[1]))], lambda _: NATIVE)

    both, one = plan.counts(), plan.counts(keep=lambda each: each.benchmark == "a")

    assert (4, 3) == (both.unique_prompt_tokens, one.unique_prompt_tokens)


def test_counts_say_what_truncation_did() -> None:
    """Shortened prompts, and those that lost their evidence; unknown is not lost, and cut is not lost either."""
    lost, unknown = prompt([1, 2], before=9), prompt([1, 2])
    kept = replace(lost, ledger=replace(lost.ledger, evidence_kept=True))  # type: ignore[type-var]
    plan = make_plan([("toy", each) for each in (lost, unknown, kept, kept, unknown, kept)], lambda _: NATIVE)

    counts = plan.counts()

    assert (4, 1) == (counts.truncated, counts.evidence_lost)


def test_a_failed_prompt_is_counted_and_never_planned() -> None:
    """It is in no group, costs nothing, and is named."""
    plan = make_plan([("toy", prompt([], 0, "too long")), ("toy", prompt([7], 1))], lambda _: NATIVE)

    counts = plan.counts()

    assert [[1]] == [group.order for group in plan.groups]
    assert (2, 1, 1) == (counts.samples, counts.failed, counts.prompt_tokens)
    assert "too long" == plan.prompts[0].error


def test_prompts_that_all_failed_cost_nothing() -> None:
    """Neither tokens nor a cache: nothing would be run."""
    counts = make_plan([("toy", prompt([], 0, "too long"))], lambda _: NATIVE).counts()

    assert (1, 0, 0, 0, 0, 0) == (
        counts.failed, counts.prompt_tokens, counts.unique_prompt_tokens, counts.longest_prompt,
        counts.longest_sequence, counts.max_new_tokens,
    )  # fmt: skip


def test_finished_prompts_are_counted_as_done_wherever_they_are() -> None:
    """`done` may name prompts that the count leaves out."""
    plan = planned([[1], [2], [3]])

    assert 1 == plan.counts(frozenset({0, 2}), lambda each: each.index > 1).done


def test_prompts_with_the_same_rope_setting_form_one_group() -> None:
    """Under `dynamic` short prompts share the trained base, and each length beyond the window has its own."""
    model, spec = RopeModel(10000.0, 10, 16), RopeSpec("dynamic", 4.0)
    ids = [[1], [1, 2], [1] * 10, [2] * 10, [1] * 20]

    plan = make_plan(
        [("toy", prompt(each, number)) for number, each in enumerate(ids)],
        lambda tokens: rope_setting(spec, model, tokens),
    )

    assert [[0, 1], [2, 3], [4]] == sorted(sorted(group.order) for group in plan.groups)
    assert 10000.0 == min(group.rope.base or 0 for group in plan.groups)


def test_prompts_of_other_groups_share_nothing() -> None:
    """A prefix computed under one base is worth nothing under another."""
    plan = make_plan(
        [("toy", prompt([1, 2, 3], 0)), ("toy", prompt([1, 2, 3, 4], 1))],
        lambda tokens: RopeSetting("default", float(tokens)),
    )

    assert 7 == plan.counts().unique_prompt_tokens


def test_a_group_with_nothing_left_is_left_out() -> None:
    """No engine is set to a base for which there is no prompt."""
    plan = planned([[1], [2]])

    assert [] == plan.pending(frozenset({0, 1}))


def test_restricting_to_all_or_nothing() -> None:
    """All prompts are the group itself, no prompts an empty one."""
    group = PlannedGroup(NATIVE, [0, 1, 2], [0, 2, 1])

    assert group == group.restricted({0, 1, 2})
    assert PlannedGroup(NATIVE, [], []) == group.restricted(set())


def test_long_prefixes_are_shared_in_full() -> None:
    """However long a prompt is, and over a gap as much as all prompts in between share."""
    group = PlannedGroup(NATIVE, [0, 1, 2], [0, 2_000_000, 1_900_000])

    assert group == group.restricted({0, 1, 2})
    assert PlannedGroup(NATIVE, [0, 2], [0, 1_900_000]) == group.restricted({0, 2})


def test_the_same_prompts_in_another_order_cost_the_same() -> None:
    """The plan depends on what is asked, not on the order it is asked in."""
    ids = [[1, 2, 3], [1, 2], [4], [1, 2, 4]]

    counts = [planned(each).counts() for each in (ids, ids[::-1])]

    assert counts[0] == counts[1]
