"""What a file leaves to its class, held against transformers itself: RoPE parameters, bases and turned dimensions."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import load_card
from evalkit.cards._class import TURNS_A_PART
from evalkit.cards._folder import FolderFacts, read_facts
from evalkit.errors import CardError
from tests.cards.sizes import SIZES, YARN

BY_LAYER = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
    "sliding_attention": {"rope_type": "default", "rope_theta": 2e4},
}

# Every way to fill either key, seen in published files and in those that users change by a README.
NEW: dict[str, Any] = {
    "absent": {},
    "null": {"rope_parameters": None},
    "empty": {"rope_parameters": {}},
    "default": {"rope_parameters": {"rope_type": "default", "rope_theta": 3e5}},
    "default without base": {"rope_parameters": {"rope_type": "default"}},
    "linear": {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 3e5}},
    "yarn": {"rope_parameters": {**YARN, "factor": 2.0, "rope_theta": 3e5}},
    "by layer": {"rope_parameters": BY_LAYER},
}
OLD: dict[str, Any] = {
    "absent": {},
    "null": {"rope_scaling": None},
    "empty": {"rope_scaling": {}},
    "default": {"rope_scaling": {"rope_type": "default"}},
    "linear, first spelling": {"rope_scaling": {"type": "linear", "factor": 8.0}},
    "dynamic": {"rope_scaling": {"rope_type": "dynamic", "factor": 8.0}},
    "yarn": {"rope_scaling": YARN},
    "yarn with a base": {"rope_scaling": {**YARN, "rope_theta": 4e5}},
    "both spellings": {"rope_scaling": {"rope_type": "linear", "type": "dynamic", "factor": 8.0}},
}
BASES: dict[str, Any] = {"no base on top": {}, "base on top": {"rope_theta": 5e5}}
FAMILIES = ("llama", "qwen2", "qwen3", "gpt_neox", "stablelm", "cohere", "gemma3_text", "olmo3", "deepseek_v3")


def write(folder: Path, kind: str, *changes: dict[str, Any]) -> Path:
    """A folder with the config.json of a small model of that family."""
    config: dict[str, Any] = {"model_type": kind, **SIZES}
    for change in changes:
        config |= change
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


def loaded(folder: Path) -> Any:
    """What transformers makes of the folder; None where it refuses it."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder).get_text_config()
    except Exception:
        return None


def effective(parameters: dict[str, Any]) -> tuple[float | None, str | None]:
    """Base and scaling of a dictionary of transformers as a card writes them: none of them where they are several."""
    if any(isinstance(value, dict) for value in parameters.values()):
        return None, "native"
    kind = parameters["rope_type"]
    return parameters["rope_theta"], None if kind == "default" else f"{kind}:{parameters['factor']:g}"


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_parameters_in_force_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    """Whichever keys are given, and however: base and scaling are what the class takes from them."""
    wrong, compared = {}, 0
    for (new, first), (old, second), (top, third) in itertools.product(NEW.items(), OLD.items(), BASES.items()):
        config = loaded(write(tmp_path, kind, first, second, third))
        if config is None:
            continue  # refused at load, so nothing can be measured under it
        rope = read_facts(tmp_path).rope
        compared += 1
        if effective(config.rope_parameters) != (rope.theta, rope.scaling):
            wrong[new, old, top] = (rope.theta, rope.scaling, config.rope_parameters)

    assert {} == wrong
    assert compared > 60


def test_a_block_added_to_a_file_of_transformers_5_scales_the_model(tmp_path: Path) -> None:
    """Qwen's README tells to add it: the window grows, and a setting that would replace the scaling shows as one."""
    card = load_card(write(tmp_path, "qwen2", NEW["default"], OLD["yarn"]))

    assert (2048, 512, "yarn:4") == (card.context_length, card.original_length, card.rope.scaling)


def test_the_base_beside_an_added_block_is_the_class_s_own(tmp_path: Path) -> None:
    """The block replaces the dictionary in which the file's base stands, and transformers then takes its default."""
    folder = write(tmp_path, "qwen2", NEW["default"], OLD["yarn"])

    assert loaded(folder).rope_parameters["rope_theta"] == load_card(folder).rope.theta != 3e5


