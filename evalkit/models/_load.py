"""Backends by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from evalkit.cards import Card
from evalkit.errors import UnknownNameError
from evalkit.prompts import PromptTokenizer

from ._base import BackendOptions, ModelAdapter

__all__ = ["backend_names", "load_model"]


Loader = Callable[[Card, PromptTokenizer, BackendOptions], ModelAdapter]


def _huggingface(card: Card, tokenizer: PromptTokenizer, options: BackendOptions) -> ModelAdapter:
    from .huggingface import HuggingFaceModel

    return HuggingFaceModel(card, tokenizer, options)


def _vllm(card: Card, tokenizer: PromptTokenizer, options: BackendOptions) -> ModelAdapter:
    from .vllm import VllmModel

    return VllmModel(card, tokenizer, options)


def _endpoint(card: Card, tokenizer: PromptTokenizer, options: BackendOptions) -> ModelAdapter:
    from .endpoint import EndpointModel

    return EndpointModel(card, tokenizer, options)


_BACKENDS: dict[str, Loader] = {"hf": _huggingface, "openai": _endpoint, "vllm": _vllm}


def backend_names() -> list[str]:
    """Names that `--backend` takes."""
    return sorted([*_BACKENDS, *(point.name for point in entry_points(group="evalkit.models"))])


def load_model(backend: str, card: Card, tokenizer: PromptTokenizer, options: BackendOptions) -> ModelAdapter:
    """The model of a card, loaded by that backend; `UnknownNameError` where there is no such backend."""
    if backend in _BACKENDS:
        return _BACKENDS[backend](card, tokenizer, options)
    for point in entry_points(group="evalkit.models"):
        if point.name == backend:
            loader: Loader = point.load()
            return loader(card, tokenizer, options)
    raise UnknownNameError("backend", backend, backend_names())
