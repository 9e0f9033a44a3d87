"""What vLLM loads for a card: which folder, by which class, and who makes text of its token ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.cards import Card, weight_files
from evalkit.cards.published import Published, read_published
from evalkit.errors import CardError
from evalkit.rope import RopeSetting

from .._base import BackendOptions
from .._folder_code import named_implementations, read_configuration
from ..conversion import Loadable, loadable
from ._environment import refusal

__all__ = ["Loaded", "check_choices", "find_loaded"]


@dataclass(frozen=True)
class Loaded:
    """A card's weights as vLLM takes them."""

    place: Loadable
    """The folder, or the hub id."""
    own_class: Published | None = None
    """The published architecture, where vLLM computes it by a class for its published names (ChatGLM)."""
    reads_text: bool = True
    """Whether vLLM makes text of ids by a tokenizer of the folder; else evalkit finds stop strings in its ids."""

    @property
    def format(self) -> str:
        """vLLM's `load_format`: pickled tensors only where there are no others."""
        files = self.files
        pickled = bool(files) and not any(path.suffix == ".safetensors" for path in files)
        return "hf" if pickled else "safetensors"  # vLLM unpickles nothing but tensors: `weights_only`

    @property
    def files(self) -> list[Path]:
        """The files with the weights, as far as they lie in a folder."""
        folder = self.place.folder
        return weight_files(folder) if folder is not None and folder.is_dir() else []

    @property
    def is_turned_otherwise(self) -> bool:
        """Whether vLLM's class rotates otherwise than the model: its ChatGLM multiplies the base by any ratio."""
        rope: Any = None if self.own_class is None else self.own_class.config["rope_parameters"]
        return rope is not None and rope["rope_type"] != "default"

    @property
    def facts(self) -> dict[str, Any]:
        """For the manifest: the architecture that stands in for the published one, where one does."""
        return {} if self.place.runs_as is None else {"runs_as": self.place.runs_as}


def find_loaded(card: Card, options: BackendOptions) -> Loaded:
    """What vLLM loads for a card, converted first where it has no class for what was published.

    `CardError` for what cannot be loaded, and for a folder that names code which is not run unasked.
    """
    try:
        check_choices(card, options)
    except (OSError, ValueError) as error:
        raise refusal(card, RopeSetting("native"), 0, error) from error
    place = loadable(card, options, "vllm")
    published = read_published(read_configuration(card))
    if published is not None and ("vllm" not in published.native_in or published.obstacles or place.runs_as):
        published = None
    return Loaded(place, published, _reads_text(card, place))


def check_choices(card: Card, options: BackendOptions) -> None:
    """Refuse a published folder that names code of the hub; say what else it chooses in vain.

    vLLM puts its own attention into the language model, and builds the other parts as the folder says.
    """
    named = named_implementations(read_configuration(card), besides="vllm")
    shown = f"config.json names {', '.join(named)}"
    if any("/" in each for each in named) and not options.trust_remote_code:
        raise CardError(
            f"{card.name}: {shown}: code that is not run unasked; pass --trust-remote-code to run it, or remove it"
        )
    if named:
        options.note(f"{shown}: ignored, vLLM attends by kernels of its own")


def _reads_text(card: Card, place: Loadable) -> bool:
    """Whether the tokenizer that vLLM finds beside the weights is the one that made the prompts.

    A converted copy has none, and what is no `tokenizer.json` transformers reads by rules of its own, or not at all.
    """
    folder = place.folder
    is_that_of_the_card = card.tokenizer is None and card.use_fast_tokenizer and not place.is_converted
    return is_that_of_the_card and folder is not None and (folder / "tokenizer.json").is_file()
