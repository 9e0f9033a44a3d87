"""Bases held against both theories, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evalkit.errors import UserError

from ._criterion import PUBLISHED_BOUNDS, first_negative, fitted_bound, lowest, published_bound
from ._critical import Training, Tuning, critical_base, critical_dimension, extrapolation_limit, small_bases, tune
from ._scan import BaseScan

__all__ = ["BaseBounds", "JudgedBase", "judge_bases"]

LEAST_DIMENSION, LARGEST_DIMENSION = 4, 4096
LEAST_TRAINING = 7  # 2π tokens: a shorter text turns no dimension once, and the logarithm has no sign
LARGEST_CONTEXT = 1 << 24
LARGEST_BASE = 1e18  # as specs have it

CRITICAL_SOURCE = "arXiv 2310.05209"
CRITERION_SOURCE = "arXiv 2405.14591"


@dataclass(frozen=True)
class JudgedBase:
    """What both theories say of one base."""

    base: float
    """The base."""
    tuned: Tuning | None
    """A pre-trained model tuned with it on texts of the context's length; None without pre-training."""
    trained_dimension: int
    """Critical dimension of a model trained with it at the context's length from the start."""
    trained_limit: float
    """Up to which length that model extrapolates, in tokens."""
    first_negative: int | None
    """Smallest distance below the context at which B(m) is negative; None where it is nowhere."""
    lowest: tuple[int, float]
    """Where B(m) is smallest, and what it is there."""

    @property
    def is_above_critical(self) -> bool | None:
        """Whether the first theory is content; None without pre-training."""
        return None if self.tuned is None else self.tuned.is_above

    @property
    def is_admissible(self) -> bool:
        """Whether the second theory is content."""
        return self.first_negative is None

    @property
    def agree(self) -> bool | None:
        """Whether the theories say the same; None where only one speaks."""
        return None if self.tuned is None else self.tuned.is_above is self.is_admissible


@dataclass(frozen=True)
class BaseBounds:
    """What two theories say of the bases for a context."""

    context: int
    """Tokens that the model shall serve, and is tuned on."""
    dimension: int
    """Rotated dimensions of a head."""
    training: Training | None
    """How the model was pre-trained; None where nothing is said of it."""
    bases: tuple[JudgedBase, ...]
    """The bases that were asked about."""
    scan: BaseScan | None = None
    """The search for admissible bases; None where none was asked for."""

    @property
    def critical_base(self) -> float | None:
        """β₀ of the pre-trained model for this context; None where nothing is said of pre-training."""
        return None if self.training is None else critical_base(self.training, self.context)

    @property
    def critical_dimension(self) -> int | None:
        """d_extra of pre-training."""
        return None if self.training is None else critical_dimension(self.dimension, self.training)

    @property
    def pretrained_limit(self) -> float | None:
        """Length up to which the model extrapolates as it was pre-trained."""
        if self.training is None or self.critical_dimension is None:
            return None
        return extrapolation_limit(self.training.base, self.critical_dimension, self.dimension)

    def as_json(self) -> dict[str, Any]:
        """The documented JSON of `evalkit rope base`."""
        printed = published_bound(self.context)
        return {
            "context": self.context,
            "dimension": self.dimension,
            "train_length": None if self.training is None else self.training.length,
            "train_base": None if self.training is None else self.training.base,
            "are_theories": True,
            "critical_base": _finite(self.critical_base),
            "critical_dimension": {
                "source": CRITICAL_SOURCE,
                "critical_dimension": self.critical_dimension,
                "pretrained_limit": _finite(self.pretrained_limit),
                "small_bases": list(small_bases(self.context)),
            },
            "criterion": {
                "source": CRITERION_SOURCE,
                "fitted_bound": fitted_bound(self.context),
                "published_bound": PUBLISHED_BOUNDS.get(self.context),
                "published_neighbours": None if printed is None else list(printed),
            },
            "bases": [_judged_json(judged) for judged in self.bases],
            "scan": None if self.scan is None else asdict(self.scan),
        }


def judge_bases(
    context: int,
    bases: Sequence[float],
    *,
    dimension: int = 128,
    training: Training | None = None,
    scan: BaseScan | None = None,
) -> BaseBounds:
    """Each base under both theories; `UserError` for what is no base, no length or no head."""
    _check(context, bases, dimension, training)
    judged = tuple(_judge(base, context, dimension, training) for base in dict.fromkeys(bases))
    return BaseBounds(context, dimension, training, judged, scan)


def _judge(base: float, context: int, dimension: int, training: Training | None) -> JudgedBase:
    trained = critical_dimension(dimension, Training(context, base))
    return JudgedBase(
        base,
        None if training is None else tune(base, dimension, training, context),
        trained,
        extrapolation_limit(base, trained, dimension),
        first_negative(base, dimension, context),
        lowest(base, dimension, context),
    )


def check_numbers(context: int, dimension: int) -> None:
    """`UserError` for a context or a head that neither theory speaks of."""
    if not LEAST_TRAINING <= context <= LARGEST_CONTEXT:
        raise UserError(f"--context {context}: give {LEAST_TRAINING} to {LARGEST_CONTEXT:,} tokens")
    if dimension % 2 or not LEAST_DIMENSION <= dimension <= LARGEST_DIMENSION:
        raise UserError(
            f"--dim {dimension}: RoPE turns pairs; give the rotated dimensions of one head, an even number from "
            f"{LEAST_DIMENSION} to {LARGEST_DIMENSION:,}"
        )


def _check(context: int, bases: Sequence[float], dimension: int, training: Training | None) -> None:
    check_numbers(context, dimension)
    for base in bases:
        _check_base("--base", base)
    if training is None:
        return
    _check_base("--train-base", training.base)
    if not LEAST_TRAINING <= training.length <= context:
        reason = (
            f"longer than the context of {context:,} tokens, which the theory extends it to"
            if training.length > context
            else f"shorter than {LEAST_TRAINING} tokens, in which no dimension turns once"
        )
        raise UserError(f"--train-length {training.length}: {reason}")


def _check_base(option: str, base: float) -> None:
    if not (math.isfinite(base) and 1 < base <= LARGEST_BASE):
        raise UserError(f"{option} {base:g}: a rotation base is a number above 1, at most {LARGEST_BASE:.0e}")


def _judged_json(judged: JudgedBase) -> dict[str, Any]:
    tuned = judged.tuned
    return {
        "base": judged.base,
        "critical_dimension": None
        if tuned is None
        else {
            "is_above_critical_base": tuned.is_above,
            "critical_dimension": tuned.critical_dimension,
            "limit": _finite(tuned.limit),
        },
        "trained_at_context": {
            "critical_dimension": judged.trained_dimension,
            "limit": _finite(judged.trained_limit),
        },
        "criterion": {
            "is_admissible": judged.is_admissible,
            "first_negative": judged.first_negative,
            "lowest": {"distance": judged.lowest[0], "value": judged.lowest[1]},
        },
        "agree": judged.agree,
    }


def _finite(value: float | None) -> float | None:
    """A number that JSON can hold."""
    return value if value is not None and math.isfinite(value) else None
