"""Puts a RoPE setting in force in a running engine, and proves that it rotates as planned."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from evalkit.cards import Card
from evalkit.errors import UserError
from evalkit.rope import RopeModel, RopeSetting, Rotation, rotation

from .._base import GenerationRequest
from .._planned import check_planned
from .._released import released_setting
from ._rope import RotaryTable, read_tables, write_tables

__all__ = ["check_rotation", "put_in_force", "read_rotations", "within_length"]


def within_length(rope: RopeSetting, card: Card, requests: Sequence[GenerationRequest]) -> RopeSetting:
    """The plain setting where a model's own dynamic scaling leaves all requests alone; else `rope` itself.

    vLLM cannot serve that scaling beside a longer window, although it is nothing up to the original length.
    """
    length = card.rope.original_length or card.context_length
    is_dynamic = rope.rope_type == "native" and (card.rope.scaling or "").startswith("dynamic:")
    if not is_dynamic or card.rope.theta is None or length is None:
        return rope
    longest = max((len(request.ids) + request.max_new_tokens for request in requests), default=0)
    return RopeSetting("default", card.rope.theta) if longest <= length else rope


def put_in_force(engine: Any, rope: RopeSetting, card: Card) -> None:
    """Switch a started engine to a setting in place; keys rotated under the one before are forgotten."""
    setting = rope if rope.rope_type != "native" else released_setting(card)
    if setting is None:
        raise UserError(
            f"{card.name}: no spec expresses its own RoPE, so evalkit cannot set it in vLLM: start another run for it"
        )
    _refuse_scaled_softmax(setting, card, is_native=rope.rope_type == "native")
    tables = [table for worker in engine.apply_model(functools.partial(read_tables, positions=())) for table in worker]
    odd = sorted({table.kind for table in tables if not table.is_plain})
    if odd or not tables:
        what = f"a rotary embedding of its own kind ({', '.join(odd)})" if odd else "no rotary embedding"
        raise UserError(f"this model has {what}, which evalkit cannot set in vLLM; only --rope native works")
    engine.apply_model(functools.partial(write_tables, parameters=setting.parameters()))
    if not engine.reset_prefix_cache():
        raise RuntimeError("vLLM kept its prefix cache over a change of the RoPE setting")


def _refuse_scaled_softmax(setting: RopeSetting, card: Card, *, is_native: bool) -> None:
    """Raise `UserError` where latent attention would scale its softmax by a YaRN option, which no table holds.

    vLLM's class (`deepseek_v2.py`) does when it is loaded under "yarn" with `mscale_all_dim`; the engine was started
    without.
    """
    is_latent = card.architecture.head_dim is None and card.architecture.rotary_dim is not None
    if is_latent and setting.rope_type == "yarn" and (is_native or "mscale_all_dim" in dict(setting.options)):
        raise UserError(
            f"{card.name}: its attention scales the softmax by mscale_all_dim, which evalkit cannot set in a running "
            "vLLM; only --rope native works, in a run of its own"
        )


def read_rotations(engine: Any) -> list[Rotation]:
    """The rotation of each of an engine's rotary embeddings, from what its table holds for position 1."""
    found = []
    for worker in engine.apply_model(functools.partial(read_tables, positions=(1,))):
        for table in worker:
            half = len(table.values[1]) // 2
            pairs = list(zip(table.values[1][:half], table.values[1][half:], strict=True))
            found.append(Rotation(tuple(math.atan2(sin, cos) for cos, sin in pairs), math.hypot(*pairs[0])))
    return found


def check_rotation(engine: Any, card: Card, rope: RopeSetting, planned: RopeModel | None = None) -> bool:
    """Whether the engine's rotation could be compared with the plan's; a `UserError` where they differ."""
    window = int(engine.llm_engine.model_config.max_model_len)
    positions = sorted({1, window // 2, window - 1})
    tables = [
        table for worker in engine.apply_model(functools.partial(read_tables, positions=positions)) for table in worker
    ]
    expected = rope if rope.rope_type != "native" else released_setting(card)
    for table in tables:
        if table.rows < window:
            raise UserError(
                f"vLLM rotates {table.rows:,} positions ({table.kind}) and the window is {window:,}: past that it "
                "returns garbage; lower --max-seq-len, or name a condition (--rope dynamic:F, yarn:F, none)"
            )
        if planned is not None:  # vLLM obeys `partial_rotary_factor` in every family, transformers in some
            check_planned(planned, dimension=table.dimension)
        if expected is not None and table.is_plain:
            _compare(table, expected)
    return expected is not None and bool(tables) and all(table.is_plain for table in tables)


def _compare(table: RotaryTable, setting: RopeSetting) -> None:
    expected = rotation(setting, table.dimension)
    rounding = 2**-7 if table.dtype in {"bfloat16", "float16"} else 1e-5
    for position, values in table.values.items():
        angles = [position * frequency for frequency in expected.frequencies]
        wanted = [expected.scale * f(angle) for f in (math.cos, math.sin) for angle in angles]
        # float32 angles of far positions are themselves rounded: to 2^-24 of the angle, twice
        worst = max(abs(a - b) - abs(angle) * 2**-22 for a, b, angle in zip(values, wanted, [*angles] * 2, strict=True))
        if worst > rounding:
            raise UserError(
                f"vLLM does not rotate as planned: setting {setting.key}, position {position} is off by {worst:.3g}; "
                "this engine would answer under another RoPE condition, so nothing is run"
            )
