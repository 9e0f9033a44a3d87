"""SentencePiece models trained here, in folders as models were published, and texts that are hard to encode."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from evalkit.cards import Card
from evalkit.prompts import PromptTokenizer, load_tokenizer

WORDS = [
    "the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "中文", "字符", "测试", "你好", "世界", "我们",
    "可以", "函数", "def", "return", "x", "y", "print", "hello", "world",
]  # fmt: skip
SYMBOLS = ["reserved_0", "reserved_1", "<eoh>"]
KINDS: dict[str, dict[str, Any]] = {
    "like llama": {
        "model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False, "vocab_size": 400,
    },
    "bpe": {"model_type": "bpe", "vocab_size": 200},
    "bpe, blanks kept": {"model_type": "bpe", "vocab_size": 200, "remove_extra_whitespaces": False},
    "unigram": {"model_type": "unigram", "vocab_size": 150, "hard_vocab_limit": False},
    "unigram with bytes": {
        "model_type": "unigram", "vocab_size": 400, "hard_vocab_limit": False, "byte_fallback": True,
        "normalization_rule_name": "nfkc", "remove_extra_whitespaces": False,
    },
    "no blank before": {"model_type": "bpe", "vocab_size": 400, "byte_fallback": True, "add_dummy_prefix": False},
    "symbols": {"model_type": "bpe", "vocab_size": 400, "byte_fallback": True, "user_defined_symbols": SYMBOLS},
}  # fmt: skip

PARTS = (
    *WORDS, " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u3000", "\u00a0", "🙂", "👩\u200d👩\u200d👧", "e\u0301",
    "é", "ﬁ", "Å", "\u200b", "\0", "\x1b", "\x7f", "𝔘", "ไทย", "العربية", "▁", "<unk>", "<s>", "</s>", "<0x41>",
    "reserved_0", "reserved_1", "<eoh>", "[gMASK]", "sop", "<|endoftext|>", "def f(x):\n    return x**2", "0123", "。",
    "“”", "\ufdd0", "\ufdd1", "<", ">", "_",
)  # fmt: skip


def _texts() -> list[str]:
    rng = random.Random(11)
    made = ["".join(rng.choices(PARTS, k=rng.randrange(1, 12))) for _ in range(2400)]
    return ["", *PARTS, *(f" {part}" for part in PARTS), *(f"{part} " for part in PARTS), *made]


TEXTS = _texts()


def train(**options: Any) -> bytes:
    """A SentencePiece model of a few hundred pieces."""
    rng = random.Random(1)
    lines = [
        " ".join(rng.choice(WORDS) + rng.choice(["", ",", ".", "。", "ing"]) for _ in range(12)) for _ in range(1500)
    ]
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, minloglevel=2, num_threads=1, **options
    )
    return out.getvalue()


@pytest.fixture(scope="session")
def models() -> dict[str, bytes]:
    """Model files by kind."""
    return {kind: train(**options) for kind, options in KINDS.items()}


@pytest.fixture(scope="session")
def references(models: dict[str, bytes]) -> dict[str, Any]:
    """SentencePiece's own processors of the same models."""
    made = {}
    for kind, raw in models.items():
        made[kind] = sentencepiece.SentencePieceProcessor()
        made[kind].LoadFromSerializedProto(raw)
    return made


@pytest.fixture
def card_of(tmp_path: Path, models: dict[str, bytes]) -> Callable[..., Card]:
    """Maker of cards over new folders: `card_of(kind or bytes, tokenizer_config, config=…, files=…, **card fields)`."""
    count = iter(range(1000))

    def make(
        kind: str | bytes | None,
        tokenizer_config: dict[str, Any],
        config: dict[str, Any] | None = None,
        files: dict[str, str] | None = None,
        **fields: Any,
    ) -> Card:
        folder = tmp_path / f"model{next(count)}"
        folder.mkdir()
        if kind is not None:
            (folder / "tokenizer.model").write_bytes(models[kind] if isinstance(kind, str) else kind)
        for name, content in {"tokenizer_config.json": tokenizer_config, "config.json": config or {}}.items():
            (folder / name).write_text(json.dumps(content))
        for name, text in (files or {}).items():
            (folder / name).write_text(text)
        values = {"name": "tiny", "title": "Tiny", "weights": str(folder), "context_length": 512, "licence": "none"}
        return Card.model_validate(values | fields)

    return make


@pytest.fixture
def new_tokenizer(card_of: Callable[..., Card]) -> Callable[..., PromptTokenizer]:
    """Maker of tokenizers, with the arguments of `card_of`."""

    def make(*values: Any, trust_remote_code: bool = False, **fields: Any) -> PromptTokenizer:
        return load_tokenizer(card_of(*values, **fields), trust_remote_code=trust_remote_code)

    return make
