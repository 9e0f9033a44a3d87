"""Models of the Hugging Face hub: their names, one commit of theirs, and its files on this machine."""

from ._client import HubError
from ._name import HubName, hub_name
from ._snapshot import Snapshot, cached_snapshot, open_snapshot

__all__ = ["HubError", "HubName", "Snapshot", "cached_snapshot", "hub_name", "open_snapshot"]
