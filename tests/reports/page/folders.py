"""Two score folders of LongBench outputs made by hand, for tests of the section `pairs`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit import score_predictions

__all__ = ["Answers", "score_folder", "some_answers"]

Answers = Mapping[str, Sequence[str]]
"""Task → answer to each of its questions."""

GOLD = [f"the answer number {number} of many" for number in range(40)]
LINES = [f"    return value_{number} + offset" for number in range(8)]


def some_answers(side: int) -> dict[str, list[str]]:
    """Answers of the first or second side: to some questions both are right, to some one is, or half of it."""
    right, half, wrong = "{}", "I think that it is {}.", "nothing like it"
    pools = [(right, half, right, wrong, wrong), (right, wrong, wrong, right, half)]
    asked = [pools[side][number // 3 % 5].format(gold) for number, gold in enumerate(GOLD)]
    code = [line if (number + side) % 3 else "    pass" for number, line in enumerate(LINES)]
    return {"hotpotqa": asked, "lcc": code, "repobench-p": code[::-1]}


def score_folder(folder: Path, answers: Answers, order: Mapping[str, Sequence[int]] | None = None) -> Path:
    """A folder of `evalkit score --out`; `order` says in which order, and which, questions of a task were answered."""
    outputs = folder.parent / f"{folder.name}-outputs"
    outputs.mkdir()
    for task, texts in answers.items():
        places = (order or {}).get(task, range(len(texts)))
        lines = [json.dumps(_line(task, place, texts[place])) for place in places]
        (outputs / f"{task}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    score_predictions(outputs, "longbench", out=folder)
    return folder


def _line(task: str, place: int, text: str) -> dict[str, Any]:
    gold = GOLD[place] if task == "hotpotqa" else LINES[place]
    return {"pred": text, "answers": [gold], "all_classes": None, "length": 700 * place + 100}
