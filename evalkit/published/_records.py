"""What is known of one published number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ._digits import printed_range

__all__ = ["BASES", "KINDS", "KNOBS", "MEANS", "Basis", "Knob", "PublishedScore", "PublishedSource", "unknown_knob"]

KNOBS = (
    "runs",
    "digits",
    "data",
    "prompt",
    "truncation",
    "window",
    "chat_template",
    "thinking",
    "generation_limit",
    "sampling",
    "dtype",
    "rope",
    "engine",
)
"""What a published score may depend on besides the model, in the order of tables.

`runs` is how many runs it is the mean of, `digits` how its last printed digit came about; the rest is how the model was
run."""

Basis = Literal["stated", "inferred", "unknown"]
BASES: tuple[Basis, ...] = ("stated", "inferred", "unknown")

KINDS = ("task", "range", "length", "group", "overall")
"""`task`; `range`: the samples of a task in one range of lengths; `length`: the mean of one context length of a needle
grid; `group`; `overall`."""
MEANS = ("group", "overall")


@dataclass(frozen=True)
class Knob:
    """One thing that a published run's score may depend on."""

    name: str
    """One of `KNOBS`."""
    value: str
    """Its value in that run; `unknown` where nobody says."""
    basis: Basis
    """`stated` by the source, `inferred` from what it published or from the code it ran, or `unknown`."""
    source: str
    """Where it is stated, or what it was inferred from; of an unknown one, what little is known."""


def unknown_knob(name: str, source: str = "") -> Knob:
    """A knob that nobody states."""
    return Knob(name, "unknown", "unknown", source)


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class PublishedScore:
    """One published number."""

    benchmark: str
    """Benchmark it belongs to."""
    kind: str
    """`task`, `range` (the samples of a task in one range of lengths), `length` (mean of one context length of a needle
    grid), `group` or `overall`."""
    task: str
    """The benchmark's own name of the task or group, the length in tokens, or `overall`."""
    model: str
    """Model, named as its card is or would be."""
    rope: str
    """`native` = the model as released, else the RoPE scaling of that run as a spec."""
    score: float
    """The number, on the 0 to 100 scale."""
    printed: str
    """The number as printed: its digits say how exactly it is known."""
    protocol: str
    """Protocol that produced it."""
    n: int | None
    """Samples behind it, of a mean over tasks those of all its tasks; None where it is not known."""
    source: str
    """Id of the source, a key of `published_sources()`; free text in a user's own file."""
    also_in: str
    """Id of another source that prints the same number; empty = none."""
    note: str
    """What is odd about the number; empty = nothing known."""
    bucket: str = ""
    """Range of lengths as the benchmark calls it (`0-4k`), of a number of kind `range`; else empty."""
    also_printed: str = ""
    """The number as `also_in` prints it, where its digits differ; else empty."""
    setup: str = ""
    """Id of its setup, an entry of `setups.yaml`; empty = none is described."""
    margin: float = 0.0
    """How far from it a score may lie and still count as the same, in points: fixed beforehand by the rule of
    `rule_margin`, never taken from the data."""
    outputs: str = ""
    """`SOURCE/FOLDER` of the answers it was computed from, SOURCE being a pinned source; empty = not published."""
    knobs: Mapping[str, Knob] = field(default_factory=_nothing)
    """All of `KNOBS` by name: how the published run was made."""
    settings: Mapping[str, Any] = field(default_factory=_nothing)
    """Values of `evalkit.settings.RunSettings` that run it as published; empty where that is not known."""
    where: str = ""
    """File and line it was read from: `leval.csv:12`."""

    @property
    def decimals(self) -> int:
        """Digits printed after the decimal point."""
        return len(self.printed.partition(".")[2])

    @property
    def family(self) -> str:
        """The printed table: what a correction for several looks at one table corrects over."""
        return f"{self.source}/{self.benchmark}"

    @property
    def digits_range(self) -> tuple[float, float]:
        """Between which two values, in points, the number lay before it was rounded or cut off."""
        return printed_range(self.printed, self._value("digits"))

    @property
    def half_width(self) -> float:
        """Half of what the printed digits leave open, in points."""
        low, high = self.digits_range
        return (high - low) / 2

    @property
    def runs_averaged(self) -> int | None:
        """How many runs it is the mean of; None where nobody says."""
        value = self._value("runs")
        return int(value) if value.isdecimal() else None

    def _value(self, knob: str) -> str:
        return self.knobs[knob].value if knob in self.knobs else "unknown"


@dataclass(frozen=True)
class PublishedSource:
    """Where published numbers come from."""

    id: str
    """Id that scores name."""
    title: str
    """Document, and the table or figure in it."""
    url: str
    """Address."""
    date: str
    """Date or year of the document, or `not stated`."""
    note: str
    """What to know before comparing."""
