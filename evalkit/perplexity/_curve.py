"""What was measured: loss and perplexity of every spec at every length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evalkit.rope import RopeSetting

from ._passes import Cell, Sums
from ._statistics import MIN_DOCUMENTS, difference_of, loss_of
from ._windows import Mode

__all__ = ["Curve", "CurvePoint", "SpecCurve", "curves_of"]

SCHEMA = 1
DEFINITIONS = {
    "loss": "mean of -ln p(token | the tokens before it in its window), nats (natural logarithm) per token",
    "perplexity": "e ** loss",
}


@dataclass(frozen=True)
class CurvePoint:
    """One spec at one length."""

    length: int
    """Tokens of the window."""
    loss: float
    """Nats per token: the mean of −ln p over all tokens that count."""
    loss_ci95: tuple[float, float] | None
    """95% interval over documents; None where there are too few."""
    perplexity: float
    """e to the loss."""
    perplexity_ci95: tuple[float, float] | None
    """e to the ends of the loss's interval."""
    difference: float | None
    """Loss minus the first spec's on the same tokens, in nats per token; None for the first spec."""
    difference_ci95: tuple[float, float] | None
    """95% interval of that difference, paired by document."""
    tokens: int
    """Tokens predicted."""
    rope: str
    """Key of the setting that was in force."""
    base: float | None
    """Rotation base that was in force; None under `native`."""
    multiplier: float | None
    """m of the spec at that length; None where the rule has none."""


@dataclass(frozen=True)
class SpecCurve:
    """One spec at all lengths."""

    spec: str
    """The spec."""
    points: tuple[CurvePoint, ...]
    """By length, rising."""


@dataclass(frozen=True)
class Curve:
    """A model's perplexity by length under several RoPE conditions, on the same windows of the same documents."""

    model: str
    """Title of the card."""
    original_length: int
    """L: tokens that the model was made for before any scaling."""
    base: float | None
    """Rotation base that it was released with; None where its card does not state it."""
    text: str
    """The text as named."""
    text_sha256: str
    """Digest of the token ids of all windows that were measured."""
    windows: Mode
    """How documents are cut."""
    strides: Mapping[int, int]
    """Length → tokens between sliding windows; empty for `prefix`."""
    lengths: tuple[int, ...]
    """Tokens of a window, rising: those that were measured."""
    unmeasured: tuple[int, ...]
    """Lengths asked for that no document has."""
    beginning: int
    """Tokens that every window begins with (BOS), which are never predicted."""
    documents: int
    """Documents measured: those that fill the longest window."""
    too_short: int
    """Documents that do not, and count nowhere."""
    counted_windows: Mapping[int, int]
    """Length → windows."""
    specs: tuple[SpecCurve, ...]
    """Specs in the order asked for; the first is what the others are held against."""
    notes: tuple[str, ...] = ()
    """What a reader should know."""

    @property
    def has_intervals(self) -> bool:
        """Whether there are enough documents for intervals."""
        return self.documents >= MIN_DOCUMENTS

    def to_json(self) -> dict[str, Any]:
        """The content of `curve.json`."""
        return {"schema": SCHEMA, "definitions": DEFINITIONS, **asdict(self)}


def curves_of(
    cells: Mapping[str, Mapping[Cell, RopeSetting]], sums: Mapping[Cell, Sequence[Sums]]
) -> tuple[SpecCurve, ...]:
    """The curves of specs from the sums of each document, in one order of documents for all cells."""
    reference = list(next(iter(cells.values())))
    return tuple(
        SpecCurve(
            spec,
            tuple(
                _point(cell, rope, sums[cell], sums[first] if number else None)
                for (cell, rope), first in zip(settings.items(), reference, strict=True)
            ),
        )
        for number, (spec, settings) in enumerate(cells.items())
    )


def _point(cell: Cell, rope: RopeSetting, sums: Sequence[Sums], reference: Sequence[Sums] | None) -> CurvePoint:
    loss = loss_of(sums)
    apart = None if reference is None else difference_of(sums, reference)
    return CurvePoint(
        length=cell.length,
        loss=loss.value,
        loss_ci95=loss.ci95,
        perplexity=_exp(loss.value),
        perplexity_ci95=None if loss.ci95 is None else (_exp(loss.ci95[0]), _exp(loss.ci95[1])),
        difference=None if apart is None else apart.value,
        difference_ci95=None if apart is None else apart.ci95,
        tokens=sum(each.tokens for each in sums),
        rope=cell.rope,
        base=rope.base,
        multiplier=rope.multiplier,
    )


def _exp(loss: float) -> float:
    return math.exp(min(loss, 700.0))  # beyond, the largest float: no text is so unlikely
