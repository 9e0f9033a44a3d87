"""The transformers adapter: prompts one at a time, in trie order, over one moving KV cache; answers several at once.

Nothing is padded: a padded batch of long prompts costs more than it saves. Of prompts the prefix is saved that the next
one shares; of answers the weights are read once for a token of each.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.cards import Card
from evalkit.errors import SampleError
from evalkit.prompts import PromptTokenizer, TokenIds
from evalkit.rope import RopeSetting, Rotation

from .._base import BackendOptions, Completion, GenerationRequest, PartialAnswer, RopeGroup
from .._generation import GenerationRules, check_other_file, read_rules
from .._greedy import Choice, GreedyTokens, grow
from .._stopping import AnswerEnd, answer_end, end_ids
from ..conversion import Loadable
from ._arithmetic import tokens_in_pass
from ._batch import Batch, Row
from ._choice import best_token
from ._departures import departures
from ._draw import Draw
from ._faults import FAULTS, Fault
from ._feeding import Feeding
from ._hub_code import no_hub_code
from ._losses import TokenLosses
from ._memory import free_memory
from ._passes import RowPasses, together_of
from ._placement import device_facts, input_device
from ._prefill import Prefill
from ._prefix import MovingCache, cache_maker, unsuitable_reason
from ._processors import Process, Processors
from ._rotary import RotarySwitch
from ._vocabulary import Vocabulary
from ._weights import load_weights

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["HuggingFaceModel"]

FOLLOWS_LENGTH = "off: the rotation follows the length"


class HuggingFaceModel:
    """A causal language model run by transformers."""

    name = "hf"

    def __init__(self, card: Card, tokenizer: PromptTokenizer, options: BackendOptions) -> None:
        self._tokenizer = tokenizer
        self._options = options
        self._model, self._source = load_weights(card, options)
        self._rotary = RotarySwitch(self._model)
        if options.rope_model is not None:
            self._rotary.check(options.rope_model)
        self._vocabulary = Vocabulary(self._model)
        if (doubt := self._vocabulary.doubt(tokenizer)) is not None:
            options.note(doubt)
        self._eos_ids = _eos_ids(self._model, tokenizer)
        self._rules = _rules(self._model, card, self._source)
        self._processors = Processors(self._rules, self._eos_ids, input_device(self._model))
        self._processors.check(getattr(self._model.config.get_text_config(decoder=True), "vocab_size", 1))
        with no_hub_code(options):
            self._feeding = Feeding(self._model, cache_maker(self._model))
            most = tokens_in_pass(self._model, options.longest_sequence or 0, free_memory(str(self._model.device)))
            self._prefill = Prefill(self._model, self._feeding, cache_maker(self._model), most)
        self._rotary.reset()  # trying the cache was a prompt too
        reason = self._feeding.no_cache_reason or unsuitable_reason(self._model)
        self._no_reuse_reason = reason if options.is_reusing_prefixes else "switched off"
        if self._feeding.no_cache_reason:
            options.note(
                f"no cache and no prefix reuse: {reason}; each token is computed with the whole text before it, "
                "which is right and slow"
            )
        elif reason and options.is_reusing_prefixes:
            options.note(f"no prefix reuse: {reason}")
        self._is_order_told = False
        self._kept_under: RopeSetting | None = None
        """The setting under which the cache was filled, where the call that filled it came to its end."""
        self._cache = MovingCache(cache_maker(self._model), is_reusing=self._no_reuse_reason is None)
        self._room, self._no_rotations_reason = together_of(
            self._model, self._feeding, cache_maker(self._model), self._rotary, options
        )

    @property
    def engine_info(self) -> dict[str, Any]:
        """dtype, device, attention, threads, answers at once, prefix reuse, and the architecture that stands in."""
        import torch

        stand_in = {} if self._source.runs_as is None else {"runs_as": self._source.runs_as}
        is_turned = self._options.rope_model is not None  # else all prompts are of one group
        rotations = {"rotations": self._no_rotations_reason or "several at once"} if is_turned else {}
        return {
            **stand_in,
            **rotations,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            **device_facts(self._model),
            "attention": self._model.config._attn_implementation,
            "behind_prefix": self._prefill.way,
            "pass_tokens": self._prefill.most_tokens,
            "threads": torch.get_num_threads(),
            "batch": self._batch,
            "prefix_reuse": self._no_reuse_reason or (FOLLOWS_LENGTH if self._rotary.is_order_dependent else "on"),
            "cache": self._feeding.no_cache_reason or "on",
            **self._rules.facts,
        }

    @property
    def rotations(self) -> list[Rotation]:
        """What each rotary embedding does now, read from the model."""
        return self._rotary.rotations

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answer the requests in the order given, which should be trie order.

        The first goes on from what the last call left, where that was of the same setting.
        """
        self._switch_to(rope)
        if self._batch > 1:
            yield from Batch(self._passes(), self._room).answers([RopeGroup(rope, requests)])
        else:
            for request in requests:
                yield _returned(self._attempt(request, is_shown=False))
        self._kept_under = rope

    def stream(self, rope: RopeSetting, request: GenerationRequest) -> Iterator[PartialAnswer | Completion]:
        """The answer as it grows, then its completion; one that is broken off leaves what it computed in the cache."""
        self._switch_to(rope)
        try:
            yield (yield from self._attempt(request, is_shown=True))
        finally:
            self._kept_under = rope

    def _switch_to(self, rope: RopeSetting) -> None:
        """Put a setting in force, and forget what was computed under another."""
        self._rotary.apply(rope)
        if rope != self._kept_under:
            self._cache.clear()
        self._kept_under = None
        self._tell_order()

    def holds(self, rope: RopeSetting) -> bool:
        """Whether rows under this setting may be decoded with rows under others."""
        return self._no_rotations_reason is None and not self._rotary.follows_length(rope)

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        """Answer the requests of all groups, in their order; prompts of one group share prefixes, all share batches."""
        self._forget()
        yield from Batch(self._passes(), self._room).answers(groups)

    def _forget(self) -> None:
        """Begin with an empty cache."""
        self._cache.clear()
        self._kept_under = None

    @property
    def _batch(self) -> int:
        """Most answers at once under the setting in force."""
        return 1 if self._rotary.is_order_dependent else self._room.rows

    def _passes(self) -> RowPasses:
        return RowPasses(
            self._model, self._feeding, self._prefill, self._cache, self._rotary, self._begin, self._options
        )

    def _begin(self, rope: RopeSetting, request: GenerationRequest) -> Row:
        process = self._process(request)
        return Row(rope, request, self._end(request), process, self._vocabulary.refusal(request.ids))

    def _tell_order(self) -> None:
        """Say once what cannot be, where the setting in force is the engine's own and follows the length."""
        reuse = ["no prefix reuse"] if self._no_reuse_reason is None else []
        lost = [*reuse, "one answer at a time"] if self._room.rows > 1 else reuse
        if self._rotary.is_order_dependent and lost and not self._is_order_told:
            self._is_order_told = True
            self._options.note(
                f"{' and '.join(lost)} under {self._rotary.condition}: a scaling that transformers recomputes at each "
                "pass depends on the prompts before, so each prompt is computed whole and alone"
            )

    def _attempt(self, request: GenerationRequest, *, is_shown: bool) -> Generator[PartialAnswer, None, Completion]:
        start = time.perf_counter()
        try:
            return (yield from self._answer(request, start, is_shown))
        except FAULTS as error:
            self._cache.clear()
            seconds, fault = time.perf_counter() - start, Fault(error)
            return Completion(
                request.index, finish_reason="error", seconds=seconds, error=fault.reason,
                is_of_prompt=fault.is_out_of_memory,  # shorter ones may fit
                is_of_memory=fault.is_out_of_memory,
            )  # fmt: skip

    def close(self) -> None:
        """Drop the weights and the cache."""
        self._cache.clear()
        del self._model, self._feeding, self._prefill, self._rotary

    def _answer(
        self, request: GenerationRequest, start: float, is_shown: bool
    ) -> Generator[PartialAnswer, None, Completion]:
        if (refusal := self._vocabulary.refusal(request.ids)) is not None:
            return Completion(request.index, finish_reason="error", error=refusal, is_of_prompt=True)
        end, answer = self._end(request), GreedyTokens()
        if self._rotary.is_order_dependent:  # else a prompt's answer would hang on how long the ones before were
            self._rotary.reset()
            self._cache.clear()
        cached = self._cache.start(request.ids, self._prefill.kept)
        with closing(self._decode(answer, request, cached, end)) as steps:
            for _ in steps:
                if is_shown and (partial := end.partial(answer.ids)) is not None:
                    yield partial
        return answer.completion(request, end, start, cached)

    def _end(self, request: GenerationRequest) -> AnswerEnd:
        stop = (*request.stop, *self._rules.stop_strings)
        return answer_end(request, self._tokenizer, self._eos_ids, stop)

    def _process(self, request: GenerationRequest) -> Process:
        """The rules for the logits of its answer."""
        penalty = None if request.sampling is None else request.sampling.repetition_penalty
        return self._processors.start(request.ids.tolist(), request.max_new_tokens, penalty)

    def _decode(
        self, answer: GreedyTokens, request: GenerationRequest, cached: int, end: AnswerEnd
    ) -> Generator[None, None, None]:
        """Add the likeliest tokens after the prompt, or drawn ones, one at each step; the last one is never fed back.

        However it ends, the cache holds what was computed.
        """
        import torch

        process = self._process(request)

        def next_token(generated: list[int], forbidden: frozenset[int]) -> Choice:
            with no_hub_code(self._options), torch.inference_mode():
                logits = self._next(request.ids, generated) if generated else self._first(request.ids, cached)
                draw = None if request.sampling is None else Draw(request.sampling, len(generated))
                return best_token(process(logits, generated), forbidden, draw)

        try:
            yield from grow(answer, request.max_new_tokens, end, next_token)
        finally:
            computed = len(request.ids) if answer.ids else cached
            self._cache.hold(request.ids[:computed], answer.ids[:-1])  # the last token was never fed

    def _next(self, ids: TokenIds, generated: list[int]) -> torch.Tensor:
        """Logits behind prompt and answer so far."""
        if self._feeding.no_cache_reason is not None:
            return self._feeding.whole([*ids.tolist(), *generated])
        if self._rotary.is_computed_anew(len(ids) + len(generated)):
            self._cache.clear()
            return self._forward([*ids.tolist(), *generated])
        return self._forward(generated[-1:])

    def count_departures(self, request: GenerationRequest) -> tuple[int, int] | None:
        """Tokens of an answer, and how many of them are not the likeliest where every step computes the whole text.

        Under the RoPE setting in force; None where that follows the length. Tokens as likely as the winner but for
        rounding are no departures. `SampleError` where a pass fails.
        """
        if self._rotary.is_order_dependent:
            return None
        self._forget()
        try:
            answer, cached = GreedyTokens(), self._cache.start(request.ids, self._prefill.kept)
            for _ in self._decode(answer, request, cached, self._end(request)):
                pass
            generated = answer.ids
            process = self._process(request)
            departing = departures(self._feeding, process, self._end(request), request.ids.tolist(), generated)
            return len(generated), sum(departing)
        except FAULTS as error:
            self._cache.clear()
            raise SampleError(Fault(error).reason) from error

    def token_losses(self, rope: RopeSetting, ids: TokenIds) -> NDArray[np.float64]:
        """−ln p of each token but the first, given all tokens before it, in nats; shape (tokens − 1,).

        `SampleError` where a pass fails, or its numbers overflow.
        """
        import numpy as np
        import torch

        if (refusal := self._vocabulary.refusal(ids)) is not None:
            raise SampleError(refusal)
        self._forget()
        try:
            with no_hub_code(self._options), torch.inference_mode():
                measure = self._losses.of  # made before the setting is in force: what it tries is a prompt too
                self._rotary.apply(rope)
                losses = measure(ids, is_whole=self._rotary.is_order_dependent).cpu().double().numpy()
        except FAULTS as error:
            raise SampleError(Fault(error).reason) from error
        if not np.isfinite(losses).all():
            dtype = str(self._feeding.dtype).removeprefix("torch.")
            raise SampleError(f"the loss of a token is no number: logits overflow in {dtype}; choose another --dtype")
        return losses

    @cached_property
    def _losses(self) -> TokenLosses:
        found = TokenLosses(self._model, self._feeding, self._prefill, cache_maker(self._model))
        if not found.is_by_pieces:
            name = type(self._model).__name__
            self._options.note(
                f"{name} makes the logits of a whole text at once, which long texts may have no room for"
            )
        return found

    def _first(self, ids: TokenIds, cached: int) -> torch.Tensor:
        """Logits behind the last prompt token, shape (vocabulary,)."""
        if self._feeding.no_cache_reason is not None:
            return self._feeding.whole(ids.tolist())
        return self._prefill.logits(ids, cached, self._cache.cache, is_whole=self._rotary.is_order_dependent)

    def _forward(self, ids: list[int]) -> torch.Tensor:
        return self._feeding.step(ids, self._cache.cache)


def _returned(steps: Generator[object, None, Completion]) -> Completion:
    """What a generator returns, all that it yields left unread."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            completion: Completion = end.value
            return completion


def _eos_ids(model: Any, tokenizer: PromptTokenizer) -> frozenset[int]:
    """Tokens that end a text, by the model's generation configuration and its tokenizer."""
    return end_ids(model.generation_config.eos_token_id if model.generation_config is not None else None, tokenizer)


def _rules(model: Any, card: Card, source: Loadable) -> GenerationRules:
    """What the model's generation configuration asks for, or its `config.json` where it has none of its own.

    A converted copy asks what the published files ask, and those are named.
    """
    from transformers import PretrainedConfig

    folder = card.weights_path or Path(card.require_weights())
    own, config = folder / "generation_config.json", folder / "config.json"
    is_own = own.is_file() or card.weights_path is None
    rules = read_rules(model.generation_config, str(own if is_own else config))
    if is_own:
        given, _ = PretrainedConfig.get_config_dict(source.place, revision=source.revision)
        check_other_file(given, model.generation_config, str(config))
    return rules
