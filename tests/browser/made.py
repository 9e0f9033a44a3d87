"""Folders of scores of LongBench outputs made by hand, for pages in a browser; no benchmark data is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit import score_predictions

__all__ = ["Answer", "plain_answers", "score_folder"]

Answer = tuple[str, str]
"""An answer and its gold answer."""


def score_folder(folder: Path, answers: Mapping[str, Sequence[Answer]]) -> Path:
    """A folder of `evalkit score --out` with the answers to each task."""
    outputs = folder.parent / f"{folder.name}-outputs"
    outputs.mkdir(parents=True)
    for task, pairs in answers.items():
        lines = [
            json.dumps({"pred": text, "answers": [gold], "all_classes": None, "length": 3000 + 150 * place})
            for place, (text, gold) in enumerate(pairs)
        ]
        (outputs / f"{task}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    score_predictions(outputs, "longbench", out=folder)
    return folder


def plain_answers(side: int, samples: int = 60) -> dict[str, list[Answer]]:
    """Answers of the first or second side to two tasks: most are right, others half."""
    wrong = "nothing of the kind"
    return {
        task: [(f"answer {place}" if (place + side) % 3 else wrong, f"the answer {place}") for place in range(samples)]
        for task in ("hotpotqa", "2wikimqa")
    }
