"""What `evalkit show` tells of prompts: the whole of one by `--prompt`, else its ends and where its evidence stood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from evalkit.runs import LedgerRecord, RebuiltPrompt, SampleRecord
    from evalkit.scores import LookedAt

__all__ = ["prompt_lines", "show_prompts"]

LONGEST_NAMED = 60  # characters of a needle or gold answer


class _Shown(NamedTuple):
    """A prompt with what it is called."""

    name: str
    prompt: RebuiltPrompt


def show_prompts(
    run: Path, samples: Sequence[LookedAt], *, step: int | None, model: str | None, trusted: bool, json: str | None
) -> int:
    """Print the prompts of samples, made again; the exit code: 1 where one is not what the model got."""
    from evalkit.errors import UserError
    from evalkit.runs import open_prompts

    from .terminal import libraries_say, note, print_json

    with libraries_say(note):
        maker = open_prompts(_run_of(run), model, trust_remote_code=trusted)
        rebuilt = [maker.rebuild(each.sample, each.records) for each in samples]
    if json is not None:
        told = [
            {**each.to_json(), "prompt": [prompt.to_json() for prompt in prompts]}
            for each, prompts in zip(samples, rebuilt, strict=True)
        ]
        print_json(told, json)
    chosen = list(_chosen(samples, rebuilt, step))
    if not chosen:
        asked = max(map(len, rebuilt))
        raise UserError(f"--step {step}: the run asked {asked} of {', '.join(each.sample.id for each in samples[:3])}")
    made = [shown for shown in chosen if shown.prompt.error is None]
    without = [f"{name}: no prompt was made: {prompt.error}" for name, prompt in chosen if prompt.error is not None]
    if not made:
        raise UserError(without[0] if len(without) == 1 else f"{without[0]} (and {len(without) - 1} more)")
    _print(made if json != "-" else [])
    for line in without:
        note(line)
    for name, prompt in chosen:
        if prompt.difference is not None:
            note(f"{name}: {prompt.difference}")
    if any(shown.prompt.messages for shown in made):
        note("the server puts these messages into a chat format of its own, which nobody here knows")
    return int(not all(shown.prompt.is_same for shown in chosen))


def _run_of(folder: Path) -> Path:
    """The run of a folder, which may hold its scores only; `UserError` for outputs made elsewhere."""
    from evalkit.errors import UserError
    from evalkit.scores import holds_answers, run_of_scores

    run = run_of_scores(folder) if holds_answers(folder) else folder
    if run is None:
        raise UserError(f"{folder}: holds outputs made elsewhere, which have no prompts; leave --prompt out")
    return run


def _chosen(
    samples: Sequence[LookedAt], rebuilt: Sequence[Sequence[RebuiltPrompt]], step: int | None
) -> Iterator[_Shown]:
    """The prompts to print; one that several draws share is printed once."""
    seen: set[tuple[str, int, str]] = set()
    for each, prompts in zip(samples, rebuilt, strict=True):
        for number, prompt in enumerate(prompts, 1):
            key = (each.sample.id, number, prompt.digest)
            if step in (None, number) and key not in seen:
                seen.add(key)
                yield _Shown(_name(each, number, len(prompts)), prompt)


def _name(each: LookedAt, step: int, steps: int) -> str:
    """`leval/quality/3 · draw 2 · step 1`; the first step of all draws is one."""
    draw = [f"draw {each.draw}"] if each.draw and step > 1 else []
    return " · ".join([each.sample.id, *draw, *([f"step {step}"] if steps > 1 else [])])


def _print(prompts: Sequence[_Shown]) -> None:
    """One prompt sign for sign; several below their names."""
    from .terminal import say, say_exactly

    if len(prompts) == 1:
        say_exactly(_text(prompts[0].prompt))
        return
    for name, prompt in prompts:
        say(f"===== {name} =====")
        say_exactly(_text(prompt))
        say()


def _text(prompt: RebuiltPrompt) -> str:
    """The prompt as text; of several messages each below its role."""
    if len(prompt.messages) < 2:
        return prompt.text
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in prompt.messages)


def prompt_lines(record: SampleRecord, evidence: Sequence[str], mark: str) -> Iterator[str]:
    """Both ends of a recorded prompt, the cut marked where truncation removed tokens, and what became of its evidence.

    `mark` tells the step, where there are several.
    """
    ledger = record.ledger
    if ledger is None:
        return
    yield f"  prompt{mark}, {ledger.after:,} tokens, its ends (--prompt prints it whole):"
    start, end = record.prompt_ends
    before, within, behind = _cuts(ledger, "here" if end else "within what is shown")
    gap = within or (["[the middle is left out here]"] if end else [])
    yield from (f"    {line}" for line in [*before, *start.splitlines(), *gap, *end.splitlines(), *behind])
    yield from _evidence(ledger, evidence, mark)


def _cuts(ledger: LedgerRecord, inside: str) -> tuple[list[str], list[str], list[str]]:
    """A line for each range that truncation removed: before what is kept, within (`inside` says where), behind."""
    from evalkit.prompts import CUT_AS_TEXT

    before: list[str] = []
    within: list[str] = []
    behind: list[str] = []
    is_text = ledger.mode in CUT_AS_TEXT
    of = "of the text before it was wrapped" if is_text else f"of {ledger.before:,}"
    for start, stop in _removed(ledger):
        is_inside = is_text or (start > 0 and stop < ledger.before)
        where = inside if is_inside else "here"
        line = f"[✂ {stop - start:,} tokens cut {where}: {start:,} to {stop - 1:,} {of}]"
        (within if is_inside else before if start == 0 else behind).append(line)
    return before, within, behind


def _removed(ledger: LedgerRecord) -> Iterator[tuple[int, int]]:
    """The half-open ranges that were not kept."""
    last = 0
    for start, stop in [*ledger.kept, (ledger.before, ledger.before)]:
        if last < start:
            yield last, start
        last = max(last, stop)


def _evidence(ledger: LedgerRecord, evidence: Sequence[str], mark: str) -> Iterator[str]:
    """Where each needle stood, or what became of the gold answer."""
    places = list(zip_longest(ledger.evidence_tokens, ledger.evidence_depths))
    for index, (token, depth) in enumerate(places):
        number = f" {index + 1}" if len(places) > 1 else ""
        parts = [_fate(ledger, index)]
        parts += [f"token {token:,} of {ledger.before:,}"] if token is not None else []
        parts += [f"depth {depth:.1f} %"] if depth is not None else []
        parts += [_named(evidence[index])] if index < len(evidence) else []
        yield f"  evidence{mark}{number}: {' · '.join(filter(None, parts))}"
    if not places and ledger.evidence_kept is not None:
        lost = [_named(evidence[index]) for index in ledger.evidence_lost if index < len(evidence)]
        yield f"  evidence{mark}: {'kept' if ledger.evidence_kept else ' · '.join(['lost', *lost])}"


def _fate(ledger: LedgerRecord, index: int) -> str:
    if ledger.evidence_kept is None:
        return ""
    return "lost" if index in ledger.evidence_lost else "kept"


def _named(text: str) -> str:
    from evalkit.errors import one_line

    return one_line(text, LONGEST_NAMED)
