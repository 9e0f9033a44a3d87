"""The server of the page: from a free port to the last upload that is removed."""

from __future__ import annotations

import ipaddress
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.chatting import ChatModel, Conversation
from evalkit.documents import LARGEST, Document
from evalkit.errors import UserError

from ._answers import Loading
from ._desk import Desk
from ._gradio import import_gradio
from ._guard import Guard
from ._sessions import Session

if TYPE_CHECKING:
    from evalkit.chatting.roleplay import Examples

__all__ = ["FIRST_PORT", "opened", "serve"]

FIRST_PORT, PORTS = 7860, 100
"""Where a free port is looked for, and how many are tried."""
LOOPBACK = "127.0.0.1"
STARTED = 60
"""Seconds within which the server answers."""


def serve(
    model: ChatModel,
    *,
    document: Document | None = None,
    system: str = "",
    examples: Examples | None = None,
    samples: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    note: Callable[[str], None],
) -> None:
    """Show the page until Ctrl-C; `UserError` where its port is taken, or Gradio is missing.

    `port` None = the next free one from 7860. `note` takes the line with the address, and what the user should know.
    """
    first = Session(Conversation(document, system), examples)
    with _interrupted_by_signals(), opened(model, first, samples=samples, host=host, port=port, note=note) as address:
        note(f"chat at {address}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would leave uploads behind
            note("the page is closed")


@contextmanager
def opened(
    model: ChatModel,
    first: Session,
    *,
    samples: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    note: Callable[[str], None],
) -> Iterator[str]:
    """The page's address while it is served; the weights are read beside it."""
    host = host or LOOPBACK
    listener = _listener(host, port)
    if not _is_loopback(host):
        note(f"--host {host}: anyone who reaches this machine there can use the model; there is no password")
    with listener, tempfile.TemporaryDirectory(prefix="evalkit-chat-") as folder:
        uploads = Path(folder, "uploads")
        uploads.mkdir(mode=0o700)
        gradio = import_gradio(uploads)
        desk = Desk(model, Loading(model), first, samples, uploads)
        server = _server(gradio, desk, uploads, host)
        thread = threading.Thread(target=server.run, args=([listener],), name="page", daemon=True)
        thread.start()
        try:
            _wait(server, thread)
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{listener.getsockname()[1]}"
        finally:
            desk.close()
            server.should_exit = True
            thread.join(10)


def _server(gradio: Any, desk: Desk, uploads: Path, host: str) -> Any:
    import uvicorn
    from fastapi import FastAPI

    from ._page import build_page, style

    page = build_page(desk)
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    app = gradio.mount_gradio_app(
        FastAPI(openapi_url=None), page, "/", footer_links=[], run_history=False, show_error=False, allowed_paths=[],
        max_file_size=LARGEST, ssr_mode=False, enable_monitoring=False, pwa=False, mcp_server=False,
        theme=gradio.themes.Default(primary_hue="blue", neutral_hue="slate", **fonts), css=style(),
    )  # fmt: skip
    config = uvicorn.Config(
        Guard(app, uploads, host), log_level="critical", access_log=False, proxy_headers=False, server_header=False,
        timeout_graceful_shutdown=2, ws="none",
    )  # fmt: skip
    return uvicorn.Server(config)


def _listener(host: str, port: int | None) -> socket.socket:
    """A socket at the port, or at the next free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for each in range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, each))
            listener.listen(128)
        except OverflowError as error:
            raise UserError(f"--port {port}: a port is a number from 1 to 65535") from error
        except OSError as error:
            listener.close()
            reason = error
            continue
        return listener
    if port is None:
        raise UserError(f"no page at {host}: {reason.strerror} (ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1})")
    raise UserError(f"--port {port} at {host}: {reason.strerror}; choose another --port, or leave it out")


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wait(server: Any, thread: threading.Thread) -> None:
    """Until the server answers."""
    end = time.monotonic() + STARTED
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise UserError("the page's server did not start")
        time.sleep(0.01)


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """A request to end, or a terminal that is closed, ends the page as Ctrl-C does, so that uploads are removed."""
    signals = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.signal(each, signal.default_int_handler) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
