"""The lines of `samples.jsonl`, and the manifest `run.json`. Users read these files without us."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from pydantic import model_validator

from evalkit.models import Completion
from evalkit.planning import PlannedPrompt
from evalkit.prompts import Ledger
from evalkit.records import StoredRecord
from evalkit.settings import MOST_DRAWS

__all__ = ["DRAWS", "SCHEMA_VERSION", "LedgerRecord", "Manifest", "PromptEnds", "SampleRecord", "sample_record"]

SCHEMA_VERSION = 1
"""Shape of `run.json`; a higher number is a later release's, which may mean other things by the same names."""


DRAWS = "samples_per_question"
"""Name in a manifest's settings of how many draws a sample has, where it has several."""


MARGIN_DIGITS = 5  # of what a float32 has: gaps of large logits have fewer


OLD_PREVIEW_TOKENS, OLD_GAP = 48, " … "
"""Tokens up to which earlier releases wrote a whole prompt into `preview`, and what stood between the ends of longer
ones."""


class PromptEnds(NamedTuple):
    """Both ends of a prompt, as text."""

    start: str
    """Its first characters."""
    end: str = ""
    """Its last characters; empty where `start` is all of it, and where they are not known apart."""


class LedgerRecord(StoredRecord):
    """What truncation did to the prompt."""

    mode: str
    """Truncation mode."""
    before: int
    """Tokens before truncation: of the whole prompt, or of the text alone for the modes that cut texts."""
    after: int
    """Tokens sent to the model."""
    head: int
    """Tokens kept from the start of the prompt."""
    tail: int
    """Tokens kept up to its end."""
    kept: list[tuple[int, int]]
    """Half-open ranges of the tokens before truncation that were kept."""
    evidence_kept: bool | None
    """Whether the needle or gold answer is still inside; null where it never stood there verbatim."""
    evidence_lost: list[int] = []
    """Which of the sample's needles truncation removed, by index."""
    evidence_tokens: list[int] = []
    """Index before truncation of each needle's first token; empty where needles are not put in between tokens."""
    evidence_depths: list[float] = []
    """Where each needle really stands, in percent of the haystack's tokens; empty where the task does not tell."""


class SampleRecord(StoredRecord):
    """What happened when one step of one sample was generated."""

    id: str
    """`benchmark/task/index`."""
    step: int
    """Step of the sample, from 0."""
    draw: int = 0
    """Which of the sample's draws it belongs to, from 0."""
    attempt: int
    """1 for the first try; the latest attempt of a step counts."""
    prompt_sha256: str
    """Digest of the prompt's token ids (little-endian int32)."""
    ledger: LedgerRecord | None
    """What truncation did; null where no prompt could be built."""
    text: str | None
    """The model's answer, raw, without its thoughts; null where `error` is set."""
    output_tokens: int
    """Tokens generated."""
    finish_reason: str
    """`stop`, `length` (the generation limit), `unknown` (a server did not say) or `error`."""
    seconds: float
    """Wall time of the generation."""
    cached_tokens: int | None
    """Prompt tokens that came from a cache; null where the backend does not say."""
    prompt_tokens: int | None = None
    """Prompt tokens as a server counted them; null where it does not say."""
    reasoning_tokens: int | None = None
    """Generated tokens that were thoughts, as the backend or a server counted them; null where nobody did."""
    reasoning: str | None = None
    """The model's thoughts, which are never scored; null where it had none, or a server keeps them."""
    margin: float | None = None
    """Smallest gap between the log-probabilities of the best and the second-best token, in nats, over the tokens that
    were generated greedily; null where the backend did not say, and of draws."""
    margin_token: int | None = None
    """Index among the generated tokens, thoughts included, at which that gap was first."""
    lost_to: str | None = None
    """What took the tokens of an empty answer: `reasoning` (the answer is *starved*) or `refusal`; null for every other
    answer."""
    error: str | None
    """Why there is no answer. Such a sample is tried again and never scored."""
    rope: str
    """RoPE setting that was in force; prompts with the same one are a group."""
    rope_spec: str | None = None
    """Condition that was asked for (`dynamic:8`); null in records of older releases."""
    rope_multiplier: float | None = None
    """m: by how much the rule stretched at the length of this prompt, 1 = not at all; null where it has no such number
    (`native`, `llama3`, `longrope`), and in records of older releases."""
    rope_base: float | None = None
    """Effective base of the rotation; null where it is the model's own, and in records of older releases."""
    preview: str
    """First characters of the prompt, for people; all of a short one. In records of older releases its last ones too,
    behind " … "."""
    preview_end: str | None = None
    """Last characters of the prompt; empty where `preview` is all of it, null in records of older releases."""
    identity_digest: str = ""
    """The manifest's, whose run asked for this answer; empty in records of older releases."""

    @model_validator(mode="after")
    def _check_outcome(self) -> Self:
        """A line that is neither an answer nor a failure was damaged or written by hand; it must never be graded."""
        if self.error is None and (self.text is None or self.finish_reason == "error"):
            raise ValueError("the record is neither an answer nor a failure")
        if self.step < 0 or self.attempt < 0 or self.draw < 0:
            raise ValueError(f"step {self.step}, draw {self.draw}, attempt {self.attempt}: none can be negative")
        return self

    @property
    def key(self) -> tuple[str, int, int]:
        """Sample id, step and draw: what it answers."""
        return self.id, self.step, self.draw

    @property
    def prompt_ends(self) -> PromptEnds:
        """Both ends of the prompt; an older record is parted only where it surely holds two ends."""
        if self.preview_end is not None:
            return PromptEnds(self.preview, self.preview_end)
        is_cut = self.ledger is not None and self.ledger.after > OLD_PREVIEW_TOKENS
        if is_cut and self.preview.count(OLD_GAP) == 1:
            return PromptEnds(*self.preview.split(OLD_GAP))
        return PromptEnds(self.preview)


