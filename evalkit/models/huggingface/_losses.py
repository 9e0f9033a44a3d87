"""How surprised a model is by each token of a text: −ln p of the token behind all tokens before it.

The logits of a text are far larger than its hidden states (a vocabulary of 65,000 takes 8 GiB for 32,768 tokens in
float32), so the states are computed once, and logits of a few tokens at a time from them. The model's own class makes
them, with all that it does behind its output matrix (soft caps, scales): its body is called once, and is then replaced
by what hands out a piece of its states. Whether a class can be used so is tried against a whole pass.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from evalkit.prompts import TokenIds

from ._feeding import Feeding
from ._prefill import Prefill, agree

if TYPE_CHECKING:
    import torch

__all__ = ["TokenLosses"]

LOGITS_AT_ONCE = 2**22
"""Numbers: 16 MiB in float32, and as much again for their exponentials. More is not faster on CPUs, whose caches are
smaller, and hardly on accelerators."""
TRIAL_TOKENS = 5


class States:
    """Hidden states of new tokens, from which the model's own class makes logits."""

    def __init__(self, ids: list[int], output: Any) -> None:
        self.ids = ids
        """The tokens."""
        self._output = output

    def part(self, start: int, stop: int) -> Any:
        """What the body would return for those of the tokens alone."""
        output = copy.copy(self._output)
        output.last_hidden_state = self._output.last_hidden_state[:, start:stop]
        return output


class TokenLosses:
    """Losses of one model's tokens; found out by trying whether its logits can be made piece by piece."""

    def __init__(self, model: Any, feeding: Feeding, prefill: Prefill, make_cache: Callable[[], Any]) -> None:
        self._feeding = feeding
        self._prefill = prefill
        self._make_cache = make_cache
        self._vocabulary: int = getattr(model.config.get_text_config(decoder=True), "vocab_size", None) or 1
        self._rows = max(1, LOGITS_AT_ONCE // self._vocabulary)
        self._body = next((body for body in _bodies(model) if self._agrees(body)), None)

    @property
    def is_by_pieces(self) -> bool:
        """Whether logits are made piece by piece; else those of a whole text stand in memory at once."""
        return self._body is not None

    def of(self, ids: TokenIds, *, is_whole: bool) -> torch.Tensor:
        """Losses of all tokens but the first, in nats, shape (tokens − 1,); `is_whole` forbids several passes."""
        import torch

        if self._body is None:
            logits = self._feeding.all_logits(ids.tolist())
            return self._in_parts(lambda start, stop: logits[start:stop], ids[1:].tolist())
        parts, start = [], 0
        for states in self._passes(self._body, ids, is_whole=is_whole):
            following = ids[start + 1 : start + 1 + len(states.ids)].tolist()
            parts.append(self._in_parts(partial(self._logits, self._body, states), following))
            start += len(states.ids)
        return torch.cat(parts)

    def _passes(self, body: Any, ids: TokenIds, *, is_whole: bool) -> Iterator[States]:
        """The states of all tokens: in one pass, which needs no cache, or in pieces where that is too much at once."""
        if is_whole or self._feeding.no_cache_reason is not None or len(ids) <= self._prefill.most_tokens:
            yield self._states(body, ids.tolist(), None)
            return
        yield from self._prefill.passes(ids, 0, self._make_cache(), partial(self._states, body), is_whole=False)

    def _states(self, body: Any, ids: list[int], cache: Any) -> States:
        """Hidden states of the new tokens `ids`; the cache, where there is one, holds those before and takes these."""
        found: list[Any] = []
        forward = body.forward

        def capture(*arguments: Any, **named: Any) -> Any:
            found.append(forward(*arguments, **named))
            return States(ids, found[0]).part(len(ids) - 1, len(ids))  # the class makes the logits of one token only

        with _replaced(body, capture):
            if cache is None:
                self._feeding.whole(ids)
            else:
                self._feeding.step(ids, cache)
        return States(ids, found[0])

    def _logits(self, body: Any, states: States, start: int, stop: int) -> torch.Tensor:
        """Logits behind those of the tokens, shape (stop − start, vocabulary)."""
        with _replaced(body, lambda *_, **__: states.part(start, stop)):
            return self._feeding.all_logits(states.ids[start:stop])

    def _in_parts(self, logits: Callable[[int, int], torch.Tensor], following: list[int]) -> torch.Tensor:
        """Losses of the tokens that follow, so many at once as memory should bear."""
        import torch

        cuts = [*range(0, len(following), self._rows), len(following)]
        parts = [_losses(logits(start, stop), following[start:stop]) for start, stop in itertools.pairwise(cuts)]
        return torch.cat(parts) if parts else torch.empty(0)

    def _agrees(self, body: Any) -> bool:
        """Whether logits by pieces of that module's states are those of a whole pass."""
        import torch

        ids = [token % self._vocabulary for token in range(TRIAL_TOKENS)]
        with torch.inference_mode():
            expected = self._feeding.all_logits(ids)
            try:
                states = self._states(body, ids, None)
                found = torch.cat([self._logits(body, states, *part) for part in ((0, 2), (2, TRIAL_TOKENS))])
            except (RuntimeError, LookupError, TypeError, ValueError, AttributeError):  # a class of another build
                return False
            return found.shape == expected.shape and agree(found, expected, self._feeding.dtype)


def _bodies(model: Any) -> list[Any]:
    """The modules that may make the states which a class's output matrix reads; OPT calls its decoder by itself."""
    found = [model.base_model, *([model.get_decoder()] if hasattr(model, "get_decoder") else [])]
    return [body for body in found if body is not model]


def _losses(logits: torch.Tensor, following: list[int]) -> torch.Tensor:
    """−ln of the softmax at the tokens that follow; each row's exponentials are added up in float64."""
    import torch

    wide = torch.float32 if logits.device.type == "mps" else torch.float64  # Apple's GPUs have no wider numbers
    targets = torch.tensor(following, device=logits.device)[:, None]
    shifted = logits - logits.amax(dim=-1, keepdim=True)  # in float32, as losses are computed in training
    own = shifted.gather(-1, targets)[:, 0].to(wide)
    return shifted.exp_().sum(dim=-1, dtype=wide).log() - own


@contextmanager
def _replaced(module: Any, forward: Callable[..., Any]) -> Iterator[None]:
    """Within it the module computes by another function; accelerate's hooks put theirs into the same place."""
    before = module.__dict__.get("forward")
    module.forward = forward
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before
