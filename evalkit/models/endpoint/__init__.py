"""Models behind an OpenAI-compatible endpoint: what is asked, what is answered, what it costs."""

from ._adapter import EndpointModel
from ._keys import addressed, check_key_may_go, endpoint_key, key_notes
from ._probe import ServerAbsentError
from ._replicas import same_address, server_replicas
from ._several import ServersModel
from ._tokenizer import UNKNOWN_WINDOW, endpoint_card, endpoint_tokenizer, is_address, named_endpoint

__all__ = [
    "UNKNOWN_WINDOW",
    "EndpointModel",
    "ServerAbsentError",
    "ServersModel",
    "addressed",
    "check_key_may_go",
    "endpoint_card",
    "endpoint_key",
    "endpoint_tokenizer",
    "is_address",
    "key_notes",
    "named_endpoint",
    "same_address",
    "server_replicas",
]
