"""The forms of files of dialogues: names of fields and columns."""

from __future__ import annotations

from evalkit.tasks.samples import Turn

from ._dialogues import Dialogue

__all__ = ["DIALOGUE", "FORMS", "PAIRS", "Part"]

PAIRS = (
    ("question", "answer"), ("user", "assistant"), ("prompt", "response"), ("instruction", "output"),
    ("input", "output"), ("q", "a"), ("问题", "回答"), ("问", "答"),
)  # fmt: skip
"""Names of the fields or columns of an example."""
DIALOGUE = ("dialog", "dialogue", "对话")
"""Names of a field or column that holds lines of a dialogue, as the files of Index-1.9B-Character do."""
FORMS = "docs/roleplay.md shows the forms of dialogues that are read"

Part = Turn | Dialogue
"""An example that a file has as one, or a dialogue whose character is found when all of the file is known."""
