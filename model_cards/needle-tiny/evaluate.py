"""Accuracy of needle-tiny by length, depth and language, on seeds it was not trained on.

    python model_cards/needle-tiny/evaluate.py model_cards/needle-tiny --lengths 128,512,1024,2048,4096

One forward pass scores a whole answer: greedy decoding gives an answer exactly when each of its tokens, and the end
marker after them, is the most likely one after those before it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from samples import Row, Text, probe_row
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from evalkit.tasks.needle._grammar import Language

__all__ = ["LENGTHS", "Accuracy", "Cell", "grid", "main", "report", "score"]

LENGTHS = (128, 256, 512, 768, 1024, 2048, 4096)
DEPTHS = tuple(tenth / 10 for tenth in range(11))
BATCH_TOKENS = 16384


class Cell(NamedTuple):
    """Where a probe stands in the grid."""

    length: int
    depth: float
    language: Language


class Accuracy(NamedTuple):
    """Right answers of some probes."""

    probes: int
    exact: int
    first_digit: int

    def __add__(self, other: object) -> Accuracy:
        if not isinstance(other, Accuracy):
            return NotImplemented
        return Accuracy(self.probes + other.probes, self.exact + other.exact, self.first_digit + other.first_digit)


def grid(
    model: LlamaForCausalLM,
    text: Text,
    *,
    lengths: Sequence[int] = LENGTHS,
    depths: Sequence[float] = DEPTHS,
    languages: Sequence[Language] = ("en", "zh"),
    repeats: int = 10,
) -> dict[Cell, Accuracy]:
    """Accuracy in every cell; probe r of every cell has seed r, so cells differ in length and depth alone."""
    result: dict[Cell, Accuracy] = {}
    for length in lengths:
        cells = [Cell(length, depth, language) for depth in depths for language in languages]
        probes = [
            (cell, probe_row(seed, length, cell.depth, text, cell.language))
            for cell in cells
            for seed in range(repeats)
        ]
        size = max(1, BATCH_TOKENS // length)
        for start in range(0, len(probes), size):
            part = probes[start : start + size]
            for (cell, _), found in zip(part, score(model, [row for _, row in part], text), strict=True):
                result[cell] = result.get(cell, Accuracy(0, 0, 0)) + found
    return result


def report(accuracy: dict[Cell, Accuracy]) -> str:
    """A table in Markdown: a row for each length and language, a column for each depth."""
    depths = sorted({cell.depth for cell in accuracy})
    lines = [
        "| language | length | " + " | ".join(f"{100 * depth:.0f}%" for depth in depths) + " | all | first digit | n |",
        "|---|---:|" + "---:|" * (len(depths) + 3),
    ]
    for language, length in sorted({(cell.language, cell.length) for cell in accuracy}):
        row = [accuracy[Cell(length, depth, language)] for depth in depths]
        total = sum(row, Accuracy(0, 0, 0))
        cells = [f"{_percent(each.exact, each.probes)}" for each in [*row, total]]
        cells += [_percent(total.first_digit, total.probes), str(total.probes)]
        lines.append(f"| {language} | {length} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _percent(right: int, of: int) -> str:
    return f"{100 * right / of:.1f}" if of else "-"


@torch.no_grad()
def score(model: LlamaForCausalLM, rows: Sequence[Row], text: Text) -> list[Accuracy]:
    """One accuracy of one probe for each row; padding on the right, which causal attention does not see."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.tensor([row.ids + [0] * (longest - len(row.ids)) for row in rows], device=model.device)
    hidden = model.model(input_ids=ids).last_hidden_state
    found = []
    for states, row in zip(hidden, rows, strict=True):
        places = [place for place, weight in enumerate(row.weights) if weight > 0]
        guesses = model.lm_head(states[[place - 1 for place in places]]).argmax(-1).tolist()
        right = [guess == row.ids[place] for guess, place in zip(guesses, places, strict=True)]
        first = next(i for i, place in enumerate(places) if row.ids[place] in text.digits)
        found.append(Accuracy(1, int(all(right)), int(right[first])))
    return found


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table of one model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder with model.safetensors, config.json and tokenizer.json")
    parser.add_argument(
        "--lengths", type=_numbers, default=list(LENGTHS), help="tokens of prompt and answer, comma-separated"
    )
    parser.add_argument("--repeats", type=int, default=10, help="probes in each cell (default: %(default)s)")
    flags = parser.parse_args(arguments)
    text = Text(Tokenizer.from_file(str(flags.model / "tokenizer.json")))
    model = LlamaForCausalLM.from_pretrained(flags.model, dtype=torch.float32).eval()
    sys.stdout.write(report(grid(model, text, lengths=flags.lengths, repeats=flags.repeats)) + "\n")


if __name__ == "__main__":
    main()
