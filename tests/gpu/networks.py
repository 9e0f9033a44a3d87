"""Random models made on the device itself, and the adapter over them: no weights are written or read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.cards import Card
from evalkit.models import BackendOptions
from evalkit.models.conversion import Loadable
from evalkit.models.huggingface import HuggingFaceModel, _adapter
from evalkit.models.huggingface._weights import LoadedModel
from evalkit.prompts import PromptTokenizer, load_tokenizer

__all__ = ["LARGE", "SMALL", "Network", "Shape", "make_network"]


@dataclass(frozen=True)
class Shape:
    """A network by its configuration."""

    name: str
    """For the table."""
    kind: str
    """Class of transformers' configuration."""
    sizes: dict[str, int]
    """Fields of it."""


_QWEN = {
    "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
    "num_key_value_heads": 2, "vocab_size": 151_936,
}  # fmt: skip
_LLAMA = {
    "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 32_000,
}  # fmt: skip
_TINY = {
    "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 600,
}  # fmt: skip

LARGE = (Shape("1.5B, Qwen2", "Qwen2Config", _QWEN), Shape("7B, Llama", "LlamaConfig", _LLAMA))
SMALL = (Shape("tiny, Qwen2", "Qwen2Config", _TINY), Shape("tiny, Llama", "LlamaConfig", _TINY))


@dataclass
class Network:
    """A random model, and what an adapter over it needs."""

    model: Any
    """Of transformers."""
    card: Card
    """Its card."""
    tokenizer: PromptTokenizer
    """Of 258 tokens, all single bytes."""

    def adapter(self, **options: Any) -> HuggingFaceModel:
        """evalkit's adapter over the weights as they are on the device."""
        loaded = LoadedModel(self.model, Loadable(str(self.card.weights_path), None))
        before = _adapter.load_weights
        _adapter.load_weights = lambda card, options: loaded  # noqa: ARG005
        try:
            return HuggingFaceModel(self.card, self.tokenizer, BackendOptions(**options))
        finally:
            _adapter.load_weights = before


def make_network(shape: Shape, folder: Path, device: str, dtype: str, window: int) -> Network:
    """A network of that shape with random weights on the device, and a tokenizer in the folder."""
    import torch
    import transformers

    config = getattr(transformers, shape.kind)(**shape.sizes, max_position_embeddings=window, eos_token_id=None)
    torch.manual_seed(0)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, dtype), attn_implementation="sdpa"
        ).eval()
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    _byte_tokenizer().save_pretrained(folder)
    card = Card(
        name="random", title=shape.name, weights=str(folder), context_length=window, chat="none", licence="none"
    )
    return Network(model, card, load_tokenizer(card))


def _byte_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({sign: index for index, sign in enumerate(["<s>", "</s>", *signs])}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>")
