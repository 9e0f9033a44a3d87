"""Which folders are read here, what their files decide, and what is refused in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Card
from evalkit.errors import CardError
from evalkit.prompts import PromptTokenizer, load_tokenizer

CardOf = Callable[..., Card]
NewTokenizer = Callable[..., PromptTokenizer]

OWN_CODE = {"auto_map": {"AutoTokenizer": ["tokenization_index.IndexTokenizer", None]}}
INDEX = {"tokenizer_class": "IndexTokenizer", "add_bos_token": False, **OWN_CODE}


@pytest.mark.parametrize(
    ("tokenizer_config", "config", "prefix", "suffix"),
    [
        ({"tokenizer_class": "LlamaTokenizer"}, {}, (1,), ()),
        ({"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": False, "add_eos_token": True}, {}, (), (2,)),
        ({}, {"model_type": "llama"}, (1,), ()),
        ({}, {"architectures": ["LlamaForCausalLM"]}, (1,), ()),
        (INDEX, {"model_type": "index"}, (), ()),
        ({}, {"model_type": "index", "architectures": ["IndexForCausalLM"]}, (), ()),
        ({**INDEX, "add_bos_token": True}, {}, (1,), ()),
        ({"tokenizer_class": "InternLMTokenizer"}, {"model_type": "internlm"}, (1,), ()),
        ({"tokenizer_class": "ChatGLMTokenizer", "do_lower_case": False}, {"model_type": "chatglm"}, (401, 403), ()),
        ({}, {"architectures": ["ChatGLMModel"]}, (401, 403), ()),
    ],
)
def test_a_class_decides_what_stands_around_a_text(
    new_tokenizer: NewTokenizer, tokenizer_config: Any, config: Any, prefix: Any, suffix: Any
) -> None:
    """Named by the tokenizer's file, by the model's type or by its architecture."""
    tokenizer = new_tokenizer("symbols", tokenizer_config, config)

    assert (prefix, suffix) == (tokenizer.prefix_ids, tokenizer.suffix_ids)
    assert (2,) == tokenizer.eos_ids


def test_neither_transformers_nor_torch_is_imported(card_of: CardOf) -> None:
    """A fresh process reads the folder, encodes and decodes."""
    folder = card_of("symbols", INDEX).weights
    code = (
        "import sys\nfrom evalkit.cards import Card\nfrom evalkit.prompts import load_tokenizer\n"
        f"card = Card(name='t', title='T', weights={folder!r}, context_length=9, licence='n')\n"
        "tokenizer = load_tokenizer(card)\ntokenizer.decode(tokenizer.encode('a b'), skip_special=True)\n"
        "print(sorted({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_added_tokens_are_control_tokens_of_the_format(new_tokenizer: NewTokenizer) -> None:
    """Inside the vocabulary and beyond it, from newer or older files; names without a place get the next one."""
    listed = {"3": {"content": "reserved_0", "special": True}, "400": {"content": "<|end|>"}}
    newer = new_tokenizer("symbols", {**INDEX, "added_tokens_decoder": listed, "pad_token": "<pad>"})
    older = new_tokenizer(
        "symbols", INDEX, files={
            "added_tokens.json": json.dumps({"<|end|>": 400}),
            "special_tokens_map.json": json.dumps({"pad_token": {"content": "<pad>"}}),
        },
    )  # fmt: skip

    text = "x<|end|><pad>"

    for tokenizer in (newer, older):
        (ids,) = tokenizer.encode_marked([tokenizer.marked(text)])
        assert [400, 401] == ids[-2:]
        assert text == tokenizer.decode(ids, skip_special=False)
        assert "x<|end|>" == tokenizer.decode(ids, skip_special=True)  # those without a name are left in
        assert 402 == len(tokenizer)


def test_the_digest_covers_what_decides_ids_and_texts(card_of: CardOf) -> None:
    """Model, class, what stands around texts, control tokens, and how ids are decoded."""
    cards = [
        card_of("symbols", INDEX), card_of("like llama", INDEX),
        card_of("symbols", {"tokenizer_class": "LlamaTokenizer"}),
        card_of("symbols", {"tokenizer_class": "LlamaTokenizer", "legacy": False}),
        card_of("symbols", {**INDEX, "add_bos_token": True}), card_of("symbols", INDEX, special_tokens={"<eoh>": 5}),
        card_of("symbols", {**INDEX, "clean_up_tokenization_spaces": True}),
        card_of("symbols", {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": False}),
    ]  # fmt: skip

    digests = [load_tokenizer(card).digest for card in cards]

    assert len(set(digests)) == len(digests)
    assert digests == [load_tokenizer(card).digest for card in cards]


def test_the_chat_template_of_the_folder_is_the_tokenizers(new_tokenizer: NewTokenizer) -> None:
    """From either file, with the special tokens by name."""
    template = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"
    for values, files in (({"chat_template": template}, {}), ({}, {"chat_template.jinja": template})):
        tokenizer = new_tokenizer("symbols", {**INDEX, **values}, files=files)

        assert "<s>a</s>" == tokenizer.render([{"role": "user", "content": "a"}], None)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "the file is empty"), (b"{}", "not a SentencePiece model"), (b"\x00" * 99, "not a SentencePiece model"),
        (b"IQ== 0\nIg== 1\n", "not a SentencePiece model"),
    ],
    ids=["empty", "JSON", "zeros", "tiktoken ranks"],
)  # fmt: skip
def test_a_model_that_is_none_is_refused(card_of: CardOf, raw: bytes, why: str) -> None:
    """In one line with the file's name."""
    with pytest.raises(CardError, match=rf"tokenizer\.model: .*{why}.*: get the model's tokenizer\.model") as found:
        load_tokenizer(card_of(raw, INDEX))

    assert "\n" not in str(found.value)


