"""Model folders as they are published: tiny random weights, a tokenizer, and what makes each kind special.

Weights depend on the seed alone. All take `folder` and give it back.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.wild._shape import Shape
from tests.wild.tokenizers import write_tokenizer

__all__ = ["MODELS", "REMOTE_MODEL", "save_random", "write_model"]


def write_model(name: str, folder: Path) -> Path:
    """Writes the model of that name into `folder`."""
    return MODELS[name].write(folder)


def save_random(
    folder: Path, kind: str = "Llama", *, dtype: str = "float32", tokenizer: str = "bos by processor",
    generation: dict[str, Any] | None = None, shard: str | None = None, **changes: Any,
) -> Path:  # fmt: skip
    """A random model of that transformers family with a wild tokenizer; `generation` goes to generation_config.json."""
    import torch
    import transformers

    write_tokenizer(tokenizer, folder)
    values = {
        "vocab_size": 512, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512, "bos_token_id": 0,
        "eos_token_id": 1, "pad_token_id": 1, "initializer_range": 0.4, "tie_word_embeddings": False,
    }  # fmt: skip
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(7)
    config_class = getattr(transformers, f"{kind}TextConfig", None) or getattr(transformers, f"{kind}Config")
    config = config_class(**values | changes)
    model = getattr(transformers, f"{kind}ForCausalLM")(config).to(getattr(torch, dtype))
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    if generation:
        path = folder / "generation_config.json"
        known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        path.write_text(json.dumps(known | generation), "utf-8")
    return folder


# What Qwen2 and Qwen2.5 chat models publish; greedy decoding switches the sampling off, the penalty stays.
QWEN_GENERATION = {"do_sample": True, "repetition_penalty": 1.05, "temperature": 0.7, "top_p": 0.8, "top_k": 20}


def _sharded(folder: Path) -> Path:
    return save_random(folder, shard="20KB")


def _sharded_below(folder: Path) -> Path:
    """The shards lie in a sub-folder that the index names."""
    _sharded(folder)
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text("utf-8"))
    (folder / "weights").mkdir()
    for shard in set(index["weight_map"].values()):
        shutil.move(folder / shard, folder / "weights" / shard)
    index["weight_map"] = {name: f"weights/{shard}" for name, shard in index["weight_map"].items()}
    path.write_text(json.dumps(index), "utf-8")
    return folder


def _with_adapter(folder: Path) -> Path:
    save_random(folder)
    adapter = {"peft_type": "LORA", "base_model_name_or_path": ".", "r": 4, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(adapter), "utf-8")
    return folder


def _quantised(folder: Path) -> Path:
    save_random(folder)
    quantised = {"bits": 4, "group_size": 128, "desc_act": False, "quant_method": "gptq"}
    (folder / "quantize_config.json").write_text(json.dumps(quantised), "utf-8")
    return folder


REMOTE_MODEL = '''"""A causal model as a repository ships it: its class does not say that it supports sdpa."""
import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast


class TinyConfig(PretrainedConfig):
    model_type = "wild_tiny"

    def __init__(self, vocab_size=512, hidden_size=32, num_hidden_layers=1, max_position_embeddings=512, **options):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.max_position_embeddings = max_position_embeddings
        super().__init__(**options)


class TinyForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.embed

    def forward(self, input_ids=None, attention_mask=None, past_key_values=None, use_cache=None, **options):
        states = self.embed(input_ids)
        return CausalLMOutputWithPast(logits=self.head(states), past_key_values=past_key_values)
'''


def _without_sdpa(folder: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    write_tokenizer("bos by processor", folder)
    (folder / "modeling_tiny.py").write_text(REMOTE_MODEL, "utf-8")
    config = {
        "architectures": ["TinyForCausalLM"], "model_type": "wild_tiny", "vocab_size": 512, "hidden_size": 32,
        "num_hidden_layers": 1, "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1,
        "auto_map": {"AutoConfig": "modeling_tiny.TinyConfig", "AutoModelForCausalLM": "modeling_tiny.TinyForCausalLM"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    draw = torch.Generator().manual_seed(7)
    weights = {name: torch.randn(512, 32, generator=draw) for name in ("embed.weight", "head.weight")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _per_layer_rope(folder: Path) -> Path:
    return save_random(folder, "Gemma3", sliding_window=16, layer_types=["sliding_attention", "full_attention"])


_ALL = (
    Shape("qwen2, bf16, penalty", "Qwen2 and Qwen2.5 chat models", lambda folder: save_random(
        folder, "Qwen2", dtype="bfloat16", tokenizer="no bos", generation=QWEN_GENERATION)),
    Shape("qwen3, bf16, penalty", "Qwen3 fine-tunes: a larger penalty", lambda folder: save_random(
        folder, "Qwen3", dtype="bfloat16", tokenizer="added tokens", generation={"repetition_penalty": 1.3})),
    Shape("llama, bf16", "nearly all published weights", lambda folder: save_random(folder, dtype="bfloat16")),
    Shape("sliding window", "Mistral 0.1, Phi-3: all layers look back a fixed distance", lambda folder: save_random(
        folder, "Mistral", sliding_window=16)),
    Shape("mixed windows", "Gemma 2 and 3: layers with and without a window, one base each", _per_layer_rope),
    Shape("llama3 scaling", "Llama 3.1 to 3.3", lambda folder: save_random(folder, rope_parameters={
        "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64})),
    Shape("without sdpa", "remote code whose class does not set _supports_sdpa; gpt-oss", _without_sdpa),
    Shape("sharded", "everything above 5 GB", _sharded),
    Shape("sharded, sub-folder", "repositories that keep formats apart in folders", _sharded_below),
    Shape("adapter beside base", "LoRA output written into a copy of its base", _with_adapter),
    Shape("quantize_config.json", "GPTQ repositories: a second file on how weights were quantised", _quantised),
)  # fmt: skip

MODELS: dict[str, Shape] = {shape.name: shape for shape in _ALL}
"""Every model folder by name."""
