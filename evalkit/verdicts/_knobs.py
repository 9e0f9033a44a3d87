"""How one of our runs was made, in the words in which published runs are described, and where the two differ.

What a source does not say is `unknown`, and so is what cannot be held against ours word for word: neither stands in the
way of a verdict, but the verdict names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evalkit.data import GitOrigin, Origin, WheelOrigin, source
from evalkit.errors import UserError
from evalkit.prompts import TruncationMode
from evalkit.published import KNOBS, Knob, PublishedScore
from evalkit.rope import parse_rope
from evalkit.runs import Manifest

from ._sides import Side

__all__ = [
    "IDENTITY",
    "KnobPair",
    "KnobState",
    "compare_knobs",
    "facts_of",
    "own_knobs",
    "pinned_differences",
    "published_knobs",
]

IDENTITY = ("data", "prompt", "thinking")
"""Knobs that make two numbers answers to two questions: where one differs, no statistics help. (The metric is part of
the protocol, which is compared before all knobs.)"""

COUNTED = ("runs", "digits")
"""Facts about the printed number that the verdict counts with, where they are known."""

BY_THE_ENGINE = " as the engine itself does it"
"""Behind a RoPE spec that ran with `--rope-mode engine`: the same word, and no other run's numbers by it alone."""

_HEX = re.compile(r"\b[0-9a-f]{7,64}\b")
_DTYPES = {"fp32": "float32", "float": "float32", "bf16": "bfloat16", "fp16": "float16", "half": "float16"}
_ENGINES = {"transformers": "hf", "huggingface": "hf", "api": "endpoint", "hosted": "endpoint"}
_NO_THOUGHTS = ("none", "off", "closed", "no")
_GREEDY = re.compile(r"greedy|temperature (is |= ?)?0(\.0)?\b(?!\.\d)|do_sample(=| = | )false", re.IGNORECASE)


class KnobState(StrEnum):
    """How a knob stands between two runs."""

    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class KnobPair:
    """One knob of a published run and of ours."""

    name: str
    """One of `KNOBS`."""
    ours: Knob
    """Ours; unknown for outputs made elsewhere, which do not say how they were made."""
    published: Knob
    """The published run's."""
    state: KnobState
    """Whether they are the same, as far as anybody knows."""

    @property
    def is_identity(self) -> bool:
        """Whether a difference makes the two numbers incomparable."""
        return self.name in IDENTITY

    def to_json(self) -> dict[str, str]:
        """The pair for programs."""
        return {
            "knob": self.name,
            "state": str(self.state),
            "ours": self.ours.value,
            "ours_basis": self.ours.basis,
            "published": self.published.value,
            "published_basis": self.published.basis,
            "source": self.published.source,
        }


def own_knobs(side: Side) -> Mapping[str, Knob]:
    """Every knob of a run as its manifest tells it; almost all unknown for outputs made elsewhere."""
    known = _OF_OUTPUTS if side.manifest is None else dict(_of_manifest(side, side.manifest))
    return {name: _knob(name, known.get(name, "")) for name in KNOBS}


def _knob(name: str, value: str) -> Knob:
    return Knob(name, value, "stated", "run.json") if value else Knob(name, "unknown", "unknown", "")


_OF_OUTPUTS = {"runs": "1", "digits": "unrounded"}


def _of_manifest(side: Side, manifest: Manifest) -> Iterator[tuple[str, str]]:
    identity, engine = manifest.identity, manifest.environment.get("engine") or {}
    yield "runs", str(manifest.draws)
    yield "digits", "unrounded"
    yield "data", _data(side, manifest)
    yield "prompt", side.measured.spec.protocol(str(identity["protocol"])).prompts
    yield "truncation", str(identity.get("truncation") or "")
    window = identity.get("max_seq_len")
    yield "window", "none: every prompt is whole" if window is None else str(window)
    yield "chat_template", _template(str(identity.get("template") or ""), str(manifest.settings["label"]))
    yield "thinking", str(manifest.settings.get("thinking") or "none")
    yield "generation_limit", str(identity.get("max_new_tokens") or "protocol")
    yield "sampling", str(identity.get("sampling") or "greedy")
    yield "dtype", str(engine.get("dtype") or identity.get("dtype") or "")
    is_engines = identity.get("rope_mode") == "engine"
    yield "rope", str(identity.get("rope") or "native") + (BY_THE_ENGINE if is_engines else "")
    yield "engine", str(identity.get("backend") or "")


def _data(side: Side, manifest: Manifest) -> str:
    """The pinned revision of the data; of a benchmark that makes its samples, its seed."""
    name = side.measured.spec.source
    if not name:
        seed = (manifest.settings.get("options") or {}).get("seed", "0")
        return f"evalkit, seed {seed}"
    altered = manifest.settings.get("altered")
    return f"{name}, altered: {', '.join(altered)}" if altered else f"{name}@{_revision(source(name).origin)[:12]}"


def _revision(origin: Origin) -> str:
    if isinstance(origin, WheelOrigin):
        return origin.version
    return origin.commit if isinstance(origin, GitOrigin) else origin.revision


def _template(digest: str, label: str) -> str:
    """`none`, `server`, or whose template it is: the model's own, or one that was asked for."""
    if len(digest) < 64:
        return digest
    return f"{'file' if '+chat-' in label and '+chat-tokenizer' not in label else 'tokenizer'} ({digest[:12]})"


def published_knobs(row: PublishedScore) -> Mapping[str, Knob]:
    """The knobs of a published number; what its row says by its columns stands in for what its set-up leaves open."""
    stated = row.knobs.get("rope")
    if stated is not None and stated.basis != "unknown":
        return row.knobs
    return {**row.knobs, "rope": Knob("rope", row.rope, "stated", "column rope")}


