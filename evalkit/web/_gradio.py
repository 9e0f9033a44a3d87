"""Gradio, imported without what it would do beside showing a page."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalkit.errors import MissingDependencyError

__all__ = ["import_gradio"]

_IMPORTING = threading.Lock()


def import_gradio(uploads: Path) -> Any:
    """The library; what is uploaded will lie in that folder.

    Settings of the environment (`GRADIO_…`) are dropped: some open the page to others. `MissingDependencyError` where
    it is not installed.
    """
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_TEMP_DIR=str(uploads), HF_HUB_DISABLE_TELEMETRY="1")
    with _IMPORTING, _without_stubs():
        try:
            import gradio
        except ImportError as error:
            raise MissingDependencyError("gradio", "web", "the page of a chat") from error
    return gradio


@contextmanager
def _without_stubs() -> Iterator[None]:
    """Gradio writes a `.pyi` file beside each of its components as it is imported, which is half of the time of its
    import; it leaves those out whose source it does not find."""
    found = inspect.getfile

    def getfile(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no stub")
        return found(thing)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = found
