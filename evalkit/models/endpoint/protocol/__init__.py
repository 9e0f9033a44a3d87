"""The protocol of endpoints, pure: requests as bytes, and what statuses, headers and bodies mean."""

from ._events import EventReader
from ._meaning import (
    MOST_TOKENS,
    THROTTLING,
    AttemptError,
    RefusedError,
    SpoiledError,
    ThrottledError,
    TryAgainError,
    UnusableServerError,
    Usage,
    is_model_named,
    load_json,
    raise_for_status,
    storable,
)
from ._reply import Finish, Reply, UnfinishedError, parse_reply
from ._request import RequestShape, StreamShape
from ._stream import StreamedAnswer

__all__ = [
    "MOST_TOKENS",
    "THROTTLING",
    "AttemptError",
    "EventReader",
    "Finish",
    "RefusedError",
    "Reply",
    "RequestShape",
    "SpoiledError",
    "StreamShape",
    "StreamedAnswer",
    "ThrottledError",
    "TryAgainError",
    "UnfinishedError",
    "UnusableServerError",
    "Usage",
    "is_model_named",
    "load_json",
    "parse_reply",
    "raise_for_status",
    "storable",
]
