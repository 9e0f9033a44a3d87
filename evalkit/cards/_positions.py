"""How a model without a rotary embedding tells positions apart, read from the configuration of its weights."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.cards._card import Card
from evalkit.cards._weights import read_config
from evalkit.cards._window import Config, language_config

__all__ = ["positions_without_rope"]

ALIBI, LEARNED, SINES, NONE = "ALiBi", "learned positions", "fixed sines", "no positions"

# By the classes of transformers 5.19 (`modeling_*.py`).
_BY_TYPE = {
    "bloom": ALIBI, "mpt": ALIBI, "refact": ALIBI, "gpt-refact": ALIBI,
    "biogpt": LEARNED, "gpt2": LEARNED, "gpt_bigcode": LEARNED, "gpt_neo": LEARNED, "openai-gpt": LEARNED,
    "opt": LEARNED, "ctrl": SINES, "xglm": SINES,
    "falcon_mamba": NONE, "jamba": NONE, "mamba": NONE, "mamba2": NONE, "rwkv": NONE,
}  # fmt: skip
_BY_NAME = {"alibi": ALIBI, "learned": LEARNED, "nope": NONE}  # `position_embedding_type` (BTLM, Jais, Granite)
_BAICHUAN_WITH_ROPE = 4096  # hidden size of the 7B model; vLLM's class tells ALiBi from rotary by it (`baichuan.py`)


def positions_without_rope(card: Card) -> str | None:
    """What the model has in place of a rotary embedding (`ALiBi`); None where it has one, or nobody here can tell."""
    folder = card.weights_path
    if folder is None or not (folder / "config.json").is_file():
        return None
    return _positions(language_config(read_config(folder / "config.json")))


def _positions(config: Config) -> str | None:
    kind, attention = config.get("model_type"), config.get("attn_config")
    if config.get("alibi") is True or (isinstance(attention, Mapping) and attention.get("alibi") is True):
        return ALIBI
    if kind == "baichuan" and config.get("hidden_size") != _BAICHUAN_WITH_ROPE:
        return ALIBI
    return _BY_NAME.get(str(config.get("position_embedding_type"))) or _BY_TYPE.get(str(kind))
