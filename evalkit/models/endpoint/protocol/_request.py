"""Which fields a request carries, and which of them a server's refusal takes away.

{"error": {"message": "Unsupported value: 'temperature' does not support 0 with this model.",
           "param": "temperature", "code": "unsupported_value"}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._sampling import Sampling
from ._meaning import RefusedError, load_json

__all__ = ["RequestShape", "StreamShape"]

LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
REFUSING = frozenset({400, 422})
# How a message names a field. `stop` is a plain word too, so it has to be quoted, or called a parameter or a sequence.
SPELLINGS = {
    "temperature": re.compile(r"temperature", re.IGNORECASE),
    "top_p": re.compile(r"\btop[_ -]?p\b", re.IGNORECASE),
    "top_k": re.compile(r"\btop[_ -]?k\b", re.IGNORECASE),
    "min_p": re.compile(r"\bmin[_ -]?p\b", re.IGNORECASE),
    "repetition_penalty": re.compile(r"\brepetition[_ -]?penalty\b", re.IGNORECASE),
    "seed": re.compile(r"\bseed\b", re.IGNORECASE),
    "stop": re.compile(
        r"['\"`]stop['\"`]|\bstop[_ ](sequences?|strings?|words?|parameters?)|(parameter|field|argument|key)s?:? stop\b"
        r"|\bstop (is|are) not",
        re.IGNORECASE,
    ),
    "stream": re.compile(r"\bstream(ing|ed)?\b", re.IGNORECASE),
    "stream_options": re.compile(r"\bstream[_ ]?options\b", re.IGNORECASE),
    "max_tokens": re.compile(r"\bmax[_ ]?tokens\b", re.IGNORECASE),
    "max_completion_tokens": re.compile(r"\bmax[_ ]?completion[_ ]?tokens\b", re.IGNORECASE),
}
NUMBER = r"\D{0,24}?(\d+)"
AT_LEAST = re.compile(rf"(?:at least|or equal to|>=|≥|(?:no|not be) less than|minimum){NUMBER}", re.IGNORECASE)
MORE_THAN = re.compile(rf"(?:greater than|larger than|more than|above|>){NUMBER}", re.IGNORECASE)
TOO_SMALL = re.compile(r"too (small|low|short)|at least|greater|larger|minimum|below", re.IGNORECASE)
SEEDS = 2**31  # a signed number of 32 bits: some servers take no larger one
AMPLE = 1024  # tokens of a question whose limit is too small for a server that does not say what is enough


@dataclass(frozen=True)
class RequestShape:
    """How requests to one server look."""

    limit_field: str = "max_tokens"
    """Field that limits generation; one of the two is always sent."""
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the server's own that go with every request."""
    sends_temperature: bool = True
    """Whether the temperature is sent, 0 for greedy decoding."""
    sampling: Sampling | None = None
    """How an answer is drawn; None = greedily."""
    takes_top_k: bool = False
    """Whether the server is known to take `top_k` and `min_p`, which the API does not have."""
    takes_penalty: bool = False
    """Whether it is known to take `repetition_penalty`, which the API does not have either."""
    refused: frozenset[str] = frozenset()
    """Further fields of sampling that the server refused."""
    sends_stop: bool = True
    """Whether stop strings are sent; they end the answer here in any case."""
    least_limit: int = 1
    """Fewest tokens that the server lets anybody ask for."""

    @property
    def decoding(self) -> str:
        """How answers are decoded, in words for the manifest."""
        if not self.sends_temperature:
            return "server's default (temperature refused)"
        return "greedy" if self.sampling is None else "sampled"

    @property
    def left_out(self) -> list[str]:
        """Fields that the server refused, or of which it is not known that it takes them."""
        sent = {"temperature": self.sends_temperature, "stop": self.sends_stop}
        left_out = [name for name, is_sent in sent.items() if not is_sent]
        return left_out + [name for name in self.all_sampled if name not in self._sampled]

    @property
    def all_sampled(self) -> dict[str, Any]:
        """The fields of sampling beside temperature and seed, as all would be sent; what is not asked for is set off.

        Else what a server or the model's generation configuration has as its default would be in force; a penalty of
        that configuration is the model's own, and is in force everywhere where no other is asked for.
        """
        if self.sampling is None:
            return {}
        asked = {"top_p": self.sampling.top_p or 1.0, "seed": self.sampling.seed % SEEDS}
        top_k, penalty = self.sampling.top_k, self.sampling.repetition_penalty
        if self.takes_top_k:
            asked |= {"top_k": top_k or -1, "min_p": 0.0}
        elif top_k is not None:
            asked |= {"top_k": top_k}
        return asked if penalty is None else {**asked, "repetition_penalty": penalty}

    @property
    def unknown(self) -> frozenset[str]:
        """Fields that the server is not known to take, so that they are not sent."""
        known = {"top_k": self.takes_top_k, "repetition_penalty": self.takes_penalty}
        return frozenset(name for name, is_known in known.items() if not is_known)

    @property
    def _sampled(self) -> dict[str, Any]:
        """Those that are sent."""
        return {name: value for name, value in self.all_sampled.items() if name not in self.refused | self.unknown}

    def fields(self, limit: int, stop: Sequence[str] = ()) -> dict[str, Any]:
        """The fields beside model and prompt."""
        heat = 0 if self.sampling is None else self.sampling.temperature
        return {
            self.limit_field: limit,
            **({"temperature": heat} if self.sends_temperature else {}),
            **self._sampled,
            **self.extras,
            **({"stop": list(stop)} if stop and self.sends_stop else {}),
        }

    def without(self, refusal: RefusedError, sent: Mapping[str, Any]) -> RequestShape | None:
        """The shape that avoids what was refused; None where the refusal is about something else."""
        if refusal.status not in REFUSING or str(refusal).startswith("too long"):
            return None
        named = _named_field(refusal.body, [name for name in SPELLINGS if name in sent])
        if named == "temperature":
            return replace(self, sends_temperature=False)
        if named == "stop":
            return replace(self, sends_stop=False)
        if named in self.all_sampled:
            return replace(self, refused=self.refused | {named})
        if named is None:
            return replace(self, extras={}) if self.extras else None
        least = _least(refusal.body.decode("utf-8", "replace"), int(sent[named]))
        if least is not None:
            return replace(self, least_limit=least)
        other = next(name for name in LIMIT_FIELDS if name != named)
        return replace(self, limit_field=other)


