"""Real engines on this machine's CPU: vLLM inside the process, vLLM's server, `transformers serve`.

Run by `make test-vllm` in an environment of its own; skipped everywhere else.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.cards import Card, load_card
from evalkit.prompts import PromptTokenizer, load_tokenizer

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "model_cards" / "needle-tiny"
SERVED = 1088  # the window of 1,024 and room for an answer: what the default needle grid takes
START_SECONDS = 240
QUIET = {
    "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_CPU_KVCACHE_SPACE": "1",
    "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1",
}  # fmt: skip

Load = Callable[..., "ModelAdapter"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and skip it where there is no vLLM."""
    is_missing = importlib.util.find_spec("vllm") is None
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.vllm)
            item.add_marker(pytest.mark.filterwarnings("default"))  # the engines' own warnings are not ours to fix
            if is_missing:
                item.add_marker(pytest.mark.skip(reason="needs a vLLM environment (make test-vllm)"))


@pytest.fixture(scope="session", autouse=True)
def quiet() -> Iterator[None]:
    """No network, no telemetry, a small key-value space."""
    patch = pytest.MonkeyPatch()
    for name, value in QUIET.items():
        patch.setenv(name, os.environ.get(name, value))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def card() -> Card:
    """The embedded model, in float32 so that engines can be held against each other."""
    return load_card(MODEL).model_copy(update={"dtype": "float32"})


@pytest.fixture(scope="session")
def tokenizer(card: Card) -> PromptTokenizer:
    """Its tokenizer."""
    return load_tokenizer(card)


@pytest.fixture(scope="session")
def load(card: Card, tokenizer: PromptTokenizer) -> Load:
    """Loader of the embedded model: `load("vllm", longest_sequence=4096)`."""

    def open_model(backend: str, **options: Any) -> ModelAdapter:
        from evalkit.models import BackendOptions, load_model

        return load_model(backend, card, tokenizer, BackendOptions(**{"dtype": "float32"} | options))

    return open_model


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a vLLM server with the embedded model, started as docs/backends.md says."""
    with vllm_serving(tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture(scope="session")
def second_vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of another one."""
    with vllm_serving(tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@contextmanager
def vllm_serving(log: Path) -> Iterator[str]:
    """A vLLM server with the embedded model; its address."""
    port = free_port()
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(MODEL), "--served-model-name",
        "needle-tiny", "--port", str(port), "--dtype", "float32", "--enforce-eager", "--enable-prompt-tokens-details",
        "--max-model-len", str(SERVED), "--hf-overrides", json.dumps({"max_position_embeddings": SERVED}),
    ]  # fmt: skip
    with running(command, f"http://127.0.0.1:{port}/v1/models", log):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="session")
def transformers_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `transformers serve` with the embedded model."""
    port = free_port()
    script = str(Path(sys.executable).with_name("transformers"))
    command = [
        sys.executable,
        script,
        "serve",
        str(MODEL),
        "--device",
        "cpu",
        "--dtype",
        "float32",
        "--port",
        str(port),
    ]
    with running(command, f"http://127.0.0.1:{port}/health", tmp_path_factory.mktemp("server") / "log"):
        yield f"http://127.0.0.1:{port}/v1"


class running:  # noqa: N801
    """A server process that answers at an address, for as long as the context lasts."""

    def __init__(self, command: list[str], address: str, log: Path) -> None:
        self._address = address
        self._log = log
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                command, stdout=stream, stderr=subprocess.STDOUT, env={**os.environ, **QUIET}
            )

    def __enter__(self) -> None:
        import httpx

        for _ in range(START_SECONDS):
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(self._address, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(1)
        self._stop()
        raise AssertionError(f"the server did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
