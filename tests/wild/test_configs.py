"""The table of configurations against transformers itself, and against vLLM's rule for the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.wild import CONFIGS, ConfigShape, write_config

LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length")
UNKNOWN = {"wild", "chatglm"}  # model types that this transformers has no class for
KNOWN = [
    pytest.param(shape, id=name)
    for name, shape in CONFIGS.items()
    if shape.config["model_type"] not in UNKNOWN and name != "su"  # refused by this transformers
]


def text_config(shape: ConfigShape, folder: Path) -> Any:
    """What transformers makes of the file, its language part."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(write_config(shape, folder)).get_text_config()


def is_nested(rope: dict[str, Any]) -> bool:
    """Whether each kind of layer has parameters of its own."""
    return any(isinstance(value, dict) for value in rope.values())


@pytest.mark.parametrize("shape", KNOWN)
def test_the_window_of_the_table_is_what_vllm_derives(shape: ConfigShape, tmp_path: Path) -> None:
    """The rule of vLLM's `_get_and_verify_max_len`, over what transformers read."""
    config = text_config(shape, tmp_path)
    window = min(value for key in LENGTHS if isinstance(value := getattr(config, key, None), int))
    rope = getattr(config, "rope_parameters", None) or {}
    kind = rope.get("rope_type")
    if not is_nested(rope) and kind not in {None, "su", "longrope", "llama3"}:
        window = rope["original_max_position_embeddings"] if kind == "yarn" else window
        window = int(window * (rope.get("factor") or 1))

    assert shape.window == window


@pytest.mark.parametrize("shape", KNOWN)
def test_the_base_of_the_table_is_what_transformers_reads(shape: ConfigShape, tmp_path: Path) -> None:
    """One base, or several by kind of layer; none for learned positions."""
    rope = getattr(text_config(shape, tmp_path), "rope_parameters", None) or {}

    assert shape.theta == (None if is_nested(rope) else rope.get("rope_theta"))


@pytest.mark.parametrize("shape", KNOWN)
def test_the_original_length_of_the_table_is_what_transformers_reads(shape: ConfigShape, tmp_path: Path) -> None:
    """Where transformers states an original length, the table has the same."""
    rope = getattr(text_config(shape, tmp_path), "rope_parameters", None) or {}

    assert rope.get("original_max_position_embeddings", shape.original) == shape.original
