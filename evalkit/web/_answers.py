"""Questions on their way through the model, each in a thread of its own: the model answers one after the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from typing import Any, ParamSpec, TypeVar, cast

from evalkit.chatting import Asked, ChatModel, Heard, Reply
from evalkit.errors import EvalkitError, one_line
from evalkit.models import Sampling
from evalkit.printable import safe_message

__all__ = ["Job", "Loading", "beside", "said"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

PAGE_FIRST = 3.0
"""Seconds that the weights wait for a page to be opened: reading them would keep it from the processors."""


class Loading:
    """The weights, which are read beside the page."""

    def __init__(self, model: ChatModel) -> None:
        self.problem: str | None = None
        """Why they could not be read, in one line; each question tries again."""
        self._model = model
        self._is_page_there = threading.Event()
        self._thread = threading.Thread(target=self._load, name="loading", daemon=True)
        self._thread.start()

    @property
    def is_going_on(self) -> bool:
        """Whether they are being read."""
        return self._thread.is_alive()

    def begin(self) -> None:
        """A page is there: read them now."""
        self._is_page_there.set()

    def _load(self) -> None:
        self._is_page_there.wait(PAGE_FIRST)
        try:
            self._model.load()
        except Exception as error:
            self.problem = said(error)


class Job:
    """A question and what is known of its answer. The asker reads it, a thread writes it."""

    def __init__(self, model: ChatModel, asked: Asked, sampling: Sampling | None) -> None:
        self.asked = asked
        """What is asked."""
        self.heard: Heard | None = None
        """The answer so far."""
        self.reply: Reply | None = None
        """The whole answer."""
        self.error: str | None = None
        """Why there is none, in one line."""
        self.is_stopped = False
        """Whether the asker wants no more of it."""
        self._thread = threading.Thread(target=self._run, args=(model, sampling), name="question", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End the answer where it is: behind the piece that is being made."""
        self.is_stopped = True

    def wait(self, seconds: float) -> None:
        """Until nothing more will come, or so long."""
        self._thread.join(seconds)

    def _run(self, model: ChatModel, sampling: Sampling | None) -> None:
        try:
            with closing(cast(Any, model.ask(self.asked, sampling=sampling))) as pieces:
                for each in pieces:
                    if isinstance(each, Reply):
                        self.reply, self.error = each, each.error
                    else:
                        self.heard = each
                    if self.is_stopped:
                        return
        except Exception as error:
            self.error = said(error)


def said(error: BaseException) -> str:
    """Any error as one line that can be shown."""
    if isinstance(error, EvalkitError):
        return one_line(error)
    return f"the model failed: {safe_message(one_line(error))}"


async def beside(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What the work returns, done in a thread of its own: neither other work nor the end of the program waits for it,
    as they would for those of `asyncio.to_thread`."""
    future: Future[_T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=getattr(work, "__name__", "work"), daemon=True).start()
    return await asyncio.wrap_future(future)
