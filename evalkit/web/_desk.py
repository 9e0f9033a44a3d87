"""What happens when somebody does something on the page; each method returns, or yields, what changes, by name."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from evalkit.chatting import Asked, ChatModel, Conversation, Cut, save_sample
from evalkit.chatting.roleplay import COUNT, Examples, fitting, read_examples
from evalkit.documents import Document, document_of
from evalkit.errors import EvalkitError, UserError
from evalkit.models import Sampling
from evalkit.printable import counted

from ._answers import Job, Loading, beside, said
from ._sessions import Reader, Session, Sessions
from ._views import Exchange, cut_view, document_view, download_view, exchange_view, facts_view, line_view, title_view

__all__ = ["KINDS", "Changes", "Desk", "Settings"]

LOOKED, LOADED = 0.05, 0.2
"""Seconds between two looks at an answer that grows, and at a model that is loaded."""
SHOWN = 500_000
"""Characters of growing answers that are shown in a second: each look sends what is new after comparing all of it."""
MOST_WAITING = 32
"""Questions that wait for the model or are answered; more are refused."""
KINDS = ("keyword", "exact", "f1", "rouge")
"""How a saved sample is scored."""

Changes = dict[str, Any]
"""Name of a part of the page → its new value; of a button, whether it can be pressed or is there."""
_P = ParamSpec("_P")


@dataclass(frozen=True, slots=True)
class Settings:
    """What stands beside the conversation when a question is asked."""

    system: str
    """System message."""
    rope: str
    """RoPE condition, as `--rope` names it."""
    temperature: float
    """0 = greedy."""
    top_p: float
    """1 = all."""
    top_k: int
    """0 = all."""
    penalty: float
    """1 = none."""
    examples: int
    """Examples of role play."""

    @classmethod
    def of(
        cls, system: str, rope: str, temperature: float, top_p: float, top_k: int, penalty: float, examples: int
    ) -> Settings:
        """As the page says them: an empty field is what it says when nobody has touched it."""
        return cls(
            system or "", (rope or "native").strip(), float(temperature or 0), 1.0 if top_p is None else float(top_p),
            int(top_k or 0), 1.0 if penalty is None else float(penalty), int(examples or COUNT),
        )  # fmt: skip


def _told(
    method: Callable[Concatenate[Desk, str, _P], Awaitable[Changes]],
) -> Callable[Concatenate[Desk, str, _P], Coroutine[Any, Any, Changes]]:
    """A method whose errors stand on the page in one line."""

    @wraps(method)
    async def telling(desk: Desk, name: str, /, *args: _P.args, **kwargs: _P.kwargs) -> Changes:
        try:
            return {"problem": "", **await method(desk, name, *args, **kwargs)}
        except Exception as error:
            return {"problem": line_view(said(error))}

    return telling


class Desk:
    """One model, and all the pages that ask it."""

    def __init__(self, model: ChatModel, loading: Loading, first: Session, samples: Path | None, uploads: Path) -> None:
        self.first = first
        """What a page begins with."""
        self._model, self._loading, self._samples, self._uploads = model, loading, samples, uploads
        self._sessions, self._reader = Sessions(), Reader(uploads)
        self._jobs: list[Job] = []

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.session.card.name

    @property
    def settings(self) -> Settings:
        """What stands on the page at first."""
        drawn, own = self._model.sampling, self._model.session.settings
        if drawn is None:
            return Settings(self.first.conversation.system, own.rope, 0.0, 1.0, 0, 1.0, COUNT)
        return Settings(
            self.first.conversation.system, own.rope, drawn.temperature, drawn.top_p or 1.0, drawn.top_k or 0,
            drawn.repetition_penalty or 1.0, COUNT,
        )  # fmt: skip

    @property
    def is_rope_free(self) -> bool:
        """Whether each question may be asked under a RoPE condition of its own."""
        return self._model.is_rope_free

    @property
    def saving_line(self) -> str:
        """Where samples go."""
        if self._samples is None:
            return "A line of JSON for a file that evalkit run takes, as a download."
        return f"A line is added to {self._samples.name}, which evalkit run takes."

    async def status(self) -> AsyncIterator[tuple[str, str]]:
        """What the model is doing until it can answer, each line with its kind."""
        while self._loading.is_going_on:
            yield "loading the model…", "quiet"
            await asyncio.sleep(LOADED)
        yield self._can_answer()

    def _can_answer(self) -> tuple[str, str]:
        if self._loading.problem is not None and not self._model.is_loaded:  # each question tries again
            return self._loading.problem, "problem"
        limit = f"answers up to {self._model.max_new_tokens:,} tokens"
        return f"window {self._model.window:,} {self._model.unit} · {limit}", "quiet"

    @_told
    async def begin(self, name: str) -> Changes:
        """A page was opened."""
        self._loading.begin()
        first = self.first
        session = self._sessions.begin(name, Session(first.conversation, first.examples))
        return {**self._emptied(), **self._role(session), **await self._measured(session)}

    @_told
    async def take_upload(self, name: str, path: str | None) -> Changes:
        """Another document; the conversation begins anew. Of several that are read at once the last one counts."""
        session = self._sessions.of(name)
        mine = session.upload = object()
        try:
            document = await beside(self._reader.read, path or "", lambda upload: document_of(*upload))
        except Exception as error:
            return {"upload": None, "problem": line_view(said(error))} if session.upload is mine else {}
        finally:
            is_last = session.upload is mine
            session.upload = None if is_last else session.upload
        if not is_last:
            return {}
        session.restart(replace(session.conversation.anew(), document=document))
        return {"upload": None, **self._emptied(), **await self._measured(session)}

    @_told
    async def drop(self, name: str) -> Changes:
        """No document any more."""
        session = self._sessions.of(name)
        session.upload = None
        session.restart(replace(session.conversation.anew(), document=None))
        return {**self._emptied(), **await self._measured(session)}

    @_told
    async def take_dialogues(self, name: str, path: str | None) -> Changes:
        """Examples of role play from now on."""
        session = self._sessions.of(name)
        try:
            session.examples = await beside(self._reader.read, path or "", read_examples)
        except Exception as error:
            return {"dialogues": None, "problem": line_view(said(error))}
        return {"dialogues": None, **self._role(session)}

    @_told
    async def leave(self, name: str) -> Changes:
        """No role play any more."""
        session = self._sessions.of(name)
        session.examples = None
        return self._role(session)

    @_told
    async def reset(self, name: str) -> Changes:
        """A new conversation about the same document."""
        session = self._sessions.of(name)
        session.restart(session.conversation.anew())
        return {**self._emptied(), **await self._measured(session)}

    @_told
    async def save(self, name: str, gold: str, kind: str) -> Changes:
        """The last answer as a sample: added to the file of this chat, or as a download."""
        session = self._sessions.of(name)
        if session.last is None and not session.exchanges:
            raise UserError("there is no answer to save yet")
        if session.last is None:
            raise UserError("the last question was not answered, so there is nothing to save")
        asked, reply = session.last
        right = gold.strip() or None
        if self._samples is not None:
            is_new = await beside(save_sample, self._samples, asked, reply, right, kind)
            line = f"added to {self._samples.name}" if is_new else f"stands in {self._samples.name} already"
            return {"saved": line_view(line, "quiet"), "gold": ""}
        with tempfile.TemporaryDirectory(dir=self._uploads.parent) as folder:
            file = Path(folder, "samples.jsonl")
            await beside(save_sample, file, asked, reply, right, kind)
            return {"saved": download_view(file.name, file.read_bytes()), "gold": ""}

    @_told
    async def stop(self, name: str) -> Changes:
        """End the answer under way."""
        self._sessions.of(name).stop()
        return {"stop": False}

    def end(self, name: str) -> None:
        """A page was closed."""
        self._sessions.end(name)

    def close(self, seconds: float = 5) -> None:
        """All pages are closed; waits so long for answers under way to end."""
        end = time.monotonic() + seconds
        self._sessions.end_all()
        for job in self._jobs:
            job.wait(max(0.0, end - time.monotonic()))

    async def ask(self, name: str, question: str, settings: Settings) -> AsyncIterator[Changes]:
        """Ask, and show the answer as it grows."""
        refusal = self._refusal(name, question)
        if refusal is not None:
            yield refusal
            return
        session, first = self._sessions.of(name), Changes()
        if settings.system != session.conversation.system:
            session.restart(replace(session.conversation.anew(), system=settings.system))
            first = self._emptied()
        session.last = None  # a right answer to this question is none to the one before
        exchange = Exchange(question.strip(), state="reading the question…")
        session.asking, session.is_stopped, conversation = exchange.question, False, session.conversation
        first |= {
            "now": exchange_view(exchange),
            "question": "",
            "problem": "",
            "saved": "",
            "ask": False,
            "stop": True,
        }
        yield first
        last: Changes = {}
        try:
            job = await self._put(session, exchange, settings)
            if session.conversation is conversation:
                yield self._asked(job.asked)
            async for _ in self._growing(job, exchange):
                if session.conversation is not conversation:
                    break
                yield {"now": exchange_view(exchange)}
            if session.conversation is conversation:  # else somebody began anew meanwhile
                self._keep(session, job, exchange)
                last = {"now": "", "past": "".join(map(exchange_view, session.exchanges))}
        except Exception as error:
            if session.conversation is conversation:
                last = {"now": "", "question": question, "problem": line_view(said(error))}
        finally:
            session.stop()
            session.job, session.asking = None, None
        if self._loading.problem is not None:
            last["status"] = title_view(self.name, *self._can_answer())
        yield {**last, "ask": True, "stop": False}

    def _refusal(self, name: str, question: str) -> Changes | None:
        """Why nothing can be asked now. Nothing is said of a double click."""
        try:
            session = self._sessions.of(name)
            if session.asking is not None and question.strip() in ("", session.asking):
                return {"problem": ""}  # where a handler yields nothing at all, Gradio empties all parts of the page
            if not question.strip():
                raise UserError("the question is empty")
            if session.asking is not None:
                raise UserError("one answer at a time: wait for it, or stop it")
            if session.upload is not None:
                raise UserError("the document is being read; ask again once it stands there")
        except Exception as error:
            return {"problem": line_view(said(error))}
        return None

    async def _put(self, session: Session, exchange: Exchange, settings: Settings) -> Job:
        """The question, put to the model; `UserError` or `SampleError` where it cannot be."""
        conversation, examples, model = session.conversation, session.examples, self._model
        sampling = model.sampling_under(
            settings.temperature, top_p=settings.top_p, top_k=settings.top_k, repetition_penalty=settings.penalty
        )
        if examples is not None:
            await beside(self._choose, examples, conversation, exchange, settings.examples)
        rope = settings.rope if model.is_rope_free else None
        asked = await beside(model.prepare, conversation, exchange.question, exchange.examples, rope)
        job = session.job = self._begun(asked, sampling)
        if session.is_stopped:  # meanwhile
            job.stop()
        return job

    def _begun(self, asked: Asked, sampling: Sampling | None) -> Job:
        self._jobs = [job for job in self._jobs if not job.is_over]
        if len(self._jobs) >= MOST_WAITING:
            raise UserError(f"{MOST_WAITING} questions are waiting already; ask again later")
        self._jobs.append(Job(self._model, asked, sampling))
        return self._jobs[-1]

    def _choose(self, examples: Examples, conversation: Conversation, exchange: Exchange, count: int) -> None:
        """The nearest examples for which there is room beside the conversation."""
        question = exchange.question
        nearest = examples.nearest(question, conversation.turns, count)
        exchange.examples = fitting(nearest, lambda part: self._model.fits(conversation, question, part))
        exchange.left_out = len(nearest) - len(exchange.examples)

    async def _growing(self, job: Job, exchange: Exchange) -> AsyncIterator[None]:
        """Writes the answer into the exchange; yields whenever there is something new."""
        before = None
        while not job.is_over:
            heard = job.heard
            if heard is not None:
                exchange.text, exchange.reasoning = heard.text, heard.reasoning
            exchange.state = self._state(job)
            now = (exchange.text, exchange.reasoning, exchange.state)
            if now != before:
                before = now
                yield
            await asyncio.sleep(LOOKED + len(exchange.text) / SHOWN)

    def _state(self, job: Job) -> str:
        if job.is_stopped:
            return "stopping…"
        if job.heard is None:
            return "reading the prompt…" if self._model.is_loaded else "loading the model…"
        if job.heard.waiting:
            return f"waiting: {counted(job.heard.waiting, 'question')} before this one"
        return "answering…"

    def _keep(self, session: Session, job: Job, exchange: Exchange) -> None:
        """What came of the question: shown, and part of the conversation where there is an answer."""
        reply, heard = job.reply, job.heard
        exchange.is_open, exchange.state = False, ""
        exchange.reply, exchange.error = reply, job.error
        if reply is not None:
            exchange.text, exchange.reasoning = reply.text, reply.reasoning
        elif heard is not None:
            exchange.text, exchange.reasoning = heard.text, heard.reasoning
        if job.is_stopped and reply is None:
            exchange.state = "stopped"
        if job.error is None and (reply is not None or exchange.text):
            session.conversation = session.conversation.and_then(exchange.question, exchange.text)
        if job.error is None and reply is not None:
            session.last = job.asked, reply
        session.exchanges.append(exchange)

    def _asked(self, asked: Asked) -> Changes:
        """What is known of a prompt."""
        unit, prompt = self._model.unit, asked.prompt
        facts = [("Prompt", f"{len(prompt.ids):,} {unit}"), ("Answer up to", f"{prompt.max_new_tokens:,} tokens")]
        if self._model.is_rope_free:
            base = asked.rope.effective_base
            facts.append(("RoPE", asked.spec if base is None else f"{asked.spec}, base {base:,.0f}"))
        return self._known(asked.conversation.document, asked.document_tokens, facts, asked.cut)

    async def _measured(self, session: Session) -> Changes:
        """What is known of a conversation before a question."""
        document = session.conversation.document
        try:
            measured = await beside(self._model.measure, session.conversation)
        except EvalkitError as error:
            return {**self._known(document, None, [], None), "problem": line_view(said(error))}
        room = [("Room for the question", f"{measured.room:,} {self._model.unit}")] if measured.room else []
        return self._known(document, measured.document_tokens, room, measured.cut)

    def _known(
        self, document: Document | None, tokens: int | None, facts: list[tuple[str, str]], cut: Cut | None
    ) -> Changes:
        unit = self._model.unit
        facts = [("Window", f"{self._model.window:,} {unit}"), *facts]
        if cut is not None:
            facts.append(("Left out", f"{cut.before - cut.after:,} {unit}"))
        return {
            "facts": facts_view(facts),
            "cut": cut_view("" if document is None else document.text, cut),
            "document": document_view(document, tokens, unit),
            "drop": document is not None,
        }

    def _role(self, session: Session) -> Changes:
        examples = session.examples
        if examples is None:
            return {"role": line_view("No examples: answers are the model's own.", "quiet"), "leave": False}
        return {"role": line_view(f"{examples.name}: {counted(len(examples), 'example')}", "document"), "leave": True}

    def _emptied(self) -> Changes:
        return {"now": "", "past": "", "saved": ""}
