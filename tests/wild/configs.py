"""Facts of published config.json files: every spelling of window and rotary embedding, with what is right for each.

`window` is the length that vLLM's `_get_and_verify_max_len` derives: the smallest of the length keys, times the factor
of the scaling unless that is llama3 or longrope (or Gemma 3's, whose stated length is the extended one), counted from
`original_max_position_embeddings` for yarn. `original` is the length the rotary embedding was trained on, from which
yarn's ramp and dynamic NTK count; None where a model states one base per kind of layer, so that no single answer
exists. Sizes are a sixteenth of real ones or less; ratios are those of the real files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CONFIGS", "PLAIN", "ConfigShape", "write_config"]

PLAIN: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "max_position_embeddings": 1024,
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 400,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "rope_theta": 10000.0,
}
"""A small Llama as transformers 4 writes it; every other shape is this with changes."""


@dataclass(frozen=True)
class ConfigShape:
    """One config.json and what is right for it."""

    name: str
    """Name, used as test id."""
    met: str
    """Where such a file is met."""
    changes: dict[str, Any]
    """Keys over PLAIN's; a value of None takes the key away."""
    window: int
    """Context length that the file gives the model."""
    original: int | None
    """Length the rotary embedding counts from; None where there is no single one."""
    theta: float | None = 10000.0
    """Rotary base; None where there is no single one."""
    scaling: str | None = None
    """Scaling as a card writes it: null, `linear:8`, or `native` for what no --rope setting spells."""
    rotary_dim: int | None = None
    """Dimensions that turn, where they are a part of the head."""
    is_derived_by_class: bool = False
    """Whether the length stands in no file and only the class of transformers knows it."""
    config: dict[str, Any] = field(init=False)
    """The whole file."""

    def __post_init__(self) -> None:
        whole = PLAIN | self.changes
        object.__setattr__(self, "config", {key: value for key, value in whole.items() if value is not None})


