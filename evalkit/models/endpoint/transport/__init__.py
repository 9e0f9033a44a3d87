"""Requests on the wire: many at once with patience, one at a time beside a run, all bounded."""

from ._body import UNREADABLE, Tell
from ._client import ATTEMPTS, BACKOFF_SECONDS, PATIENCE_SECONDS, Client, Failure, ServerGoneError, root_of
from ._health import Health, absence
from ._line import Line, Response, open_line, send
from ._streaming import Streaming
from ._thread import run_in_thread

__all__ = [
    "ATTEMPTS",
    "BACKOFF_SECONDS",
    "PATIENCE_SECONDS",
    "UNREADABLE",
    "Client",
    "Failure",
    "Health",
    "Line",
    "Response",
    "ServerGoneError",
    "Streaming",
    "Tell",
    "absence",
    "open_line",
    "root_of",
    "run_in_thread",
    "send",
]
