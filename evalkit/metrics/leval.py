"""L-Eval's own exam scoring on the 0–100 scale: `Evaluation/auto_eval.py` and `Evaluation/em.py` at cd34b050.

Each exam first turns prediction and target into short strings (`official_*`), then compares them by exact match.
The rules are rough on purpose: published scores were made with them. For example, with choices A to D:

    prediction "A and C", target "AC": coursera reads "A", a part of the right set, and gives 25 points.

Other tasks of the suite are scored by `word_f1` and by the plain means of `rouge1`, `rouge2` and `rouge_l`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evalkit.metrics._shared import UnscorableError, best_of

__all__ = [
    "SciFiScores",
    "leval_codeu",
    "leval_codeu_compared",
    "leval_compared",
    "leval_coursera",
    "leval_exact_match",
    "leval_geometric_mean",
    "leval_gsm100",
    "leval_quality",
    "leval_sci_fi",
    "leval_sci_fi_parts",
    "leval_tpo",
    "official_choice",
    "official_choices",
    "official_code_output",
    "official_judgement",
    "official_number",
    "official_reference_choices",
]

_CHOICES = frozenset("ABCD")
_PART_OF_THE_ANSWER = 0.25  # em.py: some of the right letters and no wrong one
_CHOICE_RUN = re.compile("[A-D]+")
_MARKED_CHOICE = re.compile(r"[A-D](?=[\s.)])")
_WHITE_SPACE = re.compile(r"\s+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def leval_exact_match(prediction: str, targets: Sequence[str]) -> float:
    """100, 25 (some of the right letters, none wrong) or 0, best over targets."""
    return 100.0 * best_of(_exact_match, prediction, targets)


def leval_coursera(prediction: str, targets: Sequence[str]) -> float:
    """Score (0–100) of a multiple choice with one or several right letters."""
    return leval_exact_match(official_choices(prediction), [official_reference_choices(each) for each in targets])


def leval_quality(prediction: str, targets: Sequence[str]) -> float:
    """Score (0–100) of a choice of one letter; the target is an option such as `(B) because …`."""
    return leval_exact_match(official_choice(prediction), [official_reference_choices(each) for each in targets])


def leval_tpo(prediction: str, targets: Sequence[str]) -> float:
    """Score (0–100) of a choice of one letter."""
    return leval_quality(prediction, targets)


def leval_gsm100(prediction: str, targets: Sequence[str]) -> float:
    """Score (0–100) of a number in a worked answer."""
    return leval_exact_match(official_number(prediction), [official_number(each) for each in targets])


def leval_codeu(prediction: str, targets: Sequence[str]) -> float:
    """Score (0–100) of a predicted program output."""

    def score(answer: str, target: str) -> float:
        return _exact_match(official_code_output(answer, target), _clean_code_output(target))

    return 100.0 * best_of(score, prediction, targets)


def leval_codeu_compared(prediction: str, target: str) -> str:
    """What of a predicted program output is compared with that target."""
    return leval_compared(official_code_output(prediction, target), _clean_code_output(target))


class SciFiScores(NamedTuple):
    """The two halves of a sci_fi answer, each 0–100."""

    loyalty: float
    """What the document claims."""
    fact: float
    """What is true in the real world."""


def leval_sci_fi(prediction: str, targets: Sequence[str]) -> float:
    """Mean (0–100) of loyalty and fact; the mean over samples equals the official mean of the two means."""
    if not targets:
        raise UnscorableError("the sample has no target answer")
    return max(sum(leval_sci_fi_parts(prediction, each)) / 2 for each in targets)


def leval_sci_fi_parts(prediction: str, target: str) -> SciFiScores:
    """Loyalty and fact of an answer such as `True [fact: False]`, apart."""
    expected, answer = _halves(target), official_judgement(prediction)
    return SciFiScores(*(100.0 * _exact_match(*pair) for pair in zip(answer, expected, strict=True)))


def leval_geometric_mean(rouge1: float, rouge2: float, rouge_l: float) -> float:
    """The `LEval_score` of a summary task: geometric mean of the three corpus means."""
    return float((rouge1 * rouge2 * rouge_l) ** (1 / 3))


def official_reference_choices(target: str) -> str:
    """The letters A–D of the target's first word; "A" where it has none."""
    words = target.split()
    if not words:
        raise UnscorableError("the target answer is blank: L-Eval raises IndexError here")
    return "".join(letter for letter in words[0] if letter in _CHOICES) or "A"


def official_choice(prediction: str) -> str:
    """The letter that quality and tpo read from a prediction; a guess of "A" where there is none."""
    if (short := _short_choice(prediction)) is not None:
        return short
    return next((letter for letter in prediction if letter in _CHOICES), "A")


