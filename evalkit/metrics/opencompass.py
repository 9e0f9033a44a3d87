"""OpenCompass post-processors and string evaluators for L-Eval, on the 0–100 scale.

A post-processor turns a model's text into the string that is compared; an evaluator compares. Worked example:

    "The answer is $1,234.50" → `gsm100_postprocess` → "123450", which is not "1234": 0 points.

Behaviour: `opencompass/datasets/leval/` and `opencompass/utils/text_postprocessors.py` at a5acc4bb.
"""

from __future__ import annotations

import re

from evalkit.metrics._shared import UnscorableError

__all__ = [
    "first_capital",
    "first_capitals",
    "general_postprocess",
    "gsm100_postprocess",
    "opencompass_accuracy",
    "opencompass_leval_em",
    "second_character",
    "without_commas",
]

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[\n.,]")
_PUNCTUATION = re.compile(r"[^\w\s]")


def first_capital(text: str) -> str:
    """The first upper-case character of any script, or nothing: "The answer is B" gives "T"."""
    return next(filter(str.isupper, text), "")


def first_capitals(text: str) -> str:
    """The first run of letters A–D, or nothing: "A, B" gives "A"."""
    run = re.search(r"[A-D]+", text)
    return run.group() if run else ""


def gsm100_postprocess(text: str) -> str:
    """The digits of the first number after "The answer is"; sign and decimal point are lost ("3.14" gives "314").

    Reading stops at a second "The answer is": "The answer is below. The answer is 42." gives nothing.
    """
    _, *answers = text.split("The answer is")
    answer = answers[0] if answers else ""
    words = (word for word in answer.split(" ") if any(map(str.isdigit, word)))
    return "".join(filter(str.isdigit, next(words, "")))


def general_postprocess(text: str) -> str:
    """The text up to a line feed, dot or comma, without other punctuation and articles, spaces squeezed."""
    clause = _CLAUSE_END.split(text, maxsplit=1)[0]
    return " ".join(_ARTICLES.sub("", _PUNCTUATION.sub("", clause)).split())


def second_character(target: str) -> str:
    """The letter of a target such as "(B) because …", as the quality data set is loaded."""
    if len(target) < 2:
        raise UnscorableError(f"the target {target!r} has no second character: OpenCompass raises IndexError here")
    return target[1]


def without_commas(target: str) -> str:
    """A number without thousands separators, as the gsm100 data set is loaded."""
    return target.replace(",", "")


def opencompass_accuracy(prediction: str, target: str) -> float:
    """AccEvaluator: 100 for equal strings, else 0. Post-process the prediction first."""
    return 100.0 * (prediction == target)


def opencompass_leval_em(prediction: str, target: str) -> float:
    """LEvalEMEvaluator: 100 where the target, as it is or post-processed, lies in the post-processed prediction.

    The pipeline post-processes the prediction once before this, which changes nothing but an odd nested case.
    """
    answer = general_postprocess(prediction)
    return 100.0 * (general_postprocess(target) in answer or target in answer)
