"""Loading the weights of a card into transformers, and refusing weights that are not all in the model.

transformers fills missing tensors with random numbers, drops those that the model has no place for, and casts integers
to floats; it answers fluently in each case.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.cards import Card, weight_files
from evalkit.errors import CardError, MissingDependencyError, UserError, one_line

from .._base import BackendOptions
from .._folder_code import named_implementations, read_configuration, weights_folder
from ..conversion import Loadable, loadable
from ._forecast import check_memory, forecast_for, free_for
from ._hub_code import no_hub_code, strip_implementations
from ._merge import merge_adapter
from ._placement import check_device, loading_arguments, placed
from ._quantised import check_quantisation
from ._stored import stored_tensors
from ._tied import check_tied

__all__ = ["LoadedModel", "load_weights"]

_QUIET = re.compile(
    r"(^|\.)(inv_freq|position_ids|attn\.bias|attention\.bias|masked_bias|causal_mask|embed_positions\.weights)$"
)
"""Buffers that older releases of transformers saved and newer ones compute."""

_OTHER_PARTS = re.compile(
    r"(^|\.)(vision_tower|vision_model|visual|vision_embed_tokens|vpm|resampler|multi_modal_projector|mm_projector|"
    r"image_newline|embed_vision|audio_tower|audio_model|audio_embed|embed_audio|apm|audio_projection_layer|"
    r"image_embed|img_processor|speech_encoder|talker|token2wav|connector|mtp|mtp_layers|nextn|eh_proj|medusa|v_head)"
    r"(\.|_|$)|(^|\.)[kv]_scale$"
)
"""Towers for images and sound, heads that draft or judge, scales of an 8-bit cache: nothing a text model needs."""

_LOADING = threading.Lock()
"""One load at a time: transformers switches initialisation and default types off and on for the whole process."""

_FLOATS = {"F64", "F32", "F16", "BF16"}


class LoadedModel(NamedTuple):
    """A model of transformers, and what it was loaded from."""

    model: Any
    """All of its tensors in place, on the device asked for."""
    source: Loadable
    """The published folder, or a converted copy of it."""


def load_weights(card: Card, options: BackendOptions) -> LoadedModel:
    """The model of a card; `CardError` where its tensors do not fit."""
    try:
        import torch  # noqa: F401
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging
    except ImportError as error:
        raise MissingDependencyError("torch and transformers", "hf", "running a model with --backend hf") from error
    logging.disable_progress_bar()  # progress is the run's business
    place = card.require_weights()
    source = Loadable(place, None)
    placement: dict[str, Any] = {}

    def load(attention: str) -> Any:
        return AutoModelForCausalLM.from_pretrained(
            source.place,
            config=_configuration(source, options),
            revision=source.revision,
            dtype=options.dtype,
            trust_remote_code=options.trust_remote_code,
            use_safetensors=None if _is_read_by_own_code(source, options) else True,
            attn_implementation=attention,
            output_loading_info=True,
            **placement,
        )

    try:
        given = read_configuration(card)
        check_quantisation(place, given)
        source = loadable(card, options, "hf")
        with _LOADING, no_hub_code(options):
            placement |= _checked(place, source, _configuration(source, options), options)
            model, report = _with_attention(load, options)
    except UserError:
        raise
    except Exception as error:  # transformers, safetensors and torch raise every kind for weights that do not fit
        reason = one_line(error)
        if "trust_remote_code" in str(error):  # before it is cut to a line
            reason = "it ships its own code; pass --trust-remote-code to run it"
        raise CardError(f"{place}: cannot load the model: {reason.replace(source.place, place)}") from error
    missing = sorted(report["missing_keys"] & dict(model.named_parameters()).keys())
    if missing:  # transformers fills them with random numbers and goes on
        raise CardError(f"{place}: the weights lack {len(missing)} tensors, first {missing[0]}: copy them again")
    _check_unexpected(place, report["unexpected_keys"], model.config, options)
    _check_formats(place, source.folder or weights_folder(card), model)
    check_tied(place, model)
    _note_choices(given, model, options)
    model = placed(model, options)
    if options.adapter is not None:
        merge_adapter(model, options.adapter)
    return LoadedModel(model, source)


def _checked(place: str, source: Loadable, config: Any, options: BackendOptions) -> dict[str, Any]:
    """Where `from_pretrained` is to put the weights; `UserError` where they and what they compute cannot fit."""
    check_device(options)
    folder, free = source.folder, free_for(options)
    tensors = [] if folder is None else stored_tensors(folder)
    files = [] if folder is None else weight_files(folder)
    forecast = forecast_for(config, tensors, files, options, free)
    check_memory(place, forecast, options, free)
    is_quantised = getattr(config, "quantization_config", None) is not None
    return loading_arguments(options, forecast, is_quantised=is_quantised)


def _is_read_by_own_code(source: Loadable, options: BackendOptions) -> bool:
    """Whether pickled weights are left to transformers, which reads them by the restricted unpickler too."""
    folder = source.folder
    return options.trust_remote_code and folder is not None and weight_files(folder)[0].suffix != ".safetensors"


def _configuration(source: Loadable, options: BackendOptions) -> Any:
    """The model's configuration without what its folder may not choose."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(
        source.place, revision=source.revision, trust_remote_code=options.trust_remote_code
    )
    strip_implementations(config)
    return config


