"""Refuses weights that hold two output embeddings: the one that is stored, and the one that config.json asks for."""

from __future__ import annotations

from typing import Any

from evalkit.errors import CardError

__all__ = ["check_tied"]


def check_tied(place: str, model: Any) -> None:
    """Raise a `CardError` where config.json ties the output embedding to the input's, and another one is stored.

    transformers 5 loads what is stored; releases before it and vLLM do what config.json says.
    """
    output = model.get_output_embeddings()
    if output is None or not getattr(model.config.get_text_config(decoder=True), "tie_word_embeddings", False):
        return
    stored, wanted = (getattr(part, "weight", None) for part in (output, model.get_input_embeddings()))
    if stored is not None and wanted is not None and stored is not wanted:
        raise CardError(
            f"{place}: config.json has tie_word_embeddings true, and the weights hold an output embedding other than "
            "the input's: correct config.json (false keeps what is stored), or get the weights again"
        )
