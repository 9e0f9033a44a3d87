"""tokenizer.json read without transformers: ids, texts, special tokens, templates and digests are those it gives."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Card
from evalkit.errors import CardError
from evalkit.prompts import PromptTokenizer, load_tokenizer
from evalkit.prompts._tokenizer_file import read_tokenizer_file
from tests.wild import TEXTS, TOKENIZERS, Shape, cases

FILES = {name: shape for name, shape in TOKENIZERS.items() if name not in {"slow", "slow remote"}}
HARD = (
    *TEXTS, "", " ", "  x", "<s>a</s> <unk> <|im_start|>user<|im_end|>", "<s> b", "e\u0301 ﬁ Å \ufeff",
    "<tool_call>tab tab</tool_call>tabs", "12345 don't  \r\n\n", "\u0000a", "👩‍👩‍👧", "<pad><mask><bos> new <x> aa",
)  # fmt: skip

KINDS = (
    None,
    "llama",
    "qwen2",
    "qwen3",
    "qwen3_5",
    "gemma2",
    "gpt2",
    "gpt_neox",
    "mistral",
    "phi3",
    "internlm2",
    "glm4",
)
CLASSES = (
    None, "PreTrainedTokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast", "Qwen2TokenizerFast", "GemmaTokenizerFast",
    "GPT2TokenizerFast", "GPTNeoXTokenizerFast", "BloomTokenizerFast", "TokenizersBackend", "CohereTokenizerFast",
    "UnknownTokenizer",
)  # fmt: skip


def token(text: str, **flags: bool) -> dict[str, Any]:
    """A token as files write it."""
    off = dict.fromkeys(("lstrip", "rstrip", "single_word", "normalized"), False)
    return {"content": text, **off, **flags}


CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"add_bos_token": True, "add_eos_token": True},
    {"legacy": True},
    {"add_prefix_space": True},
    {"add_prefix_space": False},
    {"clean_up_tokenization_spaces": True},
    {"image_token": "<image>"},
    {"additional_special_tokens": ["<|im_start|>", "zz"]},
    {"extra_special_tokens": {"boi_token": "<boi>"}},
    {"split_special_tokens": True},
    {"added_tokens_decoder": {
        "0": token("<s>", special=True), "900": token("<x>", special=False, normalized=True, lstrip=True),
    }},
    {"unk_token": {"__type": "AddedToken", **token("<unk>", normalized=True)}},
    {"bos_token": None},
    {"eos_token": "new"},
    {"trim_offsets": False},
    {"model_max_length": 16, "padding_side": "left"},
)  # fmt: skip
MAPS: tuple[dict[str, Any] | None, ...] = (
    None, None, None, {"bos_token": token("<s>"), "pad_token": "<pad>"}, {"additional_special_tokens": ["aa", "<s>"]},
)  # fmt: skip


def facts(raw: Any) -> dict[str, Any]:
    """All that prompts take from a tokenizer; an error's text where it can read none."""
    tokenizer = PromptTokenizer(raw)
    try:
        batch = tokenizer.encode_batch(HARD)
        return {
            "ids": batch,
            "alone": [tokenizer.encode(text) for text in HARD],
            "around": (tokenizer.prefix_ids, tokenizer.suffix_ids, tokenizer.bos_id, tokenizer.eos_ids),
            "texts": [tokenizer.decode(ids, skip_special=skip) for ids in batch for skip in (False, True)],
            "upstream": [tokenizer.decode_as_upstream(ids) for ids in batch],
            "special": raw.special_tokens_map,
            "template": tokenizer.chat_template,
            "size": len(tokenizer),
            "digest": tokenizer.digest,
        }
    except CardError as error:
        return {"error": str(error)}


