"""The versions that are recorded beside a run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from evalkit import versions as module
from evalkit.versions import environment


def test_the_environment_is_plain_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions by library; one that is not installed is left out."""
    monkeypatch.setattr(module, "LIBRARIES", ("evalkit", "no-such-library"))

    found: Callable[[], dict[str, object]] = environment

    assert {"python", "platform", "evalkit"} == set(found())
    assert found() == json.loads(json.dumps(found()))
