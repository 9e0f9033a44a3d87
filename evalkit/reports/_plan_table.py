"""What a run would cost, as a table and as the JSON of `evalkit plan --json`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from evalkit.cards import Endpoint
from evalkit.planning import Counts, Plan, PlannedPrompt, group_costs
from evalkit.planning.shards import part_costs, work_cost
from evalkit.runs import Job, Session
from evalkit.tables import plain_table

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["plan_json", "plan_notes", "plan_table"]


def plan_json(
    session: Session,
    job: Job,
    plan: Plan,
    done: frozenset[int],
    conflict: str | None,
    chosen: frozenset[int],
) -> dict[str, Any]:
    """The plan of one benchmark: counts over all tasks, and per task; `conflict` = why its folder cannot go on.

    `chosen`: indexes of the prompts that are counted.
    """

    def counted(task: str | None = None) -> dict[str, Any]:
        def keep(prompt: PlannedPrompt) -> bool:
            return prompt.index in chosen and prompt.benchmark == job.name and task in (None, prompt.task)

        return _counts(plan.counts(done, keep), session) | _groups(plan, session, keep)

    return {
        "schema": 1,
        "benchmark": job.name,
        "protocol": job.label,
        "model": session.card.name,
        "unit": session.tokenizer.unit,
        **counted(),
        "tasks": {task: counted(task) for task in job.tasks},
        "rope": str(session.rope),
        "rope_grid": session.settings.rope_grid,
        "rope_mode": session.settings.rope_mode,
        "folder": str(job.folder),
        "conflict": conflict,
        "partial": bool(job.missing or job.unpinned),
        "missing": list(job.missing),
        "skipped": list(job.skipped),
        "parts": _parts(plan, session, job.name, chosen),
    }


def _groups(plan: Plan, session: Session, keep: Callable[[PlannedPrompt], bool]) -> dict[str, Any]:
    """RoPE groups of the prompts, and what they cost; times are relative to that of one group, and upper bounds."""
    costs = group_costs(plan, session.settings.most_rows or ANSWERS_AT_ONCE, keep)
    return {
        "rope_groups": costs.groups,
        "unique_prompt_tokens_one_group": costs.unique_prompt_tokens_one_group,
        "relative_time": {
            "one_group": 1.0,
            "together_at_most": round(costs.time_together, 4),
            "one_by_one_at_most": round(costs.time_one_by_one, 4),
            "answers_at_once": costs.at_once,
        },
    }


def _parts(plan: Plan, session: Session, benchmark: str, own: frozenset[int]) -> dict[str, Any] | None:
    """How the work of all benchmarks falls on replicas or shards; None where there is one engine, or nobody knows.

    `own`: the prompts of the shard that is planned.
    """
    part = session.settings.part
    count = session.settings.replicas if part is None else part[1]
    if count is None:
        return None
    costs = part_costs(plan, work_cost(session.card), count)
    found = {"count": count, "longest": round(costs.longest, 4), "computed": round(costs.computed, 4)}
    if part is None:
        return found
    whole = plan.counts(keep=lambda prompt: prompt.benchmark == benchmark)
    held = plan.counts(keep=lambda prompt: prompt.benchmark == benchmark and prompt.index in own)
    return found | {
        "shard": part[0],
        "samples": held.samples,
        "all_samples": whole.samples,
        "prompt_tokens": held.prompt_tokens,
        "unique_prompt_tokens": held.unique_prompt_tokens,
    }


def plan_notes(plan: dict[str, Any]) -> list[str]:
    """What to think of before such a run: how it falls on replicas, many RoPE groups, and what they cost at most."""
    return [*_part_notes(plan), *_group_notes(plan)]


def _part_notes(plan: dict[str, Any]) -> list[str]:
    parts = plan.get("parts")
    if parts is None:
        return []
    what = "replicas" if "shard" not in parts else "shards"
    note = (
        f"{parts['count']} {what}: the longest has {parts['longest']:.2f} of a fair share, and all compute "
        f"{parts['computed']:.2f} x the prompt tokens of one engine"
    )
    if "shard" not in parts:
        return [note]
    return [
        note,
        f"{plan['benchmark']}: shard {parts['shard']}/{parts['count']} holds {parts['samples']:,} of "
        f"{parts['all_samples']:,} samples, {parts['unique_prompt_tokens']:,} {plan['unit']} to compute",
    ]


def _group_notes(plan: dict[str, Any]) -> list[str]:
    groups, prompts = plan["rope_groups"], plan["samples"] - plan["failed"]
    if groups <= MANY_GROUPS or prompts > groups * FULL_GROUP:
        return []
    step = REMEDY_STEP if plan["rope_grid"] is None else 2 * (plan["rope_grid"] - 1)
    time = plan["relative_time"]
    return [
        f"{plan['benchmark']}: --rope {plan['rope']} makes {groups} groups of {prompts} prompts, which share no "
        f"prefixes: at most {time['together_at_most']:.2f} times the time of one group where a model holds several "
        f"rotations at once, and at most {time['one_by_one_at_most']:.1f} times where one group follows the other "
        f"({time['answers_at_once']} answers at once); --rope-grid {1 + step:g} (multipliers rounded up by at most "
        f"{step:.0%}) makes fewer groups, and is part of the condition"
    ]


MANY_GROUPS = 8
FULL_GROUP = 16  # prompts of a group that keep an engine busy
REMEDY_STEP = 0.02
ANSWERS_AT_ONCE = 32  # as many as the hf backend decodes at once on an accelerator


def _counts(counts: Counts, session: Session) -> dict[str, Any]:
    values: dict[str, Any] = asdict(counts)
    longest, per_token = values.pop("longest_sequence"), session.kv_bytes_per_token
    values["kv_bytes"] = None if per_token is None else per_token * longest
    values["cost"] = _cost(counts, session.card.endpoint)
    return values


def _cost(counts: Counts, endpoint: Endpoint | None) -> dict[str, Any] | None:
    """What a paid endpoint charges at most: nothing cached, every answer as long as it may be."""
    if endpoint is None or endpoint.prices is None:
        return None
    prices = endpoint.prices
    return {"currency": prices.currency, "at_most": prices.cost(counts.prompt_tokens, counts.max_new_tokens)}


def plan_table(plan: dict[str, Any]) -> Table:
    """The plan for people: one row per task, and the sum."""
    title = f"{plan['benchmark']} · {plan['model']} · protocol {plan['protocol']}"
    table = plain_table(title)
    table.add_column("task")
    length = f"prompt {plan.get('unit', 'tokens')}"
    for heading in ("samples", "done", length, "unique", "reuse saves", "truncated", "longest", "KV cache"):
        table.add_column(heading, justify="right")
    has_groups = plan.get("rope_groups", 1) > 1
    for heading in GROUP_COLUMNS if has_groups else ():
        table.add_column(heading, justify="right")
    if plan["cost"] is not None:
        table.add_column(f"at most, {plan['cost']['currency']}", justify="right")
    for task, counts in plan["tasks"].items():
        table.add_row(task, *_cells(counts, has_groups))
    table.add_section()
    table.add_row("all", *_cells(plan, has_groups), style="bold")
    return table


def _cells(counts: dict[str, Any], has_groups: bool) -> list[str]:
    total, unique = counts["prompt_tokens"], counts["unique_prompt_tokens"]
    saved = f"{100 * (1 - unique / total):.0f}% ({total / unique:.2f}x)" if unique else "–"
    samples = f"{counts['samples']:,}" + (f" ({counts['failed']} cannot run)" if counts["failed"] else "")
    return [
        samples,
        f"{counts['done']:,}",
        f"{total:,}",
        f"{unique:,}",
        saved,
        f"{counts['truncated']:,}",
        f"{counts['longest_prompt']:,}",
        "–" if counts["kv_bytes"] is None else _bytes(counts["kv_bytes"]),
        *(_group_cells(counts) if has_groups else []),
        *([] if counts["cost"] is None else [f"{counts['cost']['at_most']:,.2f}"]),
    ]


GROUP_COLUMNS = ("groups", "unique as one group", "time at most")


def _group_cells(counts: dict[str, Any]) -> list[str]:
    """Groups, the tokens that they would have to compute as one, and times relative to that: together, one by one."""
    time = counts["relative_time"]
    return [
        f"{counts['rope_groups']:,}",
        f"{counts['unique_prompt_tokens_one_group']:,}",
        f"{time['together_at_most']:.2f}x ({time['one_by_one_at_most']:.2f}x one by one)",
    ]


def _bytes(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.1f} {unit}" if unit != "B" else f"{number:.0f} B"
        number /= 1024
    return f"{number:.1f} TiB"