def write_config(shape: ConfigShape, folder: Path) -> Path:
    """Writes the shape's config.json with an empty weights file and an empty tokenizer beside it; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(shape.config), "utf-8")
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


def _nested(key: str, outer: dict[str, Any] | None = None, **inner: Any) -> dict[str, Any]:
    """PLAIN moved into `key`, nothing of it left on top."""
    text = {name: value for name, value in (PLAIN | inner).items() if value is not None}
    gone = dict.fromkeys(PLAIN)
    return {
        **gone, "architectures": ["WildForConditionalGeneration"], "model_type": "wild", key: text,
        "vision_config": {"hidden_size": 16, "num_hidden_layers": 1, "max_position_embeddings": 77}, **(outer or {}),
    }  # fmt: skip


YARN = {"factor": 4.0, "original_max_position_embeddings": 1024}
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 1024,
}  # fmt: skip
AS_LLAMA3 = "llama3:8,high_freq_factor=4,low_freq_factor=1"
LONG = {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8}
PER_LAYER = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
}

_ALL = (
    ConfigShape("plain", "Llama 2, Qwen 2", {}, 1024, 1024),
    ConfigShape("plain, v5", "saved by transformers 5", {
        "rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, 1024, 1024, 5e5),
    ConfigShape("rope_scaling null", "Llama 2 as published", {"rope_scaling": None}, 1024, 1024),
    ConfigShape("linear, v4 type", "fine-tunes by position interpolation: the stated length is the old one", {
        "rope_scaling": {"type": "linear", "factor": 4.0}}, 4096, 1024, scaling="linear:4"),
    ConfigShape("linear, v4 rope_type", "the same, saved by a later transformers 4", {
        "rope_scaling": {"rope_type": "linear", "type": "linear", "factor": 4.0}}, 4096, 1024, scaling="linear:4"),
    ConfigShape("linear, v5", "the same, saved by transformers 5", {
        "rope_theta": None, "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}},
        4096, 1024, scaling="linear:4"),
    ConfigShape("linear with max_sequence_length", "LMSYS longchat-16k and vicuna-16k: both lengths are stated", {
        "max_position_embeddings": 512, "max_sequence_length": 4096, "rope_scaling": {"type": "linear", "factor": 8.0}},
        4096, 512, scaling="linear:8"),
    ConfigShape("dynamic, v4", "InternLM, dynamic NTK: the stated length is the trained one", {
        "rope_scaling": {"type": "dynamic", "factor": 2.0}}, 2048, 1024, scaling="dynamic:2"),
    ConfigShape("dynamic, v5", "the same, saved by transformers 5", {
        "rope_theta": None, "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}},
        2048, 1024, scaling="dynamic:2"),
    ConfigShape("yarn, stated length is the original", "Qwen 2.5 and 3 with the block their README tells to add", {
        "rope_scaling": {"type": "yarn", **YARN}}, 4096, 1024, scaling="yarn:4"),
    ConfigShape("yarn, rope_type", "the same in the later spelling", {
        "rope_scaling": {"rope_type": "yarn", **YARN}}, 4096, 1024, scaling="yarn:4"),
    ConfigShape("yarn, v5", "the same, saved by transformers 5", {
        "rope_theta": None, "rope_parameters": {"rope_type": "yarn", "rope_theta": 10000.0, **YARN}},
        4096, 1024, scaling="yarn:4"),
    ConfigShape("yarn beside v5", "a file of transformers 5 with the block that READMEs tell to add: the block wins", {
        "rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5},
        "rope_scaling": {"rope_type": "yarn", "rope_theta": 20000.0, **YARN}}, 4096, 1024, 20000.0, scaling="yarn:4"),
    ConfigShape("yarn without original", "hand-written blocks", {
        "rope_scaling": {"type": "yarn", "factor": 4.0}}, 4096, 1024, scaling="yarn:4"),
    ConfigShape("yarn, stated length is the extended", "DeepSeek V3, gpt-oss, Yarn-Llama-2-64k", {
        "max_position_embeddings": 4096, "rope_scaling": {"type": "yarn", **YARN}}, 4096, 1024, scaling="yarn:4"),
    ConfigShape("llama3", "Llama 3.1 to 3.3", {
        "max_position_embeddings": 8192, "rope_scaling": LLAMA3}, 8192, 1024, scaling=AS_LLAMA3),
    ConfigShape("llama3, v5", "the same, saved by transformers 5", {
        "max_position_embeddings": 8192, "rope_theta": None, "rope_parameters": LLAMA3 | {"rope_theta": 10000.0}},
        8192, 1024, scaling=AS_LLAMA3),
    ConfigShape("longrope", "Phi-3 128k: the original length stands on top", {
        "model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "pad_token_id": 1,
        "max_position_embeddings": 4096, "original_max_position_embeddings": 1024,
        "rope_scaling": {"type": "longrope", **LONG}}, 4096, 1024, scaling="longrope"),
    ConfigShape("longrope, v5", "MiniCPM 4: the original length stands inside", {
        "max_position_embeddings": 4096, "rope_theta": None,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 1024, **LONG}},
        4096, 1024, scaling="longrope"),
    ConfigShape("su", "the first Phi-3 files: longrope by its old name, read by vLLM, not by transformers 5", {
        "model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "pad_token_id": 1,
        "max_position_embeddings": 4096, "original_max_position_embeddings": 1024,
        "rope_scaling": {"type": "su", **LONG}}, 4096, 1024, scaling="longrope"),
    ConfigShape("dual chunk", "Qwen2.5-7B-Instruct-1M", {
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "max_position_embeddings": 4096,
        "dual_chunk_attention_config": {
            "chunk_size": 1024, "local_size": 32, "original_max_position_embeddings": 1024}}, 4096, 1024),
    ConfigShape("mrope", "Qwen2-VL: sections of one default embedding, no other length", {
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}, 1024, 1024, scaling="native"),
    ConfigShape("factor null", "Ming-omni: a kind of its own with a factor of null", {
        "rope_scaling": {"type": "video_rope", "factor": None}}, 1024, 1024, scaling="native"),
    ConfigShape("per layer", "Gemma 3 1B saved by transformers 5: the stated length is the extended one", {
        "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "rope_theta": None, "head_dim": 16,
        "max_position_embeddings": 4096, "sliding_window": 64, "rope_parameters": PER_LAYER},
        4096, None, None, "native"),
    ConfigShape("local base", "Gemma 3 1B as published: rope_local_base_freq beside rope_theta", {
        "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "rope_theta": 1e6, "head_dim": 16,
        "max_position_embeddings": 4096, "sliding_window": 64, "rope_local_base_freq": 10000.0},
        4096, None, None, "native"),
    ConfigShape("text_config", "Gemma 3 4B+, Llama 4, Mistral 3, Qwen-VL: the language model is nested",
        _nested("text_config"), 1024, 1024),
    ConfigShape("text_config, yarn, v5", "the same with a scaling in the nested part", _nested(
        "text_config", rope_theta=None, rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, **YARN}),
        4096, 1024, scaling="yarn:4"),
    ConfigShape("text_config, per layer", "Gemma 3 4B saved by transformers 5", _nested(
        "text_config", {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]},
        model_type="gemma3_text", rope_theta=None, max_position_embeddings=4096, head_dim=16, sliding_window=64,
        rope_parameters=PER_LAYER), 4096, None, None, "native"),
    ConfigShape("text_config without a length", "Gemma 3 4B as published: only its class knows 131,072", _nested(
        "text_config", {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]},
        model_type="gemma3_text", rope_theta=None, max_position_embeddings=None, head_dim=16, sliding_window=64,
        rope_scaling={"rope_type": "linear", "factor": 8.0}), 131072, None, None, "native", is_derived_by_class=True),
    ConfigShape("llm_config", "InternVL, Eagle", _nested("llm_config"), 1024, 1024),
    ConfigShape("language_config", "DeepSeek-VL2, Janus", _nested("language_config"), 1024, 1024),
    ConfigShape("thinker_config", "Qwen2.5-Omni: nested twice", {
        **dict.fromkeys(PLAIN), "model_type": "wild", "architectures": ["WildForConditionalGeneration"],
        "thinker_config": {"text_config": PLAIN}}, 1024, 1024),
    ConfigShape("seq_length", "ChatGLM 2 and 3, XGen", {
        "max_position_embeddings": None, "seq_length": 2048, "model_type": "chatglm"}, 2048, 2048),
    ConfigShape("n_positions", "GPT-2, GPT-J: old names throughout, learned positions", {
        **dict.fromkeys(PLAIN), "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_positions": 1024,
        "n_ctx": 1024, "n_embd": 32, "n_head": 2, "n_layer": 2, "vocab_size": 400}, 1024, 1024, None),
    ConfigShape("max_seq_len", "DBRX, MPT", {
        "max_position_embeddings": None, "max_seq_len": 2048, "model_type": "dbrx"}, 2048, 2048),
    ConfigShape("partial rotary, v4", "Phi-2, StableLM, GLM-4: partial_rotary_factor on top", {
        "model_type": "stablelm", "architectures": ["StableLmForCausalLM"], "partial_rotary_factor": 0.25},
        1024, 1024, rotary_dim=4),
    ConfigShape("partial rotary, v5", "the same, saved by transformers 5", {
        "model_type": "stablelm", "architectures": ["StableLmForCausalLM"], "rope_theta": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25}},
        1024, 1024, rotary_dim=4),
    ConfigShape("partial rotary, ignored", "Llama and Qwen 2 fine-tunes: their class turns whole heads all the same", {
        "partial_rotary_factor": 0.5}, 1024, 1024),
    ConfigShape("latent attention, v4", "DeepSeek V2 and V3, MiniCPM 3: no head_dim, a part of its own turns", {
        "model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"], "q_lora_rank": 16, "kv_lora_rank": 16,
        "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 16}, 1024, 1024, rotary_dim=8),
    ConfigShape("rotary_pct", "GPT-NeoX, Pythia", {
        "model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "rope_theta": None, "rotary_emb_base": 10000,
        "rotary_pct": 0.25}, 1024, 1024, rotary_dim=4),
)  # fmt: skip

CONFIGS: dict[str, ConfigShape] = {shape.name: shape for shape in _ALL}
"""Every configuration by name."""
