"""Two scores beside a protocol's own: one that counts, one that asks a model."""

import re

from evalkit.metrics import UnscorableError
from evalkit.scores import Judge, Verdict


def precision(answer):
    """Share of the variables in the answer that do have the value."""
    named = re.findall(r"\b[A-Z]{5}\b", answer.prediction)
    if not named:
        raise UnscorableError("no variable in the answer")
    return 100 * sum(name in answer.targets for name in named) / len(named)


RUBRIC = """Does the answer give names and nothing else? Reply with GRADE and a number from 0 to 5.
Question: {question}
Answer: {prediction}"""


def ask_model(prompt):
    """Stands for a call of your client: as a script, it takes a point for every word that is no name."""
    words = re.findall(r"\w+", prompt.partition("\nAnswer: ")[2])
    return f"GRADE {max(0, 5 - sum(not word.isupper() for word in words))}"


def judge(answer):
    reply = ask_model(RUBRIC.format(question=answer.fields["question"], prediction=answer.prediction))
    grade = re.fullmatch(r"GRADE ([0-5])", reply)
    if grade is None:
        raise ValueError(f"the judge gave no grade: {reply[:60]!r}")
    return Verdict(20 * int(grade[1]), reply)


tidiness = Judge(judge, version="script 1, rubric 1")
