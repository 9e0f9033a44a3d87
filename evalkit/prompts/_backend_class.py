"""Which class transformers 5.19 would read a model folder's tokenizer with, as far as it is known here, and its parts.

Most classes take `tokenizer.json` as it is. Those below build normaliser, splitting, decoder and options of the model
anew and keep only vocabulary and merges of the file (`TokenizersBackend.convert_to_native_format`), so their parts
stand here. Where a folder's class is not known for certain, `backend_class` gives None, and transformers is asked.
`tests/prompts/test_backend_class.py` holds both tables against the installed transformers.
"""

from __future__ import annotations

import fnmatch
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["AS_IT_IS", "BackendClass", "backend_class"]

Values = Mapping[str, Any]

_BACKEND = "TokenizersBackend"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Model types whose registered class (`TOKENIZER_MAPPING_NAMES`) takes the file as it is, whatever class it names.
AS_IT_IS = _names("""
    arctic chatlm deepseek_ocr deepseek_v2 deepseek_v3 deepseek_v32 deepseek_v4 ernie4_5 ernie4_5_moe flex_olmo fuyu
    glm glm4 glm4_moe glm4_moe_lite gpt_bigcode granite granitemoe granitemoehybrid granitemoeshared hyperclovax
    internlm2 jamba kimi_linear mimo_v2_flash minicpm3 minicpmv minimax_m2 ministral ministral3 mistral mistral3 mixtral
    molmo nemotron olmo2 olmo3 olmo_hybrid persimmon phi3 phi3_v phimoe pixtral stablelm step3p5
""")

_MISTRAL = frozenset({"ministral", "ministral3", "mistral", "mistral3", "mixtral", "pixtral"})

# Model types with a class of their own, and those among them that get it whatever their files name
# (`MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS`).
_REGISTERED = {
    **dict.fromkeys(_names("gpt2 gpt_neo gptj opt phi codegen dbrx starcoder2"), "GPT2Tokenizer"),
    **dict.fromkeys(
        ("gpt_neox", "mamba", "mamba2", "falcon_mamba", "mpt", "olmo", "olmoe", "rwkv"), "GPTNeoXTokenizer"
    ),
    **dict.fromkeys(_names("gemma gemma2 gemma3 gemma3_text gemma3n recurrent_gemma"), "GemmaTokenizer"),
    **dict.fromkeys(_names("qwen2 qwen2_moe qwen3 qwen3_moe qwen3_next"), "Qwen2Tokenizer"),
    **dict.fromkeys(_names("qwen3_5 qwen3_5_moe qwen3_5_text"), "Qwen3_5Tokenizer"),
}
_WHATEVER_THE_FILE_NAMES = frozenset({"qwen2", "qwen3_5", "qwen3_5_moe"})

# Model types without a registered class: the file names it.
_UNREGISTERED = _names("""
    apertus arcee bamba bitnet bloom cwm diffllama dots1 exaone4 falcon falcon_h1 gemma4 gemma4_text glm_moe_dsa gpt_oss
    helium hunyuan_v1_dense hunyuan_v1_moe jetmoe lfm2 lfm2_moe llama llama4 llama4_text longcat_flash minimax mllama
    nanochat nemotron_h phi4_multimodal seed_oss smollm3 solar_open vaultgemma zamba zamba2
""")

# Model types of published code that transformers does not know: it reads their files by the class that they name.
_OF_OWN_CODE = _names("chatglm index internlm xverse")

# Names of repositories that are read with the file as it is (`MODEL_IDS_TO_TOKENIZERS_BACKEND`).
OVERRULED_NAMES = (
    "deepseek-ai/deepseek-r1-distill-llama-*", "deepseek-ai/deepseek-coder-*", "allenai/dolma2-tokenizer",
    "google/umt5-small", "naver-clova-ix/donut-*", "salesforce/blip2-opt-*", "salesforce/blip2-flan-t5-*",
    "salesforce/instructblip-flan-t5-*", "stepfun-ai/step-3.7-*",
)  # fmt: skip

# Fields of config.json that count there besides `model_type`.
_NAMES_BESIDES = frozenset({"model_name", "name_or_path"})

# Names in tokenizer_config.json that mean: the file as it is.
_GENERIC = frozenset({"PreTrainedTokenizer", "TokenizersBackend", "BloomTokenizer"})


@dataclass(frozen=True)
class BackendClass:
    """How a class makes a tokenizer of `tokenizer.json`."""

    name: str
    """Its name in transformers."""
    build: Callable[[Any, Any, Values], Any] | None = None
    """From vocabulary, merges and keyword arguments to a `tokenizers.Tokenizer`; None = the file as it is."""
    defaults: Values | None = None
    """Special tokens where no file names them."""
    marks_special: bool = False
    """Adds every special token once more, marked special."""
    forgets_post_processor: bool = False
    """Puts nothing before or behind a text, whatever the file's post-processor does."""


def _is_overruled(place: str) -> bool:
    """Whether a folder is called, from the working folder, as a repository whose files name a wrong class."""
    return any(fnmatch.fnmatch(place.lower(), pattern) for pattern in OVERRULED_NAMES)