def test_a_truncated_model_is_refused(card_of: CardOf, models: dict[str, bytes]) -> None:
    """Wherever it ends inside its pieces."""
    for size in (1, 10, 1001, 3000):
        with pytest.raises(CardError, match="not a SentencePiece model"):
            load_tokenizer(card_of(models["like llama"][:size], INDEX))


def test_a_huge_file_is_not_read(card_of: CardOf) -> None:
    """A gigabyte of zeros that takes no place on disk."""
    card = card_of(b"", INDEX)
    with Path(card.weights or "", "tokenizer.model").open("r+b") as stream:
        stream.truncate(2**30)

    with pytest.raises(CardError, match="larger than 67,108,864 bytes"):
        load_tokenizer(card)


@pytest.mark.parametrize(
    ("special_tokens", "why"),
    [
        ({"<unk>": 1}, "'<unk>' is 1 there, and 0 in .*: correct one"),
        ({"reserved_0": 4}, "token 'reserved_0' has id 4, which is 'reserved_1'"),
        ({"<|user|>": 5000}, "id 5000, which is beyond the vocabulary of 400 tokens"),
        ({"reserved_0": 3, "reserved_1": 3}, "'reserved_1' is 3, which is 'reserved_0'"),
    ],
)
def test_special_tokens_of_a_card_have_to_agree_with_the_model(
    card_of: CardOf, special_tokens: dict[str, int], why: str
) -> None:
    """One line says which and what stands there."""
    with pytest.raises(CardError, match=why):
        load_tokenizer(card_of("symbols", INDEX, special_tokens=special_tokens))


def test_special_tokens_beyond_the_vocabulary_are_those_of_the_class(card_of: CardOf) -> None:
    """ChatGLM's follow its vocabulary in a fixed order."""
    tokenizer = load_tokenizer(card_of("symbols", {}, {"model_type": "chatglm"}, special_tokens={"<|user|>": 406}))

    assert (406,) == tuple(mark.token for mark in tokenizer.marked("<|user|>").marks)
    with pytest.raises(CardError, match=r"has id 405, which is '<\|system\|>'"):
        load_tokenizer(card_of("symbols", {}, {"model_type": "chatglm"}, special_tokens={"<|user|>": 405}))


