"""Starting a vLLM engine from a card, and proving that it runs what was asked for."""

from __future__ import annotations

import functools
import math
import os
from typing import Any

from evalkit.cards import Card
from evalkit.errors import CardError, MissingDependencyError, UserError, one_line
from evalkit.rope import RopeModel, RopeSetting, Rotation, rotation
from evalkit.secrecy import secrets_hidden

from .._base import BackendOptions
from .._folder_code import named_implementations, read_configuration
from .._generation import GenerationRules, read_rules
from .._planned import check_planned
from ._rope import RotaryTable, read_tables, write_tables

__all__ = ["check_rotation", "configured_generation", "put_in_force", "read_rotations", "start_engine"]

GIB = 2**30
CPU_SEQUENCES = 8  # sequences of the longest kind that a CPU's key-value space holds where nobody set its size
DEFAULT_WINDOW = 4096  # where neither the plan nor the card says what is needed


def start_engine(card: Card, options: BackendOptions, rope: RopeSetting) -> Any:
    """A `vllm.LLM` that serves the longest prompt under `rope`; a `UserError` says why where it cannot."""
    _prepare_environment()
    vllm = _import_vllm()
    window = options.longest_sequence or card.context_length or DEFAULT_WINDOW
    arguments = _arguments(card, options, rope, window)
    _check_memory(card, window)
    try:
        with secrets_hidden():  # its workers are processes of their own
            engine = vllm.LLM(**arguments)
    except (ValueError, RuntimeError, OSError, NotImplementedError) as error:
        raise _refusal(card, rope, window, error) from error
    return engine


def _prepare_environment() -> None:
    """Settings that vLLM reads from the environment before it is imported; what the user has set stays."""
    os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")  # functions of ours travel to our own workers
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ["PYTHONSAFEPATH"] = "1"  # it looks at model classes in `python -m …`, which would import from here


def _import_vllm() -> Any:
    try:
        import vllm
        from vllm.platforms import current_platform
    except ImportError as error:
        raise MissingDependencyError("vllm", "vllm", "running a model with --backend vllm") from error
    if current_platform.is_cpu():
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # one process: starts in a quarter of the time
    return vllm


def _arguments(card: Card, options: BackendOptions, rope: RopeSetting, window: int) -> dict[str, Any]:
    from vllm.platforms import current_platform

    if options.device not in {"auto", current_platform.device_type}:
        raise UserError(f"--device {options.device}: this vLLM was built for {current_platform.device_type}")
    engine = card.engine
    return {
        "model": card.require_weights(),
        "revision": card.revision,
        "tokenizer_revision": card.revision,
        "dtype": options.dtype,
        "trust_remote_code": options.trust_remote_code,
        "max_model_len": window,
        "hf_overrides": _overrides(card, options, rope, window),
        "tensor_parallel_size": engine.tensor_parallel,
        "pipeline_parallel_size": engine.pipeline_parallel,
        "gpu_memory_utilization": engine.memory_fraction,
        "quantization": engine.quantization,
        "enforce_eager": current_platform.is_cpu() if engine.eager is None else engine.eager,
        "enable_prefix_caching": options.is_reusing_prefixes,
        "generation_config": "vllm",  # sampling stays off; the repository's penalties are passed with each request
        "load_format": "safetensors",
        "use_tqdm_on_load": False,
        "seed": 0,
    }


def _overrides(card: Card, options: BackendOptions, rope: RopeSetting, window: int) -> dict[str, Any]:
    """`hf_overrides` under which every rotary table reaches the end of the window, whatever is written into it later.

    The engine starts unscaled, with as many positions as the window: vLLM sizes the table of "dynamic" by the original
    length, reads past its end and answers with garbage. A model without any scaling simply extrapolates beyond its
    length, as transformers lets it; one with a scaling of its own is left as it is.
    """
    config = _configuration(card, options)
    given: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    if options.rope_model is not None:
        check_planned(options.rope_model, base=given.get("rope_theta"))
    base, positions = rope.base, getattr(config, "max_position_embeddings", None)
    if rope.rope_type == "native":
        base = given.get("rope_theta")
        is_plain = given.get("rope_type", "default") == "default" and base is not None
        if not is_plain or positions is None or window <= positions:
            return {}
    kept = {key: given[key] for key in ("partial_rotary_factor",) if key in given}
    return {
        "max_position_embeddings": window,
        "rope_parameters": {**kept, "rope_type": "default", "rope_theta": base},
    }


