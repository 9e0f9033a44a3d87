"""A LoRA adapter merged into the weights of a loaded model: W + scale · B · A, added up in float32."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.cards import Adapter
from evalkit.errors import CardError, one_line, shown

if TYPE_CHECKING:
    import torch

__all__ = ["merge_adapter"]

_NAME = re.compile(r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight")


class _Pair(NamedTuple):
    """The tensors of one layer."""

    name: str
    """Name of the layer in the model."""
    down: str
    """Name of A, shape (rank, inputs)."""
    up: str
    """Name of B, shape (outputs, rank)."""


def merge_adapter(model: Any, adapter: Adapter) -> int:
    """Add the adapter to the model's weights; how many layers it changed. `CardError` where it is of another model."""
    import torch
    from safetensors import SafetensorError, safe_open

    place = f"--adapter {adapter.folder}"
    if getattr(model.config, "quantization_config", None) is not None:
        raise CardError(
            f"{place}: the weights are quantised, and an adapter is merged into whole ones: name the unquantised base, "
            "or run it with --backend vllm"
        )
    try:
        with safe_open(str(adapter.weights), framework="pt", device="cpu") as file, torch.no_grad():
            pairs = list(_pairs(place, list(file.keys())))
            weights = [_weight(place, model, pair, file, adapter) for pair in pairs]
            for pair, weight in zip(pairs, weights, strict=True):  # nothing is changed before all of it fits
                _add(weight, file.get_tensor(pair.up), file.get_tensor(pair.down), adapter.scale, place)
    except (OSError, SafetensorError) as error:
        raise CardError(f"{adapter.weights}: cannot be read ({one_line(error)}): copy it again") from error
    return len(pairs)


def _pairs(place: str, names: list[str]) -> Iterator[_Pair]:
    """The layers that the names stand for, each with A and B."""
    sides: dict[str, dict[str, str]] = {}
    for name in names:
        found = _NAME.fullmatch(name)
        if found is None:
            raise CardError(
                f"{place}: {shown(name)} is no A or B of a layer, so it is not computed here: merge it into its base "
                "(peft: merge_and_unload) and run that folder"
            )
        of_layer = sides.setdefault(found["module"], {})
        if found["side"] in of_layer:
            raise CardError(f"{place}: {shown(name)} and {shown(of_layer[found['side']])} are the same: get it again")
        of_layer[found["side"]] = name
    if not sides:
        raise CardError(f"{place}: adapter_model.safetensors holds no tensors: get it again")
    for module in sorted(sides):
        if len(sides[module]) < 2:
            missing = ({"A", "B"} - sides[module].keys()).pop()
            raise CardError(f"{place}: lora_{missing} of {shown(module)} is missing: get it again")
        yield _Pair(module, sides[module]["A"], sides[module]["B"])


def _weight(place: str, model: Any, pair: _Pair, file: Any, adapter: Adapter) -> torch.Tensor:
    """The weight that a pair is added to, held against its shapes."""
    import torch

    other = "is it an adapter of another model?"
    try:
        module = model.get_submodule(pair.name)
    except AttributeError:
        raise CardError(f"{place}: the model has no layer {shown(pair.name)}: {other}") from None
    weight: torch.Tensor | None = module.weight if isinstance(module, torch.nn.Linear) else None
    up, down = (tuple(file.get_slice(name).get_shape()) for name in (pair.up, pair.down))
    shape = None if weight is None else tuple(weight.shape)
    for name in (pair.up, pair.down):
        if not (stored := file.get_slice(name).get_dtype()).startswith(("F", "BF")):
            raise CardError(f"{place}: {name} holds {stored}, and weights are floating-point numbers: get it again")
    if len(up) != 2 or len(down) != 2 or up[1] != down[0] or up[1] != adapter.rank:
        raise CardError(f"{place}: A and B of {pair.name} are {down} and {up}, of rank {adapter.rank}: get it again")
    if weight is None:
        raise CardError(f"{place}: {pair.name} is a {type(module).__name__}, and only linear layers are merged here")
    if shape != (up[0], down[1]):
        raise CardError(f"{place}: {pair.name} is {shape} in the model, and {(up[0], down[1])} here: {other}")
    if weight.is_meta:
        raise CardError(
            f"{place}: {pair.name} is kept outside the accelerators: merge the adapter with peft, or leave out "
            "--device-map"
        )
    if weight is model.get_input_embeddings().weight:
        raise CardError(f"{place}: {pair.name} is the embedding too (tied): merge it with peft and run that folder")
    return weight


def _add(weight: torch.Tensor, up: torch.Tensor, down: torch.Tensor, scale: float, place: str) -> None:
    import torch

    up, down = (each.to(weight.device, torch.float32) for each in (up, down))
    merged = (weight.float() + scale * (up @ down)).to(weight.dtype)
    if not bool(merged.isfinite().all()):
        raise CardError(f"{place}: merged weights are not finite: get it again, or run with --dtype float32")
    weight.copy_(merged)
