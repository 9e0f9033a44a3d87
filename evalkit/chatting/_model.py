"""A model that answers questions of conversations, one at a time, and what is known of each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from evalkit.cards import Card
from evalkit.errors import SampleError, UserError
from evalkit.models import (
    Completion,
    GenerationRequest,
    ModelAdapter,
    PartialAnswer,
    Sampling,
    StreamsAnswers,
)
from evalkit.prompts import Prompt, PromptBuilder, TruncationMode, chat_format, parse_mode
from evalkit.rope import RopeSetting
from evalkit.runs import Session, markup_tokens, open_model, opener, reasoning_of
from evalkit.settings import RunSettings
from evalkit.tasks import Request, Sample
from evalkit.tasks.samples import Turn, messages_of

from ._conversation import Conversation
from ._cut import Cut, cut_of

__all__ = ["Asked", "ChatModel", "Heard", "Reply", "open_chat"]

LEAST_ANSWER, MOST_ANSWER, ANSWERS_IN_WINDOW = 64, 1024, 16
"""Tokens of an answer where nobody says how many, and the share of the window that they are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, ready to be asked."""

    conversation: Conversation
    """What was said before."""
    question: str
    """The question."""
    examples: tuple[Turn, ...]
    """Turns of role play that are shown before the conversation."""
    prompt: Prompt
    """Token ids and ledger."""
    rope: RopeSetting
    """What the model turns by."""
    document_tokens: int
    """Tokens of the document alone, whole; 0 without one."""
    cut: Cut | None
    """What truncation leaves out; None where all of it fits."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer so far."""

    text: str
    """Beginning of the answer."""
    reasoning: str | None = None
    """Beginning of the thoughts before it; None where there are none."""
    first_token_seconds: float | None = None
    """From the question to the first token."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer and what it took."""

    text: str
    """The answer."""
    reasoning: str | None
    """Thoughts before it; None where there are none."""
    completion: Completion
    """What the backend says of it: tokens, why it ended, an error."""
    prompt_tokens: int
    """Tokens of the prompt."""
    first_token_seconds: float | None
    """From the question to the first token; None where the backend shows answers only whole."""
    seconds: float
    """From the question to the last token."""

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens that were not computed again; None where the backend does not say."""
        return self.completion.cached_tokens


class ChatModel:
    """One model for any number of conversations. Answers are given one after the other, whoever asks."""

    def __init__(self, session: Session, note: Callable[[str], None]) -> None:
        self.session = session
        """Card, tokenizer and settings in force."""
        self._note = note
        self._asking, self._loading = Lock(), Lock()
        self._adapter: ModelAdapter | None = None
        settings, card = session.settings, session.card
        self._chat = chat_format(card, session.tokenizer)
        if self._chat.kind == "none" and settings.chat != "none":
            raise UserError(
                f"{card.name}: a base model without a chat format; give it one with --chat FILE.jinja, or --chat none "
                "sends document and question as plain text"
            )
        self.window = settings.max_seq_len or card.default_max_seq_len
        """Tokens of prompt and answer."""
        self.max_new_tokens = settings.max_new_tokens or _answer_tokens(self.window)
        """Generation limit, in tokens."""
        self.mode = parse_mode(settings.truncation or TruncationMode.MIDDLE)
        """How prompts that are too long are cut."""
        self.sampling = sampling_of(settings, card)
        """How answers are drawn; None = greedily."""
        self._reasoning = reasoning_of(settings, card, session.tokenizer, self._chat, "apart")

    @property
    def is_loaded(self) -> bool:
        """Whether the weights are read."""
        return self._adapter is not None

    def load(self) -> ModelAdapter:
        """Read the weights, where they are not read yet."""
        with self._loading:
            if self._adapter is None:
                told = self.session.backend_options(longest_sequence=self.window, note=self._note)
                self._adapter = opener(self.session, replace(told, batch=1))()
            return self._adapter

    def close(self) -> None:
        """Give memory back."""
        if self._adapter is not None:
            self._adapter.close()

    def prepare(self, conversation: Conversation, question: str, examples: Sequence[Turn] = ()) -> Asked:
        """The question as a prompt; `SampleError` where there is no room for one, whatever is cut."""
        prompt = self._prompt(conversation, question, examples, self.mode, self.window)
        if prompt.error is not None or prompt.ledger is None:
            raise SampleError(prompt.error or "no prompt")
        document = conversation.document
        cut = None
        if prompt.ledger.is_truncated:
            whole = self._prompt(conversation, question, examples, TruncationMode.NONE, 2**30)
            cut = cut_of(
                prompt.ledger, whole.ids.tolist(), "" if document is None else document.text, self.session.tokenizer
            )
        tokens = 0 if document is None else len(self.session.tokenizer.encode(document.text))
        rope = self.session.rope_of()(len(prompt.ids) + prompt.max_new_tokens)
        return Asked(conversation, question, tuple(examples), prompt, rope, tokens, cut)

    def ask(self, asked: Asked, draw: int = 0) -> Iterator[Heard | Reply]:
        """The answer as it grows, then the reply. Closing the iterator ends the answer."""
        adapter = self.load()
        with self._asking:
            began, first = time.perf_counter(), None
            for each in self._answers(adapter, asked, draw):
                now = time.perf_counter() - began
                if isinstance(each, Completion):
                    yield Reply(each.text, each.reasoning, each, len(asked.prompt.ids), first, now)
                else:
                    first = now if first is None else first
                    yield Heard(each.text, each.reasoning, first)

    def _answers(self, adapter: ModelAdapter, asked: Asked, draw: int) -> Iterator[PartialAnswer | Completion]:
        prompt = asked.prompt
        drawn = None if self.sampling is None else self.sampling.of_draw(prompt.digest, draw)
        stop = tuple(text for text in (*self.session.card.stop, *prompt.stop) if text)
        request = GenerationRequest(
            0, prompt.ids, prompt.max_new_tokens, stop, prompt.stop_rule, self._reasoning.rule, drawn
        )
        if isinstance(adapter, StreamsAnswers):
            yield from adapter.stream(asked.rope, request)
        else:
            yield from adapter.generate(asked.rope, [request])

    def _prompt(
        self, conversation: Conversation, question: str, examples: Sequence[Turn], mode: TruncationMode, window: int
    ) -> Prompt:
        text = "" if conversation.document is None else conversation.document.text
        messages = messages_of(
            question, document=text, system=conversation.system, examples=examples, turns=conversation.turns
        )
        plain = "\n\n".join(message.content for message in messages)
        sample = Sample("chat/question/0", "question", "chat/document", {"question": question}, ())
        request = Request(sample, 0, messages, plain, self.max_new_tokens, context=text)
        thoughts = self.session.settings.max_reasoning_tokens or 0
        room = window - markup_tokens(self.session.card)
        builder = PromptBuilder(self.session.tokenizer, self._chat, mode, room, max_reasoning_tokens=thoughts)
        return next(iter(builder.build([request])))


def open_chat(settings: RunSettings, note: Callable[[str], None]) -> ChatModel:
    """The model of the settings, checked, its weights not read yet; `UserError` for the first thing that is wrong.

    `note` takes what the user should know while it works.
    """
    session = open_model(settings, refusals={})
    session.check_rope()
    for each in session.notes:
        note(each)
    return ChatModel(session, note)


def sampling_of(settings: RunSettings, card: Card) -> Sampling | None:
    """How answers are drawn: as the settings say, else as the card; None = greedily."""
    own = card.sampling
    heat = settings.temperature if settings.temperature is not None or own is None else own.temperature
    if not heat:
        return None
    top_p, top_k, penalty = settings.top_p, settings.top_k, settings.repetition_penalty
    if own is not None:
        top_p = own.top_p if top_p is None else top_p
        top_k = own.top_k if top_k is None else top_k
        penalty = own.repetition_penalty if penalty is None else penalty
    return Sampling(float(heat), None if top_p == 1.0 else top_p, top_k, penalty, settings.sampling_seed or 0)


def _answer_tokens(window: int) -> int:
    return max(LEAST_ANSWER, min(MOST_ANSWER, window // ANSWERS_IN_WINDOW))
