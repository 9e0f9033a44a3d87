"""Models behind an OpenAI-compatible endpoint: what is asked, what is answered, what it costs."""

from ._adapter import EndpointModel
from ._client import endpoint_key
from ._tokenizer import is_address, served_card, served_model, served_tokenizer

__all__ = ["EndpointModel", "endpoint_key", "is_address", "served_card", "served_model", "served_tokenizer"]
