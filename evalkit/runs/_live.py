"""Examining the model of a card on a backend, set up exactly as a run would set it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evalkit.models import BackendOptions, LiveCheck, examine, load_model
from evalkit.prompts import chat_format

from ._model import resolve_model, resolve_tokenizer
from ._session import with_overrides
from ._settings import RunSettings

__all__ = ["check_live"]


def check_live(settings: RunSettings, note: Callable[[str], None]) -> Iterator[LiveCheck]:
    """What holds and what does not on the loaded model, each as it is found; `benchmarks` may be empty."""
    settings, card = resolve_model(settings)
    card = with_overrides(card, settings)
    tokenizer = resolve_tokenizer(settings, card)
    window = settings.max_seq_len or card.default_max_seq_len
    options = BackendOptions(
        dtype=card.dtype,
        device=settings.device,
        trust_remote_code=settings.trust_remote_code,
        longest_sequence=window,
        note=note,
    )
    model = load_model(settings.backend or "hf", card, tokenizer, options)
    try:
        yield from examine(model, card, tokenizer, chat_format(card, tokenizer), window)
    finally:
        model.close()
