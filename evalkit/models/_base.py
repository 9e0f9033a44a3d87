"""What every model adapter does: take the prompts of a rope group, yield completions as they finish.

Adding a backend is one module with a class like this, listed in `_load.py`; packages outside evalkit bring theirs
through entry points: `docs/extending.md`. `answer_greedily` and `AnswerEnd` end and read answers for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from evalkit.cards import Adapter
from evalkit.prompts import TokenIds
from evalkit.rope import RopeModel, RopeSetting
from evalkit.tasks import StopRule

from ._sampling import Sampling
from ._thoughts import ThoughtRule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "READ_IN_PART",
    "BackendOptions",
    "Completion",
    "GenerationRequest",
    "HoldsRotations",
    "MeasuresLosses",
    "ModelAdapter",
    "PartialAnswer",
    "RopeGroup",
    "StreamsAnswers",
]

READ_IN_PART = "the server read "
"""How the error of a sample begins whose prompt a server read only in part."""

FinishReason = Literal["stop", "length", "unknown", "error"]


def _ignore(_: str) -> None:
    """Drop a note: for callers that show none."""


@dataclass(frozen=True)
class BackendOptions:
    """Settings every backend understands or refuses."""

    dtype: str = "auto"
    """Number format of the weights."""
    device: str = "auto"
    """Device to run on; `auto` = a GPU where there is one."""
    attention: str = "auto"
    """Implementation of attention, as transformers names them; `auto` = sdpa, eager for a class that has no sdpa."""
    is_reusing_prefixes: bool = True
    """Whether shared prefixes may be computed once."""
    batch: int | None = None
    """Most answers that the hf backend decodes at once; None = as many as memory holds where that pays."""
    trust_remote_code: bool = False
    """Whether code that comes with the weights may run."""
    longest_sequence: int | None = None
    """Tokens of the longest prompt with its answer that will be asked for; None where that is not known."""
    max_cost: float | None = None
    """What a paid endpoint may charge, in the currency of its prices; None = no limit."""
    note: Callable[[str], None] = _ignore
    """Takes what the user should know while the backend works."""
    rope_model: RopeModel | None = None
    """What the run's RoPE settings were computed from, to be held against the loaded model; None under `native`."""
    rotations: int = 1
    """RoPE settings that prompts under way at once may need, as far as it is known when the model is opened."""
    device_map: str | Mapping[str, str | int] | None = None
    """`auto` = layers spread over accelerators and the host's memory, or a map of modules as accelerate reads it."""
    adapter: Adapter | None = None
    """A LoRA adapter that the model answers with."""
    logs: Path | None = None
    """Folder for a log of each of several replicas; None = they keep none."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt to be answered."""

    index: int
    """The caller's name for it; completions carry it back."""
    ids: TokenIds
    """Prompt, shape (tokens,), int32."""
    max_new_tokens: int
    """Generation limit of thoughts and answer together, in tokens."""
    stop: tuple[str, ...] = ()
    """All strings that end the answer, the card's and the protocol's, none of them empty; they are not part of it."""
    stop_rule: StopRule = field(default_factory=StopRule)
    """How else the answer ends, and how it is read."""
    thoughts: ThoughtRule | None = None
    """How thoughts are told from the answer; None where everything generated is the answer."""
    sampling: Sampling | None = None
    """How the answer is drawn, with the seed of this draw; None = greedily."""

    @property
    def answer_tokens(self) -> int:
        """Generation limit of the answer alone, in tokens."""
        budget = None if self.thoughts is None else self.thoughts.budget
        return self.max_new_tokens - (budget or 0)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered, or why it did not."""

    index: int
    """Index of the request."""
    text: str = ""
    """The answer, cut before the end-of-text token or stop string; empty where `error` is set."""
    output_tokens: int = 0
    """Tokens generated, the end-of-text token included."""
    finish_reason: FinishReason = "stop"
    """`stop` = end-of-text token or stop string, `length` = limit reached, `unknown` = a server does not say, `error` =
    no answer."""
    seconds: float = 0.0
    """Wall time of this request; where requests run together, the time since the one that finished before."""
    cached_tokens: int | None = None
    """Prompt tokens taken from a cache; None where the backend does not say."""
    prompt_tokens: int | None = None
    """Prompt tokens as a server counted them; None where it does not say."""
    reasoning_tokens: int | None = None
    """Those of `output_tokens` that were thoughts, tags included; None where nobody counted."""
    reasoning: str | None = None
    """The thoughts, which are no part of the answer; None where there are none."""
    margin: float | None = None
    """Smallest gap between the log-probabilities of the best and the second-best token, in nats, over the tokens
    generated, thoughts and the one that ends the answer included; None where the backend does not say, and of draws."""
    margin_token: int | None = None
    """Index among the tokens generated, thoughts included, at which that gap was first; None without `margin`."""
    lost_to: Literal["reasoning", "refusal"] | None = None
    """What the generated tokens were where the answer is empty: thoughts (the answer is *starved*), or a refusal; None
    where neither shows."""
    error: str | None = None
    """Why there is no answer."""
    is_of_prompt: bool = False
    """Whether the error says something of this prompt alone (too long, refused): others may well be answered."""
    is_of_memory: bool = False
    """Whether memory was short, so that an engine with more of it free may answer."""


class ModelAdapter(Protocol):
    """A loaded model."""

    @property
    def name(self) -> str:
        """Backend name, as on the command line."""

    @property
    def engine_info(self) -> dict[str, Any]:
        """What the backend really runs with and a reader of the run must know: dtype, device, window, threads."""

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answer every request once, in any order, under one RoPE setting: greedily, or as its `sampling` says.

        A request that cannot be answered yields a completion with an error; only a fault of the whole backend raises.
        """

    def close(self) -> None:
        """Give memory back."""


