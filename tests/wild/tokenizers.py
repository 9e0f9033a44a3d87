"""Tokenizer folders as published models have them, trained here in milliseconds: some 300 to 600 entries each.

`TOKENIZERS` holds them all by name; `write_tokenizer(name, folder)` writes one, `load_raw(folder)` loads what
transformers itself makes of it, which is what evalkit's ids are compared with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.wild._shape import Shape
from tests.wild.templates import TEMPLATES

__all__ = ["TEXTS", "TOKENIZERS", "load_raw", "write_tokenizer"]

ENGLISH = [
    "Read the story. Which word is number 2? word12 word93 word40, she said: so it is.",
    "Document is as follows. The river and the bridge over the river, 2024. It isn't far , he said .",
    "def count(words): return {word: len(word) for word in words}  # dictionary",
] * 3
CHINESE = ["第一个话题是什么？答案在文中。第二个话题在文中。他说：“在文中。”\n\n她走了。他也走了。"] * 6
QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

TEXTS = (
    "word",
    "Which word is number 2? " * 12 + "So?",
    "It isn't far , he said . Is n't it ?  Two  blanks, a\ttab\nand a line.\n\n",
    "第一个话题是什么？答案在文中。\n\n她走了。“他也走了。”",
    "Fluß, naïve café, 🙂 and \u200b nothing.",
    " leading blank and trailing blank ",
)
"""Texts of different lengths and scripts; the second is longer than any `truncation` here allows."""


def write_tokenizer(name: str, folder: Path) -> Path:
    """Writes the tokenizer of that name into `folder`."""
    return TOKENIZERS[name].write(folder)


def load_raw(folder: Path) -> Any:
    """The tokenizer as transformers alone loads it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=True)


def _byte_level(corpus: list[str], *, size: int = 400, regex: str | None = None, splits: bool = True) -> Any:
    """A byte-level BPE core: <s> is 0, </s> is 1; no token for unknown text, as it needs none."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=splits and regex is None)
    core.pre_tokenizer = (
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated"), level]) if regex else level
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    core.train_from_iterator(corpus, trainer)
    return core


def _sentencepiece() -> Any:
    """Llama 2's chain as converted from sentencepiece: a blank is put before every text, bytes catch the rest."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<s>", "</s>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special, show_progress=False, max_token_length=8)
    core.train_from_iterator([text.replace(" ", "▁") for text in ENGLISH], trainer)
    state = json.loads(core.to_str())  # bytes are plain pieces of the vocabulary, not special tokens
    state["added_tokens"] = state["added_tokens"][:3]
    core = Tokenizer.from_str(json.dumps(state))
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return core