def backend_class(config: Values, tokenizer_config: Values, place: str = "") -> BackendClass | None:
    """The class for a folder with these files; None where only transformers can tell.

    Follows `AutoTokenizer.from_pretrained` of transformers 5.19.
    """
    kind = config.get("model_type") or None
    named = tokenizer_config.get("tokenizer_class", config.get("tokenizer_class"))
    if "auto_map" in tokenizer_config or not isinstance(named, str | None) or not isinstance(kind, str | None):
        return None
    is_named_otherwise = not _NAMES_BESIDES.isdisjoint(config) or (kind is None and "_name_or_path" in config)
    if named == "" or is_named_otherwise or _is_overruled(place):
        return None
    named = named and named.removesuffix("Fast")
    if kind in _MISTRAL and importlib.util.find_spec("mistral_common") is not None:
        return None  # that package reads such folders its own way
    if kind in AS_IT_IS or (kind in _REGISTERED and named in _GENERIC and kind not in _WHATEVER_THE_FILE_NAMES):
        return _CLASSES[_BACKEND]
    if kind in _REGISTERED:
        return _CLASSES.get(_REGISTERED[kind] if kind in _WHATEVER_THE_FILE_NAMES else named or "")
    if kind is not None and kind not in _UNREGISTERED and kind not in _OF_OWN_CODE:
        return None
    return _CLASSES[_BACKEND] if named is None or named in _GENERIC else _CLASSES.get(named)


def _bpe(vocabulary: Any, merges: Any, **options: Any) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    return Tokenizer(BPE(vocab=vocabulary, merges=merges, dropout=None, **options))


def _byte_level(vocabulary: Any, merges: Any, **options: Any) -> Any:
    from tokenizers import decoders

    core = _bpe(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix="", fuse_unk=False, **options)
    core.decoder = decoders.ByteLevel()
    return core


def _gpt2(vocabulary: Any, merges: Any, values: Values) -> Any:
    from tokenizers import pre_tokenizers

    core = _byte_level(vocabulary, merges)
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=values.get("add_prefix_space", False))
    return core


def _gpt_neox(vocabulary: Any, merges: Any, values: Values) -> Any:
    from tokenizers import normalizers, pre_tokenizers

    core = _byte_level(vocabulary, merges)
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.ByteLevel(
        add_prefix_space=values.get("add_prefix_space", False), trim_offsets=values.get("trim_offsets", True)
    )
    return core


# Letters of `tokenization_qwen2.py` and `tokenization_qwen3_5.py`; the latter keeps marks with their letters.
_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN3_5_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def _qwen(pattern: str) -> Callable[[Any, Any, Values], Any]:
    def build(vocabulary: Any, merges: Any, values: Values) -> Any:
        from tokenizers import Regex, normalizers, pre_tokenizers

        core = _byte_level(vocabulary, merges, unk_token=None, byte_fallback=False)
        core.normalizer = normalizers.NFC()
        level = pre_tokenizers.ByteLevel(add_prefix_space=bool(values.get("add_prefix_space")), use_regex=False)
        split = pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False)
        core.pre_tokenizer = pre_tokenizers.Sequence([split, level])
        return core

    return build


def _gemma(vocabulary: Any, merges: Any, values: Values) -> Any:
    from tokenizers import decoders, normalizers, pre_tokenizers

    unknown = str(values.get("unk_token", "<unk>"))
    core = _bpe(vocabulary, merges, fuse_unk=True, byte_fallback=True, unk_token=unknown)
    core.normalizer = normalizers.Replace(" ", "▁")
    core.pre_tokenizer = pre_tokenizers.Split(pattern=" ", behavior="merged_with_previous", invert=False)
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return core


def _llama(vocabulary: Any, merges: Any, values: Values) -> Any:
    from tokenizers import decoders, pre_tokenizers

    stated = values.get("add_prefix_space")
    has_blank = True if stated is None else bool(stated)
    scheme = ("always" if values.get("legacy", False) else "first") if has_blank else "never"
    core = _bpe(vocabulary, merges, fuse_unk=True, byte_fallback=True)
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme, split=False)
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    core.decoder = decoders.Sequence([*steps, *([decoders.Strip(content=" ", left=1)] if has_blank else [])])
    return core


_END = "<|endoftext|>"
_QWEN_TOKENS = {"unk_token": _END, "bos_token": None, "eos_token": _END, "pad_token": _END}

_CLASSES = {
    each.name: each
    for each in (
        BackendClass(_BACKEND),
        BackendClass(
            "GPT2Tokenizer", _gpt2, {"unk_token": _END, "bos_token": _END, "eos_token": _END, "pad_token": None}
        ),
        BackendClass(
            "GPTNeoXTokenizer", _gpt_neox,
            {"unk_token": _END, "bos_token": _END, "eos_token": _END, "pad_token": "<|padding|>"},
            forgets_post_processor=True,
        ),
        BackendClass(
            "GemmaTokenizer", _gemma,
            {
                "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>",
                "mask_token": "<mask>",
            },
        ),
        BackendClass("LlamaTokenizer", _llama, {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}),
        BackendClass("Qwen2Tokenizer", _qwen(_QWEN2_SPLIT), _QWEN_TOKENS, marks_special=True),
        BackendClass("Qwen3_5Tokenizer", _qwen(_QWEN3_5_SPLIT), _QWEN_TOKENS),
    )
}  # fmt: skip
