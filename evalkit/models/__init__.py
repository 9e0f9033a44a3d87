"""Model adapters: prompts in as token ids, completions out."""

from ._base import BackendOptions, Completion, GenerationRequest, ModelAdapter
from ._load import backend_names, load_model
from ._self_check import LiveCheck, examine
from .endpoint import endpoint_key, is_address, served_card, served_model, served_tokenizer

__all__ = [
    "BackendOptions",
    "Completion",
    "GenerationRequest",
    "LiveCheck",
    "ModelAdapter",
    "backend_names",
    "endpoint_key",
    "examine",
    "is_address",
    "load_model",
    "served_card",
    "served_model",
    "served_tokenizer",
]
