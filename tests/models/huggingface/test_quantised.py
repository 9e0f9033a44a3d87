"""Quantised weights: which library is missing, and that those which transformers reads answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UserError
from evalkit.models.huggingface import _quantised as module
from evalkit.models.huggingface._quantised import check_quantisation
from evalkit.rope import RopeSetting


@pytest.mark.parametrize(
    ("given", "install"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, r"'evalkit\[quantised\]'"),
        ({"load_in_8bit": True}, r"'evalkit\[quantised\]'"),
        ({"quant_method": "awq"}, "gptqmodel accelerate"),
        ({"quant_method": "gptq"}, "optimum gptqmodel"),
        ({"quant_method": "compressed-tensors"}, r"'evalkit\[quantised\]'"),
        ({"quant_method": "FP8"}, r"'evalkit\[quantised\]'"),
    ],
)
def test_a_missing_library_is_named_before_anything_is_loaded(
    given: dict[str, Any], install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, with what to install."""
    monkeypatch.setattr(module, "find_spec", lambda _: None)

    with pytest.raises(UserError, match=f"quantised by .*pip install {install}$") as caught:
        check_quantisation("m", {"quantization_config": given})

    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(
    "config", [{}, {"quantization_config": None}, {"quantization_config": [1]}, {"quantization_config": {"a": 1}}]
)
def test_other_configurations_are_left_to_transformers(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows more methods than are named here."""
    monkeypatch.setattr(module, "find_spec", lambda _: None)

    assert check_quantisation("m", config) is None


def test_only_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """accelerate may be there."""
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "gptqmodel" else name)

    with pytest.raises(UserError, match=r"pip install gptqmodel$"):
        check_quantisation("m", {"quantization_config": {"quant_method": "awq"}})


@pytest.mark.filterwarnings("default")
def test_compressed_tensors_answer_as_their_whole_numbers_times_their_scales(
    save_model: Callable[..., Path], load: Callable[..., Any], ask: Callable[..., Any], prompts: list[list[int]]
) -> None:
    """8 bits a weight, one scale a row, on a CPU."""
    compressors = pytest.importorskip("compressed_tensors.compressors")
    import torch
    from safetensors.torch import load_file, save_file

    whole, packed = save_model(), save_model()
    plain: dict[str, torch.Tensor] = {}
    stored: dict[str, torch.Tensor] = {}
    for name, weight in load_file(whole / "model.safetensors").items():
        if not name.endswith("proj.weight"):
            plain[name] = stored[name] = weight
            continue
        scale = weight.abs().amax(1, keepdim=True) / 127
        numbers = (weight / scale).round().clamp(-128, 127).to(torch.int8)
        plain[name], base = numbers.float() * scale, name.removesuffix(".weight")
        stored[f"{base}.weight_packed"] = compressors.pack_to_int32(numbers, 8)
        stored[f"{base}.weight_scale"] = scale
        stored[f"{base}.weight_shape"] = torch.tensor(weight.shape)
    weights = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel", "dynamic": False}
    groups = {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": None}}
    given = {
        "quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
        "ignore": ["lm_head"], "config_groups": groups,
    }  # fmt: skip
    save_file(plain, whole / "model.safetensors", metadata={"format": "pt"})
    save_file(stored, packed / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((packed / "config.json").read_text("utf-8"))
    (packed / "config.json").write_text(json.dumps(config | {"quantization_config": given}), "utf-8")

    def texts(folder: Path) -> list[str]:
        return [each.error or each.text for each in load(folder).generate(RopeSetting("native"), ask(prompts))]

    assert texts(whole) == texts(packed)
