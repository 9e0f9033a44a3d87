"""NeedleBench scorers, versions 1 and 2, on the 0–100 scale.

A target is upstream's own string: a needle and its keyword, joined by `*`. Worked example:

    "\\nHidden on Saffron Island is the legendary Emerald Orb.\\n*Emerald Orb"

"It is the Emerald Orb." holds the keyword: 100 points. "emerald orb" does not: a fifth of its likeness to the needle.

Behaviour: the evaluators of `opencompass/datasets/needlebench/` and `opencompass/datasets/needlebench_v2/` in
opencompass 0.5.4, and its `CircularEvaluator`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from evalkit.metrics._shared import UnscorableError, best_of

__all__ = [
    "NEEDLEBENCH_PASSING_SCORE",
    "NEEDLEBENCH_ROTATIONS",
    "needle_keyword",
    "needle_similarity",
    "needle_without_blanks",
    "needlebench_atc_answer",
    "needlebench_atc_v2",
    "needlebench_circular",
    "needlebench_depths",
    "needlebench_maximum_needles",
    "needlebench_multi_reasoning_v1",
    "needlebench_retrieved_by_depth",
    "needlebench_single_v1",
    "needlebench_single_v2",
]

MISSED_KEYWORD_WEIGHT = 0.2  # origin.py: what an answer without the keyword keeps of its likeness
TRIM_FROM, TRIM_TO = 0.8, 1.2  # origin.py, _trim_prediction
NEEDLEBENCH_PASSING_SCORE = 60  # NeedleBenchATCSummarizer: a needle count below this is failed

NEEDLEBENCH_ROTATIONS = ("ABCD", "BCDA", "CDAB", "DABC")
"""The four rotations of the options of a choice question; the first is the original order."""


def needlebench_single_v1(prediction: str, target: str, *, use_trim: bool = False) -> float:
    """100 where the keyword stands in the prediction, else a fifth of the edit similarity to the needle.

    `use_trim` shortens the prediction to about the needle's length first; no published set-up does.
    """
    needle, keyword = _needle_and_keyword(target)
    if keyword in prediction:
        return 100.0
    likeness = _likeness(re.sub(r"\s+", "", prediction), re.sub(r"\s+", "", needle), use_trim=use_trim)
    return MISSED_KEYWORD_WEIGHT * likeness


def needlebench_single_v2(prediction: str, target: str) -> float:
    """100 where the keyword stands in the prediction, else 0."""
    return 100.0 * (_needle_and_keyword(target)[1] in prediction)


def _needle_and_keyword(target: str) -> tuple[str, str]:
    parts = target.split("*")
    if len(parts) < 2:
        raise UnscorableError(f"the target {target!r} has no '*' before a keyword: the evaluator fails here")
    return parts[0], parts[1]


def _likeness(prediction: str, needle: str, *, use_trim: bool) -> float:
    """100 for equal texts, 0 for entirely different ones."""
    from rapidfuzz.distance import Levenshtein

    if use_trim:
        prediction = _trimmed(prediction, needle)
    longest = max(len(prediction), len(needle))
    return 100 * (1 - Levenshtein.distance(prediction, needle) / longest) if longest else 100.0


def _trimmed(prediction: str, needle: str) -> str:
    """The prediction cut at 1.2 times the needle's length, then behind the needle's last character past 0.8 of it."""
    start = int(TRIM_FROM * len(needle))
    cut = prediction[: int(TRIM_TO * len(needle))]
    if len(cut) <= start:
        return cut
    if not needle:
        raise UnscorableError("the needle is empty: the evaluator fails here when it trims")
    end = cut.find(needle[-1], start)
    return cut if end < 0 else cut[: end + 1]


def needlebench_multi_reasoning_v1(prediction: str, target: str) -> float:
    """The share of the answer's words that stand in the prediction, both in lower case."""
    parts = target.split("*")
    if len(parts) != 2:
        raise UnscorableError(f"the target {target!r} is not ANSWER*ANSWER: the evaluator fails here")
    words, text = parts[1].lower().split(), prediction.lower()
    return sum(word in text for word in words) * (100 / len(words)) if words else 0.0


def needlebench_depths(target: str) -> tuple[int, ...]:
    """The depths that a target of several needles names behind its `#`, such as 0 and 50 in `KEY*KEY#0*50`."""
    try:
        return tuple(int(depth) for depth in target.split("#")[1].split("*"))
    except (IndexError, ValueError):
        raise UnscorableError(f"the target {target!r} names no depths behind a '#': the evaluator fails here") from None


