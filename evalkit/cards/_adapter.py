"""A LoRA adapter as peft saves it: a folder with `adapter_config.json` and `adapter_model.safetensors`.

What is read here decides what is computed, so a field that would compute otherwise than W + scale · B · A is
refused by its name.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evalkit.cards._card import Card
from evalkit.cards._digest import file_digest
from evalkit.cards._weights import read_config
from evalkit.errors import CardError, shown
from evalkit.files import user_path

__all__ = ["Adapter", "check_base", "read_adapter"]

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
LARGEST_RANK = 2**16
_SHOWN_DIGITS = 8  # of the digest, in names of runs
_LONGEST_NAME = 40

_HARMLESS = {
    "auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying",
    "eva_config", "exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config",
    "lora_alpha", "lora_dropout", "megatron_core", "peft_type", "peft_version", "qalora_group_size", "r", "revision",
    "runtime_config", "target_modules", "task_type", "use_rslora",
}  # fmt: skip
"""Fields of peft's `LoraConfig` that are read here, say where tensors were put, or matter in training alone."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

_PLAIN_BEGINNINGS = {"gaussian", "eva", "orthogonal"}
"""Values of `init_lora_weights` under which the base stays what it was: the others (`pissa`, `olora`) change it."""


@dataclass(frozen=True)
class Adapter:
    """An adapter that was read and can be merged."""

    folder: Path
    """Where it is."""
    rank: int
    """Inner width of A and B."""
    scale: float
    """What the product of B and A is multiplied with: alpha / rank, or alpha / √rank (rank-stabilised)."""
    base: str | None
    """Name of the model that it was trained on, as the trainer wrote it."""

    @property
    def weights(self) -> Path:
        """The file with A and B of every layer."""
        return self.folder / TENSORS

    @cached_property
    def digest(self) -> str:
        """`sha256:…` of both files."""
        total = hashlib.sha256()
        for path in (self.folder / CONFIG, self.weights):
            total.update(f"{path.name}:{file_digest(path)};".encode())
        return f"sha256:{total.hexdigest()}"

    @property
    def label(self) -> str:
        """A short name for runs: that of the folder, and the beginning of the digest."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", self.folder.resolve().name)[:_LONGEST_NAME]
        return f"{name}-{self.digest.removeprefix('sha256:')[:_SHOWN_DIGITS]}"


def read_adapter(path: str | Path) -> Adapter:
    """The adapter in a folder; `CardError` for what cannot be computed as plain LoRA."""
    folder = user_path(Path(path))
    if not folder.is_dir():
        raise CardError(f"--adapter {path}: no such folder: download the adapter, and name the folder it is in")
    if not (folder / CONFIG).is_file():
        raise CardError(f"--adapter {path}: no {CONFIG} in it: name the folder that peft saved")
    config = read_config(folder / CONFIG)
    place = f"--adapter {folder}"
    for reason in _reasons(config):
        raise CardError(f"{place}: {reason}: merge it into its base (peft: merge_and_unload) and run that folder")
    if not (folder / TENSORS).is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        advice = "pickles are not read: save it again with safetensors" if pickled else "copy it there"
        raise CardError(f"{place}: no {TENSORS}: {advice}")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or not 1 <= rank <= LARGEST_RANK:
        raise CardError(f"{place}/{CONFIG}: r: expected a whole number from 1 on, found {shown(rank)}: get it again")
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not math.isfinite(alpha):
        raise CardError(f"{place}/{CONFIG}: lora_alpha: expected a number, found {shown(alpha)}: get it again")
    stable = config.get("use_rslora")
    if stable is not None and not isinstance(stable, bool):
        raise CardError(f"{place}/{CONFIG}: use_rslora: expected true or false, found {shown(stable)}: get it again")
    base = config.get("base_model_name_or_path")
    scale = alpha / (math.sqrt(rank) if stable else rank)
    return Adapter(folder, rank, scale, base if isinstance(base, str) and base else None)


def _reasons(config: Mapping[str, Any]) -> Iterator[str]:
    """Why an adapter is not plain LoRA."""
    kind = config.get("peft_type")
    if kind != "LORA":
        yield f"an adapter of type {shown(kind)} is not computed here, only LORA is"
    if config.get("bias", "none") != "none":
        yield f"bias {shown(config['bias'])} trains biases of the base, which is not computed here"
    beginning = config.get("init_lora_weights", True)
    if not isinstance(beginning, bool) and not (isinstance(beginning, str) and beginning in _PLAIN_BEGINNINGS):
        yield f"init_lora_weights {shown(beginning)} changes the base itself, which is not computed here"
    known = _HARMLESS | {"bias", "init_lora_weights"}
    for name in sorted(config.keys() - known):
        if config[name] not in (None, False, [], {}, 0, ""):
            yield f"{shown(name)} is not computed here ({shown(config[name], 40)})"


def check_base(card: Card, adapter: Adapter) -> str | None:
    """Refuse an adapter of another model of the hub; what to say where the names do not tell, None where they do."""
    base, ours = adapter.base, card.weights
    if base is None or ours is None:
        return None
    if not card.is_on_hub:
        ours = str(card.weights_path)  # a card beside its weights calls them `.`
    if base.lower() == ours.lower():
        return None
    if card.is_on_hub and _HUB_ID.fullmatch(base):
        raise CardError(
            f"--adapter {adapter.folder}: trained on {shown(base)}, and the model is {ours}: run {shown(base)} with "
            "it, or correct base_model_name_or_path in its adapter_config.json"
        )
    if base.rstrip("/").rpartition("/")[2].lower() in ours.lower():
        return None
    named = f"--adapter {adapter.folder}: trained on {shown(base)}, and the model is {ours}"
    return f"{named}; its shapes are compared on loading"