def official_choices(prediction: str) -> str:
    """The letters that coursera reads from a prediction; a guess of "A" where there are none."""
    if (short := _short_choice(prediction)) is not None:
        return short
    answer = prediction.split("Question")[0]
    leading = _CHOICE_RUN.match(answer)
    run = leading.group() if leading else ""
    if len(run) > 1:  # "AB, not C": such a run is the whole answer
        return _sorted_choices(run)
    marked = _sorted_choices([run, *_MARKED_CHOICE.findall(answer)])
    return marked or _first_run(answer) or "A"


def official_number(prediction: str) -> str:
    """Digits, up to a decimal point, of the word after "The answer is", else of the first paragraph's last number."""
    stated = re.search(r"The answer is (\S+)", prediction)
    if stated:
        return _digits(stated.group(1))
    numbers = [word for word in prediction.split("\n\n")[0].split(" ") if any(map(str.isdigit, word))]
    return _digits(numbers[-1]) if numbers else ""


def official_judgement(prediction: str) -> tuple[str, str]:
    """Loyalty and fact of an answer such as `True [fact: False]`: each true, false or <error>."""
    loyalty, fact = _halves(prediction)
    return _verdict(loyalty), _verdict(fact)


def _halves(text: str) -> tuple[str, str]:
    """What stands before "[fact:", and what stands after it up to the next one, without its last character."""
    parts = text.lower().split("[fact:")
    if len(parts) < 2:
        raise UnscorableError("the answer has no '[fact:' part: L-Eval raises IndexError here")
    # Meant for the closing bracket, but any last character goes: of a reply cut off at "[fact: True", "tru" is left.
    return parts[0].strip(), parts[1][:-1].strip()


def _verdict(half: str) -> str:
    """The first word that holds true or false decides; inside one word ("true/false") true wins."""
    return next((verdict for word in half.split() for verdict in ("true", "false") if verdict in word), "<error>")


# auto_eval.py, codeU: phrases that announce an answer, in the order in which it deletes them, read off its outputs.
# "is" also goes inside words (list → lt), and what one deletion joins a later one can find.
_CODE_PHRASES = ("will be", "of the code", "is", "would be", "the value of", "the result of", "printed")
_CODE_ANSWER_MARK = "the final output"
_CODE_MARKS = str.maketrans("", "", ",'\\")
_CODE_CONTEXT_WORDS = 3  # words kept beyond the length of the target


def official_code_output(prediction: str, target: str) -> str:
    """The words of the prediction that stand for the program's output; the target gives their number."""
    cleaned = _clean_code_output(prediction)
    for phrase in _CODE_PHRASES:
        cleaned = cleaned.replace(phrase, "")
    wanted = len(target.split()) + _CODE_CONTEXT_WORDS  # of the target as it is: "1 , 2" has three
    # Deletions leave double spaces, which hide the mark ("the , final output") and are closed only after the search.
    _, mark, rest = cleaned.rpartition(_CODE_ANSWER_MARK)
    if mark:
        return " ".join(_closed_up(rest).split(" ")[:wanted])
    return " ".join(_closed_up(cleaned).split(" ")[-wanted:])


def _clean_code_output(text: str) -> str:
    bare = _closed_up(text).translate(_CODE_MARKS).replace(".0", "")
    return bare.replace("] [", "][").replace("[ [", "[[").replace("] ]", "]]")


def _closed_up(text: str) -> str:
    return _WHITE_SPACE.sub(" ", text)


def _short_choice(prediction: str) -> str | None:
    if not prediction.strip():
        return "None"
    return prediction if prediction in "ABCD" else None


def _sorted_choices(letters: Iterable[str]) -> str:
    return "".join(sorted(set("".join(letters))))


def _first_run(answer: str) -> str:
    """The first letters A–D that stand together, in their order and with repeats: "**BA**" is not "AB"."""
    run = _CHOICE_RUN.search(answer)
    return run.group() if run else ""


def _digits(word: str) -> str:
    return "".join(filter(str.isdigit, word.split(".")[0]))


def _normalized(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.translate(_NO_PUNCTUATION)).split())


def _exact_match(prediction: str, target: str) -> float:
    answer = leval_compared(prediction, target)
    if _is_choice(target):
        return _choice_match(answer, _normalized(target))
    try:
        return float(float(prediction) == float(target))
    except ValueError:
        return float(_squeezed(target) in answer)


def leval_compared(prediction: str, target: str) -> str:
    """The prediction as exact match compares it: normalised beside letters, else in lower case and without blanks."""
    return _normalized(prediction) if _is_choice(target) else _squeezed(prediction)


def _is_choice(target: str) -> bool:
    """Whether the target is letters A to D, or nothing."""
    return _CHOICES.issuperset(_normalized(target))


def _choice_match(answer: str, expected: str) -> float:
    if answer == expected:
        return 1.0
    return _PART_OF_THE_ANSWER if set(answer) <= set(expected) else 0.0


def _squeezed(text: str) -> str:
    return text.lower().replace(" ", "")