@dataclass(frozen=True)
class StreamShape:
    """How one server is asked for an answer in pieces."""

    sends_stream: bool = True
    """Whether it is asked for pieces at all."""
    sends_options: bool = True
    """Whether it is asked to count tokens behind the last one."""

    @property
    def fields(self) -> dict[str, Any]:
        """The fields beside those of a `RequestShape`."""
        options = {"stream_options": {"include_usage": True}} if self.sends_options else {}
        return {"stream": True, **options} if self.sends_stream else {}

    def without(self, refusal: RefusedError) -> StreamShape | None:
        """The shape that avoids what was refused; None where nothing of it was. What is not named may be any of it."""
        if not self.sends_stream or refusal.status not in REFUSING or str(refusal).startswith("too long"):
            return None
        named = _named_field(refusal.body, list(SPELLINGS))
        if self.sends_options and named in {None, "stream_options"}:
            return replace(self, sends_options=False)
        return StreamShape(sends_stream=False) if named in {None, "stream", "stream_options"} else None


def _named_field(body: bytes, sent: Sequence[str]) -> str | None:
    """Which of the sent fields a refusal is about: by its `param` or place, else the one named first in its text."""
    try:
        data = load_json(body)
    except ValueError:
        data = None
    for place in _places(data):
        name = place.rsplit(".", 1)[-1]
        found = next((each for each in sent if _bare(each) == _bare(name)), None)
        if found is not None:
            return found
    text = body.decode("utf-8", "replace").replace('\\"', '"')
    starts = {name: match.start() for name in sent if (match := SPELLINGS[name].search(text))}
    return min(starts, key=lambda name: starts[name]) if starts else None


def _places(data: object) -> list[str]:
    """Where an error says that it is: OpenAI's `param`, FastAPI's `loc`."""
    error = data.get("error", data) if isinstance(data, dict) else None
    if not isinstance(error, dict):
        return []
    details = error.get("detail")
    locs = [each.get("loc") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return [str(error.get("param")), *(str(loc[-1]) for loc in locs if isinstance(loc, list) and loc)]


def _bare(name: str) -> str:
    """The letters of a name: `maxTokens` and `max_tokens` are one field."""
    return re.sub(r"[^a-z]", "", name.lower())


def _least(text: str, sent: int) -> int | None:
    """The least limit that a refusal asks for; None where it is not about that."""
    for pattern, more in ((AT_LEAST, 0), (MORE_THAN, 1)):
        for number in pattern.findall(text):
            if sent < int(number[:9]) + more <= 10**6:
                return int(number[:9]) + more
    return AMPLE if TOO_SMALL.search(text) and sent < AMPLE else None
