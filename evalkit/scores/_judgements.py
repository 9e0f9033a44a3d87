"""Judges: metrics that ask a model. What they said is kept, so that scoring again asks nobody and costs nothing.

{"metric": "tracking-clarity", "version": "rubric 1", "id": "variable-tracking/chains/300-0",
 "answer_sha256": "5f0c…", "score": 75.0, "text": "Names all variables, but adds a sentence."}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.errors import UserError
from evalkit.lines import checked_line, is_intact
from evalkit.reading import load_json
from evalkit.tasks import Answer

__all__ = ["JUDGEMENTS", "Judge", "Judgements", "Verdict", "check_score"]

JUDGEMENTS = "judgements.jsonl"
"""Where verdicts are kept: in the run folder, or in the cache for outputs made elsewhere."""

Key = tuple[str, str, str, str]
"""Metric, version of the judge, sample id, digest of all that the judge can see."""


class Verdict(NamedTuple):
    """What a judge said of one answer."""

    score: float | None
    """0–100; None where the judge has nothing to say about this sample."""
    text: str = ""
    """The judge's words, kept beside the score for people who want to check it."""


@dataclass(frozen=True)
class Judge:
    """A metric that asks a model, once for each answer: offered like any other metric."""

    ask: Callable[[Answer], Verdict]
    """Judges one answer; whatever it raises marks the sample as failed for this metric, and it is asked again later."""
    version: str
    """All that decides what it says, such as model and rubric; with another version every answer is judged again."""

    def __call__(self, answer: Answer) -> float | None:
        """The score of one answer, asked for now and not kept."""
        return self.ask(answer).score


class Judgements:
    """The verdicts kept in one file, which grows by a line as each is given."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def verdict(self, metric: str, judge: Judge, answer: Answer) -> Verdict:
        """The verdict kept, or a new one, which is kept before it is given back."""
        key: Key = (metric, judge.version, answer.id, _digest(answer))
        if key not in self._known:
            self._require_place()  # an answer that cannot be kept would be paid for twice
            said = judge.ask(answer)
            if not isinstance(said, Verdict):
                raise TypeError(f"the judge gave {said!r:.60}, not a Verdict")
            verdict = Verdict(check_score(said.score), said.text)
            self._append(key, verdict)
            self._known[key] = verdict
        return self._known[key]

    @cached_property
    def _known(self) -> dict[Key, Verdict]:
        return dict(self._read())

    def _read(self) -> Iterator[tuple[Key, Verdict]]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            raise UserError(f"{self._path}: cannot be read ({error.strerror})") from error
        for line in lines:
            if not is_intact(line):
                continue  # not what the judge said: its answer is judged again
            try:
                entry = load_json(line)
                key = (entry["metric"], entry["version"], entry["id"], entry["answer_sha256"])
                yield key, Verdict(check_score(entry["score"]), str(entry["text"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue  # a line cut off by a killed process: its answer is judged again

    def _require_place(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.open("ab").close()
        except OSError as error:
            raise UserError(f"{self._path}: judgements cannot be kept ({error.strerror}); nobody was asked") from error

    def _append(self, key: Key, verdict: Verdict) -> None:
        names = ("metric", "version", "id", "answer_sha256")
        entry = {**dict(zip(names, key, strict=True)), "score": verdict.score, "text": verdict.text}
        with self._path.open("rb+") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(size - 1, 0))
            torn = b"\n" if size and stream.read(1) != b"\n" else b""  # what a killed process left stays a line alone
        with self._path.open("ab") as stream:
            stream.write(torn + _line(entry))


def _line(entry: dict[str, Any]) -> bytes:
    """The entry with its checksum; what UTF-8 cannot hold (half a character) is written as a question mark."""
    return checked_line(json.loads(json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace")))


def check_score(score: object) -> float | None:
    """A metric's score as a number; `ValueError` for what is none from 0 to 100."""
    if score is None:
        return None
    number = float(score)  # type: ignore[arg-type]
    if not 0 <= number <= 100:
        raise ValueError(f"gave {number:g}, but scores are 0 to 100")
    return number


def _digest(answer: Answer) -> str:
    """sha256 over all that a judge can see of an answer, so that no verdict outlives what it was given for."""
    seen: dict[str, Any] = {
        "prediction": answer.prediction,
        "targets": list(answer.targets),
        "fields": dict(answer.fields),
        "metadata": dict(answer.metadata),
    }
    text = json.dumps(seen, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
