"""transformers' own logits processors for what a generation configuration asks of greedy decoding.

The same classes as `generate` uses, in its order, on the float32 logits that it has before them. Only what these would
find anew in the whole text at every token is kept from one token to the next (`_seen.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.errors import CardError, one_line, shown

from .._generation import GenerationRules
from ._seen import NoRepeats, SeenTokens

if TYPE_CHECKING:
    import torch

__all__ = ["Process", "Processors"]


@dataclass(frozen=True)
class _Asked:
    """What the processors of one prompt depend on."""

    seen: SeenTokens
    """Its tokens, and behind them those of the answer."""
    max_new_tokens: int
    """Generation limit, in tokens."""
    ends: torch.Tensor
    """Tokens that end a text, shape (ends,)."""
    has_forced_begin: bool
    """Whether `forced_bos_token_id` is in force."""

    @property
    def tokens(self) -> int:
        """Length of the prompt."""
        return self.seen.prompt_tokens

    @property
    def device(self) -> Any:
        """Where logits are."""
        return self.ends.device


Process = Callable[["torch.Tensor", Sequence[int]], "torch.Tensor"]
"""Makes of logits, shape (vocabulary,), and the tokens generated so far the logits to choose from."""


class Processors:
    """The rules of one model, as functions of logits."""

    def __init__(self, rules: GenerationRules, eos_ids: Collection[int], device: Any) -> None:
        self._fields = {name: value for name, value in rules.fields.items() if name in _MAKERS}
        self._ends = sorted(eos_ids)
        self._device = device
        self._source = rules.source

    def start(self, prompt: Sequence[int], max_new_tokens: int, penalty: float | None = None) -> Process:
        """What processes the logits behind one prompt; it asks for memory with the first logits that it is given.

        A repetition penalty of the request takes the place of the model's.
        """
        fields = self._fields if penalty is None else self._penalised(penalty)
        if not fields:
            return lambda logits, _: logits
        made: list[Process] = []

        def process(logits: torch.Tensor, generated: Sequence[int]) -> torch.Tensor:
            if not made:
                made.append(self._process(fields, prompt, max_new_tokens))
            return made[0](logits, generated)

        return process

    def _penalised(self, penalty: float) -> dict[str, Any]:
        """The fields with that repetition penalty, in the order in which `generate` applies them; 1 is none."""
        fields = {**self._fields, "repetition_penalty": float(penalty)}
        if penalty == 1:
            del fields["repetition_penalty"]
        return {name: fields[name] for name in _MAKERS if name in fields}

    def check(self, vocabulary: int) -> None:
        """Refuse values that transformers refuses, before any prompt: of some it says so only when they are applied."""
        import torch

        for name, value in self._fields.items():
            try:
                self._process({name: value}, [0, 0], 4)(torch.zeros(vocabulary, device=self._device), [0])
            except (ValueError, TypeError, LookupError, RuntimeError, AttributeError, OverflowError) as error:
                reason = f"{self._source}: {name} is {shown(value)}: {one_line(error)}; correct it or remove it"
                raise CardError(reason) from error

    def _process(self, fields: Mapping[str, Any], prompt: Sequence[int], max_new_tokens: int) -> Process:
        import torch

        seen = SeenTokens(prompt, max_new_tokens, self._device)
        ends = torch.tensor(self._ends, dtype=torch.long, device=self._device)
        asked = _Asked(seen, max_new_tokens, ends, "forced_bos_token_id" in fields)
        chosen = [name for name in fields if len(ends) or name not in _NEED_AN_END]
        chain = [(_MAKERS[name](fields[name], asked), name in _OF_DISTINCT) for name in chosen]

        def process(logits: torch.Tensor, generated: Sequence[int]) -> torch.Tensor:
            seen.follow(generated)
            scores = logits[None].clone()
            for processor, is_of_distinct in chain:
                scores = processor(seen.distinct if is_of_distinct else seen.ids, scores)
            return scores[0]

        return process


_OF_DISTINCT = {"repetition_penalty"}
"""What counts which tokens there are, and neither where nor how often."""

_NEED_AN_END = {"min_length", "min_new_tokens", "exponential_decay_length_penalty"}


def _maker(name: str, arguments: Callable[[Any, _Asked], dict[str, Any]]) -> Callable[[Any, _Asked], Any]:
    """What makes the processor class of that name."""

    def make(value: Any, asked: _Asked) -> Any:
        from transformers.generation import logits_process

        return getattr(logits_process, name)(**arguments(value, asked))

    return make


def _begin(asked: _Asked) -> int:
    """Length at which an answer begins; `generate` lets a forced first token of a text come before it."""
    return asked.tokens + (asked.has_forced_begin and asked.tokens <= 1)


# Arguments as in `GenerationMixin._get_logits_processor`. For a model without an encoder its "encoder" is the prompt.
_MAKERS: dict[str, Callable[[Any, _Asked], Any]] = {
    "sequence_bias": _maker("SequenceBiasLogitsProcessor", lambda value, _: {"sequence_bias": value}),
    "encoder_repetition_penalty": _maker(
        "EncoderRepetitionPenaltyLogitsProcessor",
        lambda value, asked: {"penalty": value, "encoder_input_ids": asked.seen.distinct},  # the prompt's, at first
    ),
    "repetition_penalty": _maker("RepetitionPenaltyLogitsProcessor", lambda value, _: {"penalty": value}),
    "no_repeat_ngram_size": lambda value, asked: NoRepeats(value, asked.seen),
    "encoder_no_repeat_ngram_size": _maker(
        "EncoderNoRepeatNGramLogitsProcessor",
        lambda value, asked: {"encoder_ngram_size": value, "encoder_input_ids": asked.seen.ids},
    ),
    "bad_words_ids": _maker(
        "NoBadWordsLogitsProcessor",
        lambda value, asked: {"bad_words_ids": value, "eos_token_id": asked.ends if len(asked.ends) else None},
    ),
    "min_length": _maker(
        "MinLengthLogitsProcessor",
        lambda value, asked: {"min_length": value, "eos_token_id": asked.ends, "device": asked.device},
    ),
    "min_new_tokens": _maker(
        "MinNewTokensLengthLogitsProcessor",
        lambda value, asked: {
            "prompt_length_to_skip": asked.tokens,
            "min_new_tokens": value,
            "eos_token_id": asked.ends,
            "device": asked.device,
        },
    ),
    "forced_bos_token_id": _maker("ForcedBOSTokenLogitsProcessor", lambda value, _: {"bos_token_id": value}),
    "forced_eos_token_id": _maker(
        "ForcedEOSTokenLogitsProcessor",
        lambda value, asked: {
            "max_length": asked.tokens + asked.max_new_tokens,
            "eos_token_id": value,
            "device": asked.device,
        },
    ),
    "exponential_decay_length_penalty": _maker(
        "ExponentialDecayLengthPenalty",
        lambda value, asked: {
            "exponential_decay_length_penalty": value,
            "eos_token_id": asked.ends,
            "input_ids_seq_length": asked.tokens,
        },
    ),
    "suppress_tokens": _maker(
        "SuppressTokensLogitsProcessor",
        lambda value, asked: {"suppress_tokens": value, "device": asked.device},
    ),
    "begin_suppress_tokens": _maker(
        "SuppressTokensAtBeginLogitsProcessor",
        lambda value, asked: {
            "begin_suppress_tokens": value,
            "begin_index": _begin(asked),
            "device": asked.device,
        },
    ),
    "renormalize_logits": _maker("LogitNormalization", lambda _value, _asked: {}),
}