def needlebench_retrieved_by_depth(prediction: str, target: str, depths: Sequence[int]) -> dict[int, float]:
    """Depth → 100 per keyword of that depth that stands in the prediction; a depth given twice can reach 200.

    `depths` are those of the task's first target, as upstream takes them for every sample.
    """
    found = dict.fromkeys(depths, 0.0)
    for keyword, depth in zip(target.split("#")[0].split("*"), depths, strict=False):
        found[depth] += 100.0 * (keyword in prediction)
    return found


def needlebench_atc_v2(prediction: str, target: str) -> float:
    """100 where the cleaned last boxed text of the prediction is the target, else 0."""
    return 100.0 * (needlebench_atc_answer(prediction).strip() == target.strip())


def needlebench_atc_answer(prediction: str) -> str:
    """The text of the last `\\boxed{…}` without markup, or "None"."""
    boxed = _last_boxed(prediction)
    double = re.match(r"^\{(.*)\}$", boxed)
    text = double.group(1) if double else boxed
    return _cleaned(text) if text else "None"


def _last_boxed(text: str) -> str:
    r"""What stands in the braces of the last `\boxed`; empty where there is none, or its braces do not close.

    The last `\fbox` counts where there is no `\boxed`, and then yields nothing (datasets/math.py: only `\boxed{` is
    stripped).
    """
    start = text.rfind("\\boxed")
    depth = 0
    for index in range(start, len(text)) if start >= 0 else ():
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if text[index] == "}" and depth == 0:
            body = text[start : index + 1]
            return body[len("\\boxed{") : -1] if body.startswith("\\boxed{") else ""
    return ""


def _cleaned(text: str) -> str:
    """A name without LaTeX, quotes and tildes; the steps in upstream's order, which matters (clean_atc_answer)."""
    if text == "None":
        return text
    text = re.sub(r"\\text\{([^}]+)\}", r"\1", text)
    text = re.sub(r"\\boxed\{([^}]+)\}", r"\1", text)
    text = re.sub(r"\\[\[\]]", "", text)
    text = re.sub(r"\s+", " ", text.replace("\\", "")).strip()
    return text.replace('"', "").replace("'", "").replace("~", " ")


def needlebench_circular(choices: Mapping[str, str], gold: str) -> dict[str, float]:
    """How one choice question fared over its rotations: rotation → chosen letter ("" = none), gold in the original.

    `acc_4` is the share of right rotations, `acc_1` that of the original order, `perf_4` whether all four are right,
    `more_4_J` whether at least J are, `vote_4` whether the option chosen most often (the first of equals) is right.
    """
    right = {pattern: choices[pattern] == "ABCD"[pattern.index(gold)] for pattern in choices}
    votes = Counter(_original(pattern, choices[pattern]) for pattern in choices)
    scores = {
        "acc_4": sum(right.values()) / len(NEEDLEBENCH_ROTATIONS),
        "acc_1": float(right.get("ABCD", False)),
        "perf_4": float(sum(right.values()) >= len(NEEDLEBENCH_ROTATIONS)),
        "vote_4": float(votes.most_common(1)[0][0] == gold),
    }
    scores |= {f"more_4_{least}": float(sum(right.values()) >= least) for least in range(1, 4)}
    return {name: 100.0 * score for name, score in scores.items()}


def _original(pattern: str, letter: str) -> str:
    """The option in the original order that a letter names under a rotation; `-` where it names none."""
    return pattern["ABCD".index(letter)] if letter in {"A", "B", "C", "D"} else "-"


def needlebench_maximum_needles(scores: Mapping[int, float]) -> int:
    """The needle count before the last fall below 60; the largest count where there is no fall, 0 before the first.

    As the version 1 summarizer walks: a later fall replaces an earlier one.
    """
    found, earlier, is_failing = max(scores), 0, False
    for count in sorted(scores):
        is_low = scores[count] < NEEDLEBENCH_PASSING_SCORE
        if is_low and not is_failing:
            found = earlier
        is_failing, earlier = is_low, count
    return found


def needle_keyword(prediction: str, targets: Sequence[str]) -> float:
    """100 where the prediction contains one of the keywords, letter for letter; else 0."""
    return 100.0 * any(keyword in prediction for keyword in targets)


def needle_similarity(prediction: str, targets: Sequence[str]) -> float:
    """100 × (1 − Levenshtein distance / longer length), blanks left out, best over targets; 100 for two empty texts.

    The distance part of NeedleBench's single-needle score (OpenCompass, `needlebench/origin.py`), which on its own
    tells a wrong number in a right sentence from no answer at all.
    """
    return 100.0 * best_of(_similarity, prediction, targets)


def _similarity(prediction: str, target: str) -> float:
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_similarity(needle_without_blanks(prediction), needle_without_blanks(target))


def needle_without_blanks(text: str) -> str:
    """The text that edits are counted in."""
    return "".join(text.split())
