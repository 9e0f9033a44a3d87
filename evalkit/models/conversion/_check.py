"""Holds converted names and shapes against the built-in architecture, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.cards.published import Published
from evalkit.errors import CardError, MissingDependencyError, one_line, shown

from ._families import FAMILIES
from ._formats import Header
from ._plan import ShardPlan

__all__ = ["Expected", "check_plans", "expected_tensors"]


@dataclass(frozen=True)
class Expected:
    """The tensors of a built-in architecture."""

    shapes: Mapping[str, tuple[int, ...]]
    """Shape by name."""
    tied: frozenset[str]
    """Names that may be left out, because they are another tensor."""


def expected_tensors(folder: Path, found: Published, tensors: int) -> Expected:
    """What the built-in class holds under the configuration, from a model without numbers.

    `tensors` is how many the weights hold: a configuration that states more layers is refused before they are made.
    """
    layers = found.config.get("num_hidden_layers")
    if isinstance(layers, int) and layers > tensors:
        raise CardError(
            f"{folder}: config.json says {shown(layers)} layers, and the weights hold {tensors:,} tensors: correct it, "
            "or copy the weights again"
        )
    try:
        import torch
        from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING
    except ImportError as error:
        purpose = f"reading a published {found.name}"
        raise MissingDependencyError("torch and transformers", "hf", purpose) from error
    try:
        config = CONFIG_MAPPING[found.runs_as].from_dict(dict(found.config))
        with torch.device("meta"):
            model: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)](config)
    except Exception as error:  # transformers raises every kind for numbers that do not go together
        raise CardError(f"{folder}/config.json: makes no {found.runs_as}: {one_line(error)}; correct it") from error
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    return Expected(shapes, frozenset(model.all_tied_weights_keys or ()))


def check_plans(folder: Path, found: Published, plans: Sequence[ShardPlan], expected: Expected) -> None:
    """Raise a `CardError` of one line where the tensors are not exactly those of the architecture."""
    _check_names(folder, found, plans)
    given = {header.name: header for plan in plans for header in plan.results}
    left_over = sorted(given.keys() - expected.shapes.keys())
    missing = sorted(expected.shapes.keys() - given.keys() - expected.tied)
    if left_over and 2 * len(given.keys() & expected.shapes.keys()) < len(expected.shapes):
        raise _other_architecture(folder, found, left_over)
    if missing:
        raise CardError(
            f"{folder}: the weights lack {len(missing)} tensors of {_stand_in(found)}, first {missing[0]}: copy them "
            f"again{_own_code(found)}"
        )
    if left_over:
        raise _no_place(folder, found, left_over)
    for name, header in given.items():
        _check_tensor(folder, found, header, expected.shapes[name])
    _check_frequencies(folder, found, plans)


def _check_names(folder: Path, found: Published, plans: Sequence[ShardPlan]) -> None:
    """Refuse names of another layout, which the built-in architecture may happen to have a place for."""
    names = sorted(name for plan in plans for name in plan.sources)
    foreign = [name for name in names if not name.startswith(FAMILIES[found.name].beginnings)]
    if 2 * len(foreign) > len(names):
        raise _other_architecture(folder, found, foreign)
    if foreign:
        raise _no_place(folder, found, foreign)


def _other_architecture(folder: Path, found: Published, names: Sequence[str]) -> CardError:
    telling = next((name for name in names if ".0." in name), names[0])
    return CardError(
        f"{folder}: config.json says {found.name}, and the weights hold {shown(telling)}, which is another "
        "architecture's: put the files of one model together"
    )


def _no_place(folder: Path, found: Published, names: Sequence[str]) -> CardError:
    return CardError(
        f"{folder}: the weights hold {len(names)} tensors that {_stand_in(found)} has no place for, first "
        f"{shown(names[0])}: correct config.json (number of layers, biases){_own_code(found)}"
    )


def _check_tensor(folder: Path, found: Published, header: Header, shape: tuple[int, ...]) -> None:
    if header.shape != shape:
        raise CardError(
            f"{folder}: {header.name} would have shape {header.shape}, and {_stand_in(found)} has {shape} under this "
            "config.json: correct it, or copy the weights again"
        )
    if not header.dtype.is_floating_point or header.dtype.itemsize < 2:
        kind = str(header.dtype).removeprefix("torch.")
        raise CardError(
            f"{folder}: {header.name} is stored as {kind}, which no quantization_config explains: get the unquantised "
            f"weights{_own_code(found)}"
        )


def _check_frequencies(folder: Path, found: Published, plans: Sequence[ShardPlan]) -> None:
    """Hold the stored rotary frequencies against the width of a head, which no other shape tells."""
    expected = _frequencies(found.config)
    for header in (header for plan in plans for header in plan.dropped):
        if expected is not None and header.shape != (expected,):
            raise CardError(
                f"{folder}: {header.name} has shape {header.shape}, and heads of this config.json turn by {expected} "
                "frequencies: correct it (number of heads), or copy the weights again"
            )


def _frequencies(config: Mapping[str, object]) -> int | None:
    """By how many frequencies each head turns; None where the configuration does not say."""
    hidden, heads, rope = (config.get(key) for key in ("hidden_size", "num_attention_heads", "rope_parameters"))
    width = config.get("head_dim") or (hidden // heads if isinstance(hidden, int) and isinstance(heads, int) else None)
    share = rope.get("partial_rotary_factor", 1.0) if isinstance(rope, dict) else 1.0
    return int(width * share) // 2 if isinstance(width, int) and isinstance(share, float) else None


def _stand_in(found: Published) -> str:
    return f"{found.runs_as} ({found.name})"


def _own_code(found: Published) -> str:
    is_own_class = not found.name.lower().startswith(found.runs_as)
    return ", or pass --trust-remote-code to run the model's own code" if is_own_class else ""
