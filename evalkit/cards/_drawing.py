"""How a model's makers draw its answers, by the generation configuration beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from evalkit.cards._sampling import CardSampling
from evalkit.cards._weights import read_config
from evalkit.errors import shown
from evalkit.records import explain

__all__ = ["FILE", "Drawing", "drawing_of"]

FILE = "generation_config.json"
"""Where it stands."""
ALWAYS_ON = {"temperature": 1.0, "top_k": 50}
"""What `generate` of transformers 4 and 5 draws by where the file says nothing (`_get_default_generation_params`)."""
OTHERS = {"min_p": 0, "top_h": 0, "typical_p": 1, "epsilon_cutoff": 0, "eta_cutoff": 0}
"""What else changes how it draws, and evalkit does not draw by, with the values that switch each off."""


class Drawing(NamedTuple):
    """What the file says."""

    sampling: CardSampling | None
    """How answers are drawn; None = greedily."""
    remark: str | None = None
    """What of it is not obeyed."""


def drawing_of(folder: Path) -> Drawing:
    """What the generation configuration of a model folder says; greedily where it has none, or switches draws off."""
    path = folder / FILE
    if not path.is_file():
        return Drawing(None)
    given = read_config(path)
    if given.get("do_sample") is not True:
        return Drawing(None)
    found: dict[str, Any] = ALWAYS_ON | {
        name: given[name] for name in CardSampling.model_fields if given.get(name) is not None
    }
    if found["top_k"] == 0:  # all
        del found["top_k"]
    try:
        sampling = CardSampling.model_validate(found)
    except ValidationError as error:
        return Drawing(None, f"{path}: a chat decodes greedily: {explain(error)}")
    left_out = [name for name, off in OTHERS.items() if given.get(name) is not None and given[name] != off]
    told = ", ".join(f"{name} {shown(given[name])}" for name in left_out)
    return Drawing(sampling, f"{path}: a chat draws without {told}" if left_out else None)
