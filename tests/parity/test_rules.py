"""Exam rules beside a second statement of each, written another way, on hostile answers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from evalkit.metrics import (
    UnscorableError,
    gsm100_postprocess,
    leval_codeu,
    leval_coursera,
    leval_gsm100,
    leval_quality,
    leval_sci_fi,
    needlebench_depths,
    opencompass_accuracy,
    without_commas,
)
from tests.parity.official.mutations import GLUE, ODD, TASKS

Rule = Callable[[str, str], float]

LETTERS = "ABCD"


def answers_for(task: str) -> st.SearchStrategy[str]:
    """Texts that join fragments of a task with odd glue, sometimes cut off."""
    material = TASKS[task]
    pieces = st.sampled_from([*material.fragments, *material.targets, *GLUE, *ODD])
    glued = st.lists(st.tuples(pieces, st.sampled_from(GLUE)), max_size=8).map(
        lambda pairs: "".join(piece + glue for piece, glue in pairs)
    )
    return st.tuples(glued, st.integers(0, 3)).map(lambda pair: pair[0][: len(pair[0]) - pair[1]]) | glued


def matched(prediction: str, target: str) -> float:
    """Exact match: letters as sets, numbers as numbers, other texts inside each other."""

    def plain(text: str) -> str:
        kept = "".join(character for character in text if character not in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
        return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", kept).split())

    answer, gold = plain(prediction), plain(target)
    if all(character in LETTERS for character in gold):
        return 100.0 if answer == gold else 25.0 if all(character in gold for character in answer) else 0.0
    try:
        return 100.0 if float(prediction) == float(target) else 0.0
    except ValueError:
        return 100.0 if target.lower().replace(" ", "") in prediction.lower().replace(" ", "") else 0.0


def gold_letters(target: str) -> str:
    """Letters of the first word of a gold answer."""
    first, *_ = target.split()
    return "".join(filter(LETTERS.__contains__, first)) or "A"


def coursera(prediction: str, target: str) -> float:
    """Character by character: a run at the start, then letters before white space, dot or bracket, then any run."""
    if not prediction.strip():
        return matched("None", gold_letters(target))
    answer = prediction[: prediction.find("Question")] if "Question" in prediction else prediction
    run = 0
    while run < len(answer) and answer[run] in LETTERS:
        run += 1
    followed = itertools.pairwise(answer)
    marked = {letter for letter, after in followed if letter in LETTERS and (after in ".)" or after.isspace())}
    if prediction in LETTERS:
        read = prediction
    elif run >= 2:
        read = "".join(letter for letter in LETTERS if letter in answer[:run])
    elif marked or run:
        read = "".join(letter for letter in LETTERS if letter in marked or letter in answer[:run])
    else:
        stripped = re.split(r"[^ABCD]+", answer)
        read = next(filter(None, stripped), "A")
    return matched(read, gold_letters(target))


def quality(prediction: str, target: str) -> float:
    """The first letter anywhere."""
    if not prediction.strip():
        read = "None"
    elif prediction in LETTERS:
        read = prediction
    else:
        places = [place for place in map(prediction.find, LETTERS) if place >= 0]
        read = prediction[min(places)] if places else "A"
    return matched(read, gold_letters(target))


def number(text: str) -> str:
    """The word behind "The answer is ", else the last with a digit of the first paragraph; its whole part's digits."""
    for start in (found.end() for found in re.finditer("The answer is ", text)):
        if start < len(text) and not text[start].isspace():
            word = text[start:].split()[0]
            break
    else:
        paragraph = text[: text.find("\n\n")] if "\n\n" in text else text
        word = ([""] + [each for each in paragraph.split(" ") if any(c.isdigit() for c in each)])[-1]
    whole, _, _ = word.partition(".")
    return "".join(character for character in whole if character.isdigit())


def gsm100(prediction: str, target: str) -> float:
    """Both sides go through the number rule."""
    return matched(number(prediction), number(target))


