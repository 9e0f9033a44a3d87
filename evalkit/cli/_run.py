"""`evalkit run`: generate, score, report; the same command again continues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit._api import EvaluationResult


def run(
    model: o.Model,
    benchmarks: o.Benchmarks,
    protocol: o.Protocol = None,
    task: o.Tasks = None,
    limit: o.Limit = None,
    max_seq_len: o.MaxSeqLen = None,
    max_new_tokens: o.MaxNewTokens = None,
    truncation: o.Truncation = None,
    rope: o.Rope = "native",
    rope_grid: o.RopeGrid = None,
    chat: o.Chat = None,
    backend: o.Backend = None,
    base_url: o.BaseUrl = None,
    engine: o.Engine = None,
    max_cost: o.MaxCost = None,
    dtype: o.Dtype = None,
    device: Annotated[str, typer.Option(help="Device of the hf backend; auto = CUDA where there is one.")] = "auto",
    no_prefix_reuse: Annotated[bool, typer.Option("--no-prefix-reuse", help="Compute every prompt whole.")] = False,
    trust_remote_code: o.TrustRemoteCode = False,
    lengths: o.Lengths = None,
    depths: o.Depths = None,
    repeats: o.Repeats = None,
    seed: o.Seed = None,
    haystack: o.Haystack = None,
    needles: o.Needles = None,
    repeat_haystack: o.RepeatHaystack = False,
    lang: o.Lang = None,
    option: o.Option = None,
    partial: o.Partial = False,
    data: o.Data = None,
    out: o.Out = None,
    json: o.Json = None,
) -> int:
    """Run a model on benchmarks, score it, write tables. The same command again continues."""
    from evalkit._api import run_session
    from evalkit.runs import open_session

    from ._output import check_target
    from ._progress import ProgressMonitor

    settings = o.settings(
        model=model, benchmarks=benchmarks, protocol=protocol, tasks=task or [], limit=limit, truncation=truncation,
        max_seq_len=max_seq_len, max_new_tokens=max_new_tokens, rope=rope, rope_grid=rope_grid, chat=chat,
        backend=backend, base_url=base_url, engine=engine, max_cost=max_cost,
        dtype=dtype, device=device, is_reusing_prefixes=not no_prefix_reuse,
        trust_remote_code=trust_remote_code, partial=partial, data=data, out=out,
        lengths=lengths, depths=depths, repeats=repeats, seed=seed, haystack=haystack, needles=needles,
        repeat_haystack=repeat_haystack, lang=lang, option=option,
    )  # fmt: skip
    check_target(json)
    session = open_session(settings)
    with ProgressMonitor() as monitor:
        result = run_session(session, monitor)
    _show(result, json)
    return 1 if result.outcome.failed else 0


def _show(result: EvaluationResult, json: str | None) -> None:
    from evalkit._api import spec_of_run
    from evalkit.reports import buckets_table, terminal_table

    from ._output import note, print_json, print_table
    from ._score import warn

    if json is not None:
        objects = {name: scores.to_json() for name, scores in result.scores.items()}
        print_json(next(iter(objects.values())) if len(objects) == 1 else {"benchmarks": objects}, json)
    for name, scores in result.scores.items():
        warn(scores)
        if json != "-":
            print_table(terminal_table(scores, spec_of_run(result.folders[name])))
            if (parts := buckets_table(scores)) is not None:
                print_table(parts)
        note(f"{scores.benchmark}: results in {result.folders[name]}")
    note(_summary(result))


def _summary(result: EvaluationResult) -> str:
    outcome = result.outcome
    parts = [f"{outcome.finished} answered, {outcome.reused} already done, {outcome.failed} failed"]
    if outcome.finished and outcome.planned_tokens and outcome.is_reuse_known:
        ratio = outcome.computed_tokens / outcome.planned_tokens
        parts.append(
            f"{outcome.computed_tokens:,} prompt tokens computed, {outcome.planned_tokens:,} unique ({ratio:.2f}x)"
        )
    if outcome.currency is not None:
        parts.append(f"{outcome.spent:.4g} {outcome.currency} spent")
    return "; ".join(parts)
