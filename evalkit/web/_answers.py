"""One thread that asks the model, question after question in the order they came, for any number of sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from evalkit.chatting import Asked, ChatModel, Heard, Reply
from evalkit.errors import EvalkitError, UserError, one_line
from evalkit.printable import safe_message

__all__ = ["MOST_WAITING", "Answers", "Job", "said"]

MOST_WAITING = 32
"""Questions that wait for the model; more are refused."""


class Job:
    """A question on its way. The asker reads it, the thread writes it."""

    def __init__(self, asked: Asked, options: dict[str, Any]) -> None:
        self.asked = asked
        """What is asked."""
        self.options = options
        """Further arguments of `ChatModel.ask`."""
        self.heard: Heard | None = None
        """The answer so far."""
        self.reply: Reply | None = None
        """The whole answer."""
        self.error: str | None = None
        """Why there is none, in one line."""
        self.is_begun = False
        """Whether the model has been asked."""
        self.is_stopped = False
        """Whether the asker wants no more of it."""
        self.is_over = False
        """Whether nothing more will come."""

    def stop(self) -> None:
        """End the answer where it is."""
        self.is_stopped = True


class Answers:
    """The model, its thread and the questions before it."""

    def __init__(self, model: ChatModel, note: Callable[[str], None]) -> None:
        self._model, self._note = model, note
        self._jobs: list[Job] = []
        self._news = threading.Condition()
        self._is_closed = False
        self.problem: str | None = None
        """Why the weights could not be read, in one line; the next question tries again."""
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

    def ask(self, asked: Asked, **options: Any) -> Job:
        """Put a question behind the others; `UserError` where too many wait."""
        job = Job(asked, options)
        with self._news:
            if len(self._jobs) >= MOST_WAITING:
                raise UserError(f"{MOST_WAITING} questions are waiting already; ask again later")
            self._jobs.append(job)
            self._news.notify()
        return job

    def before(self, job: Job) -> int:
        """How many questions are answered before that one."""
        with self._news:
            return self._jobs.index(job) if job in self._jobs else 0

    def close(self, seconds: float = 5) -> None:
        """Stop everything; waits so long for an answer under way to end."""
        with self._news:
            self._is_closed = True
            for job in self._jobs:
                job.stop()
            self._news.notify()
        self._thread.join(seconds)

    def _work(self) -> None:
        try:
            self._model.load()
        except Exception as error:
            self.problem = said(error)
            self._note(self.problem)
        while (job := self._next()) is not None:
            try:
                self._answer(job)
            except Exception as error:
                job.error = said(error)
            finally:
                with self._news:
                    self._jobs.remove(job)
                job.is_over = True

    def _next(self) -> Job | None:
        with self._news:
            self._news.wait_for(lambda: self._jobs or self._is_closed)
            return None if self._is_closed else self._jobs[0]

    def _answer(self, job: Job) -> None:
        if job.is_stopped:
            return
        job.is_begun = True
        with closing(self._model.ask(job.asked, **job.options)) as pieces:  # type: ignore[type-var]
            for each in pieces:
                if isinstance(each, Reply):
                    job.reply, job.error = each, each.completion.error
                else:
                    job.heard = each
                if job.is_stopped:
                    return


def said(error: BaseException) -> str:
    """Any error as one line that can be shown."""
    if isinstance(error, EvalkitError):
        return one_line(error)
    return f"the model failed: {safe_message(one_line(error))}"
