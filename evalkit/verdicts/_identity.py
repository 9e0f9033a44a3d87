"""In what two runs differ beside their answers: the identities of their manifests, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.errors import one_line

from ._comparison import Difference
from ._sides import Side

__all__ = ["differences", "identity_notes"]

OF_THE_MODEL = {"model", "reasoning", "stop", "template", "template_date", "tokenizer", "weights"}
"""What of an identity comes with a model: another model is one thing that differs."""
FOLLOWS = "rope_"
"""How fields begin that follow from `rope`."""


def differences(left: Side, right: Side) -> list[Difference]:
    """Every field of the identities that differs; nothing where one side is no run of evalkit."""
    if left.manifest is None or right.manifest is None:
        return []
    ours, theirs = (_plain(side.manifest.identity) for side in (left, right) if side.manifest is not None)
    ours["draws"], theirs["draws"] = left.manifest.draws, right.manifest.draws
    found = [name for name in [*ours, *(name for name in theirs if name not in ours)] if _differs(name, ours, theirs)]
    if "model" in found:
        found = [name for name in found if name == "model" or name not in OF_THE_MODEL]
    if "rope" in found:
        found = [name for name in found if not name.startswith(FOLLOWS)]
    return [Difference(field=name, left=_shown(ours.get(name)), right=_shown(theirs.get(name))) for name in found]


def _plain(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, those of inner mappings by names of their own: `options.seed`."""
    flat: dict[str, Any] = {}
    for name, value in identity.items():
        flat |= {f"{name}.{inner}": each for inner, each in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _differs(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    if name.startswith("data."):  # other files belong to other tasks of the same run
        return name in ours and name in theirs and ours[name] != theirs[name]
    return bool(ours.get(name) != theirs.get(name))


def _shown(value: object) -> str:
    return "not set" if value is None else one_line(str(value), 60)


def identity_notes(left: Side, right: Side, differs: Sequence[Difference]) -> Iterator[str]:
    """In what the runs differ, flagged where it is more than one thing; or that nobody knows."""
    unknown = [side.name for side in (left, right) if side.manifest is None]
    if unknown:
        yield f"how {' and '.join(dict.fromkeys(unknown))} came about is not known: more than one thing may differ"
    named = ", ".join(f"{each.field} ({each.left}; {each.right})" for each in differs)
    if len(differs) == 1:
        yield f"differs in {named}"
    elif differs:
        yield f"differs in more than one thing: {named}"
    elif not unknown:
        yield "nothing that can change a score differs between the two runs"
