"""What a run's records say of its answers beside their texts: cut at the limit, or empty because of thoughts.

Neither changes a score: such an answer is what the model gave within the protocol. A reader must know of it, because
many of them say more about the limit than about the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from evalkit.models import READ_IN_PART
from evalkit.runs import Manifest, SampleRecord
from evalkit.tasks import Answer

from ._near_ties import NearTie, tie_counts
from ._records import MANY_STARVED

__all__ = [
    "COUNTED_NOTES", "STARVED_REMEDY", "AnswerFlags", "ceilings_of", "decoding_label", "flag_counts", "flag_notes",
    "flags_of",
]  # fmt: skip

STARVED_REMEDY = "raise --max-reasoning-tokens, or switch thinking off (--chat-arg, or a profile of the card)"
"""What to do about starved answers."""

STARVED_NOTE = "answers are empty because reasoning took all tokens"
CUT_NOTE = "answers were cut at the generation limit"
COUNTED_NOTES = (STARVED_NOTE, CUT_NOTE)
"""What is in notes that say no more than a count of the score does."""

MANY = 0.05  # share of a task's answers from which on the limit is worth a word
GREEDY = "greedy"


@dataclass(frozen=True)
class AnswerFlags:
    """What is known of the last answers of a task's samples, which are told apart by their names."""

    cut: frozenset[str] = frozenset()
    """Names of answers that ended at the generation limit."""
    reasoned_away: frozenset[str] = frozenset()
    """Names of starved answers: empty because their tokens were thoughts."""
    refused: frozenset[str] = frozenset()
    """Names of answers that are empty because the model refused."""
    doubtful: frozenset[str] = frozenset()
    """Names of answers of whose prompt the server read as many tokens as of prompts that it surely read in part."""
    ties: Mapping[str, NearTie] = field(default_factory=dict)
    """Name of an answer → its nearest tie, over the steps of its sample, where it is known."""


def flags_of(
    last: Mapping[str, SampleRecord], ceilings: frozenset[int], ties: Mapping[str, NearTie] = MappingProxyType({})
) -> AnswerFlags:
    """The flags of a task from the last record of each answer, by its name, the run's ceilings and each nearest tie."""
    return AnswerFlags(
        ties=ties,
        doubtful=frozenset(name for name, record in last.items() if record.prompt_tokens in ceilings),
        cut=frozenset(name for name, record in last.items() if record.finish_reason == "length"),
        reasoned_away=frozenset(name for name, record in last.items() if record.lost_to == "reasoning"),
        refused=frozenset(name for name, record in last.items() if record.lost_to == "refusal"),
    )


def ceilings_of(records: Iterable[SampleRecord]) -> frozenset[int]:
    """Counts at which a server stopped reading: those of samples that failed for it."""
    counts = (record.prompt_tokens for record in records if (record.error or "").startswith(READ_IN_PART))
    return frozenset(count for count in counts if count is not None)


def flag_counts(flags: AnswerFlags | None, answers: Sequence[Answer]) -> dict[str, Any]:
    """The counts of a task score, over its scored answers; null where the outputs were made elsewhere."""
    if flags is None:
        return {}
    ids = {answer.name for answer in answers}
    counts = {"cut": len(ids & flags.cut), "lost_to_reasoning": len(ids & flags.reasoned_away)}
    return counts | tie_counts(flags.ties, ids)


def flag_notes(flags: AnswerFlags | None, answers: Sequence[Answer]) -> list[str]:
    """What a reader of the score should know of them."""
    if flags is None or not answers:
        return []
    ids, total = {answer.name for answer in answers}, len(answers)
    notes = []
    if lost := len(ids & flags.reasoned_away):
        remedy = f"; {STARVED_REMEDY}" if lost > MANY_STARVED * total else ""
        notes.append(f"{lost} of {total} {STARVED_NOTE}{remedy}")
    if refused := len(ids & flags.refused):
        notes.append(f"{refused} of {total} answers are empty because the model refused")
    if doubtful := len(ids & flags.doubtful):
        notes.append(
            f"{doubtful} of {total} answers may be to a part of their prompt: the server read no more of it "
            "than of prompts that it surely cut; run them again in a new --out"
        )
    if (cut := len(ids & flags.cut)) > MANY * total:
        notes.append(f"{cut} of {total} {CUT_NOTE}")
    return notes


def decoding_label(manifest: Manifest) -> list[str]:
    """What the label of a run says of its decoding: nothing where that was greedy, or drawn as was asked for.

    Else which of the settings asked for were not in force, because a server does not take them.
    """
    engine = manifest.environment.get("engine")
    engine = engine if isinstance(engine, dict) else {}
    asked = str(manifest.identity.get("sampling", GREEDY))
    if asked == GREEDY:
        return [] if engine.get("decoding") in (None, GREEDY) else ["not-greedy"]
    names = [str(name).replace("_", "-") for name in engine.get("left_out") or ()]
    return [f"without-{name}" for name in names if name in asked or name == "seed"]
