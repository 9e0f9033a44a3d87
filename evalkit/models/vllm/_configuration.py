"""What of a model's files decides how vLLM is started: overrides of its configuration, rules of its generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.cards import Card
from evalkit.errors import CardError, UserError, one_line
from evalkit.rope import RopeSetting

from .._base import BackendOptions
from .._generation import GenerationRules, read_rules
from .._planned import check_planned
from ._environment import import_vllm, prepare_environment, refusal
from ._loaded import Loaded
from ._rope import fresh_overrides

__all__ = ["configured_generation", "overrides"]

# What a request to vLLM can carry. A normalisation changes no winner.
_CARRIED = {"repetition_penalty", "min_new_tokens", "stop_strings", "renormalize_logits"}


def overrides(card: Card, loaded: Loaded, options: BackendOptions, rope: RopeSetting, window: int) -> dict[str, Any]:
    """`hf_overrides` under which every rotary table reaches the end of the window, whatever is written into it later.

    The window is that of the engine, or several times as long where its tables are to hold several settings.

    The engine starts unscaled, with as many positions as the window: vLLM sizes the table of "dynamic" by the original
    length, reads past its end and answers with garbage. A model without any scaling simply extrapolates beyond its
    length, as transformers lets it; one with a scaling of its own is left as it is. Under `--rope-mode engine` it
    starts with the scaling asked for, by its own rule.
    """
    if rope.is_engines:
        _check_own_rule(card, loaded, rope, window)
    if loaded.own_class is not None:
        return _of_own_class(loaded.own_class.config, options, window)
    config = _read(card, loaded, options)
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
    if rope.is_engines:
        own = fresh_overrides(rope, window)
        return {**own, "rope_parameters": {**kept, **own["rope_parameters"]}}
    return {
        "max_position_embeddings": window,
        "rope_parameters": {**kept, "rope_type": "default", "rope_theta": base},
    }


def _check_own_rule(card: Card, loaded: Loaded, rope: RopeSetting, window: int) -> None:
    """Raise `UserError` where vLLM cannot be started with a rule of its own, or not for the longest prompt."""
    flag = f"{card.name}: --rope-mode engine"
    if loaded.own_class is not None:
        raise UserError(f"{flag}: vLLM's class for this model obeys no RoPE configuration; leave it out")
    if rope.window is not None and window > rope.window:
        raise UserError(
            f"{flag}: vLLM counts with one length for all prompts, here {rope.window:,}, and the longest prompt with "
            f"its answer has {window:,} tokens: add --max-seq-len {window}"
        )


def _of_own_class(config: Mapping[str, Any], options: BackendOptions, window: int) -> dict[str, Any]:
    """Overrides for vLLM's ChatGLM, which sizes its table by `seq_length` and obeys no `rope_parameters`.

    It rotates by `rope_ratio`, which `config`, that of the built-in architecture, has as a base. Other settings are
    written into the table.
    """
    if options.rope_model is not None:
        check_planned(options.rope_model, base=config["rope_parameters"]["rope_theta"])
    return {
        "seq_length": window,
        "max_position_embeddings": window,
        "tie_word_embeddings": config["tie_word_embeddings"],
    }


def _read(card: Card, loaded: Loaded, options: BackendOptions) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            loaded.place.place, revision=loaded.place.revision, trust_remote_code=options.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise refusal(card, RopeSetting("native"), 0, error, loaded.place.place) from error


def configured_generation(card: Card) -> tuple[int | list[int] | None, GenerationRules]:
    """End-of-text tokens and rules of the weights' generation configuration; of their configuration without one.

    Of the published files, whatever is loaded in their place.
    """
    prepare_environment()
    import_vllm()  # before transformers, which it brings: where it is missing, the message says what to install
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
