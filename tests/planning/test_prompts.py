"""Planned prompts as columns: what was put in comes out, and they are small."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.planning._prompts import PromptTable
from evalkit.prompts import Ledger, Prompt, Range, token_array
from evalkit.rope import RopeSetting
from evalkit.tasks import StopRule

NATIVE = RopeSetting("native")

whole = st.integers(0, 2**40)
ledgers = st.builds(
    Ledger,
    mode=st.sampled_from(["middle", "context-middle"]),
    before=whole,
    after=whole,
    kept=st.lists(st.builds(Range, whole, whole), max_size=3).map(tuple),
    evidence_kept=st.sampled_from([True, False, None]),
    evidence_lost=st.lists(whole, max_size=3).map(tuple),
    evidence_tokens=st.lists(whole, max_size=3).map(tuple),
    evidence_depths=st.lists(st.floats(0, 100), max_size=3).map(tuple),
)
prompts = st.builds(
    Prompt,
    sample_id=st.text(max_size=5),
    task=st.sampled_from(["a", "b"]),
    step=st.integers(0, 2),
    ids=st.lists(st.integers(0, 9), max_size=4).map(token_array),
    ledger=ledgers | st.none(),
    max_new_tokens=st.integers(1, 3),
    stop=st.sampled_from([(), ("x",), ("x", "")]),
    error=st.sampled_from([None, "too long"]),
    stop_rule=st.sampled_from([StopRule(), StopRule(min_new_tokens=2)]),
)
ropes = st.sampled_from([NATIVE, RopeSetting("default", 20_000.0)])


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), prompts, ropes), max_size=6))
def test_every_field_comes_back_as_it_was(rows: list[tuple[str, Prompt, RopeSetting]]) -> None:
    """Whatever prompts stand before and behind it, and however many kinds there are."""
    table = PromptTable()
    for row in rows:
        table.append(*row)

    found = [
        (
            each.index, each.benchmark, each.sample_id, each.task, each.step, each.tokens, each.digest, each.ledger,
            each.max_new_tokens, each.stop, each.error, each.stop_rule, each.rope,
        )
        for each in table
    ]  # fmt: skip

    assert found == [
        (
            index, benchmark, prompt.sample_id, prompt.task, prompt.step, len(prompt.ids), prompt.digest, prompt.ledger,
            prompt.max_new_tokens, prompt.stop, prompt.error, prompt.stop_rule, rope,
        )
        for index, (benchmark, prompt, rope) in enumerate(rows)
    ]  # fmt: skip


@given(ledgers)
def test_what_truncation_did_is_told_as_the_ledger_tells_it(ledger: Ledger) -> None:
    """Counting over a plan reads no ledger."""
    table = PromptTable()
    table.append("one", Prompt("0", "a", 0, token_array([1]), ledger, 1), NATIVE)

    assert (ledger.is_truncated, ledger.evidence_kept is False) == (table[0].is_truncated, table[0].has_lost_evidence)


def test_rows_are_found_from_the_end_and_in_slices() -> None:
    """As in a list."""
    table = PromptTable()
    for number in range(4):
        table.append("one", Prompt(f"{number}", "a", 0, token_array([number]), None, 1), NATIVE)

    assert (4, "3", ["1", "2"]) == (len(table), table[-1].sample_id, [each.sample_id for each in table[1:3]])
    with pytest.raises(IndexError):
        table[4]


def test_a_prompt_takes_a_few_hundred_bytes() -> None:
    """Its id, its digest and its ledger; what prompts have in common is held once."""
    ledger = Ledger("middle", 70_000, 256, (Range(0, 100), Range(69_844, 70_000)), True, (), (4711,), (33.25,))
    prompt = Prompt("", "single", 0, token_array([1, 2]), ledger, 64, ("stop",))
    table = PromptTable()

    tracemalloc.start()
    for number in range(5000):
        table.append("needle", replace(prompt, sample_id=f"needle/single/en-256-50-0-{number:05}"), NATIVE)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held / 5000 < 400