def code_output(prediction: str, target: str) -> float:
    """Clean, delete phrases, look for the mark, and only then close up the gaps."""

    def cleaned(text: str) -> str:
        text = "".join(" " if part.isspace() else part for part in re.findall(r"\s+|\S+", text))
        for gone in (",", "'", "\\", ".0"):
            text = "".join(text.split(gone))
        for apart in ("] [", "[ [", "] ]"):
            text = apart.replace(" ", "").join(text.split(apart))
        return text

    text = cleaned(prediction)
    for phrase in ("will be", "of the code", "is", "would be", "the value of", "the result of", "printed"):
        text = "".join(text.split(phrase))
    words = 3 + len(target.split())
    before_and_after = text.split("the final output")
    kept = re.sub(" +", " ", before_and_after[-1])
    parts = kept.split(" ")
    return matched(" ".join(parts[:words] if len(before_and_after) > 1 else parts[-words:]), cleaned(target))


def sci_fi(prediction: str, target: str) -> float:
    """The word that comes first decides; the gold halves stay text."""

    def halves(text: str) -> list[str]:
        first, second, *_ = text.lower().split("[fact:")
        return [first.strip(), second[:-1].strip()]

    def verdict(half: str) -> str:
        for word in half.split():
            if re.search("true|false", word):
                return "true" if "true" in word else "false"
        return "<error>"

    pairs = zip(map(verdict, halves(prediction)), halves(target), strict=True)
    return sum(matched(answer, gold) for answer, gold in pairs) / 2


def opencompass_gsm100(prediction: str, target: str) -> float:
    """Between the first mark and the second: the first piece with a digit."""
    parts = prediction.split("The answer is")
    pieces = parts[1].split(" ") if len(parts) > 1 else []
    read = next((piece for piece in pieces if re.search(r"\d", piece) or any(c.isdigit() for c in piece)), "")
    return 100.0 * ("".join(c for c in read if c.isdigit()) == target.replace(",", ""))


def ours_of_opencompass(prediction: str, targets: Sequence[str]) -> float:
    """evalkit's gsm100 under OpenCompass's rules."""
    return opencompass_accuracy(gsm100_postprocess(prediction), without_commas(targets[0]))


RULES: dict[str, tuple[str, Callable[[str, Sequence[str]], float], Rule]] = {
    "coursera": ("coursera", leval_coursera, coursera),
    "quality": ("quality", leval_quality, quality),
    "gsm100": ("gsm100", leval_gsm100, gsm100),
    "codeU": ("codeU", leval_codeu, code_output),
    "sci_fi": ("sci_fi", leval_sci_fi, sci_fi),
    "OpenCompass gsm100": ("gsm100", ours_of_opencompass, opencompass_gsm100),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_equals_its_restatement_on_hostile_answers(name: str) -> None:
    """Equal scores on every text, and a failed sample exactly where the restatement finds nothing to score."""
    task, metric, restated = RULES[name]

    @seed(20)
    @settings(max_examples=300, database=None)
    @given(prediction=answers_for(task), target=answers_for(task) | st.sampled_from(TASKS[task].targets))
    def check(prediction: str, target: str) -> None:
        try:
            expected = restated(prediction, target)
        except ValueError:  # too few parts to unpack
            with pytest.raises(UnscorableError):
                metric(prediction, [target])
            return
        assert expected == pytest.approx(metric(prediction, [target]), abs=1e-9)

    check()


@seed(20)
@given(target=st.text("#*0 1x２-", max_size=12))
def test_depths_of_a_damaged_target_fail_and_never_crash(target: str) -> None:
    """Numbers behind the first mark, or a failed sample."""
    behind = target.split("#")[1].split("*") if "#" in target else ["no number"]
    try:
        expected = tuple(map(int, behind))
    except ValueError:
        with pytest.raises(UnscorableError, match="names no depths"):
            needlebench_depths(target)
    else:
        assert expected == needlebench_depths(target)