def _metaspace() -> Any:
    """A unigram model behind Metaspace, as T5's and XLNet's family have it; each run of blanks begins a piece."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.Unigram())
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    core.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=160, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    core.train_from_iterator([*ENGLISH, *CHINESE], trainer)
    return core


def _around(core: Any, pattern: str) -> Any:
    """The core with a post-processor such as `<s> $A </s>`."""
    from tokenizers import processors

    ids = [(token, core.token_to_id(token)) for token in ("<s>", "</s>")]
    core.post_processor = processors.TemplateProcessing(single=pattern, pair=f"{pattern} $B", special_tokens=ids)
    return core


def _save(folder: Path, core: Any, template: str | None = TEMPLATES["plain"].text, **config: Any) -> Path:
    """Writes tokenizer.json and tokenizer_config.json as they stand in a published repository."""
    folder.mkdir(parents=True, exist_ok=True)
    core.save(str(folder / "tokenizer.json"))
    values = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"} | config
    if template is not None:
        values["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(values), "utf-8")
    return folder


def _truncating(folder: Path) -> Path:
    core = _byte_level(ENGLISH)
    core.enable_truncation(max_length=16)
    return _save(folder, core)


def _padding(folder: Path) -> Path:
    core = _byte_level(ENGLISH)
    core.enable_padding(direction="left", pad_id=1, pad_token="</s>")
    return _save(folder, core, pad_token="</s>", padding_side="left")


def _truncating_and_padding(folder: Path) -> Path:
    core = _around(_byte_level(ENGLISH), "<s> $A")
    core.enable_truncation(max_length=16)
    core.enable_padding(length=16, pad_id=1, pad_token="</s>")
    return _save(folder, core, pad_token="</s>", model_max_length=16)


def _added_tokens(folder: Path) -> Path:
    """Tokens added behind the trained vocabulary: two special ones and a plain word."""
    from tokenizers import AddedToken

    core = _byte_level(ENGLISH, regex=QWEN_SPLIT)
    core.add_special_tokens([AddedToken("<|im_start|>"), AddedToken("<|im_end|>")])
    core.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("tab", single_word=True)])
    extra = {"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    return _save(folder, core, TEMPLATES["thinking"].text, bos_token=None, eos_token="<|im_end|>", **extra)


def _thoughts(template: str, opened: str = "<think>", closed: str = "</think>") -> Callable[[Path], Path]:
    """Writer of a tokenizer with two tokens for the tags of thoughts, which are not special."""

    def write(folder: Path) -> Path:
        from tokenizers import AddedToken

        core = _byte_level(ENGLISH, regex=QWEN_SPLIT)
        core.add_special_tokens([AddedToken("<|im_start|>"), AddedToken("<|im_end|>")])
        core.add_tokens([AddedToken(tag, normalized=False) for tag in (opened, closed)])
        return _save(folder, core, template, bos_token=None, eos_token="<|im_end|>")

    return write


def _no_bos(folder: Path) -> Path:
    return _save(folder, _byte_level(ENGLISH, regex=QWEN_SPLIT), TEMPLATES["no bos"].text, bos_token=None)


def _bytes_slow(folder: Path) -> Path:
    """ByT5's: a Python class without any vocabulary file."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"tokenizer_class": "ByT5Tokenizer", "chat_template": TEMPLATES["no bos"].text, "extra_ids": 8}
    (folder / "tokenizer_config.json").write_text(json.dumps(values), "utf-8")
    return folder


REMOTE = '''"""A character tokenizer as a repository ships it."""
import json
import os

from transformers import PreTrainedTokenizer


class TinyTokenizer(PreTrainedTokenizer):
    vocab_files_names = {"vocab_file": "vocab.json"}
    model_input_names = ["input_ids", "attention_mask"]

    def __init__(self, vocab_file, bos_token="<s>", eos_token="</s>", unk_token="<unk>", **options):
        with open(vocab_file, encoding="utf-8") as file:
            self.ids = json.load(file)
        self.pieces = {number: piece for piece, number in self.ids.items()}
        super().__init__(bos_token=bos_token, eos_token=eos_token, unk_token=unk_token, **options)

    @property
    def vocab_size(self):
        return len(self.ids)

    def get_vocab(self):
        return dict(self.ids) | self.added_tokens_encoder

    def _tokenize(self, text, **options):
        return list(text)

    def _convert_token_to_id(self, token):
        return self.ids.get(token, self.ids["<unk>"])

    def _convert_id_to_token(self, index):
        return self.pieces.get(index, "<unk>")

    def convert_tokens_to_string(self, tokens):
        return "".join(tokens)

    def build_inputs_with_special_tokens(self, first, second=None):
        return [self.bos_token_id] + first + (second or [])

    def save_vocabulary(self, save_directory, filename_prefix=None):
        path = os.path.join(save_directory, "vocab.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.ids, file)
        return (path,)
'''


def _remote_slow(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pieces = ["<s>", "</s>", "<unk>", *sorted(set("".join([*ENGLISH, *CHINESE, *TEXTS])))]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}), "utf-8")
    (folder / "tokenization_tiny.py").write_text(REMOTE, "utf-8")
    values = {
        "tokenizer_class": "TinyTokenizer", "auto_map": {"AutoTokenizer": ["tokenization_tiny.TinyTokenizer", None]},
        "chat_template": TEMPLATES["plain"].text,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(values), "utf-8")
    return folder


