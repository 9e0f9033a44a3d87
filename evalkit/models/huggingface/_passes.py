"""Passes over several answers of one model, where trying them at load shows that they give what single ones give."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import UserError
from evalkit.rope import RopeModel, RopeSetting

from .._base import BackendOptions, GenerationRequest
from ._batch import Row
from ._faults import FAULTS
from ._feeding import Feeding
from ._hub_code import no_hub_code
from ._prefill import Prefill, agree
from ._prefix import MovingCache, unsuitable_reason
from ._room import Room, room_for
from ._rotary import RotarySwitch
from ._rotations import RowRotations

if TYPE_CHECKING:
    import torch

    from ._rows import RowAttention

__all__ = ["RowPasses", "Together", "together_of"]

TRIAL_TOKENS = (5, 3)  # rows of two lengths
TRIAL_BASE = 2.0  # of the second one: far from every model's own, so that it shows at these lengths
NATIVE = RopeSetting("native")
ONE_AT_A_TIME = "one answer at a time"


class Together(NamedTuple):
    """What a model may have under way at once."""

    room: Room
    """How many answers."""
    no_rotations_reason: str | None
    """Why all of them must turn by one RoPE setting; None where each may have its own."""


def together_of(
    model: Any, feeding: Feeding, make_cache: Callable[[], Any], rotary: RotarySwitch, options: BackendOptions
) -> Together:
    """What a model may have at once: one answer where it cannot have more, which is said where more are wanted."""
    alone = Together(Room(1, None, options.note), ONE_AT_A_TIME)
    if options.batch == 1:
        return alone
    with no_hub_code(options):
        reason, no_rotations_reason, token_bytes = _found(model, feeding, make_cache, rotary, options.rope_model)
    rotary.apply(NATIVE)  # trying rows was a prompt too
    if reason is None:
        room = room_for(options, model, token_bytes)
        return Together(room, no_rotations_reason if room.rows > 1 else ONE_AT_A_TIME)
    if options.batch is not None or model.device.type != "cpu":
        options.note(f"one answer at a time: {reason}")
    return alone


class _Found(NamedTuple):
    """What trying rows has found."""

    reason: str | None
    """Why rows cannot pass together; None where they get the logits of single ones."""
    no_rotations_reason: str | None = None
    """Why rows cannot turn by settings of their own."""
    token_bytes: int = 0
    """Keys and values of a token."""


def _found(
    model: Any, feeding: Feeding, make_cache: Callable[[], Any], rotary: RotarySwitch, planned: RopeModel | None
) -> _Found:
    name, attention = type(model).__name__, str(model.config._attn_implementation)
    reason = feeding.no_cache_reason or unsuitable_reason(model)
    if reason is None and attention != "sdpa":
        reason = f"attention is {attention}, and rows need sdpa"
    if reason is None and not (getattr(model, "_supports_attention_backend", False) and feeding.takes_positions):
        reason = f"{name} takes no rows of different lengths"
    if reason is not None:
        return _Found(reason)
    no_rotations_reason = None
    if planned is not None:
        turned = [RopeSetting("default", base) for base in (planned.base, TRIAL_BASE)]
        try:
            is_same, token_bytes = _tried(model, feeding, make_cache, rotary, turned)
        except (*FAULTS, UserError):
            is_same = False
        if is_same:
            return _Found(None, None, token_bytes)
        no_rotations_reason = f"{name} turns all rows alike"
    try:
        is_same, token_bytes = _tried(model, feeding, make_cache, rotary, [NATIVE] * len(TRIAL_TOKENS))
    except FAULTS:
        return _Found(f"{name} refuses rows of different lengths")
    return _Found(
        None if is_same else f"{name} answers rows of different lengths otherwise", no_rotations_reason, token_bytes
    )


def _tried(
    model: Any, feeding: Feeding, make_cache: Callable[[], Any], rotary: RotarySwitch, settings: Sequence[RopeSetting]
) -> tuple[bool, int]:
    """Whether rows under these settings agree with single passes, and bytes of a token's keys and values."""
    import torch

    from ._rows import RowAttention, RowsCache

    vocabulary = getattr(model.config.get_text_config(decoder=True), "vocab_size", None) or 1
    caches, expected = [], []
    with torch.inference_mode():
        for tokens, setting in zip(TRIAL_TOKENS, settings, strict=True):
            rotary.apply(setting)
            cache = make_cache()
            feeding.step([token % vocabulary for token in range(tokens)], cache)
            expected.append(feeding.step([tokens % vocabulary], cache))
            cache.crop(-1)
            caches.append(cache)
        together = RowsCache(caches, TRIAL_TOKENS)
        with RowAttention(model).in_force(), RowRotations(rotary).in_force(settings):
            found = feeding.rows([tokens % vocabulary for tokens in TRIAL_TOKENS], TRIAL_TOKENS, together)
    numbers = [each for layer in caches[0].layers for each in (layer.keys, layer.values)]
    held = sum(each.numel() * each.element_size() for each in numbers)
    is_same = all(agree(ours, theirs, feeding.dtype) for ours, theirs in zip(found, expected, strict=True))
    return is_same, held // (TRIAL_TOKENS[0] + 1)


class RowPasses:
    """Passes of one model over the rows of a batch."""

    def __init__(
        self,
        model: Any,
        feeding: Feeding,
        prefill: Prefill,
        cache: MovingCache,
        rotary: RotarySwitch,
        begin: Callable[[RopeSetting, GenerationRequest], Row],
        options: BackendOptions,
    ) -> None:
        from ._rows import RowAttention

        self._options = options
        self._attention: RowAttention = RowAttention(model)
        self._device = str(model.device.type)
        self._feeding = feeding
        self._prefill = prefill
        self._cache = cache
        self._rotary = rotary
        self._rotations = RowRotations(rotary)
        self.begin = begin
        """Makes a row with nothing computed."""

    def first(self, row: Row) -> torch.Tensor:
        """Logits behind prompt and answer so far, computed over the moving cache, which becomes the row's."""
        import torch

        ids = row.ids
        if row.rope != self._rotary.current:
            self._rotary.apply(row.rope)
            self._cache.clear()
        with no_hub_code(self._options), torch.inference_mode():
            cached = self._cache.start(ids, self._prefill.kept)
            logits = self._prefill.logits(ids, cached, self._cache.cache, is_whole=False)
        row.cached = row.cached if row.generated else cached
        row.cache = self._cache.give_away(ids)
        return logits

    def next(self, rows: Sequence[Row]) -> torch.Tensor:
        """Logits behind each row's last token; where that fails, the same rows may be fed again."""
        import torch

        from ._rows import RowsCache

        lengths = [len(row.request.ids) + len(row.generated) - 1 for row in rows]
        together = RowsCache([row.cache for row in rows], lengths)
        turned = self._rotations.in_force([row.rope for row in rows])
        with no_hub_code(self._options), torch.inference_mode(), self._attention.in_force(), turned:
            return self._feeding.rows([row.generated[-1] for row in rows], lengths, together)

    def forget(self) -> None:
        """Drop what was kept for the next prompt, and give torch's unused memory back to the device."""
        import torch

        self._cache.clear()
        gc.collect()
        module: Any = getattr(torch, self._device, None)
        if hasattr(module, "empty_cache"):
            module.empty_cache()