def test_without_transformers_the_file_alone_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base that only the class knows is not guessed: the card states none."""
    folder = write(tmp_path, "qwen2", NEW["default"], OLD["yarn"])
    monkeypatch.setitem(sys.modules, "transformers", None)

    rope = load_card(folder).rope

    assert (None, "yarn:4") == (rope.theta, rope.scaling)


def test_parameters_of_the_nested_record_hold_alone(tmp_path: Path) -> None:
    """A scaling on top of a multimodal file does not reach its language model, whose own parameters stand below."""
    inner = {"model_type": "llama", **SIZES, **NEW["default"]}
    config = {"model_type": "wild", "text_config": inner, **OLD["yarn"]}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")

    assert (3e5, None) == (read_facts(tmp_path).rope.theta, read_facts(tmp_path).rope.scaling)


def embeddings(config: Any) -> Iterator[int]:
    """Dimensions that the family's own rotary embeddings turn, made from a configuration alone."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    module = sys.modules[MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].__module__]
    for name, made in inspect.getmembers(module, inspect.isclass):
        if name.endswith("RotaryEmbedding") and "Vision" not in name:
            yield 2 * len(made(config).inv_freq)


@functools.cache
def rotating() -> tuple[str, ...]:
    """Every family of causal models of this transformers that has one rotary embedding for all its layers."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    kinds = (config_class.model_type for config_class in MODEL_FOR_CAUSAL_LM_MAPPING)
    return tuple(kind for kind in kinds if dimension(kind, {}) is not None)


def dimension(kind: str, changes: dict[str, Any]) -> int | None:
    """Dimensions that a small model of that family turns; None where there are none, or several numbers."""
    from transformers import CONFIG_MAPPING

    try:
        found = set(embeddings(CONFIG_MAPPING[kind](**{**SIZES, **changes})))
    except Exception:  # sizes that the family refuses, or one base for each kind of layer
        return None
    return found.pop() if len(found) == 1 else None


def is_latent(kind: str) -> bool:
    """Whether that family knows latent attention."""
    from transformers import CONFIG_MAPPING

    return hasattr(CONFIG_MAPPING[kind](), "qk_rope_head_dim")


SPELLINGS: dict[str, dict[str, Any]] = {
    "nothing stated": {},
    "half on top": {"partial_rotary_factor": 0.5, "rope_theta": 1e4},
    "half inside": {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}},
    "width": {"head_dim": 16, "rope_theta": 1e4},
    "latent": {"qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "rope_theta": 1e4},
    "latent, both": {"qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "head_dim": 24, "rope_theta": 1e4},
    "percent": {"rotary_pct": 0.5, "rope_theta": 1e4},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_turned_dimensions_are_those_of_the_class(spelling: str, tmp_path: Path) -> None:
    """For every family that this transformers knows: as many as the inverse frequencies of its own embedding."""
    wrong, compared = {}, 0
    for kind in rotating():
        turned = dimension(kind, SPELLINGS[spelling])
        if turned is None or ("latent" in spelling and not is_latent(kind)):
            continue
        compared += 1
        try:
            facts: FolderFacts = read_facts(write(tmp_path, kind, SPELLINGS[spelling]))
        except CardError as error:
            wrong[kind] = (str(error), turned)
            continue
        ours = facts.architecture.rotary_dim or facts.architecture.head_dim
        if ours != turned:
            wrong[kind] = (ours, turned)

    assert {} == wrong
    assert compared > (5 if "latent" in spelling else 50)


def test_the_families_that_turn_a_part_are_all_known() -> None:
    """Those whose embedding shrinks with the factor under the default rule, of all that can be made small."""
    rope = {"rope_type": "default", "rope_theta": 1e4}
    shrinking = {
        kind
        for kind in rotating()
        if dimension(kind, {"rope_parameters": {**rope, "partial_rotary_factor": 0.25}})
        != dimension(kind, {"rope_parameters": {**rope, "partial_rotary_factor": 0.5}})
    }

    assert shrinking <= TURNS_A_PART
    assert {"glm4", "gpt_neox", "phi", "stablelm"} <= shrinking


def test_the_file_alone_tells_the_turned_part_of_latent_attention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As transformers 4 wrote DeepSeek's and MiniCPM3's files: no `head_dim`, hidden / heads is no width of theirs."""
    monkeypatch.setitem(sys.modules, "transformers", None)

    shape = read_facts(write(tmp_path, "deepseek_v3", SPELLINGS["latent"])).architecture

    assert (8, None) == (shape.rotary_dim, shape.head_dim)