def _simple(make: Callable[[], Any], template: str | None = TEMPLATES["plain"].text, **config: Any) -> Any:
    """A writer of a core and a configuration without further files."""
    return lambda folder: _save(folder, make(), template, **config)


_ALL = (
    Shape("truncation", "fine-tuned with a script that tokenised with truncation=True and saved after it", _truncating),
    Shape("padding", "saved by an embedding or a batch-generation script after it padded", _padding),
    Shape("truncation and padding", "sentence-transformers, text classifiers", _truncating_and_padding),
    Shape("eos appended", "T5, Gemma embedding models, Llama fine-tunes with add_eos_token", _simple(
        lambda: _around(_byte_level(ENGLISH), "<s> $A </s>"))),
    Shape("bos by processor", "Llama 3, Mistral: the post-processor begins every text", _simple(
        lambda: _around(_byte_level(ENGLISH), "<s> $A"), TEMPLATES["writes bos"].text)),
    Shape("bos by processor, template without", "Vicuna-style templates pasted on a Llama", _simple(
        lambda: _around(_byte_level(ENGLISH), "<s> $A"), TEMPLATES["no bos"].text)),
    Shape("bos by template only", "DeepSeek, Yi: the tokenizer adds none, the template writes it", _simple(
        lambda: _byte_level(ENGLISH), TEMPLATES["writes bos"].text)),
    Shape("bos is eos", "GPT-2, Phi, StableLM: one token begins and ends texts", _simple(
        lambda: _around(_byte_level(ENGLISH), "<s> $A"), bos_token="<s>", eos_token="<s>")),
    Shape("no bos", "Qwen: tiktoken-like, bos_token null, no unknown token", _no_bos),
    Shape("full stop in bytes", "byte-level BPE trained on English: every Chinese character is several tokens", _simple(
        lambda: _byte_level(ENGLISH))),
    Shape("full stop merged", "Qwen, o200k: 。 stands inside longer tokens such as 中。 or 。\\n\\n", _simple(
        lambda: _byte_level(CHINESE + ENGLISH, size=560, splits=False))),
    Shape("sentencepiece", "Llama 2, Mistral 0.1, Yi: a blank before every text, byte fallback", _simple(
        lambda: _around(_sentencepiece(), "<s> $A"), unk_token="<unk>")),
    Shape("metaspace", "T5, XLNet, Baichuan: Metaspace, runs of blanks change, EOS behind every text", _simple(
        lambda: _around(_metaspace(), "$A </s>"), bos_token=None, unk_token="<unk>")),
    Shape("slow", "ByT5: a Python class of transformers, no fast version, appends EOS", _bytes_slow),
    Shape("slow remote", "Index, Baichuan, ChatGLM, Qwen 1: a Python class of the repository", _remote_slow),
    Shape("clean up", "Llama 3, GPT-2: clean_up_tokenization_spaces true", _simple(
        lambda: _around(_byte_level(ENGLISH), "<s> $A"), clean_up_tokenization_spaces=True)),
    Shape("added tokens", "Qwen 2.5/3: special and plain tokens behind the vocabulary", _added_tokens),
    Shape("thoughts", "Qwen 3: a token for each tag, the model writes both", _thoughts(TEMPLATES["thinking"].text)),
    Shape("thoughts opened", "DeepSeek R1, Qwen 3.5: the template writes the first tag, the model the second",
        _thoughts(TEMPLATES["opens thinking"].text)),
    Shape("thoughts in channels", "gpt-oss: each tag is three tokens", _simple(
        lambda: _byte_level(ENGLISH), TEMPLATES["channels"].text)),
    Shape("no template", "base models", _simple(lambda: _around(_byte_level(ENGLISH), "<s> $A"), None)),
    Shape("small model_max_length", "GPT-2 and older fine-tunes: 1,024 or 512 in tokenizer_config.json", _simple(
        lambda: _around(_byte_level(ENGLISH), "<s> $A"), model_max_length=32)),
)  # fmt: skip

TOKENIZERS: dict[str, Shape] = {shape.name: shape for shape in _ALL}
"""Every tokenizer by name."""
