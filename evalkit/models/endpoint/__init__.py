"""Models behind an OpenAI-compatible endpoint: what is asked, what is answered, what it costs."""

from ._adapter import EndpointModel
from ._client import endpoint_key
from ._tokenizer import UNKNOWN_WINDOW, endpoint_card, endpoint_tokenizer, is_address, named_endpoint

__all__ = [
    "UNKNOWN_WINDOW",
    "EndpointModel",
    "endpoint_card",
    "endpoint_key",
    "endpoint_tokenizer",
    "is_address",
    "named_endpoint",
]
