"""What a model folder's configuration may not decide: which implementation computes it, and which files are read.

Results are of the attention that a run records, and code is fetched and run only where the user said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.cards import Card, read_config
from evalkit.errors import CardError
from evalkit.transfer import quiet_hub_client

__all__ = ["IMPLEMENTATIONS", "named_implementations", "read_configuration", "weights_folder"]

IMPLEMENTATIONS = frozenset(
    {
        "attn_implementation", "_attn_implementation", "_attn_implementation_internal",
        "experts_implementation", "_experts_implementation", "_experts_implementation_internal",
        "use_kernels", "kernel_config", "fusion_config", "custom_generate",
    }
)  # fmt: skip
"""Fields that choose code, at any depth of a `config.json`; the releases of transformers differ in which they obey."""

_REDIRECTIONS = ("transformers_weights", "configuration_files")


def named_implementations(config: Mapping[str, Any], *, besides: str) -> list[str]:
    """Fields, as `text_config.attn_implementation 'name'`, that name another implementation than `besides`."""
    return sorted(set(_named(config, "", besides)))


def _named(value: Any, path: str, besides: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _named(each, path, besides)
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        if key not in IMPLEMENTATIONS:
            yield from _named(inner, f"{path}{key}.", besides)
        elif inner and inner != besides:
            yield f"{path}{key} {inner!r:.60}"


def read_configuration(card: Card) -> dict[str, Any]:
    """The object in a model's `config.json`; a `CardError` where it hands over to other files.

    A run's identity covers the files with the usual names only.
    """
    folder = weights_folder(card)
    config = read_config(folder / "config.json")
    for name in _REDIRECTIONS:
        if config.get(name):
            raise CardError(
                f"{folder}/config.json: {name} names other files than the usual ones ({config[name]!r:.60}); give them "
                "the usual names and remove it"
            )
    return config


def weights_folder(card: Card) -> Path:
    """The folder of a card's weights, or that into which the hub's client has put them."""
    if card.weights_path is not None:
        return card.weights_path
    from huggingface_hub import hf_hub_download

    with quiet_hub_client():
        return Path(hf_hub_download(card.require_weights(), "config.json", revision=card.revision)).parent
