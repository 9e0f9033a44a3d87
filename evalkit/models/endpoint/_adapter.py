"""The endpoint adapter: any OpenAI-compatible server, many requests at once, each outcome recorded as it comes.

Prompts go as token ids where the server takes them, as text where it does not, and as messages where the card says that
the server formats them. What the server counts is compared with what was planned.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from evalkit.cards import Card
from evalkit.errors import SampleError, UserError
from evalkit.prompts import PromptTokenizer, parse_messages
from evalkit.rope import RopeSetting

from .._base import BackendOptions, Completion, GenerationRequest, PartialAnswer
from .._sampling import Sampling
from .._thoughts import ThoughtRule
from ..vllm._rope import fresh_overrides
from ._answers import CountComparison, ReplyReader
from ._cost import CostLimit, OutOfMoneyError, RequestCost
from ._growing import GrowingAnswer
from ._keys import without_key_so_far, without_key_text
from ._probe import Abilities, Server, find_server, probe_chat, probe_completions
from ._truncation import CeilingWatch
from ._untold import UntoldThoughts
from .protocol import Reply, TryAgainError, is_model_named
from .transport import UNREADABLE, Client, Failure, Health, Streaming, Tell, run_in_thread

__all__ = ["EndpointModel"]

MOST_STOP_STRINGS = 4  # what the API allows; the rest is cut here
PROBE_PROMPT_TOKENS = 8


class EndpointModel:
    """A model behind an OpenAI-compatible API."""

    name = "endpoint"

    def __init__(
        self,
        card: Card,
        tokenizer: PromptTokenizer,
        options: BackendOptions,
        health: Health | None = None,
        *,
        is_checked_later: bool = False,
    ) -> None:
        """With `health` the server is one of several, and `generate` raises `ServerGoneError` where it is gone.

        `is_checked_later`: whoever takes the completions gives them to `checked`, and takes the `rest` in the end.
        """
        if card.endpoint is None:
            raise UserError(
                f"{card.name}: --backend endpoint needs the address of a server: --base-url http://HOST:PORT/v1"
            )
        self._card = card
        self._endpoint = card.endpoint
        self._tokenizer = tokenizer
        self._options = options
        self._health = health
        self._is_checked_later = is_checked_later
        self._cost_limit = CostLimit(card.endpoint.prices, options.max_cost)
        self._server: Server | None = None
        self._abilities: Abilities | None = None
        self._known: dict[tuple[Sampling | None, bool], Abilities] = {}
        self._told: set[str] = set()
        self._streaming = Streaming(card.endpoint.base_url, options.note)
        self._untold = UntoldThoughts(card.name, options.note)
        self._reader = ReplyReader(tokenizer, is_formatted_there=card.chat == "server")
        self._watch = CeilingWatch(CountComparison(card, tokenizer, options.note).compare, options.note)

    @property
    def engine_info(self) -> dict[str, Any]:
        """Address, model, window, how prompts were sent, and how answers are decoded."""
        info: dict[str, Any] = {"base_url": self._endpoint.base_url, "model": self._endpoint.model}
        if self._server is not None and self._abilities is not None:
            info |= {
                "window": self._server.window,
                "is_vllm": self._server.is_vllm,
                "transport": self._abilities.transport,
                "answers_as": self._abilities.answers_as,
                "decoding": self._abilities.shape.decoding,
            }
            if self._abilities.shape.left_out:
                info["left_out"] = self._abilities.shape.left_out
        return info

    @property
    def spent(self) -> float:
        """What all attempts so far have cost; the worst case of each whose cost the server did not tell."""
        return self._cost_limit.spent

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answer the requests, each as its answer comes; refuse a rope group that the server does not run."""
        refusal = self._refusal(rope, requests)
        if refusal is not None:
            for request in requests:
                yield Completion(request.index, finish_reason="error", error=refusal, is_of_prompt=True)
            return
        self.open(requests)
        yield from run_in_thread(functools.partial(self._work, requests))
        self._cost_limit.check()

    def stream(self, rope: RopeSetting, request: GenerationRequest) -> Iterator[PartialAnswer | Completion]:
        """The answer as it grows, then its completion; only the completion where the server does not stream.

        An answer that breaks off is an error, whatever was shown of it. A model whose prompt the server formats, and
        whose thoughts it leaves in the text, is shown when they have begun: else any text may turn out to be thoughts.
        """
        refusal = self._refusal(rope, [request])
        if refusal is not None:
            yield Completion(request.index, finish_reason="error", error=refusal, is_of_prompt=True)
            return
        self.open([request])
        yield from run_in_thread(functools.partial(self._work_aloud, request))
        self._cost_limit.check()

    async def _work_aloud(self, request: GenerationRequest, emit: Callable[[PartialAnswer | Completion], None]) -> None:
        """Hand out the answer to one request as it comes."""
        async with Client(self._endpoint) as client:
            with contextlib.suppress(OutOfMoneyError):
                completion = await self._answer(client, request, emit)
                for done in [*self.checked(request, completion), *self.rest()]:
                    emit(done)

    def close(self) -> None:
        """Nothing is held."""

    def _refusal(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> str | None:
        """Why the server does not run this group, and the command that starts one that does; None where it does."""
        own = self._endpoint.rope or "native"
        is_plain = self._card.rope.theta is not None and self._card.rope.scaling is None
        names = {"native", RopeSetting("default", self._card.rope.theta).key} if is_plain else {"native"}
        asked = "native" if rope.rope_type == "native" else rope.key
        if asked == own or (own in names and asked in names):
            return None
        window = rope.window or max(len(request.ids) + request.max_new_tokens for request in requests)
        if rope.rope_type == "yarn":  # its table in vLLM ends there; what is longer, only --backend vllm can run
            window = min(window, int(round((rope.original_length or window) * (rope.factor or 1.0), 6)))
        weights = self._card.weights_path or self._card.weights or self._endpoint.model
        overrides = json.dumps(fresh_overrides(rope, window))
        return (
            f"the server runs RoPE {own} and this prompt needs {rope.key}: start one with `vllm serve {weights} "
            f"--max-model-len {window} --hf-overrides '{overrides}'` and run again with --engine rope={rope.key}"
        )

    def open(self, requests: Sequence[GenerationRequest]) -> Abilities:
        """What the server can do, asked before anything is sent, and again before the first stop strings are.

        All requests are drawn by one rule. Another rule is tried anew: the server may refuse its fields or values.
        """
        with_stop = next((request for request in requests if self._reader.stop_strings(request, is_vllm=False)), None)
        rule = None if (sampling := requests[0].sampling) is None else replace(sampling, seed=0)
        found = self._known.get((rule, True)) or self._known.get((rule, with_stop is not None))
        if found is None:
            found = self._known[rule, with_stop is not None] = self._probed(requests[0], with_stop, rule)
        self._abilities = found
        self._reader.is_asking_ids = bool(found.shape.extras.get("return_token_ids"))
        return found

    def _probed(
        self, request: GenerationRequest, with_stop: GenerationRequest | None, sampling: Sampling | None
    ) -> Abilities:
        """What the server does with a short prompt, and what of it was not told yet."""
        self._server = server = self._server or find_server(self._endpoint)
        stop = [] if with_stop is None else self._stop(with_stop, is_vllm=server.is_vllm)
        if self._card.chat == "server":
            found = probe_chat(self._endpoint, server, stop, self._card.chat_args, sampling)
        else:
            # The beginning of a real prompt: short, and with the BOS that real prompts have.
            ids = [] if self._has_no_tokens else request.ids[:PROBE_PROMPT_TOKENS].tolist()
            text = self._text(ids) if ids else "a b c"
            found = probe_completions(self._endpoint, server, ids, text, stop, sampling)
        notes = list(found.notes)
        if not is_model_named(found.answers_as, server.model):
            notes.append(f"{server.model} is answered by a model that calls itself {found.answers_as}")
        for note in notes:
            if note not in self._told:
                self._told.add(note)
                self._options.note(note)
        return found

    @property
    def _has_no_tokens(self) -> bool:
        return self._tokenizer.unit == "characters"

    async def _work(self, requests: Sequence[GenerationRequest], emit: Callable[[Completion], None]) -> None:
        """Hand out completions as they come, from as many workers as may ever send at once."""
        async with Client(self._endpoint, self._health) as client:
            whole = self._work_all(client, requests, emit)
            await (whole if self._health is None else self._health.beside(whole))

    async def _work_all(
        self, client: Client, requests: Sequence[GenerationRequest], emit: Callable[[Completion], None]
    ) -> None:
        waiting = iter(requests)

        async def work(most: int | None = None) -> None:
            for request in itertools.islice(waiting, most):
                try:
                    completion = await self._answer(client, request)
                except OutOfMoneyError:
                    return
                for done in [completion] if self._is_checked_later else self.checked(request, completion):
                    emit(done)

        if self._cost_limit.is_limited:
            await work(1)  # alone: it shows by how much the server counts more than was planned
        workers = [asyncio.create_task(work()) for _ in range(min(self._endpoint.concurrency, len(requests)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            for done in () if self._is_checked_later else self.rest():
                emit(done)

    def rest(self) -> Iterator[Completion]:
        """What is still held back when nothing more comes."""
        return self._watch.rest()

    def checked(self, request: GenerationRequest, completion: Completion) -> list[Completion]:
        """What can be handed on when this completion has come: a server may have read only a part of the prompt."""
        assert self._abilities is not None
        if completion.error is not None:
            return [completion]
        return self._watch.take(completion, self._reader.sent(request, self._abilities.transport))

    async def _answer(
        self, client: Client, request: GenerationRequest, tell: Callable[[PartialAnswer], None] | None = None
    ) -> Completion:
        """The answer to a request; `tell` is given it as it grows."""
        start = time.perf_counter()
        if self._abilities is not None and self._abilities.is_thinking and request.thoughts is None:
            request = replace(request, thoughts=ThoughtRule())  # the server would end thoughts at stop strings
        outcome = self._too_long(request) or await self._ask(client, request, tell)
        seconds = time.perf_counter() - start
        try:
            return self._completion(request, outcome, seconds)
        except (UserError, *UNREADABLE) as error:  # tokens that make no text: of this answer, not of the server
            reason = f"the answer's tokens cannot be read ({type(error).__name__}: {error})"
            return Completion(request.index, finish_reason="error", seconds=seconds, error=reason, is_of_prompt=True)

    def _completion(self, request: GenerationRequest, outcome: Reply | Failure, seconds: float) -> Completion:
        if isinstance(outcome, Failure):
            return Completion(
                request.index, finish_reason="error", seconds=seconds, error=outcome.reason,
                is_of_prompt=outcome.is_of_prompt,
            )  # fmt: skip
        parts, finish, lost_to = self._reader.parts(request, outcome)
        if request.thoughts is None:
            self._untold.see(parts.text)
        thoughts = parts.reasoning
        return Completion(
            request.index,
            text=without_key_text(self._endpoint, parts.text),  # ids may spell it too
            reasoning=None if thoughts is None else without_key_text(self._endpoint, thoughts),
            output_tokens=self._reader.output_tokens(request, outcome),
            finish_reason=finish,
            seconds=seconds,
            cached_tokens=outcome.usage.cached_tokens,
            prompt_tokens=outcome.usage.prompt_tokens,
            reasoning_tokens=parts.reasoning_tokens,
            lost_to=lost_to,
        )

    def _too_long(self, request: GenerationRequest) -> Failure | None:
        """The refusal of a prompt that is known not to fit; nothing is sent."""
        window = self._server.window if self._server is not None else None
        if window is None and self._card.weights is None:
            window = self._card.context_length  # a hosted model's; other people's servers may well extrapolate
        needed = len(request.ids) + request.max_new_tokens + self._endpoint.markup_tokens
        if window is None or self._has_no_tokens or needed <= window:
            return None
        parts = f"{len(request.ids)} + {request.max_new_tokens} new"
        if self._endpoint.markup_tokens:
            parts += f" + {self._endpoint.markup_tokens} for the chat format"
        hint = "; lower --max-seq-len" + (" or serve with --max-model-len" if self._card.weights is not None else "")
        return Failure(f"prompt and answer take {needed} tokens ({parts}) and the server's window is {window}{hint}")

    async def _ask(
        self, client: Client, request: GenerationRequest, tell: Callable[[PartialAnswer], None] | None
    ) -> Reply | Failure:
        assert self._abilities is not None
        try:
            prompt = self._prompt(request, self._abilities.transport)
        except SampleError as error:
            return Failure(str(error))
        path = "/chat/completions" if self._abilities.transport == "chat" else "/completions"

        def judge(answer: Reply) -> None:
            self._check_model(answer)
            self._reader.check_length(request, answer)

        cost = RequestCost(self._cost_limit, len(request.ids), request.max_new_tokens)
        payload = functools.partial(self._payload, request, prompt)
        if tell is None:
            return await client.ask(path, payload, judge, cost)
        return await client.hear(path, payload, judge, cost, self._streaming, self._telling(request, tell))

    def _telling(self, request: GenerationRequest, tell: Callable[[PartialAnswer], None]) -> Tell:
        """What tells of that which is certain, as more of an answer comes."""
        assert self._abilities is not None
        hide = functools.partial(without_key_so_far, self._endpoint)
        growing = GrowingAnswer(self._reader, request, hide, is_parsed_there=self._abilities.is_thinking)

        def hear(reply: Reply, pieces: int) -> None:
            with contextlib.suppress(UserError, *UNREADABLE):  # the whole answer is read again, and then says so
                found = growing.take(reply, pieces)
                if found is not None:
                    tell(found)

        return hear

    def _prompt(self, request: GenerationRequest, transport: str) -> dict[str, Any]:
        if transport == "ids":
            return {"prompt": request.ids.tolist()}
        text = self._text(request.ids.tolist())
        if transport == "text":
            return {"prompt": text}
        messages = [{"role": each.role, "content": each.content} for each in parse_messages(text)]
        arguments = self._card.chat_args
        return {"messages": messages, **({"chat_template_kwargs": dict(arguments)} if arguments else {})}

    def _text(self, ids: list[int]) -> str:
        """The prompt as text, without the BOS that the server's tokenizer adds by itself."""
        bos = self._tokenizer.bos_id
        adds_bos = bos is not None and (self._card.chat == "server" or bos in self._tokenizer.prefix_ids)
        return self._tokenizer.decode(ids[1:] if adds_bos and ids[:1] == [bos] else ids, skip_special=False)

    def _payload(self, request: GenerationRequest, prompt: dict[str, Any]) -> dict[str, Any]:
        assert self._abilities is not None and self._server is not None
        shape = self._abilities.shape
        is_vllm = bool(shape.extras)  # seen to understand its own fields
        own = self._reader.vllm_fields(request) if is_vllm else {}
        drawn = replace(shape, sampling=request.sampling)  # with the seed of this draw
        fields = drawn.fields(request.max_new_tokens, self._stop(request, is_vllm=is_vllm))
        return {"model": self._server.model, **prompt, **fields, **own}

    def _stop(self, request: GenerationRequest, *, is_vllm: bool) -> list[str]:
        return self._reader.stop_strings(request, is_vllm=is_vllm)[:MOST_STOP_STRINGS]

    def _check_model(self, answer: Reply) -> None:
        assert self._abilities is not None and self._server is not None
        if not is_model_named(answer.model, self._server.model, self._abilities.answers_as):
            raise TryAgainError(f"{self._server.model} was asked and {answer.model} answered")
