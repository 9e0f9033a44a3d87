"""The transformers adapter: one prompt at a time, in trie order, over one moving KV cache.

No padding, no batch: a padded batch of long prompts costs more than it saves, and batch mates change numbers. What is
saved is prefill, by keeping the prefix that the next prompt shares.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.cards import Card
from evalkit.errors import CardError, MissingDependencyError, UserError, one_line
from evalkit.prompts import PromptTokenizer, TokenIds
from evalkit.rope import RopeSetting, Rotation

from .._base import BackendOptions, Completion, GenerationRequest
from .._penalties import read_penalties
from .._stopping import AnswerEnd, end_ids
from ._prefix import MovingCache, cache_maker, unsuitable_reason
from ._rotary import RotarySwitch

if TYPE_CHECKING:
    import torch

__all__ = ["HuggingFaceModel"]

MASK_ELEMENTS = 2**28  # a prefill behind a cached prefix builds a mask of new × all tokens: bounded to 256 MiB of bools
ONE_PASS_TOKENS = 2**16  # a longer prompt is computed in pieces: an 8B model's activations take 10 GiB at 128k in one
CHUNK_TOKENS = 512  # with a mask, attention computes that whole rectangle; in pieces, little of it lies in the future


class HuggingFaceModel:
    """A causal language model run by transformers."""

    name = "hf"

    def __init__(self, card: Card, tokenizer: PromptTokenizer, options: BackendOptions) -> None:
        self._tokenizer = tokenizer
        self._model = _load(card, options)
        self._rotary = RotarySwitch(self._model)
        if options.rope_model is not None:
            self._rotary.check(options.rope_model)
        self._eos_ids = _eos_ids(self._model, tokenizer)
        self._penalties = read_penalties(self._model.generation_config)
        self._last_only = _last_only(self._model)
        reason = unsuitable_reason(self._model)
        self._no_reuse_reason = reason if options.is_reusing_prefixes else "switched off"
        if reason and options.is_reusing_prefixes:
            options.note(f"no prefix reuse: {reason}")
        elif options.is_reusing_prefixes and self._rotary.is_order_dependent:
            options.note(
                "no prefix reuse under --rope native: the model's own scaling depends on the prompts before, so each "
                "prompt is computed whole and alone"
            )
        self._cache = MovingCache(cache_maker(self._model), is_reusing=self._no_reuse_reason is None)

    @property
    def engine_info(self) -> dict[str, Any]:
        """dtype, device, attention, threads, and whether prefixes are reused."""
        import torch

        return {
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": str(self._model.device),
            "attention": self._model.config._attn_implementation,
            "threads": torch.get_num_threads(),
            "prefix_reuse": self._no_reuse_reason or "on",
            "repetition_penalty": self._penalties.repetition,
            "no_repeat_ngram_size": self._penalties.no_repeat_ngram,
        }

    @property
    def rotations(self) -> list[Rotation]:
        """What each rotary embedding does now, read from the model."""
        return self._rotary.rotations

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answer the requests in the order given, which should be trie order."""
        self._rotary.apply(rope)
        self._cache.clear()
        for request in requests:
            yield self._attempt(request)

    def _attempt(self, request: GenerationRequest) -> Completion:
        start = time.perf_counter()
        try:
            return self._answer(request, start)
        except (RuntimeError, IndexError, TypeError, AttributeError) as error:
            # out of memory, a token the model lacks, a kernel that refuses, a model's own code made for another release
            self._cache.clear()
            reason = f"{type(error).__name__}: {one_line(error)}"
            return Completion(request.index, finish_reason="error", seconds=time.perf_counter() - start, error=reason)

    def close(self) -> None:
        """Drop the weights and the cache."""
        self._cache.clear()
        del self._model

    def _answer(self, request: GenerationRequest, start: float) -> Completion:
        end = AnswerEnd(self._tokenizer, self._eos_ids, request.stop, request.stop_rule)
        if self._rotary.is_order_dependent:  # else a prompt's answer would hang on how long the ones before were
            self._rotary.reset()
            self._cache.clear()
        cached = self._cache.start(request.ids)
        generated = self._decode(request, cached, end)
        is_complete = end.reached(generated)
        return Completion(
            request.index,
            text=end.text(generated),
            output_tokens=len(generated),
            finish_reason="stop" if is_complete else "length",
            seconds=time.perf_counter() - start,
            cached_tokens=cached,
        )

    def _decode(self, request: GenerationRequest, cached: int, end: AnswerEnd) -> list[int]:
        """Greedy tokens after the prompt; the last one is never fed back."""
        import torch

        generated: list[int] = []
        with torch.inference_mode():
            logits = self._prefill(request.ids, cached)
            seen = request.ids.tolist()
            while True:
                generated.append(_best(self._penalties.apply(logits, seen), end.forbidden(len(generated))))
                if len(generated) == request.max_new_tokens or end.reached(generated):
                    break
                seen.append(generated[-1])
                logits = self._forward([generated[-1]])
        self._cache.hold(request.ids, generated[:-1])  # the last token was never fed, so the cache lacks it
        return generated

    def _prefill(self, ids: TokenIds, cached: int) -> torch.Tensor:
        """Logits behind the last prompt token, shape (vocabulary,)."""
        rest = ids[cached:].tolist()
        chunk = len(rest) if cached == 0 else max(1, min(CHUNK_TOKENS, MASK_ELEMENTS // len(ids)))
        if chunk > ONE_PASS_TOKENS and not self._rotary.is_order_dependent:  # pieces would change a dynamic scaling
            chunk = max(1, MASK_ELEMENTS // len(ids))
        for begin in range(0, len(rest), chunk):
            logits = self._forward(rest[begin : begin + chunk])
        return logits

    def _forward(self, ids: list[int]) -> torch.Tensor:
        import torch

        batch = torch.tensor([ids], dtype=torch.long, device=self._model.device)
        output = self._model(input_ids=batch, past_key_values=self._cache.cache, use_cache=True, **self._last_only)
        # In float32, as `generate` has them before its processors: a penalty on bf16 logits rounds to other winners.
        logits: torch.Tensor = output.logits[0, -1].float()
        return logits


def _last_only(model: Any) -> dict[str, int]:
    """The argument that asks for the last position's logits alone; nothing for a model whose own code lacks it."""
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}


def _best(logits: torch.Tensor, forbidden: frozenset[int]) -> int:
    """The likeliest token but the forbidden ones; `RuntimeError` where the logits are no numbers.

    The winner tells: `argmax` takes NaN and infinity for the largest number, and models mask tokens with -infinity.
    """
    if forbidden:
        logits = logits.clone()
        logits[list(forbidden)] = float("-inf")
    best = int(logits.argmax())
    if not math.isfinite(float(logits[best])):
        raise RuntimeError("the model's logits are not finite; try --dtype float32 or bfloat16")
    return best


def _load(card: Card, options: BackendOptions) -> Any:
    try:
        import torch  # noqa: F401
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError as error:
        raise MissingDependencyError("torch and transformers", "hf", "running a model with --backend hf") from error
    logging.disable_progress_bar()  # progress is the run's business
    place = card.require_weights()

    def load(attention: str) -> Any:
        return AutoModelForCausalLM.from_pretrained(
            place,
            revision=card.revision,
            dtype=options.dtype,
            trust_remote_code=options.trust_remote_code,
            use_safetensors=True,
            attn_implementation=attention,
            output_loading_info=True,
        )

    try:
        model, report = _with_attention(load, options)
    except Exception as error:  # transformers, safetensors and torch raise every kind for weights that do not fit
        reason = one_line(error)
        if "trust_remote_code" in reason:
            reason = "it ships its own code; pass --trust-remote-code to run it"
        raise CardError(f"{place}: cannot load the model: {reason}") from error
    missing = sorted(report["missing_keys"] & dict(model.named_parameters()).keys())
    if missing:  # transformers fills them with random numbers and goes on
        raise CardError(f"{place}: the weights lack {len(missing)} tensors, first {missing[0]}: copy them again")
    return _placed(model, options.device)


def _with_attention(load: Callable[[str], Any], options: BackendOptions) -> Any:
    """What `load` gives with the attention asked for; `auto` falls back, and says so, where a class has no sdpa.

    transformers refuses a class that does not declare it: most code that comes with weights, and gpt-oss.
    """
    if options.attention != "auto":
        return load(options.attention)
    try:
        return load("sdpa")
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        options.note("this model's class has no sdpa attention: eager attention is used (--attention names another)")
        return load("eager")


def _placed(model: Any, device: str) -> Any:
    """The model on the device that was asked for, ready to answer."""
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return model.to(device).eval()
    except (RuntimeError, AssertionError) as error:  # no such device, no driver for it, not enough memory on it
        raise UserError(
            f"--device {device}: the model cannot be put there ({one_line(error)}); choose another"
        ) from error


def _eos_ids(model: Any, tokenizer: PromptTokenizer) -> frozenset[int]:
    """Tokens that end a text, by the model's generation configuration and its tokenizer."""
    return end_ids(model.generation_config.eos_token_id if model.generation_config is not None else None, tokenizer)
