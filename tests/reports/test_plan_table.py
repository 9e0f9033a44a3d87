"""What a run would cost, for people and for programs."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit._api import plan_opened
from evalkit.reports import plan_notes, plan_table
from evalkit.runs import RunSettings, execute, open_session, plan_session

COUNTS = {
    "samples", "done", "failed", "prompt_tokens", "unique_prompt_tokens", "truncated", "evidence_lost",
    "longest_prompt", "max_new_tokens", "kv_bytes",
}  # fmt: skip


@pytest.fixture
def settings(toy: str, tiny_model: Path, bare: Path) -> RunSettings:
    """Both tasks of the toy benchmark, the long one truncated."""
    return RunSettings(str(tiny_model), (toy,), max_seq_len=200, backend="toy", out=bare / "run")


def plan(settings: RunSettings) -> dict[str, Any]:
    """The object of `evalkit plan --json`."""
    return plan_opened(open_session(settings)).benchmarks["toy"]


def test_the_plan_has_the_documented_shape_and_adds_up(settings: RunSettings) -> None:
    """The same counts for the whole and for each task; tokens and samples of the tasks sum to the whole."""
    made = plan(settings)

    head = {
        "schema": 1,
        "benchmark": "toy",
        "protocol": "plain+max-seq-len-200",
        "model": "tiny",
        "samples": 48,
        "done": 0,
    }
    assert head.items() <= made.items()
    assert set(made) >= COUNTS
    assert [COUNTS, COUNTS] == [set(counts) & COUNTS for counts in made["tasks"].values()]
    for name in ("samples", "prompt_tokens", "truncated", "max_new_tokens"):
        assert made[name] == sum(counts[name] for counts in made["tasks"].values())
    assert (24, 0) == (made["tasks"]["sagas"]["truncated"], made["tasks"]["tales"]["truncated"])
    assert 200 - 6 == made["longest_prompt"]


def test_the_cache_is_counted_for_the_longest_prompt_with_its_answer(settings: RunSettings) -> None:
    """Keys and values of two layers, one key head and sixteen dimensions, two bytes each."""
    assert 200 * 2 * 2 * 1 * 16 * 2 == plan(settings)["kv_bytes"]


def test_finished_samples_are_counted_as_done(settings: RunSettings) -> None:
    """Those whose prompt is still the same."""
    from evalkit.models import load_model
    from evalkit.runs import SilentMonitor

    session = open_session(settings)
    execute(session, SilentMonitor(), lambda: load_model("toy", session.card, session.tokenizer, None))  # type: ignore[arg-type]

    assert (48, 48) == (plan(settings)["samples"], plan(settings)["done"])


def test_the_table_shows_each_task_and_the_sum(settings: RunSettings) -> None:
    """Numbers as in the JSON, with what reuse saves."""
    from rich.console import Console

    made, text = plan(settings), io.StringIO()
    Console(file=text, width=200).print(plan_table(made))

    lines = {line.split()[0]: line for line in text.getvalue().splitlines()}
    assert {"tales", "sagas", "all"} <= set(lines)
    for name in ("samples", "prompt_tokens", "unique_prompt_tokens", "longest_prompt"):
        assert f"{made[name]:,}" in lines["all"]
    assert f"{made['prompt_tokens'] / made['unique_prompt_tokens']:.2f}x" in lines["all"]


def test_the_cells_of_a_row_say_what_the_numbers_mean() -> None:
    """Grouped digits, what reuse saves as a share and a factor, prompts that cannot run, and bytes in their unit."""
    some = {
        "samples": 1200, "done": 1100, "failed": 3, "prompt_tokens": 40_000, "unique_prompt_tokens": 10_000,
        "truncated": 1000, "longest_prompt": 31_500, "kv_bytes": 1536 * 1024,
        "cost": {"currency": "EUR", "at_most": 1234.5},
    }  # fmt: skip
    none = some | {"failed": 0, "prompt_tokens": 0, "unique_prompt_tokens": 0, "kv_bytes": None, "done": 0}
    plan = some | {"benchmark": "toy", "model": "m", "protocol": "p", "tasks": {"a": none}}

    table = plan_table(plan)

    assert "toy · m · protocol p" == table.title
    columns = {str(column.header): list(column.cells) for column in table.columns}
    assert {
        "task": ["a", "all"], "samples": ["1,200", "1,200 (3 cannot run)"], "done": ["0", "1,100"],
        "prompt tokens": ["0", "40,000"], "unique": ["0", "10,000"], "reuse saves": ["–", "75% (4.00x)"],
        "truncated": ["1,000", "1,000"], "longest": ["31,500", "31,500"], "KV cache": ["–", "1.5 MiB"],
        "at most, EUR": ["1,234.50", "1,234.50"],
    } == columns  # fmt: skip
    assert ["", "bold"] == [str(row.style or "") for row in table.rows]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1024**2 - 1, "1024.0 KiB"), (1024**2, "1.0 MiB"),
        (3 * 1024**3, "3.0 GiB"), (2048 * 1024**3, "2.0 TiB"), (5000 * 1024**4, "5000.0 TiB"),
    ],
)  # fmt: skip
def test_bytes_are_shown_in_the_largest_unit_below_them(settings: RunSettings, number: int, text: str) -> None:
    """Powers of 1,024."""
    made = plan(settings) | {"kv_bytes": number}

    assert text == list(plan_table(made).columns[-1].cells)[-1]


def test_without_prices_no_cost_is_shown(settings: RunSettings) -> None:
    """Local models have none."""
    made = plan(settings)

    assert made["cost"] is None
    assert "KV cache" == plan_table(made).columns[-1].header


@pytest.mark.parametrize(
    ("prices", "at_most"), [("prices: {input: 10, output: 20, currency: EUR}, ", True), ("", False)]
)
def test_a_price_list_bounds_what_the_run_costs(
    settings: RunSettings, tiny_model: Path, tmp_path: Path, prices: str, at_most: bool
) -> None:
    """Nothing cached, every answer as long as it may be; an endpoint without prices has no cost."""
    card = tmp_path / "card.yaml"
    card.write_text(
        f"{{name: t, title: T, weights: {tiny_model}, context_length: 512, licence: none,\n"
        f" endpoint: {{{prices}base_url: 'http://127.0.0.1:1/v1', model: m}}}}"
    )

    made = plan(replace(settings, model=str(card)))

    cost = {"currency": "EUR", "at_most": (made["prompt_tokens"] * 10 + made["max_new_tokens"] * 20) / 1e6}
    assert (cost if at_most else None) == made["cost"]


def test_each_benchmark_counts_its_own_prompts(settings: RunSettings, toy: str, bare: Path) -> None:
    """Also where two are planned together and have tasks of the same names."""
    twin = bare / "twin.yaml"
    text = Path(toy).read_text().replace("name: toy", "name: twin")
    twin.write_text(text.replace("truncation: middle}", "truncation: none}", 1))
    alone = plan(settings)

    both = plan_opened(open_session(replace(settings, benchmarks=(toy, str(twin))))).benchmarks

    assert alone["tasks"] == both["toy"]["tasks"]
    assert (0, 24) == (both["toy"]["failed"], both["twin"]["failed"])
    assert (0, 24) == (both["twin"]["tasks"]["tales"]["failed"], both["twin"]["tasks"]["sagas"]["failed"])


def test_rope_groups_are_those_that_a_benchmark_has_prompts_in(settings: RunSettings) -> None:
    """Each setting of RoPE is one pass over the model."""
    long = replace(settings, rope="dynamic:4", max_seq_len=2000, max_new_tokens=300)
    session = open_session(long)
    settings_of = {prompt.rope for prompt in plan_session(session).prompts}

    assert (1, len(settings_of)) == (plan(settings)["rope_groups"], plan(long)["rope_groups"])
    assert 1 < len(settings_of)


def test_lengths_that_are_characters_are_called_so(settings: RunSettings) -> None:
    """Where nobody knows the tokenizer no heading speaks of tokens."""
    table = plan_table(plan(settings) | {"unit": "characters"})

    headings = [str(column.header) for column in table.columns]
    assert "prompt characters" in headings
    assert not any("token" in heading for heading in headings)


def test_rope_groups_are_a_column_where_there_are_several(settings: RunSettings) -> None:
    """Of each task and of all; without RoPE scaling there is one, which says nothing."""
    many, one = (
        plan(replace(settings, rope=rope, max_seq_len=2000, max_new_tokens=300)) for rope in ("dynamic:4", "native")
    )

    headings = [[str(column.header) for column in plan_table(made).columns] for made in (many, one)]

    assert [True, False] == ["groups" in found for found in headings]
    assert [True, False] == [any("one group" in heading for heading in found) for found in headings]
    cells = list(plan_table(many).columns[headings[0].index("groups")].cells)
    assert [str(counts["rope_groups"]) for counts in [*many["tasks"].values(), many]] == cells
    assert many["rope_groups"] > 1


def test_what_groups_cost_is_told_with_and_without_them(settings: RunSettings) -> None:
    """Tokens to compute as groups and as one, and times at most: together, and one group after the other."""
    long = replace(settings, rope="dynamic:4", max_seq_len=2000, max_new_tokens=300)

    many, one = plan(long), plan(replace(long, rope="yarn:4"))

    assert many["unique_prompt_tokens"] > many["unique_prompt_tokens_one_group"] == one["unique_prompt_tokens"]
    assert {"one_group": 1.0, "together_at_most": 1.0, "one_by_one_at_most": 1.0, "answers_at_once": 32} == (
        one["relative_time"]
    )
    time = many["relative_time"]
    assert many["unique_prompt_tokens"] / one["unique_prompt_tokens"] == pytest.approx(
        time["together_at_most"], abs=1e-4
    )
    assert 1 < time["together_at_most"] < time["one_by_one_at_most"] <= many["rope_groups"]
    assert {"rope_groups", "unique_prompt_tokens_one_group", "relative_time"} <= set(many["tasks"]["tales"])


def test_one_answer_at_a_time_fills_no_batch_anyway(settings: RunSettings) -> None:
    """So groups cost their prefixes and nothing else."""
    made = plan(replace(settings, rope="dynamic:4", max_seq_len=2000, max_new_tokens=300, backend="hf", batch="1"))

    assert 1 == made["relative_time"]["answers_at_once"]
    assert made["relative_time"]["together_at_most"] == made["relative_time"]["one_by_one_at_most"]


TIME = {"one_group": 1.0, "together_at_most": 1.386, "one_by_one_at_most": 31.2, "answers_at_once": 32}


def test_many_rope_groups_are_said_with_their_cost_and_the_remedy() -> None:
    """Prompts of different groups share no prefixes, and batches only where a model holds several rotations."""
    made = {
        "benchmark": "longbench", "samples": 100, "failed": 0, "rope": "dynamic:8", "rope_groups": 96,
        "relative_time": TIME,
    }  # fmt: skip

    notes = [plan_notes(made | {"rope_grid": grid})[0] for grid in (None, 1.02)]

    assert all("longbench: --rope dynamic:8 makes 96 groups of 100 prompts" in note for note in notes)
    assert "at most 1.39 times" in notes[0]
    assert "at most 31.2 times where one group follows the other (32 answers at once)" in notes[0]
    assert "--rope-grid 1.02 (multipliers rounded up by at most 2%)" in notes[0]
    assert "--rope-grid 1.04 (multipliers rounded up by at most 4%)" in notes[1]


@pytest.mark.parametrize(("samples", "groups"), [(100, 1), (100, 8), (10_000, 96)])
def test_few_or_full_rope_groups_need_no_note(samples: int, groups: int) -> None:
    """An engine is busy with them."""
    made = {"benchmark": "longbench", "samples": samples, "failed": 0, "rope": "dynamic:8", "rope_groups": groups}

    assert [] == plan_notes(made)


def test_the_remedy_makes_fewer_groups(settings: RunSettings) -> None:
    """Multipliers rounded up on a grid fall together."""
    long = replace(settings, rope="dynamic:4", max_seq_len=2000, max_new_tokens=300)

    exact, rounded = plan(long), plan(replace(long, rope_grid=1.02))

    assert exact["rope_groups"] > rounded["rope_groups"]


def test_replicas_and_shards_say_how_the_work_falls(settings: RunSettings) -> None:
    """Shards hold every sample once; what they compute together is what the note says."""
    replicated = plan(replace(settings, replicas=4, backend="hf"))
    shards = [plan(replace(settings, shard=f"{index}/4")) for index in (1, 2, 3, 4)]

    assert 48 == sum(each["parts"]["samples"] for each in shards)
    tokens = sum(each["parts"]["unique_prompt_tokens"] for each in shards)
    assert replicated["parts"]["computed"] == pytest.approx(tokens / replicated["unique_prompt_tokens"], abs=0.02)
    assert 1 <= replicated["parts"]["longest"] < 1.5
    (note,) = plan_notes(replicated)
    assert note.startswith(f"4 replicas: the longest has {replicated['parts']['longest']:.2f} of a fair share")
    assert f"toy: shard 2/4 holds {shards[1]['parts']['samples']} of 48 samples" in plan_notes(shards[1])[1]
    assert plan(settings)["parts"] is None
