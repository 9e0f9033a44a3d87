"""vLLM as it is imported here, and what its refusals mean."""

from __future__ import annotations

import os
from typing import Any

from evalkit.cards import Card
from evalkit.errors import CardError, MissingDependencyError, UserError, one_line
from evalkit.rope import RopeSetting

__all__ = ["import_vllm", "prepare_environment", "refusal"]


def prepare_environment(*, holds_several: bool = False) -> None:
    """Settings that vLLM reads from the environment before it is imported; what the user has set stays.

    `holds_several`: an engine is started that holds several RoPE settings, which vLLM's second model runner cannot.
    """
    if holds_several:
        os.environ.setdefault("VLLM_USE_V2_MODEL_RUNNER", "0")
    os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")  # functions of ours travel to our own workers
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ["PYTHONSAFEPATH"] = "1"  # it looks at model classes in `python -m …`, which would import from here


def import_vllm() -> Any:
    """The module; `MissingDependencyError` where it is not installed."""
    try:
        import vllm
        from vllm.platforms import current_platform
    except ImportError as error:
        raise MissingDependencyError("vllm", "vllm", "running a model with --backend vllm") from error
    if current_platform.is_cpu():
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # one process: starts in a quarter of the time
    return vllm


def refusal(card: Card, rope: RopeSetting, window: int, error: Exception, place: str | None = None) -> UserError:
    """What an error of vLLM means for the user, who knows the published folder and not the `place` of a copy of it."""
    reason = str(error).replace(place, card.require_weights()) if place else str(error)
    if "max_model_len" in reason and rope.rope_type == "native":
        return UserError(
            f"{card.name}: the longest prompt needs a window of {window:,} tokens and vLLM serves less with the "
            "model's own RoPE; lower --max-seq-len, or name a condition (--rope none to extrapolate, dynamic:F, yarn:F)"
        )
    if "trust_remote_code" in reason:
        return CardError(f"{card.name}: it ships its own code; pass --trust-remote-code to run it")
    return CardError(f"{card.name}: vLLM cannot load the model: {one_line(reason or error)}")