def compare_knobs(ours: Mapping[str, Knob], published: Mapping[str, Knob]) -> tuple[KnobPair, ...]:
    """Every knob of both, with what can be said of the two values."""
    nobody = {name: Knob(name, "unknown", "unknown", "") for name in KNOBS}
    theirs = {**nobody, **published}
    return tuple(KnobPair(name, ours[name], theirs[name], _state(ours[name], theirs[name])) for name in KNOBS)


def _state(ours: Knob, published: Knob) -> KnobState:
    if "unknown" in (ours.basis, published.basis):
        return KnobState.UNKNOWN
    if ours.name in COUNTED:
        return KnobState.SAME
    pair = ours.value.strip().casefold(), published.value.strip().casefold()
    is_same = True if pair[0] == pair[1] else _RULES[ours.name](*pair)
    if is_same is None:
        return KnobState.UNKNOWN
    return KnobState.SAME if is_same else KnobState.DIFFERS


Rule = Callable[[str, str], bool | None]
"""Whether two values, which are not the same text, mean the same; None where that cannot be told."""


def _revisions(ours: str, theirs: str) -> bool | None:
    """Commits, however much of them is written; seeds."""
    if "altered" in ours:
        return False
    mine, other = _HEX.findall(ours), _HEX.findall(theirs)
    if mine and other:
        return any(one.startswith(two) or two.startswith(one) for one in mine for two in other)
    seeds = [re.search(r"\bseed (\d+)", text) for text in (ours, theirs)]
    return seeds[0][1] == seeds[1][1] if seeds[0] and seeds[1] else None


def _named(known: Sequence[str]) -> Rule:
    """Values that begin with one of these names."""

    def rule(ours: str, theirs: str) -> bool | None:
        mine, other = _first_word(ours), _first_word(theirs)
        return mine == other if other in known and mine in known else None

    return rule


def _first_word(text: str) -> str:
    return re.split(r"[\s,;:(]", text, maxsplit=1)[0]


def _prompts(ours: str, theirs: str) -> bool | None:
    """`opencompass` and `opencompass-0.2.6` are the same words wherever one protocol has them both."""
    mine, other = _first_word(ours), _first_word(theirs)
    return mine.startswith(other) or other.startswith(mine)


def _numbers(ours: str, theirs: str) -> bool | None:
    numbers = [re.fullmatch(r"\d+", _first_word(text.replace(",", ""))) for text in (ours, theirs)]
    if all(numbers):
        return int(numbers[0][0]) == int(numbers[1][0])  # type: ignore[index]
    return True if _first_word(ours) == _first_word(theirs) else None


def _templates(ours: str, theirs: str) -> bool | None:
    kinds = [_first_word(text) for text in (ours, theirs)]
    return kinds[0] == kinds[1] if set(kinds) <= {"none", "tokenizer", "server"} else None


def _thoughts(ours: str, theirs: str) -> bool | None:
    is_off = [_first_word(text) in _NO_THOUGHTS for text in (ours, theirs)]
    is_on = [_first_word(text) in ("on", "open", "free") for text in (ours, theirs)]
    return is_off[0] == is_off[1] if all(map(any, zip(is_off, is_on, strict=True))) else None


def _draws(ours: str, theirs: str) -> bool | None:
    is_greedy = [bool(_GREEDY.search(text)) for text in (ours, theirs)]
    numbers = [[*map(float, re.findall(r"\d+(?:\.\d+)?", text))] for text in (ours, theirs)]
    if any(is_greedy):
        return True if all(is_greedy) else False if any(numbers) else None
    return numbers[0] == numbers[1] if all(numbers) else None


def _dtypes(ours: str, theirs: str) -> bool | None:
    mine, other = (_DTYPES.get(_first_word(text), _first_word(text)) for text in (ours, theirs))
    known = {*_DTYPES.values(), "int8", "int4"}
    return mine == other if {mine, other} <= known else None


def _ropes(ours: str, theirs: str) -> bool | None:
    try:
        return parse_rope(ours.removesuffix(BY_THE_ENGINE)) == parse_rope(theirs.removesuffix(BY_THE_ENGINE))
    except UserError:
        return None


def _engines(ours: str, theirs: str) -> bool | None:
    mine, other = (_ENGINES.get(_first_word(text), _first_word(text)) for text in (ours, theirs))
    return mine == other if {mine, other} <= {"hf", "vllm", "endpoint"} else None


_RULES: Mapping[str, Rule] = {
    "data": _revisions,
    "prompt": _prompts,
    "truncation": _named([str(mode) for mode in TruncationMode]),
    "window": _numbers,
    "chat_template": _templates,
    "thinking": _thoughts,
    "generation_limit": _numbers,
    "sampling": _draws,
    "dtype": _dtypes,
    "rope": _ropes,
    "engine": _engines,
}


def pinned_differences(one: Mapping[str, Knob], other: Mapping[str, Knob], rows: Sequence[PublishedScore]) -> list[str]:
    """In which knobs that every row's source pins two own runs differ: `dtype (float32, bfloat16)`."""
    pinned = [
        name
        for name in KNOBS
        if name not in COUNTED and all(row.knobs[name].basis != "unknown" for row in rows if name in row.knobs)
    ]
    values = {name: (one[name].value, other[name].value) for name in pinned}
    return [f"{name} ({mine}, {theirs})" for name, (mine, theirs) in values.items() if mine != theirs]


def facts_of(manifest: Manifest) -> Mapping[str, Any]:
    """All that two runs of one model under one protocol may vary: settings and what they ran on."""
    return {
        "identity": sorted(manifest.identity.items()),
        "prefix_reuse": manifest.settings.get("prefix_reuse"),
        "environment": manifest.environment,
    }
