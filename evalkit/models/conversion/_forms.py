"""In which form an engine takes a published model: as it is, as a built-in architecture, or in other files alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.cards import weight_files
from evalkit.cards.published import ConfigError, Published, read_published
from evalkit.errors import CardError, MissingDependencyError, shown

from .._generation import HONOURED, REFUSED
from ._families import FAMILIES, Convert, unchanged
from ._shards import is_pickled

__all__ = ["Form", "form_for"]

Config = Mapping[str, object]
PICKLED = "pickled weights as safetensors"
_LLAMA = Published("LlamaForCausalLM", "llama", {})


@dataclass(frozen=True)
class Form:
    """What a converted copy is to be."""

    name: str
    """What the user is told: `IndexForCausalLM runs as llama`."""
    convert: Convert
    """What becomes of each tensor."""
    config: Config
    """Its `config.json`."""
    checked: Published | None = None
    """The architecture that names and shapes are held against; None where they stay and loading checks them."""
    runs_as: str | None = None
    """The architecture that stands in for the published one; None where it is the published one."""
    unknown: tuple[str, ...] = ()
    """Fields of the published `config.json` that nobody here knows, and that the copy lacks."""


def form_for(folder: Path, config: Config, engine: str) -> Form | None:
    """The form in which `engine` takes the model of a folder; None where it takes the folder as it is.

    `CardError` where nothing but the model's own code can compute it.
    """
    found = _read(folder, config)
    has_pickles = any(is_pickled(path) for path in weight_files(folder))
    if found is None:
        return _in_other_files(folder, config) if has_pickles else None
    if found.obstacles:
        raise CardError(
            f"{folder}: {found.name} runs as {found.runs_as} but for {'; '.join(found.obstacles)}: pass "
            "--trust-remote-code to run the model's own code"
        )
    if engine in found.native_in:
        plain = _without_code(config)
        return Form(f"{found.name} runs without its code", unchanged, plain) if has_pickles or plain != config else None
    if not has_pickles and found.config == config:
        return None
    return _as_built_in(folder, config, found, has_pickles)


def _read(folder: Path, config: Config) -> Published | None:
    """The published architecture, under the name that this `config.json` gives it."""
    try:
        found = read_published(config)
    except ConfigError as error:
        raise CardError(f"{folder}/config.json: {error}") from None
    name = _named(config)
    return replace(found, name=name) if found is not None and isinstance(name, str) and name in FAMILIES else found


def _named(config: Config) -> object:
    names = config.get("architectures")
    return names[0] if isinstance(names, list) and names else config.get("model_type")


def _as_built_in(folder: Path, config: Config, found: Published, has_pickles: bool) -> Form:
    family = FAMILIES.get(found.name)
    is_own = found.name.lower().startswith(found.runs_as)
    is_quantised = bool(config.get("quantization_config"))  # other names, which the quantisation's own loader knows
    if family is None or (is_quantised and not is_own):
        what = "its quantised weights" if family is not None else "its weights"
        raise CardError(
            f"{folder}: {found.name} runs as {found.runs_as}, but {what} cannot be converted: pass --trust-remote-code "
            "to run the model's own code, or get the unquantised weights"
        )
    asked = {key: config[key] for key in (*HONOURED, *REFUSED) if key in config}  # of greedy decoding
    today = PICKLED if has_pickles else f"{found.name} with config.json spelled as today"
    return Form(
        today if is_own else f"{found.name} runs as {found.runs_as}",
        family.convert,
        {**asked, **found.config},
        checked=None if is_quantised else found,
        runs_as=None if is_own else found.runs_as,
        unknown=found.unknown,
    )


def _in_other_files(folder: Path, config: Config) -> Form:
    """Pickled weights of an architecture that transformers builds in; `CardError` for any other."""
    try:
        from transformers import CONFIG_MAPPING
    except ImportError as error:
        raise MissingDependencyError("torch and transformers", "hf", "reading pickled weights") from error
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise CardError(
            f"{folder}: {shown(_named(config))} is built into no engine, and evalkit knows none that computes the "
            "same: pass --trust-remote-code to run the model's own code"
        )
    plain = _without_code(config)
    is_llama = str(_named(config)).lower() in {_LLAMA.name.lower(), _LLAMA.runs_as}  # `LLaMAForCausalLM` in early files
    if is_llama and kind == _LLAMA.runs_as and not config.get("quantization_config"):
        return Form(PICKLED, FAMILIES[_LLAMA.name].convert, plain, checked=replace(_LLAMA, config=plain))
    return Form(PICKLED, unchanged, plain)


def _without_code(config: Config) -> Config:
    return {key: value for key, value in config.items() if key != "auto_map"}
