"""Model adapters: prompts in as token ids, completions out."""

from ._base import BackendOptions, Completion, GenerationRequest, ModelAdapter
from ._load import backend_name, backend_names, load_model
from ._self_check import LiveCheck, examine
from .endpoint import (
    UNKNOWN_WINDOW,
    endpoint_card,
    endpoint_key,
    endpoint_tokenizer,
    is_address,
    named_endpoint,
)

__all__ = [
    "UNKNOWN_WINDOW",
    "BackendOptions",
    "Completion",
    "GenerationRequest",
    "LiveCheck",
    "ModelAdapter",
    "backend_name",
    "backend_names",
    "endpoint_card",
    "endpoint_key",
    "endpoint_tokenizer",
    "examine",
    "is_address",
    "load_model",
    "named_endpoint",
]
