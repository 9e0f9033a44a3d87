"""Files of the hub, through its own client, against a minimal local hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import constants

from evalkit.data import HubOrigin, Source, fetch
from evalkit.errors import DataError
from tests.hub_server import unreachable_hub

if TYPE_CHECKING:
    from conftest import LocalServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_source(
    git_source: Source, server: LocalServer, body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Source:
    """The toy source with its file on a local hub that `HF_ENDPOINT` names."""
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    server.files[f"/datasets/owner/repo/resolve/{COMMIT}/upstream/task%20one.jsonl"] = body
    return git_source.model_copy(update={"origin": HubOrigin(repo="owner/repo", revision=COMMIT)})


def ignore(_: object) -> None:
    """A progress report that nobody reads."""


def test_a_hub_file_comes_from_the_endpoint_that_the_user_names(
    hub_source: Source, server: LocalServer, cache: Path, body: bytes
) -> None:
    """`HF_ENDPOINT` is honoured and the file lands in evalkit's cache, verified."""
    (located,) = fetch(hub_source, ignore)

    assert (cache / "toy" / "Exam" / "task.jsonl", body) == (located.path, located.path.read_bytes())
    assert server.requests


def test_other_bytes_on_the_hub_leave_nothing_behind(hub_source: Source, server: LocalServer, cache: Path) -> None:
    """A digest that differs is refused after one more try past the client's own cache."""
    for path in server.files:
        server.files[path] = b'{"number": 1}\n'

    with pytest.raises(DataError, match="was downloaded but has sha256"):
        fetch(hub_source, ignore)

    assert [] == list(cache.rglob("*.jsonl*"))
    assert 2 == sum(command == "GET" for command, _, _ in server.requests)


def test_a_missing_hub_file_is_an_error_of_one_line(hub_source: Source, server: LocalServer) -> None:
    """404 names the file, the repository and HF_ENDPOINT."""
    server.files.clear()

    with pytest.raises(DataError, match=r"task one\.jsonl of hub dataset owner/repo.*HF_ENDPOINT") as caught:
        fetch(hub_source, ignore)

    assert "\n" not in str(caught.value)


def test_offline_mode_is_respected(hub_source: Source, server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HF_HUB_OFFLINE no request is made and the message says so."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(DataError, match="offline, or HF_HUB_OFFLINE is set"):
        fetch(hub_source, ignore)

    assert [] == server.requests


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_tries_at_a_hub_that_does_not_answer_are_one_line(
    hub_source: Source, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own lines on each try reach nobody."""
    written = unreachable_hub(monkeypatch, address)

    with pytest.raises(DataError, match="the hub cannot be reached") as caught:
        fetch(hub_source, ignore)

    assert ("", False) == (written.getvalue(), "\n" in str(caught.value))
