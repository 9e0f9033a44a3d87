"""A server that does as it is told, for the tests of the endpoint backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evalkit.models.endpoint import _probe as probe
from evalkit.models.endpoint.transport import _client as client
from tests.models.endpoint.scripted_server import ScriptedServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A running server; nobody waits long for it, and no key of the user's reaches it."""
    for module in (client, probe):
        monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.001)
    monkeypatch.delenv("EVALKIT_API_KEY", raising=False)
    with ScriptedServer() as running:
        yield running