class Manifest(StoredRecord):
    """What a run folder holds and under which conditions."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file's shape."""
    identity: dict[str, Any]
    """All that can change a score. Runs with different identity never share records."""
    settings: dict[str, Any]
    """What the user asked for that cannot change a sample's score: limit, tasks, order."""
    environment: dict[str, Any]
    """Library versions, platform, device. A change on resume is a warning."""
    identity_digest: str = ""
    """Digest of the identity when the run began, its data files aside, which grow with the tasks; every record has it.

    It stays when a later release writes the identity otherwise. Empty until a run of an older release goes on.
    """

    @property
    def draws(self) -> int:
        """How many answers each sample has."""
        found = self.settings.get(DRAWS)
        return max(1, min(found, MOST_DRAWS)) if isinstance(found, int) else 1


def sample_record(
    prompt: PlannedPrompt, completion: Completion, attempt: int, ends: PromptEnds, rope_spec: str | None = None
) -> SampleRecord:
    """The record of one generated (or failed) step; `rope_spec` is the RoPE condition that was asked for."""
    is_failed = completion.error is not None
    thoughts = completion.reasoning
    return SampleRecord(
        id=prompt.sample_id,
        step=prompt.step,
        draw=prompt.draw,
        attempt=attempt,
        prompt_sha256=prompt.digest,
        ledger=None if prompt.ledger is None else _ledger_record(prompt.ledger),
        text=None if is_failed else _storable(completion.text),
        output_tokens=completion.output_tokens,
        finish_reason=completion.finish_reason,
        seconds=round(completion.seconds, 6),
        cached_tokens=completion.cached_tokens,
        prompt_tokens=completion.prompt_tokens,
        reasoning_tokens=completion.reasoning_tokens,
        reasoning=None if is_failed or thoughts is None else _storable(thoughts),
        margin=None if completion.margin is None else float(f"{completion.margin:.{MARGIN_DIGITS}g}"),
        margin_token=completion.margin_token,
        lost_to=completion.lost_to,
        error=completion.error,
        rope=prompt.rope.key,
        rope_spec=rope_spec,
        rope_multiplier=prompt.rope.multiplier,
        rope_base=prompt.rope.effective_base,
        preview=_storable(ends.start),
        preview_end=_storable(ends.end),
    )


def _storable(text: str) -> str:
    """The text without lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _ledger_record(ledger: Ledger) -> LedgerRecord:
    return LedgerRecord(
        mode=ledger.mode,
        before=ledger.before,
        after=ledger.after,
        head=ledger.head,
        tail=ledger.tail,
        kept=[(span.start, span.stop) for span in ledger.kept],
        evidence_kept=ledger.evidence_kept,
        evidence_lost=list(ledger.evidence_lost),
        evidence_tokens=list(ledger.evidence_tokens),
        evidence_depths=[round(depth, 3) for depth in ledger.evidence_depths],
    )