def test_special_tokens_are_checked_against_a_tokenizer_of_another_kind() -> None:
    """Its ids are its own business, so nothing but the check depends on the card."""
    from evalkit.cards import load_card

    card = load_card("needle-tiny")
    plain = load_tokenizer(card)
    text, number = "Read", plain.encode("Read")[0]
    token = plain._tokenizer.backend_tokenizer.id_to_token(number)
    same = load_tokenizer(card.model_copy(update={"special_tokens": {token: number}}))

    assert (plain.digest, plain.encode(text)) == (same.digest, same.encode(text))
    with pytest.raises(CardError, match="special_tokens: '<nothing>' is 3 there, which is"):
        load_tokenizer(card.model_copy(update={"special_tokens": {"<nothing>": 3}}))
    with pytest.raises(CardError, match="which is no token"):
        load_tokenizer(
            card.model_copy(update={"special_tokens": {"<nothing>": 3}, "tokenizer": "tiktoken:cl100k_base"})
        )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"added_tokens_decoder": []}, None),
        ({"added_tokens_decoder": ["x"]}, "added_tokens_decoder: expected an object of ids"),
        ({"added_tokens_decoder": {"x": {"content": "ab"}}}, "an added token: expected its id, found 'x'"),
        ({"added_tokens_decoder": {"3": {"content": "other"}}}, "'other' has id 3, which is 'reserved_0'"),
        ({"added_tokens_decoder": {"3": {"content": "reserved_0", "lstrip": True}}}, "lstrip takes text around"),
        ({"added_tokens_decoder": {"400": {"content": "a"}}}, "expected the text of a token"),
        ({"bos_token": 7}, "bos_token: expected the text of a token, found 7"),
        ({"eos_token": "a\ufdd0b"}, "eos_token: expected the text of a token"),
        ({"additional_special_tokens": "x"}, "additional_special_tokens: expected a list"),
        ({"add_bos_token": "yes"}, "add_bos_token: expected true or false, found 'yes'"),
        ({"add_eos_token": True, "eos_token": None}, "add_eos_token is true, but there is no eos_token"),
    ],
)
def test_odd_values_in_the_files_are_one_line(card_of: CardOf, values: dict[str, Any], why: str | None) -> None:
    """What, where, what to do."""
    card = card_of("symbols", {**INDEX, **values})
    if why is None:
        assert load_tokenizer(card).encode("a")
        return

    with pytest.raises(CardError, match=why) as found:
        load_tokenizer(card)

    assert "tokenizer_config.json" in str(found.value)
    assert "\n" not in str(found.value)


def test_a_known_class_without_its_model_file_asks_for_the_file(card_of: CardOf) -> None:
    """Not for the class's own code, which would not find it either."""
    card = card_of("symbols", INDEX)
    (Path(card.weights or "") / "tokenizer.model").unlink()

    with pytest.raises(CardError, match=r"no tokenizer\.model, which IndexTokenizer reads: copy it there"):
        load_tokenizer(card)


def test_an_unknown_class_with_code_of_its_own_needs_the_flag(card_of: CardOf) -> None:
    """Nobody here knows what it does, and its code does not run unasked."""
    pytest.importorskip("transformers")
    values = {"tokenizer_class": "OddTokenizer", "auto_map": {"AutoTokenizer": ["odd.OddTokenizer", None]}}

    with pytest.raises(CardError, match="--trust-remote-code to run it"):
        load_tokenizer(card_of("symbols", values, {"model_type": "index"}))


def test_the_repositorys_code_runs_where_it_is_trusted(card_of: CardOf) -> None:
    """As it did before its class was known here."""
    pytest.importorskip("transformers")
    code = "from transformers import PreTrainedTokenizer\nraise ValueError('own code runs')\n"
    card = card_of("symbols", INDEX, {"model_type": "llama"}, files={"tokenization_index.py": code})

    with pytest.raises(CardError, match="own code runs"):
        load_tokenizer(card, trust_remote_code=True)
    assert load_tokenizer(card).encode("a")


@pytest.mark.parametrize("use_fast", [True, False])
def test_a_tokenizer_json_is_read_unless_the_card_wants_the_other(card_of: CardOf, use_fast: bool) -> None:
    """`use_fast_tokenizer: false` means SentencePiece where both files are there."""
    from evalkit.paths import shipped

    text = (shipped("model_cards") / "needle-tiny" / "tokenizer.json").read_text("utf-8")
    card = card_of(
        "symbols", {"tokenizer_class": "LlamaTokenizer"}, {"model_type": "llama"}, {"tokenizer.json": text},
        use_fast_tokenizer=use_fast,
    )  # fmt: skip

    assert use_fast == (400 != len(load_tokenizer(card)))


@pytest.mark.parametrize("kind", ["index", "internlm", "xverse", "chatglm"])
def test_published_kinds_with_a_plain_tokenizer_json_need_no_code(card_of: CardOf, kind: str) -> None:
    """transformers knows none of them; the file decides."""
    from evalkit.cards import load_card
    from evalkit.paths import shipped

    source = shipped("model_cards") / "needle-tiny"
    config = {"model_type": kind, "auto_map": {"AutoConfig": "configuration.Config"}}
    values = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": True}
    card = card_of(None, values, config, {"tokenizer.json": (source / "tokenizer.json").read_text("utf-8")})

    assert load_tokenizer(load_card("needle-tiny")).encode("Read this. 中文") == load_tokenizer(card).encode(
        "Read this. 中文"
    )
