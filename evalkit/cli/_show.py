"""`evalkit show`: single samples of a run, to read what a model was asked and what it said."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o
from ._prompts import prompt_lines, show_prompts

if TYPE_CHECKING:
    from evalkit.runs import LedgerRecord, SampleRecord
    from evalkit.scores import LookedAt

FEW = 5  # samples where neither ids nor a number are given
LONG = 600  # characters of a text; of a longer one both ends are shown, where instructions and questions stand
WRONG_BELOW = 50.0  # of 100: wrong for single right or wrong answers, and poor for all other metrics


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, or folder of `score --out`.")],
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Sample ids; leval/quality/3.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only samples without an answer.")] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help=f"Only samples that score below {WRONG_BELOW:g}.")] = False,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only this task; may be repeated.")] = None,
    number: Annotated[
        int | None, typer.Option("-n", min=1, metavar="N", help=f"So many samples.  [default: {FEW}, or all ids]")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Whole texts, however long.")] = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Only the prompts, whole, as the model got them; > prompt.txt keeps one.")
    ] = False,
    step: Annotated[int | None, typer.Option(min=1, metavar="N", help="With --prompt: only that of this step.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="CARD", help="With --prompt: where the run's model or its tokenizer is now.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="With --prompt: run code that comes with the tokenizer.")
    ] = False,
    json: o.Json = None,
) -> int:
    """Show samples of a run: the question, the targets, the answer, its score, and what happened to it.

    Samples named by ID are shown with both ends of the prompt and where their evidence stood. --prompt makes the
    prompts again, from the data and the model's tokenizer, and holds them against their digests; exit code 1: one is
    not what the model got.
    """
    from evalkit.errors import UserError
    from evalkit.scores import look_at

    from .terminal import check_target, note, print_json, say

    check_target(json)
    if not prompt and (step is not None or model is not None or trust_remote_code):
        raise UserError("--step, --model and --trust-remote-code say how prompts are made again: add --prompt")
    found = (each for each in look_at(run, ids or (), task or ()) if _is_meant(each, failed, wrong))
    most = number or (None if ids else FEW)
    shown = list(itertools.islice(found, most))
    if prompt and shown:
        return show_prompts(run, shown, step=step, model=model, trusted=trust_remote_code, json=json)
    if json is not None:
        print_json([each.to_json() for each in shown], json)
    for each in shown if json != "-" else ():
        say("\n".join(_lines(each, is_full=full, is_near=bool(ids))) + "\n")
    if not shown:
        note(f"{run}: no such sample; nothing to show")
    elif len(shown) == most and next(found, None) is not None:
        note(f"the first {most}; -n N shows more of them")
    return 0


def _is_meant(each: LookedAt, failed: bool, wrong: bool) -> bool:
    if not failed and not wrong:
        return True
    return (failed and each.error is not None) or (wrong and _is_wrong(each))


def _is_wrong(each: LookedAt) -> bool:
    """Whether the protocol's own metric, which stands first, says so."""
    scores = [score for _, score in each.scores[:1] if score is not None]
    return each.error is None and bool(scores) and scores[0] < WRONG_BELOW


def _lines(each: LookedAt, *, is_full: bool, is_near: bool) -> Iterator[str]:
    """What is shown of one sample; `is_near`: with the ends of its prompts and where its evidence stood."""
    draw = f" · draw {each.draw}" if each.draw else ""
    yield f"{each.sample.id}{draw} · {_score(each)}"
    for step in range(len(each.records)):
        yield from _step(each, step, is_full=is_full, is_near=is_near)
    if each.made_elsewhere is not None:
        yield from (line for text in each.answers if text is not None for line in _text("answer", text, is_full))
        yield f"  {each.error or 'made elsewhere'}"
    if each.seen is not None:
        yield from _text("metric saw", each.seen, is_full)
    yield from _text("targets", "\n".join(each.sample.targets), is_full)


def _step(each: LookedAt, step: int, *, is_full: bool, is_near: bool) -> Iterator[str]:
    """What was asked in one step, and what came."""
    record = each.records[step]
    mark = f" {step + 1}" if len(each.records) > 1 else ""
    if step < len(each.questions):
        yield from _text(f"question{mark}", each.questions[step], is_full)
    elif not each.questions:  # no prompts at hand: what they are filled with
        for name, field in each.sample.fields.items():
            yield from _text(f"{name}{mark}", field, is_full)
    if record.ledger is not None:
        yield from _truncation(record.ledger)
    if is_near:
        yield from prompt_lines(record, each.sample.evidence, mark)
    if record.reasoning:
        yield from _text(f"thoughts{mark}", record.reasoning, is_full)
    if record.text is not None:
        yield from _text(f"answer{mark}", record.text, is_full)
    yield f"  {_outcome(record)}"


def _score(each: LookedAt) -> str:
    if each.error is not None:
        return "failed"
    scores = [f"{metric} {'–' if score is None else f'{score:.2f}'}" for metric, score in each.scores]
    if each.refusal is not None:
        return f"not scored: {' '.join(each.refusal.split())}"
    return ", ".join(scores) or "not scored yet: evalkit score"


def _text(name: str, text: str, is_full: bool) -> Iterator[str]:
    """A heading and the text below it; the middle of a long one is left out, and how much that is is said."""
    yield f"  {name}:"
    if len(text) > LONG and not is_full:
        left_out = f"[… {len(text) - LONG:,} characters, --full shows them …]"
        text = f"{text[: LONG // 2]}\n{left_out}\n{text[-LONG // 2 :]}"
    yield from (f"    {line}" for line in text.splitlines() or ["(empty)"])


def _truncation(ledger: LedgerRecord) -> Iterator[str]:
    """What the model did not get of the question; tokens of a chat format around a cut text count as none of it."""
    kept = sum(stop - start for start, stop in ledger.kept)
    if kept < ledger.before:
        lost = ", the evidence was cut away" if ledger.evidence_kept is False else ""
        yield f"  truncated: {kept:,} of {ledger.before:,} tokens kept ({ledger.mode}){lost}"


def _outcome(record: SampleRecord) -> str:
    """How the step ended, in one line."""
    if record.error is not None:
        return f"failed at attempt {record.attempt}: {' '.join(record.error.split())}"
    ends = {"length": "cut at the generation limit", "stop": "ended by itself"}
    parts = [ends.get(record.finish_reason, record.finish_reason), f"{record.output_tokens} tokens"]
    parts += [f"{record.reasoning_tokens} of them thoughts"] if record.reasoning_tokens else []
    parts += [_margin(record.margin, record.margin_token)] if record.margin is not None else []
    parts += [f"lost to {record.lost_to}"] if record.lost_to is not None else []
    parts += [f"attempt {record.attempt}"] if record.attempt > 1 else []
    return ", ".join(parts)


def _margin(margin: float, token: int | None) -> str:
    from evalkit.scores import NEAR_TIE

    fragile = " (fragile)" if margin < NEAR_TIE else ""
    return f"nearest tie {margin:.3g} nats at token {token}{fragile}"