def _note_choices(given: dict[str, Any], model: Any, options: BackendOptions) -> None:
    """Say which implementations a folder names in vain."""
    attention = model.config._attn_implementation
    if named := named_implementations(given, besides=attention):
        options.note(
            f"config.json names {', '.join(named)}: ignored, {attention} attention is used (--attention names another)"
        )


def _check_unexpected(place: str, names: Iterable[str], config: Any, options: BackendOptions) -> None:
    """Refuse tensors for which the model has no place, but those of parts that are rightly left out."""
    left = [name for name in sorted(names) if not _QUIET.search(name)]
    drafting = _drafting_layers(config)
    parts = [name for name in left if _OTHER_PARTS.search(name) or drafting(name)]
    lost = sorted(set(left) - set(parts))
    if lost:
        shown = ", ".join(lost[:3]) + (", …" if len(lost) > 3 else "")
        raise CardError(
            f"{place}: the weights hold {len(lost)} tensors that the model of this config.json has no place for "
            f"({shown}), so they would be left out: correct config.json (number of layers, biases, "
            "quantization_config), or merge an adapter into its base"
        )
    if parts:
        options.note(
            f"{len(parts)} tensors are not used, first {parts[0]}: parts for images, sound, drafting or an 8-bit "
            "cache, which the text model does not have"
        )


def _drafting_layers(config: Any) -> Callable[[str], bool]:
    """Whether a tensor lies in a layer behind the last one, where the configuration says that such layers draft."""
    text = config.get_text_config(decoder=True)
    drafting = getattr(text, "num_nextn_predict_layers", None) or getattr(text, "num_mtp_layers", None) or 0
    layers = getattr(text, "num_hidden_layers", None) or 0

    def is_drafting(name: str) -> bool:
        found = re.search(r"(^|\.)layers\.(\d{1,9})\.", name)
        return found is not None and layers <= int(found[2]) < layers + int(drafting)

    return is_drafting


def _check_formats(place: str, folder: Path, model: Any) -> None:
    """Refuse stored integers and 8-bit floats that would become the parameters of an unquantised model as they are.

    `folder` holds the files that were loaded, and `place` is what a message calls them.
    """
    if getattr(model.config, "quantization_config", None) is not None:
        return
    odd = [(each.name, each.kind) for each in stored_tensors(folder) if each.kind not in _FLOATS]
    lost = [(name, kind) for name, kind in odd if _leaf(name) not in _whole_numbers(model) and not _is_left_out(name)]
    if lost:
        kinds = " and ".join(sorted({kind for _, kind in lost}))
        raise CardError(
            f"{place}: {len(lost)} tensors are stored as {kinds}, first {lost[0][0]}, and config.json has "
            "no quantization_config that says how to read them: put it back, or get the unquantised weights"
        )


def _whole_numbers(model: Any) -> set[str]:
    """Last parts of the names of tensors that hold no floats in the model either."""
    tensors = [*model.named_buffers(), *model.named_parameters()]
    return {_leaf(name) for name, tensor in tensors if not tensor.is_floating_point()}


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _is_left_out(name: str) -> bool:
    return bool(_QUIET.search(name) or _OTHER_PARTS.search(name))


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