class RopeGroup(NamedTuple):
    """The prompts that are answered under one RoPE setting."""

    rope: RopeSetting
    """The setting."""
    requests: Sequence[GenerationRequest]
    """The prompts, in trie order; a run's are made each time that they are read."""


@runtime_checkable
class HoldsRotations(Protocol):
    """What a `ModelAdapter` may have beside `generate`: answers of several RoPE groups under way at once.

    Without it, and under settings that it does not hold, groups are answered one after the other.
    """

    def holds(self, rope: RopeSetting) -> bool:
        """Whether prompts under this setting may be under way together with prompts under others that it holds."""

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        """Answer every request of all groups once, in any order, each under its own group's setting.

        All settings are held and differ. Each answer is what `generate` gives for its group alone.
        """


@dataclass(frozen=True, slots=True)
class PartialAnswer:
    """An answer under way: all of it that is certain so far."""

    text: str
    """The answer's beginning; what might still become a stop string, a tag or half a character is held back."""
    reasoning: str | None = None
    """Beginning of the thoughts; None where there are none so far."""
    output_tokens: int = 0
    """Tokens generated so far."""


@runtime_checkable
class StreamsAnswers(Protocol):
    """What a `ModelAdapter` may have beside `generate`: an answer that is shown while it is made."""

    def stream(self, rope: RopeSetting, request: GenerationRequest) -> Iterator[PartialAnswer | Completion]:
        """The answer as it grows, then its completion, which is what `generate` gives for the request alone.

        Texts only grow: each begins with the one before, and the completion's begins with the last, but where a closing
        tag turns up behind thoughts that the prompt had closed: then the completion alone says so. The first comes as
        soon as the first token is known, even where all of its text is held back. Closing the iterator ends the answer.
        What a cache holds of an earlier request under the same setting is used again.
        """


@runtime_checkable
class MeasuresLosses(Protocol):
    """A model that says how likely a given text is."""

    def token_losses(self, rope: RopeSetting, ids: TokenIds) -> NDArray[np.float64]:
        """−ln p of each token but the first, given all tokens before it, in nats; shape (tokens − 1,).

        `SampleError` where they cannot be computed.
        """