@pytest.mark.parametrize("shape", cases(FILES))
def test_a_wild_tokenizer_file_is_read_without_transformers(
    shape: Shape, wild_tokenizer_folder: Callable[[str], Path], wild_raw: Callable[[str], Any]
) -> None:
    """Every fact is transformers', the digest included, so that runs made before go on."""
    ours = read_tokenizer_file(wild_tokenizer_folder(shape.name))

    assert ours is not None
    assert facts(wild_raw(shape.name)) == facts(ours)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_read_here_is_what_transformers_reads(
    seed: int, tmp_path: Path, wild_tokenizer_folder: Callable[[str], Path]
) -> None:
    """For model types, classes and keys of tokenizer_config.json in all mixtures; the others are left to it."""
    from transformers import AutoTokenizer

    chance = random.Random(seed)
    mixtures = list(itertools.product(FILES, KINDS, CLASSES, CHANGES, MAPS))
    read = 0
    for number, mixture in enumerate(chance.sample(mixtures, 50)):
        folder = mixed(tmp_path / str(number), wild_tokenizer_folder, *mixture)
        ours = read_tokenizer_file(folder)
        if ours is None:
            continue
        read += 1
        assert facts(AutoTokenizer.from_pretrained(folder)) == facts(ours), mixture

    assert read > 30


def mixed(
    folder: Path, origin: Callable[[str], Path], name: str, kind: str | None, named: str | None,
    changes: dict[str, Any], special: dict[str, Any] | None,
) -> Path:  # fmt: skip
    """A copy of a wild tokenizer under another model type and class, with other keys."""
    folder.mkdir()
    shutil.copy(origin(name) / "tokenizer.json", folder)
    values = json.loads((origin(name) / "tokenizer_config.json").read_text("utf-8"))
    values = {key: value for key, value in values.items() if key != "tokenizer_class"} | changes
    if named is not None:
        values["tokenizer_class"] = named
    (folder / "tokenizer_config.json").write_text(json.dumps(values), "utf-8")
    if kind is not None:
        (folder / "config.json").write_text(json.dumps({"model_type": kind, "transformers_version": "4.40.0"}))
    if special is not None:
        (folder / "special_tokens_map.json").write_text(json.dumps(special), "utf-8")
    return folder


PADDING = {
    "pad_token": "<new>", "pad_id": 0, "pad_type_id": 0, "direction": "left", "length": 9, "pad_to_multiple_of": None
}  # fmt: skip
LEADING: dict[str, dict[str, Any]] = {
    "a keyword that takes the file as it is": {"values": {"trust_remote_code": True}},
    "a keyword that brings a token": {"values": {"_json_padding": PADDING}},
    "a named token in a list of others": {"values": {"extra_special_tokens": {"a_token": "aa", "bos_token": "zz"}}},
    "two lists of tokens": {"values": {"additional_special_tokens": ["aa"], "extra_special_tokens": {"a_token": "zz"}}},
    "no class": {"named": ""},
    "a token without a text": {"values": {"eos_token": ""}},
    "a repository's name as a model's": {"config": {"model_type": "gpt2", "model_name": "qwen2"}},
    "a repository's name without a type": {"config": {"_name_or_path": "deepseek-ai/deepseek-coder-x"}},
    "a repository's name as the path": {"config": {"name_or_path": "deepseek-ai/deepseek-coder-x"}},
    "a template in the older file": {"special_tokens_map.json": {"chat_template": "older"}},
    "a beginning in the older file": {"special_tokens_map.json": {"add_bos_token": True}},
    "tokens in another order": {
        "values": {"b_token": "<new b>"}, "special_tokens_map.json": {"a_token": "<new a>"},
    },
    "texts before objects": {
        "values": {"a_token": "<new a>", "b_token": {"__type": "AddedToken", **token("<new b>")}, "c_token": "<new c>"}
    },
    "tokens of the two oldest files": {
        "special_tokens_map.json": {"additional_special_tokens": ["<new>"]}, "added_tokens.json": {"<new>": 500},
    },
    "a flag that is none": {"values": {"split_special_tokens": "x"}},
}  # fmt: skip


@pytest.mark.parametrize("named", ["PreTrainedTokenizerFast", "LlamaTokenizer", "Qwen2Tokenizer"])
@pytest.mark.parametrize("lead", LEADING)
def test_what_leads_transformers_elsewhere_is_never_read_otherwise(
    lead: str, named: str, tmp_path: Path, wild_tokenizer_folder: Callable[[str], Path]
) -> None:
    """Either with the same facts, or not at all, and then transformers reads it."""
    files = LEADING[lead]
    folder = mixed(
        tmp_path / "model", wild_tokenizer_folder, "bos by processor", None, files.get("named", named),
        files.get("values", {}), files.get("special_tokens_map.json"),
    )  # fmt: skip
    (folder / "config.json").write_text(json.dumps(files.get("config", {"model_type": "llama"})), "utf-8")
    if "added_tokens.json" in files:
        (folder / "added_tokens.json").write_text(json.dumps(files["added_tokens.json"]), "utf-8")

    ours = read_tokenizer_file(folder)

    assert ours is None or facts(ours) == theirs(folder)


