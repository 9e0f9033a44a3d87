"""Starting a vLLM engine from a card."""

from __future__ import annotations

import sys
from pickle import UnpicklingError
from typing import Any

from evalkit.cards import Card, Engine
from evalkit.errors import UserError
from evalkit.rope import RopeSetting
from evalkit.secrecy import secrets_hidden

from .._base import BackendOptions
from ._configuration import overrides
from ._environment import import_vllm, prepare_environment, refusal
from ._loaded import Loaded
from ._memory import check_memory

__all__ = ["lora_request", "start_engine", "window_for"]

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # vllm 0.27 to 0.32, `config/lora.py`
DEFAULT_WINDOW = 4096  # where neither the plan nor the card says what is needed


def window_for(card: Card, options: BackendOptions) -> int:
    """Positions that the engine is to serve."""
    return options.longest_sequence or card.context_length or DEFAULT_WINDOW


def start_engine(
    card: Card,
    loaded: Loaded,
    options: BackendOptions,
    rope: RopeSetting,
    *,
    tells_scores: bool = False,
    slots: int = 1,
) -> Any:
    """A `vllm.LLM` that serves the longest prompt under `rope`; a `UserError` says why where it cannot.

    `slots`: RoPE settings that its rotary tables have room for.

    `tells_scores`: asked for the best tokens' scores, it tells the logits that greedy decoding compares, behind
    penalties and masks. Not where tokens are drawn: vLLM then leaves out its fastest sampler.
    """
    prepare_environment(holds_several=slots > 1)
    vllm = import_vllm()
    window = window_for(card, options)
    arguments = _arguments(card, loaded, options, window)
    arguments["hf_overrides"] = overrides(card, loaded, options, rope, slots * window)
    if tells_scores:
        arguments["logprobs_mode"] = "processed_logits"
    check_memory(card, loaded, window)
    try:
        with secrets_hidden():  # its workers are processes of their own
            engine = vllm.LLM(**arguments)
    except (ValueError, RuntimeError, OSError, NotImplementedError, UnpicklingError) as error:
        raise refusal(card, rope, window, error, loaded.place.place) from error
    return engine


def _arguments(card: Card, loaded: Loaded, options: BackendOptions, window: int) -> dict[str, Any]:
    from vllm.platforms import current_platform

    if options.device not in {"auto", current_platform.device_type}:
        raise UserError(f"--device {options.device}: this vLLM was built for {current_platform.device_type}")
    engine = card.engine
    return {
        "model": loaded.place.place,
        "revision": loaded.place.revision,
        "tokenizer_revision": loaded.place.revision,
        "skip_tokenizer_init": not loaded.reads_text,
        "dtype": options.dtype,
        "trust_remote_code": options.trust_remote_code,
        "max_model_len": window,
        "tensor_parallel_size": engine.tensor_parallel,
        "pipeline_parallel_size": engine.pipeline_parallel,
        **_for_workers(engine),
        "gpu_memory_utilization": engine.memory_fraction,
        "quantization": engine.quantization,
        "enforce_eager": current_platform.is_cpu() if engine.eager is None else engine.eager,
        "enable_prefix_caching": options.is_reusing_prefixes,
        "generation_config": "vllm",  # sampling stays off; the repository's penalties are passed with each request
        "load_format": loaded.format,
        "use_tqdm_on_load": False,
        "seed": 0,
        **_for_adapter(options),
    }


def _for_workers(engine: Engine) -> dict[str, Any]:
    """In an actor that has its devices of Ray, workers are its own children: vLLM would ask Ray for others."""
    if engine.tensor_parallel * engine.pipeline_parallel == 1 or "ray" not in sys.modules:
        return {}
    import ray
    from ray.util import get_current_placement_group

    is_placed = ray.is_initialized() and get_current_placement_group() is not None
    return {"distributed_executor_backend": "mp"} if is_placed else {}


def _for_adapter(options: BackendOptions) -> dict[str, Any]:
    """Room for one adapter of its rank, which vLLM rounds up to those that it has kernels for."""
    if options.adapter is None:
        return {}
    rank = next((each for each in LORA_RANKS if each >= options.adapter.rank), None)
    if rank is None:
        raise UserError(
            f"--adapter {options.adapter.folder}: rank {options.adapter.rank}, and vLLM takes {LORA_RANKS[-1]} at "
            "most: use --backend hf, or merge it into its base"
        )
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": rank}


def lora_request(options: BackendOptions) -> Any:
    """What each request to the engine names; None without an adapter."""
    if options.adapter is None:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest(options.adapter.label, 1, str(options.adapter.folder.resolve()))