def _configuration(card: Card, options: BackendOptions) -> Any:
    from transformers import AutoConfig

    try:
        _check_choices(card, options)
        return AutoConfig.from_pretrained(
            card.require_weights(), revision=card.revision, trust_remote_code=options.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise _refusal(card, RopeSetting("native"), 0, error) from error


def _check_choices(card: Card, options: BackendOptions) -> None:
    """Refuse a folder that names code of the hub; say what else it chooses in vain.

    vLLM puts its own attention into the language model, and builds the other parts as the folder says.
    """
    named = named_implementations(read_configuration(card), besides="vllm")
    shown = f"config.json names {', '.join(named)}"
    if any("/" in each for each in named) and not options.trust_remote_code:
        raise CardError(
            f"{card.name}: {shown}: code that is not run unasked; pass --trust-remote-code to run it, or remove it"
        )
    if named:
        options.note(f"{shown}: ignored, vLLM attends by kernels of its own")


# What a request to vLLM can carry. A normalisation changes no winner.
_CARRIED = {"repetition_penalty", "min_new_tokens", "stop_strings", "renormalize_logits"}


def configured_generation(card: Card) -> tuple[int | list[int] | None, GenerationRules]:
    """End-of-text tokens and rules of the weights' generation configuration; of their configuration without one."""
    _prepare_environment()
    _import_vllm()  # before transformers, which it brings: where it is missing, the message says what to install
    from transformers import GenerationConfig

    place = card.require_weights()
    source = f"{place}/generation_config.json"
    try:
        found = GenerationConfig.from_pretrained(place, revision=card.revision)
    except OSError:
        # As transformers reads it: the configuration's own object has dropped some of these fields.
        found = GenerationConfig.from_pretrained(
            place, config_file_name="config.json", revision=card.revision, _from_model_config=True
        )
        source = f"{place}/config.json"
    except (ValueError, TypeError, RecursionError) as error:
        raise CardError(f"{source}: {one_line(error)}; correct it or remove it") from error
    rules = read_rules(found, source)
    rules.require_only(_CARRIED, "vLLM")
    ids: int | list[int] | None = found.eos_token_id
    return ids, rules


def _check_memory(card: Card, window: int) -> None:
    """Refuse before loading where one sequence of the longest kind cannot fit, by the card's own numbers."""
    per_token = card.kv_bytes_per_token
    if per_token is None:
        return
    needed = per_token * window
    room, source = _room(card, needed)
    if room is not None and needed > room:
        raise UserError(
            f"{card.name}: keys and values of the longest prompt ({window:,} tokens) take {needed / GIB:.1f} GiB and "
            f"{source} leaves {room / GIB:.1f}; lower --max-seq-len, or give the engine more"
        )


def _room(card: Card, needed: int) -> tuple[float | None, str]:
    """Bytes that keys and values may take, and who says so."""
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        return _cpu_room(needed)
    import torch

    engine = card.engine
    devices = engine.tensor_parallel * engine.pipeline_parallel
    total = torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None
    if total is None:
        return None, ""
    folder = card.weights_path
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder is not None else 0
    return devices * total * engine.memory_fraction - weights, f"memory_fraction {engine.memory_fraction:g}"


def _cpu_room(needed: int) -> tuple[float, str]:
    """The CPU's key-value space; where nobody set it, enough for some sequences, at most half of what is free."""
    name = "VLLM_CPU_KVCACHE_SPACE"
    given = os.environ.get(name)
    if given is None:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        size = max(1, min(math.ceil(CPU_SEQUENCES * needed / GIB), free // 2 // GIB))
        os.environ[name] = given = str(size)
    try:
        return float(given) * GIB, f"{name}={given}"
    except ValueError:
        raise UserError(f"{name}={given}: expected a number of GiB") from None


def _refusal(card: Card, rope: RopeSetting, window: int, error: Exception) -> UserError:
    reason = str(error)
    if "max_model_len" in reason and rope.rope_type == "native":
        return UserError(
            f"{card.name}: the longest prompt needs a window of {window:,} tokens and vLLM serves less with the "
            "model's own RoPE; lower --max-seq-len, or name a condition (--rope none to extrapolate, dynamic:F, yarn:F)"
        )
    if "trust_remote_code" in reason:
        return CardError(f"{card.name}: it ships its own code; pass --trust-remote-code to run it")
    return CardError(f"{card.name}: vLLM cannot load the model: {one_line(error)}")


def put_in_force(engine: Any, rope: RopeSetting, card: Card) -> None:
    """Switch a started engine to a setting in place; keys rotated under the one before are forgotten."""
    setting = rope if rope.rope_type != "native" else _native_setting(card)
    if setting is None:
        raise UserError(f"{card.name}: its own RoPE cannot be put back into an engine that was switched: start another")
    tables = [table for worker in engine.apply_model(functools.partial(read_tables, positions=())) for table in worker]
    odd = sorted({table.kind for table in tables if not table.is_plain})
    if odd or not tables:
        what = f"a rotary embedding of its own kind ({', '.join(odd)})" if odd else "no rotary embedding"
        raise UserError(f"this model has {what}, which evalkit cannot set in vLLM; only --rope native works")
    engine.apply_model(functools.partial(write_tables, parameters=setting.parameters()))
    if not engine.reset_prefix_cache():
        raise RuntimeError("vLLM kept its prefix cache over a change of the RoPE setting")


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
    expected = rope if rope.rope_type != "native" else _native_setting(card)
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


def _native_setting(card: Card) -> RopeSetting | None:
    """What the card says of its own rotation; None where no spec expresses it."""
    if card.rope.theta is None or card.rope.scaling is not None:
        return None
    return RopeSetting("default", card.rope.theta)


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
