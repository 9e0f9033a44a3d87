"""The vLLM adapter: one engine for the whole run, prompts of one rope group or of several under way together.

The engine batches, caches prefixes and schedules by itself; what is decided here is the order it is fed in, that the
RoPE setting in force for a prompt is the planned one, and that every answer is handed on as it finishes.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from evalkit.cards import Card
from evalkit.errors import EngineStoppedError, UserError, one_line
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting, Rotation

from .._base import BackendOptions, Completion, GenerationRequest, PartialAnswer, RopeGroup
from .._generation import GenerationRules
from .._sampling import Sampling
from .._stopping import AnswerEnd, answer_end, end_ids
from ._answers import Answer
from ._configuration import configured_generation
from ._engine import lora_request, start_engine, window_for
from ._feed import Feed
from ._loaded import Loaded, find_loaded
from ._rope import class_name
from ._rotation import check_rotation, put_in_force, read_rotations, within_length
from ._slots import Slots, slots_for

__all__ = ["VllmModel"]

# Requests handed to the engine ahead of those it runs: it never waits for one, and token lists of a whole benchmark
# (28 bytes a token in Python) do not pile up in memory. Admission is first come, first served either way.
LOOK_AHEAD = 2

BEST_TWO = {"logprobs": 2, "flat_logprobs": True}  # flat: no object for each token


class VllmModel:
    """A causal language model run by vLLM inside this process or its workers."""

    name = "vllm"

    def __init__(self, card: Card, tokenizer: PromptTokenizer, options: BackendOptions) -> None:
        self._card = card
        self._tokenizer = tokenizer
        self._options = options
        self._eos_ids: frozenset[int] = frozenset()
        self._rules = GenerationRules()
        self._loaded: Loaded | None = None
        self._engine: Any = None
        self._tells_scores = False
        self._slots: Slots | None = None
        self._facts: dict[str, Any] = {}

    @property
    def engine_info(self) -> dict[str, Any]:
        """dtype, device, window, block size, RoPE as found in the engine, and whether prefixes are reused."""
        return dict(self._facts)

    @property
    def rotations(self) -> list[Rotation]:
        """What each rotary embedding does now, read from the engine; empty before the first prompt."""
        return [] if self._engine is None else read_rotations(self._engine)

    def holds(self, rope: RopeSetting) -> bool:
        """Every setting that is written into the table; what the model was released with may be more than that."""
        return rope.rope_type != "native" and not rope.is_engines

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answer the requests, given in trie order, each as soon as it is finished."""
        rope = within_length(rope, self._card, requests)
        slots = self._switch(rope, is_greedy=all(map(_is_greedy, requests[:1])))
        self._engine.reset_prefix_cache()  # what a group's answers are and take hangs on nothing asked before it
        yield from self._answers(Feed([RopeGroup(rope, requests)], slots))

    def stream(self, rope: RopeSetting, request: GenerationRequest) -> Iterator[PartialAnswer | Completion]:
        """The answer as it grows, then its completion; blocks of earlier requests under the same setting are kept."""
        rope = within_length(rope, self._card, [request])
        slots = self._switch(rope, is_greedy=_is_greedy(request))
        with closing(self._steps(Feed([RopeGroup(rope, [request])], slots), is_shown=True)) as steps:
            for step in steps:
                yield from step.partial
                yield from step.complete

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        """Answer the requests of all groups, as many at once as the engine takes and as its table holds settings of.

        One group after the other, with a note that says why, where the engine cannot hold several settings.
        """
        slots = self._several(groups)
        if slots is not None:
            yield from self._answers(Feed(groups, slots))
            return
        for group in groups:
            yield from self.generate(group.rope, group.requests)

    def _answers(self, feed: Feed) -> Iterator[Completion]:
        """Answers of the requests, each as soon as it is finished."""
        with closing(self._steps(feed, is_shown=False)) as steps:
            for step in steps:
                yield from step.complete

    def _steps(self, feed: Feed, *, is_shown: bool) -> Generator[_Step, None, None]:
        """What each step of the engine completes, and what there is to see of other answers where they are shown."""
        under_way: dict[str, Answer] = {}
        last = time.perf_counter()
        try:
            while True:
                yield _Step(self._admit(feed, under_way, is_shown=is_shown), [])
                if not under_way:
                    return
                made = _Step([], [])
                known = list(under_way.values()) if is_shown else []
                for answer, output in self._completed(feed, under_way):
                    now = time.perf_counter()
                    made.complete.append(answer.completion(output, now - last))
                    last = now
                made.partial.extend(partial for answer in known if (partial := answer.partial()) is not None)
                yield made
        finally:
            if under_way and self._engine is not None:
                self._engine.llm_engine.abort_request(list(under_way))
            for answer in under_way.values():
                feed.finish(answer.slot)

    def _completed(self, feed: Feed, under_way: dict[str, Answer]) -> list[tuple[Answer, Any]]:
        """Answers that the engine's next step completed, with that output; they are no longer under way.

        The engine forgets those that it would have gone on with, and their blocks serve others.
        """
        complete = []
        ended = []
        for output in self._step():
            answer = under_way.get(output.request_id)
            if answer is None or not answer.take(output):
                continue
            complete.append((under_way.pop(output.request_id), output))
            feed.finish(answer.slot)
            if not output.finished:
                ended.append(output.request_id)
        if ended:
            self._engine.llm_engine.abort_request(ended)
        return complete

    def _step(self) -> list[Any]:
        """What the engine shows of its next step; `EngineStoppedError` where it has died, with what to do."""
        try:
            outputs: list[Any] = self._engine.llm_engine.step()
        except Exception as error:  # of every kind: device, memory, a worker that was killed
            raise self._stopped(error) from error
        return outputs

    def _stopped(self, error: Exception) -> EngineStoppedError:
        """What to do where the engine has died of that; the next prompts start another."""
        self._engine = self._slots = None
        return EngineStoppedError(
            f"vLLM stopped: {one_line(error)}; finished records are kept, the same command goes on"
        )

    def close(self) -> None:
        """Stop the engine and its workers."""
        if self._engine is None:
            return
        self._engine.llm_engine.engine_core.shutdown()
        self._engine = self._slots = None

    def _switch(self, rope: RopeSetting, *, is_greedy: bool) -> Slots:
        """Start the engine or switch it to that setting, and verify the rotation; blocks of another are forgotten."""
        is_fresh = self._slots is None
        slots = self._slots or self._start(rope, is_greedy=is_greedy, settings=self._options.rotations)
        if rope == slots.first:
            return slots
        if rope.is_engines and not is_fresh:
            raise UserError(
                f"vLLM was started under another RoPE than {rope.key}, and follows its own rules only from the start: "
                "start another run for it"
            )
        is_turned_otherwise = self._loaded is not None and self._loaded.is_turned_otherwise
        is_as_released = rope.rope_type == "native" and slots.is_as_started and not is_turned_otherwise
        if not (is_as_released or rope.is_engines):  # under those it was started
            slots.is_as_started = False
            put_in_force(self._engine, rope, self._card)
        is_verified = check_rotation(self._engine, self._card, rope, self._options.rope_model)
        slots.first = rope
        self._facts = self._engine_facts() | {"rope_verified": is_verified}
        return slots

    def _start(self, rope: RopeSetting, *, is_greedy: bool, settings: int) -> Slots:
        """Start the engine with room for that many settings, or for as many as memory allows."""
        configured, self._rules = configured_generation(self._card)
        self._eos_ids = end_ids(configured, self._tokenizer)
        self._loaded = find_loaded(self._card, self._options)
        self._tells_scores = is_greedy
        planned = self._options.rope_model
        room = slots_for(settings, window_for(self._card, self._options), planned)
        self._engine = start_engine(self._card, self._loaded, self._options, rope, tells_scores=is_greedy, slots=room)
        self._slots = Slots(self._engine, self._card, planned)
        return self._slots

    def _several(self, groups: Sequence[RopeGroup]) -> Slots | None:
        """The slots of the engine, started where it was not; None where it holds one setting, and a note says why."""
        rope, requests = groups[0]
        is_greedy = all(map(_is_greedy, requests[:1]))
        slots = self._slots
        if slots is None:
            slots = self._start(rope, is_greedy=is_greedy, settings=max(len(groups), self._options.rotations))
        elif len(slots) > 1:
            self._engine.reset_prefix_cache()  # as before each group that is answered alone
            return slots
        try:
            reason = slots.open(rope)
        except UserError:
            raise
        except Exception as error:  # of the engine, as it answers a probe
            raise self._stopped(error) from error
        if reason is None:
            self._facts = self._engine_facts() | {"rope_verified": True}
            return slots
        self._options.note(f"vLLM answers {len(groups)} RoPE groups one after the other: {reason}")
        return None

    def _engine_facts(self) -> dict[str, Any]:
        import vllm

        settings = self._engine.llm_engine.vllm_config
        return {
            "engine": vllm.__version__,
            "model_class": self._engine.apply_model(class_name)[0],
            **(self._loaded.facts if self._loaded is not None else {}),
            "dtype": str(settings.model_config.dtype).removeprefix("torch."),
            "device": settings.device_config.device_type,
            "tensor_parallel": settings.parallel_config.tensor_parallel_size,
            "pipeline_parallel": settings.parallel_config.pipeline_parallel_size,
            "quantization": settings.model_config.quantization,
            **self._rules.facts,
            "block_size": settings.cache_config.block_size,
            "prefix_reuse": "on" if settings.cache_config.enable_prefix_caching else "switched off",
        }

    def _admit(self, feed: Feed, under_way: dict[str, Answer], *, is_shown: bool) -> list[Completion]:
        """Hand on requests until the engine has enough to choose from; completions of those it refuses."""
        enough = LOOK_AHEAD * self._engine.llm_engine.vllm_config.scheduler_config.max_num_seqs
        refused = []
        while len(under_way) < enough and (fed := feed.next()) is not None:
            request, name = fed.request, str(fed.request.index)
            try:
                # Blocks of keys are shared under one setting only: another would have rotated them otherwise.
                prompt = {"prompt_token_ids": request.ids.tolist(), "cache_salt": fed.rope.key}
                is_watched = is_shown or self._is_watched(request)
                sampling = self._sampling(request, is_watched, fed.extra_args)
                self._engine.llm_engine.add_request(name, prompt, sampling, **self._asked_of)
                under_way[name] = Answer(request, self._end(request), is_watched, slot=fed.slot)
            except ValueError as error:  # this prompt, not the engine
                feed.finish(fed.slot)
                reason = f"vLLM refused the prompt: {one_line(error)}"
                refused.append(Completion(request.index, finish_reason="error", error=reason, is_of_prompt=True))
        return refused

    @property
    def _asked_of(self) -> dict[str, Any]:
        """The adapter that a request names, where there is one."""
        asked = lora_request(self._options)
        return {} if asked is None else {"lora_request": asked}

    def _end(self, request: GenerationRequest) -> AnswerEnd:
        return answer_end(request, self._tokenizer, self._eos_ids, self._stop(request))

    def _stop(self, request: GenerationRequest) -> list[str]:
        return [*request.stop, *self._rules.stop_strings]

    def _is_watched(self, request: GenerationRequest) -> bool:
        """Whether evalkit itself looks for stop strings, in the tokens as they come.

        It must where vLLM has no tokenizer, and where a least number of tokens is asked for: only vLLM would let a stop
        string pass within it. Elsewhere it would cost a text for every token; vLLM decodes the new token alone. Where
        the model thinks, vLLM would end its thoughts at what ends an answer, and knows no budget of either.
        """
        if request.thoughts is not None and request.thoughts.tags is not None:
            rule = request.stop_rule
            return bool(self._stop(request) or rule.ends_at_token_of or request.thoughts.budget is not None)
        has_text = self._loaded is not None and self._loaded.reads_text
        return bool(self._stop(request)) and not (has_text and self._least(request) == 0)

    def _least(self, request: GenerationRequest) -> int:
        return max(request.stop_rule.min_new_tokens, int(self._rules.fields.get("min_new_tokens", 0)))

    def _sampling(self, request: GenerationRequest, is_watched: bool, extra_args: dict[str, int] | None) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        stop = [] if is_watched else self._stop(request)
        end = self._end(request)
        return SamplingParams(
            **({"repetition_penalty": self._rules.facts["repetition_penalty"]} | _drawn(request.sampling)),
            **(BEST_TWO if self._tells_scores and _is_greedy(request) else {}),
            max_tokens=request.max_new_tokens,
            stop=stop,
            stop_token_ids=sorted(end.end_ids if end.is_watching else end.ids),
            min_tokens=self._least(request),
            detokenize=bool(stop),  # the text is made of the ids, as every backend makes it
            extra_args=extra_args,
            skip_special_tokens=False,  # else vLLM's own text would miss stop strings that are special tokens
            output_kind=RequestOutputKind.DELTA if is_watched else RequestOutputKind.FINAL_ONLY,
        )


class _Step(NamedTuple):
    """What one step of the engine has brought."""

    complete: list[Completion]
    """Answers that it completed."""
    partial: list[PartialAnswer]
    """What of others is new to see."""


def _is_greedy(request: GenerationRequest) -> bool:
    """Whether its tokens are the likeliest ones."""
    return request.sampling is None


def _drawn(sampling: Sampling | None) -> dict[str, Any]:
    """How tokens are chosen, as `SamplingParams` names it; what is not asked for is off there by default."""
    if sampling is None:
        return {"temperature": 0.0}  # greedy
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p or 1.0,
        "top_k": sampling.top_k or 0,  # 0 = all
        "seed": sampling.seed,
        **({} if (penalty := sampling.repetition_penalty) is None else {"repetition_penalty": penalty}),
    }
