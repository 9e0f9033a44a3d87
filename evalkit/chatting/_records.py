"""A question that can be asked, the answer while it grows, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.models import Completion
from evalkit.prompts import Prompt
from evalkit.rope import RopeSetting
from evalkit.tasks.samples import Turn

from ._conversation import Conversation
from ._cut import Cut

__all__ = ["Asked", "Heard", "Measured", "Reply"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a conversation takes of the window before the next question is known."""

    document_tokens: int
    """Tokens of the document alone, whole; 0 without one."""
    prompt_tokens: int
    """Tokens of the prompt around an empty question, whole: more than go to the model where there is a cut."""
    window: int
    """Tokens of prompt and answer."""
    room: int
    """Tokens that are left for the question before anything is cut; 0 where something is."""
    cut: Cut | None
    """What truncation would leave out; None where all of it fits."""


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
    spec: str
    """RoPE condition, as `--rope` names it."""
    rope: RopeSetting
    """What the model turns by."""
    document_tokens: int
    """Tokens of the document alone, whole; 0 without one."""
    cut: Cut | None
    """What truncation leaves out; None where all of it fits."""
    model: str
    """Card that is asked."""
    max_new_tokens: int
    """Generation limit of the answer, without the thoughts before it, in tokens."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer so far."""

    text: str
    """Beginning of the answer."""
    reasoning: str | None = None
    """Beginning of the thoughts before it; None where there are none."""
    first_token_seconds: float | None = None
    """From the model's turn at the question to the first token; None before that."""
    waiting: int = 0
    """Questions that are answered before this one."""


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
    """From the model's turn at the question to the first token; None where the backend shows answers only whole."""
    seconds: float
    """From the model's turn at the question to the last token."""
    first_token_seconds_uncached: float | None = None
    """First token of the first question about this document, of which nothing was cached; None where that is not
    known."""

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens that were not computed again; None where the backend does not say."""
        return self.completion.cached_tokens

    @property
    def error(self) -> str | None:
        """Why there is no answer; None where there is one."""
        return self.completion.error
