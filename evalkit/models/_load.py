"""Backends by name."""

from __future__ import annotations

from collections.abc import Callable

from evalkit.cards import Card
from evalkit.errors import UnknownNameError, UserError
from evalkit.plugins import load_plugin, plugin_names
from evalkit.prompts import PromptTokenizer

from ._base import BackendOptions, ModelAdapter
from ._sampling import Sampling

__all__ = ["backend_name", "backend_names", "check_sampling", "load_model"]


GROUP = "evalkit.models"

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


_BACKENDS: dict[str, Loader] = {"endpoint": _endpoint, "hf": _huggingface, "vllm": _vllm}
_OTHER_SPELLINGS = {"openai": "endpoint"}  # what older commands and run folders say


def backend_names() -> list[str]:
    """Names that `--backend` takes."""
    return sorted({*_BACKENDS, *plugin_names(GROUP)})


def backend_name(given: str) -> str:
    """The name of a backend, whichever of its spellings is given."""
    return _OTHER_SPELLINGS.get(given, given)


def load_model(backend: str, card: Card, tokenizer: PromptTokenizer, options: BackendOptions) -> ModelAdapter:
    """The model of a card, loaded by that backend; `UnknownNameError` where there is no such backend."""
    backend = backend_name(backend)
    if backend in _BACKENDS:
        return _BACKENDS[backend](card, tokenizer, options)
    loader: Loader | None = load_plugin(GROUP, backend)
    if loader is None:
        raise UnknownNameError("backend", backend, backend_names())
    return loader(card, tokenizer, options)


def check_sampling(backend: str, sampling: Sampling | None) -> None:
    """Raise `UserError` for draws of a backend that only decodes greedily, before anything is loaded.

    A backend of another package that obeys the `sampling` of requests says so by an attribute, `can_sample = True`.
    """
    backend = backend_name(backend)
    if sampling is None or backend in _BACKENDS:
        return
    if not getattr(load_plugin(GROUP, backend), "can_sample", False):
        raise UserError(f"--temperature: the backend {backend} only decodes greedily; leave it out, or use another")
