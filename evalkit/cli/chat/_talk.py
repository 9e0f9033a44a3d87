"""A conversation as the terminal leads it: its document is watched, answers are shown as they come."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from evalkit.chatting import Asked, ChatModel, Conversation, Cut, Heard, Measured, Reply
from evalkit.documents import Document, WatchedDocument
from evalkit.errors import DataError, SampleError, UserError
from evalkit.models import Completion
from evalkit.printable import counted
from evalkit.tasks.samples import Turn

from ..terminal import libraries_say, shown, terminal_room
from ._lines import cut_line, document_line, reply_line, seam_lines, window_line
from ._screen import Growing, Screen
from ._stop import Stop

if TYPE_CHECKING:
    from evalkit.chatting.roleplay import Examples

__all__ = ["Exchange", "Talk"]

PIPE_ROOM = 100  # columns of a seam that goes to a file


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what came of it."""

    asked: Asked
    """The question."""
    reply: Reply
    """The answer, as far as it went."""
    is_stopped: bool = False
    """Whether somebody stopped it."""


class Talk:
    """One conversation with a model."""

    def __init__(
        self,
        model: ChatModel,
        screen: Screen,
        watched: WatchedDocument | None = None,
        system: str = "",
        examples: Examples | None = None,
        samples: Path | None = None,
        gold: str | None = None,
    ) -> None:
        """`samples`: the file that every exchange is added to, with the right answer `gold`."""
        self.model = model
        """Who answers."""
        self.screen = screen
        """Where it is shown."""
        self.conversation = Conversation(None if watched is None else watched.document, system)
        """What is said so far."""
        self.last: Exchange | None = None
        """The last exchange."""
        self._watched = watched
        self._examples = examples
        self._samples, self._gold = samples, gold
        self._lost = ""  # why the document's file cannot be read any more, as it was said
        self._warned: set[bool] = set()  # whether there was a history when something was cut and said so

    @property
    def document(self) -> Document | None:
        """What is asked about."""
        return self.conversation.document

    def count(self, text: str) -> int:
        """Its tokens."""
        return len(self.model.session.tokenizer.encode(text)) if text else 0

    def load(self) -> None:
        """Read the weights, where they are not read yet."""
        if not self.model.is_loaded:
            with shown(f"reading {self.model.session.card.name}"), libraries_say(self.screen.tell):
                self.model.load()

    def open(self) -> None:
        """Say what the document is, and what of it truncation would cut."""
        try:
            self._introduce(self.model.measure(self.conversation))
        except SampleError as error:  # another document, or less of a history, may fit
            self.screen.tell(str(error))

    def show_cut(self, cut: Cut | None) -> None:
        """Say what is left out of a prompt, with the text at its ends; nothing where all of it fits."""
        if cut is not None:
            self.screen.tell(cut_line(cut, self.document, self.model.unit))
            for line in seam_lines(cut, self.document, terminal_room() or PIPE_ROOM):
                self.screen.tell(line)

    def watch(self, watched: WatchedDocument) -> None:
        """Ask about another document from now on."""
        self._watched = watched
        self.conversation = Conversation(watched.document, self.conversation.system)

    def instruct(self, system: str) -> None:
        """Another system message from now on. What was said under the old one is no history of the new."""
        self.forget()
        self.conversation = replace(self.conversation, system=system)

    def forget(self) -> None:
        """Drop the history; the document stays."""
        self.conversation = self.conversation.anew()
        self._warned.discard(True)

    def ask(self, question: str) -> Exchange:
        """Ask, show the answer as it comes, and keep both; `SampleError` where there is no room for the question."""
        self._look()
        examples = self._nearest(question)
        asked = self.model.prepare(self.conversation, question, examples)
        self.load()
        self._warn(asked)
        exchange = self._answer(asked)
        self._say(exchange)
        if exchange.reply.error is None and (exchange.reply.text or not exchange.is_stopped):
            self.conversation = self.conversation.and_then(question, exchange.reply.text)
            self.last = exchange
            if self._samples is not None and not exchange.is_stopped:
                self.screen.tell(self.save(self._samples, self._gold), is_faint=True)
        return exchange

    def save(self, path: Path, gold: str | None = None) -> str:
        """Add the last exchange to a file of samples; what to say of it. `UserError` where that is impossible."""
        from evalkit.chatting import run_command, save_sample

        if self.last is None:
            raise UserError("nothing was answered yet, so there is nothing to save")
        asked = self.last.asked
        if not save_sample(path, asked, self.last.reply, gold):
            return f"{path} has this question already, with this right answer"
        return f"added to {path}; asked again by: {run_command(self.model, path, asked.spec)}"

    def _introduce(self, sized: Asked | Measured) -> None:
        if (document := self.document) is not None:
            self.screen.tell(document_line(document, sized.document_tokens, self.model.unit))
            for each in document.notes:
                self.screen.tell(f"{document.name}: {each}")
        self.screen.tell(window_line(self.model))
        self.show_cut(sized.cut)
        self._warned = {False}

    def _look(self) -> None:
        """Read the document again where its file changed. What was said of the old one is no history of the new."""
        watched, screen = self._watched, self.screen
        if watched is None:
            return
        try:
            is_other = watched.refresh()
        except DataError as error:
            if str(error) != self._lost:
                screen.tell(f"{error}; the text as it was read goes on")
            self._lost = str(error)
            return
        self._lost = ""
        if not is_other:
            return
        document, turns = watched.document, len(self.conversation.turns)
        dropped = f"; the history is dropped ({counted(turns, 'answer')} about the old text)" if turns else ""
        screen.tell(f"{document.name} changed and was read again{dropped}")
        self.conversation = replace(self.conversation.anew(), document=document)
        self._warned.clear()

    def _nearest(self, question: str) -> Sequence[Turn]:
        """The nearest examples for which there is room beside the conversation."""
        if self._examples is None:
            return ()
        from evalkit.chatting.roleplay import fitting

        nearest = self._examples.nearest(question, self.conversation.turns)
        found = fitting(nearest, lambda part: self.model.fits(self.conversation, question, part))
        if len(found) < len(nearest):
            self.screen.tell(f"{len(found)} of the {counted(len(nearest), 'nearest example')} fit into the window")
        for turn in found:
            self.screen.tell(f"example: {turn.question} → {turn.answer}", is_faint=True)
        return found

    def _warn(self, asked: Asked) -> None:
        """Say that something is cut the first time that it is, and what helps where it is the history's fault."""
        if not self._warned:
            self._introduce(asked)
        turns = len(self.conversation.turns)
        if asked.cut is None or bool(turns) in self._warned:
            return
        self._warned.add(bool(turns))
        help_with = ": /reset drops it" if self.screen.is_talk else ""
        line = cut_line(asked.cut, self.document, self.model.unit)
        self.screen.tell(f"{line}; the history ({counted(turns, 'answer')}) stands before this question{help_with}")

    def _answer(self, asked: Asked) -> Exchange:
        thoughts, answer = Growing(self.screen.thought), Growing(self.screen.answer)
        began, heard = perf_counter(), Heard("")
        with Stop() as stop, libraries_say(self.screen.tell), closing(self.model.ask(asked)) as answers:  # type: ignore[type-var]
            try:
                for each in answers:
                    stop.is_waiting = False
                    _show(each, thoughts, answer)
                    if isinstance(each, Reply):
                        return Exchange(asked, each)
                    heard = each
                    if stop.is_asked:
                        break
            except KeyboardInterrupt:
                if not stop.is_asked:
                    raise
            finally:
                (answer if answer.text else thoughts).end()
        done = Completion(0, heard.text, finish_reason="unknown", reasoning=heard.reasoning)
        seconds = perf_counter() - began
        reply = Reply(heard.text, heard.reasoning, done, len(asked.prompt.ids), heard.first_token_seconds, seconds)
        return Exchange(asked, reply, is_stopped=True)

    def _say(self, exchange: Exchange) -> None:
        """How the answer was made, or why there is none."""
        reply = exchange.reply
        if reply.error is not None:
            self.screen.tell(reply.error)
            return
        if not reply.text:
            self.screen.answer("\n")
        line = reply_line(exchange.asked, reply, self.model.unit, is_stopped=exchange.is_stopped)
        self.screen.tell(line, is_faint=True)


def _show(each: Heard | Reply, thoughts: Growing, answer: Growing) -> None:
    if each.reasoning and not answer.text:
        thoughts.grow(f"[thinking] {each.reasoning}")
    if each.text and not answer.text:
        thoughts.end()
    answer.grow(each.text)