def theirs(folder: Path) -> dict[str, Any]:
    """What transformers reads there."""
    from transformers import AutoTokenizer

    return facts(AutoTokenizer.from_pretrained(folder, trust_remote_code=False))


def test_a_folder_called_as_an_overruled_repository_is_left_to_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wild_tokenizer_folder: Callable[[str], Path]
) -> None:
    """It goes by the name, which the path from the working folder can be."""
    monkeypatch.chdir(tmp_path)
    folder = Path("deepseek-ai", "deepseek-coder-6.7b")
    folder.parent.mkdir()
    mixed(folder, wild_tokenizer_folder, "bos by processor", "llama", "LlamaTokenizer", {}, None)

    assert read_tokenizer_file(folder) is None
    assert read_tokenizer_file(folder.resolve()) is not None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "config"),
        ({"chat_template.jinja": "file"}, "file"),
        (
            {"chat_template.jinja": "file", "additional_chat_templates/rag.jinja": "rag"},
            {"default": "file", "rag": "rag"},
        ),
    ],
)
def test_the_template_is_found_where_transformers_finds_it(
    files: dict[str, str], expected: object, tmp_path: Path, wild_tokenizer_folder: Callable[[str], Path]
) -> None:
    """Files of their own win over tokenizer_config.json."""
    from transformers import AutoTokenizer

    folder = mixed(
        tmp_path / "model", wild_tokenizer_folder, "no bos", "llama", "PreTrainedTokenizerFast",
        {"chat_template": "config"}, None,
    )  # fmt: skip
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    ours = read_tokenizer_file(folder)

    assert ours is not None
    assert expected == ours.chat_template == AutoTokenizer.from_pretrained(folder).chat_template


PRECOMPILED = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
DAMAGED: dict[str, dict[str, Any]] = {
    "charsmap": {"normalizer": PRECOMPILED},
    "charsmap that reads past its end": {"normalizer": {**PRECOMPILED, "precompiled_charsmap": "BAAAAAAAAAAA"}},
    "unknown special token": {
        "post_processor": {
            "type": "TemplateProcessing", "special_tokens": {},
            "single": [{"SpecialToken": {"id": "<no>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        }
    },
    "pattern without an end": {
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    },
    "words without an unknown one": {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "<unk>"}},
    "merges without the prefix that is cut off": {
        "model": {
            "type": "BPE", "vocab": {"0": 0, "a": 1, "é": 2, "aé": 3}, "merges": [["a", "é"]],
            "continuing_subword_prefix": "0",
        }
    },
    "not a pattern": {
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False}
    },
}  # fmt: skip


@pytest.mark.parametrize("named", ["PreTrainedTokenizerFast", "LlamaTokenizer", "CohereTokenizer"])
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_tokenizer_file_is_one_line_and_no_panic(
    damage: str, named: str, tmp_path: Path, card: Callable[..., Card], capfd: pytest.CaptureFixture[str],
    wild_tokenizer_folder: Callable[[str], Path],
) -> None:  # fmt: skip
    """At load or with the first text; what the library's Rust code prints of its panics is not seen."""
    folder = mixed(tmp_path / "model", wild_tokenizer_folder, "bos by processor", "llama", named, {}, None)
    state = json.loads((folder / "tokenizer.json").read_text("utf-8")) | DAMAGED[damage]
    (folder / "tokenizer.json").write_text(json.dumps(state), "utf-8")

    try:
        tokenizer = load_tokenizer(card(weights=str(folder)))
        tokenizer.encode_batch(["hello"])
        tokenizer.as_upstream("hello " + "a" * 40 + "!")
    except CardError as error:
        message = str(error)
        assert str(folder) in message
        assert 1 == len(message.splitlines())
    else:
        assert named != "PreTrainedTokenizerFast"  # the class builds the damaged part anew

    assert "panicked" not in capfd.readouterr().err
