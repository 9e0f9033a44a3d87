"""A model that answers questions of conversations, one at a time, and what is known of each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from threading import Lock
from types import EllipsisType
from typing import TypeVar

from evalkit.errors import EvalkitError, SampleError, UserError
from evalkit.models import (
    Completion,
    GenerationRequest,
    ModelAdapter,
    PartialAnswer,
    Sampling,
    StreamsAnswers,
    check_sampling,
)
from evalkit.prompts import Budget, Prompt, PromptBuilder, TruncationMode, parse_mode
from evalkit.rope import RopeSetting, parse_rope
from evalkit.runs import Session, markup_tokens, opener, reasoning_of, thinking_notes
from evalkit.settings import RunSettings
from evalkit.tasks import Request, Sample
from evalkit.tasks.samples import Turn, messages_of

from ._checks import chat_format_of, check_room, notes_of, open_session
from ._conversation import Conversation
from ._cut import Cut, cut_of
from ._line import Line
from ._records import Asked, Heard, Measured, Reply

__all__ = ["ChatModel", "open_chat"]

LEAST_ANSWER, MOST_ANSWER, ANSWERS_IN_WINDOW = 64, 1024, 16
"""Tokens of an answer where nobody says how many, and the share of the window that they are."""
WAITING_SECONDS = 1.0  # between two signs of life while others are answered
UNLIMITED = 2**30  # tokens: a window that cuts nothing
DOCUMENTS = 16  # whose tokens and first times are remembered
NOTHING_CACHED = 0.1  # of a prompt: the chat format and the system message, which other conversations have too
BY_LENGTH = {"dynamic", "dynamic-yarn"}

_T = TypeVar("_T")


class ChatModel:
    """One model for any number of conversations. Answers are given one after the other, whoever asks."""

    def __init__(self, session: Session, note: Callable[[str], None], *, is_rope_free: bool = False) -> None:
        """`is_rope_free`: questions may name another RoPE condition than that of the settings."""
        self.session = session
        """Card, tokenizer and settings in force; the sampling is the user's, else the card's."""
        self.is_rope_free = is_rope_free
        """Whether questions may name another RoPE condition."""
        self._note = note
        self._line, self._preparing, self._loading = Line(), Lock(), Lock()
        self._adapter: ModelAdapter | None = None
        settings, card, tokenizer = session.settings, session.card, session.tokenizer
        self._chat = chat_format_of(session)
        self.window = settings.max_seq_len or card.default_max_seq_len
        """Tokens of prompt and answer; of characters where `unit` says so."""
        self.max_new_tokens = settings.max_new_tokens or _answer_tokens(self.window)
        """Generation limit, in tokens."""
        self.mode = parse_mode(settings.truncation or TruncationMode.MIDDLE)
        """How prompts that are too long are cut."""
        self.sampling = session.sampling
        """How answers are drawn; None = greedily."""
        self._reasoning = reasoning_of(settings, card, tokenizer, self._chat, "apart")
        thoughts = settings.max_reasoning_tokens or 0
        self._room = self.window - markup_tokens(card)
        check_room(Budget(self._room - thoughts, self.max_new_tokens, max_reasoning_tokens=thoughts))
        self._tokenizer = tokenizer.remembering()
        self._builder = PromptBuilder(self._tokenizer, self._chat, self.mode, self._room, max_reasoning_tokens=thoughts)
        self._document_tokens: dict[str, int] = {}
        self._first_times: dict[str, float] = {}
        self._last_rope: RopeSetting | None = None
        self._is_turning_told = False
        for each in (*notes_of(session, self._chat, self.window), *thinking_notes(card.name, self._reasoning)):
            note(each)

    @property
    def unit(self) -> str:
        """What lengths count: `tokens`, or `characters` where nobody knows the model's tokenizer, so nothing is cut."""
        return self.session.tokenizer.unit

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are read."""
        return self._adapter is not None

    @property
    def waiting(self) -> int:
        """Questions that are answered now or wait for it."""
        return len(self._line)

    def load(self) -> ModelAdapter:
        """Read the weights, where they are not read yet; `UserError` where that is impossible."""
        with self._loading:
            if self._adapter is None:
                session = self._turning()
                told = session.backend_options(longest_sequence=self.window, note=self._note)
                self._adapter = opener(session, replace(told, batch=1))()
            return self._adapter

    def close(self) -> None:
        """Give memory back, once nobody asks any more; the next question would read the weights again."""
        with self._loading:
            if self._adapter is not None:
                self._adapter.close()
                self._adapter = None

    def check_rope(self, spec: str) -> None:
        """Raise `UserError` where the model cannot be asked under that RoPE condition."""
        self._under(spec)

    def measure(self, conversation: Conversation, examples: Sequence[Turn] = ()) -> Measured:
        """What the conversation takes of the window; `SampleError` where it cannot be asked anything."""
        with self._preparing:
            prompt, cut = self._prompt(conversation, "", examples)
            document = self._tokens_of(conversation)
            tokens = len(prompt.ids)
            if cut is not None:
                whole = PromptBuilder(self._tokenizer, self._chat, TruncationMode.NONE, UNLIMITED)
                tokens = sum(len(each.ids) for each in whole.build([self._request(conversation, "", examples)]))
        room = 0 if cut is not None else max(0, self._room - prompt.max_new_tokens - tokens)
        return Measured(document, tokens, self.window, room, cut)

    def prepare(
        self, conversation: Conversation, question: str, examples: Sequence[Turn] = (), rope: str | None = None
    ) -> Asked:
        """The question as a prompt; `SampleError` where there is no room for one, whatever is cut.

        `rope` is another condition than that of the settings, for a model that is free to turn.
        """
        session = self.session if rope is None else self._under(rope)
        with self._preparing:
            prompt, cut = self._prompt(conversation, question, examples)
            tokens = self._tokens_of(conversation)
        setting = session.rope_of()(len(prompt.ids) + prompt.max_new_tokens)
        return Asked(
            conversation, question, tuple(examples), prompt, str(session.rope), setting, tokens, cut,
            session.card.name, self.max_new_tokens,
        )  # fmt: skip

    def fits(self, conversation: Conversation, question: str, examples: Sequence[Turn] = ()) -> bool:
        """Whether all of it goes to the model: nothing would be cut or refused."""
        with self._preparing:
            (prompt,) = self._builder.build([self._request(conversation, question, examples)])
        return prompt.error is None and (prompt.ledger is None or not prompt.ledger.is_truncated)

    def sampling_under(
        self, temperature: float, *, top_p: float = 1.0, top_k: int = 0, repetition_penalty: float = 1.0
    ) -> Sampling | None:
        """How answers are drawn at that temperature, greedily at 0; `UserError` for what cannot be.

        A `top_p` of 1 and a `top_k` of 0 leave tokens as they are, and so does a penalty of 1; where the chat asks for
        none, that of the model's own generation configuration stays in force then, as everywhere.
        """
        own = self.session.settings.repetition_penalty
        drawn = {
            "top_p": None if top_p == 1 else top_p,
            "top_k": top_k or None,
            "repetition_penalty": None if own is None and repetition_penalty == 1 else repetition_penalty,
            "sampling_seed": self.session.settings.sampling_seed,
        }
        settings = replace(
            self.session.settings, temperature=temperature, **(drawn if temperature else dict.fromkeys(drawn))
        )
        settings.check_values()
        settings.check_decoding()
        sampling = replace(self.session, settings=settings).sampling
        check_sampling(self.session.backend, sampling)
        return sampling

    def ask(
        self, asked: Asked, draw: int = 0, *, sampling: Sampling | EllipsisType | None = ...
    ) -> Iterator[Heard | Reply]:
        """The answer as it grows, then the reply, which says where the backend failed.

        `sampling` is another one than the model's (`sampling_under`); None = greedily. Closing the iterator ends the
        answer, and whoever waits is answered. While others are, `waiting` says how many.
        """
        adapter = self.load()
        ticket = self._line.join()
        try:
            while before := self._line.ahead(ticket):
                yield Heard("", waiting=before)
                self._line.ahead(ticket, WAITING_SECONDS)
            self._tell_turning(asked)
            began, first = time.perf_counter(), None
            with closing(
                self._answers(adapter, asked, draw, self.sampling if sampling is ... else sampling)
            ) as answers:
                for each in answers:
                    now = time.perf_counter() - began
                    if isinstance(each, Completion):
                        yield self._reply(asked, each, first, now)
                    else:
                        first = now if first is None else first
                        yield Heard(each.text, each.reasoning, first)
        finally:
            self._line.leave(ticket)

    def _answers(
        self, adapter: ModelAdapter, asked: Asked, draw: int, sampling: Sampling | None
    ) -> Generator[PartialAnswer | Completion]:
        prompt = asked.prompt
        drawn = None if sampling is None else sampling.of_draw(prompt.digest, draw)
        stop = tuple(text for text in (*self.session.card.stop, *prompt.stop) if text)
        request = GenerationRequest(
            0, prompt.ids, prompt.max_new_tokens, stop, prompt.stop_rule, self._reasoning.rule, drawn
        )
        try:
            if isinstance(adapter, StreamsAnswers):
                yield from adapter.stream(asked.rope, request)
            else:
                yield from adapter.generate(asked.rope, [request])
        except EvalkitError as error:  # of the whole backend: a server that is gone, a setting that it cannot obey
            yield Completion(0, finish_reason="error", error=str(error))

    def _reply(self, asked: Asked, completion: Completion, first: float | None, seconds: float) -> Reply:
        tokens, cached = len(asked.prompt.ids), completion.cached_tokens
        document = asked.conversation.document
        uncached = None
        if document is not None and completion.error is None:
            if first is not None and cached is not None and cached <= NOTHING_CACHED * tokens:
                _remember(self._first_times, document.text, self._first_times.get(document.text, first))
            uncached = self._first_times.get(document.text)
        return Reply(completion.text, completion.reasoning, completion, tokens, first, seconds, uncached)

    def _tell_turning(self, asked: Asked) -> None:
        """Say once that a rotation which follows the length leaves nothing of the cache to the next question."""
        last, self._last_rope = self._last_rope, asked.rope
        is_another = last is not None and last != asked.rope
        if is_another and parse_rope(asked.spec).kind in BY_LENGTH and not self._is_turning_told:
            self._is_turning_told = True
            self._note(
                f"--rope {asked.spec} turns each prompt by its own length, so the document is computed anew for each "
                "question; a fixed rule (ntk:F, yarn:F), or --rope-grid, keeps it"
            )

    def _turning(self) -> Session:
        """The session that the model is loaded for: one that turns, where questions may ask for it."""
        if self.is_rope_free and self.session.rope.kind == "native":
            try:
                return self._under("none")
            except UserError:  # nothing to turn, so every spec but native is refused
                return self.session
        return self.session

    def _under(self, spec: str) -> Session:
        settings = replace(self.session.settings, rope=spec)
        session = replace(self.session, settings=settings, rope=parse_rope(spec))
        if session.rope == self.session.rope:
            return self.session
        if not self.is_rope_free:
            raise UserError(f"--rope {spec}: this chat was opened under --rope {self.session.rope} alone")
        settings.check_decoding()
        session.check_rope()
        session.rope_of()(self.window)  # what only a prompt's own length would show
        return session

    def _prompt(self, conversation: Conversation, question: str, examples: Sequence[Turn]) -> tuple[Prompt, Cut | None]:
        request = self._request(conversation, question, examples)
        (prompt,) = self._builder.build([request])
        if prompt.error is not None:
            raise SampleError(prompt.error)
        turn = request.messages[bool(conversation.system) + 2 * len(examples)].content
        return prompt, cut_of(prompt, request, turn, self._chat, self._tokenizer, self._room)

    def _request(self, conversation: Conversation, question: str, examples: Sequence[Turn]) -> Request:
        document = "" if conversation.document is None else conversation.document.text
        messages = messages_of(
            question, document=document, system=conversation.system, examples=examples, turns=conversation.turns
        )
        plain = "\n\n".join(message.content for message in messages)
        sample = Sample("chat/question/0", "question", "chat/document", {"question": question}, ())
        return Request(sample, 0, messages, plain, self.max_new_tokens, context=document)

    def _tokens_of(self, conversation: Conversation) -> int:
        if conversation.document is None:
            return 0
        text = conversation.document.text
        if text not in self._document_tokens:
            (ids,) = self._tokenizer.encode_batch([text])
            _remember(self._document_tokens, text, len(ids))
        return self._document_tokens[text]


def open_chat(settings: RunSettings, note: Callable[[str], None], *, is_rope_free: bool = False) -> ChatModel:
    """The model of the settings, checked, its weights not read yet; `UserError` for the first thing that is wrong.

    `note` takes what the user should know while it works. `is_rope_free`: questions may name other RoPE conditions.
    """
    return ChatModel(open_session(settings), note, is_rope_free=is_rope_free)


def _answer_tokens(window: int) -> int:
    return max(LEAST_ANSWER, min(MOST_ANSWER, window // ANSWERS_IN_WINDOW))


def _remember(known: dict[str, _T], text: str, value: _T) -> None:
    """Keep a value of a document, and forget the oldest of too many."""
    known[text] = value
    if len(known) > DOCUMENTS:
        del known[next(iter(known))]
