"""Are published numbers arithmetically possible? What is found is told, never held against anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ._arithmetic import fits, least_runs, nearest, parts_of_a_sample
from ._averages import Key, check_average, check_second_print, columns_of, key_of
from ._coincidences import find_coincidences
from ._definition import definition
from ._digits import kept_decimals
from ._finding import Finding, found
from ._read import NO_SCORE, read_rows
from ._records import MEANS, PublishedScore
from ._scores import published_files, read_published_file

__all__ = ["PublishedCheck", "check_published"]

_HAIR = 1e-9  # points


@dataclass(frozen=True)
class PublishedCheck:
    """What was looked at, and what was found."""

    findings: Sequence[Finding]
    """In the order of the rows."""
    checked: Mapping[str, float]
    """How much was looked at.

    `numbers`; `arithmetic` of them, which can only have certain values; `means` computed again; `pairs` of numbers in
    one row of a table, of which `equal_unrelated` are equal in columns of different models, where
    `equal_unrelated_expected` would be by chance."""

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` writes."""
        return {"findings": [asdict(finding) for finding in self.findings], "checked": dict(self.checked)}


def check_published(path: Path | None = None) -> PublishedCheck:
    """Check a user's file of published numbers, or all that ship with evalkit; `DataError` for what cannot be read."""
    files = published_files() if path is None else (path,)
    scores = [score for file in files for score in read_published_file(file)]
    columns = columns_of(scores, (dash for file in files for dash in _dashes(file)))
    possible = [(score, parts) for score in scores if (parts := _parts(score)) is not None]
    averages = [
        check_average(score, columns[key_of(score)])
        for score in scores
        if score.kind in MEANS and key_of(score) in columns
    ]
    equal = find_coincidences(scores)
    findings = [
        *(finding for score, parts in possible for finding in _impossible(score, parts)),
        *(finding for _, finding in averages if finding is not None),
        *(finding for score in scores if (finding := check_second_print(score)) is not None),
        *equal.findings,
    ]
    order = {score.where: index for index, score in enumerate(scores)}
    return PublishedCheck(
        findings=sorted(findings, key=lambda finding: order[finding.row]),
        checked={
            "numbers": len(scores),
            "arithmetic": len(possible),
            "means": sum(is_checked for is_checked, _ in averages),
            "pairs": equal.pairs,
            "equal_unrelated": equal.unrelated,
            "equal_unrelated_expected": round(equal.expected, 1),
        },
    )


def _dashes(path: Path) -> Iterator[tuple[Key, str]]:
    for _, row in read_rows(path):
        if row["score"] == NO_SCORE and row["kind"] == "task":
            protocol = row["protocol"] or definition(row["benchmark"]).default_protocol
            yield (row["benchmark"], row["model"], row["rope"] or "native", protocol), row["task"]


def _parts(score: PublishedScore) -> int | None:
    """Of how many equal parts the score of one run is made; None where that is not known."""
    parts = parts_of_a_sample(definition(score.benchmark), score)
    return parts * score.n if parts and score.n else None


def _impossible(score: PublishedScore, parts: int) -> Iterator[Finding]:
    """What is odd about a number whose run has `parts` equal parts."""
    decimals = kept_decimals(score.printed, score.knobs["digits"].value)
    runs = score.runs_averaged
    fit = fits(score.printed, decimals, parts * (runs or 1))
    if fit == "rounded":
        return
    below, above = nearest(score.printed, decimals, parts * (runs or 1))
    if fit == "truncated":
        is_hair_low = above - score.score > 10.0**-decimals - _HAIR
        how = "computed a hair too low in floating point and cut off" if is_hair_low else "cut off"
        yield found(
            score, "truncated", f"no score of {_run(score)} rounds to {score.printed}; {above:.6g} {how} reads so"
        )
        return
    between = f"{below:.{decimals + 1}f} and {above:.{decimals + 1}f}"
    needed = least_runs(score.printed, decimals, parts) if runs is None else None
    if needed is not None:
        reason = (
            f"next to it one run of {score.n} samples scores {between}; a mean of at least {needed} runs can read so"
        )
        yield found(score, "runs", reason)
    else:
        reason = f"no score of {_run(score)} reads {score.printed}, rounded or cut off; next to it are {between}"
        yield found(score, "impossible", f"{reason}; another number of samples would explain it")


def _run(score: PublishedScore) -> str:
    runs = score.runs_averaged or 1
    return f"{'one run' if runs == 1 else f'{runs} runs'} of {score.n} samples"
