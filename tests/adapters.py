"""LoRA adapters as peft saves them, written without peft."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["save_adapter"]

LAYERS = ("model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj")


def save_adapter(
    folder: Path, shapes: Mapping[str, Sequence[int]], *, rank: int = 4, size: float = 0.3, **fields: Any
) -> Path:
    """An adapter of random A and B for layers of such shapes (outputs, inputs); `fields` change its configuration."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    draw = torch.Generator().manual_seed(7)
    tensors = {}
    for name, (outputs, inputs) in shapes.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = torch.randn(rank, inputs, generator=draw) * size
        tensors[f"base_model.model.{name}.lora_B.weight"] = torch.randn(outputs, rank, generator=draw) * size
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0,
        "bias": "none", "target_modules": sorted({name.rpartition(".")[2] for name in shapes}),
        "base_model_name_or_path": "tiny", "init_lora_weights": True, "use_rslora": False, "use_dora": False,
        "inference_mode": True, "modules_to_save": None, "rank_pattern": {}, "alpha_pattern": {},
        "fan_in_fan_out": False,
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config | fields), "utf-8")
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder
