"""Modes that cut texts, beside the steps of the published code on tokenizers that do not give a text back as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.prompts import ChatFormat, Prompt, PromptBuilder, PromptTokenizer, TruncationMode
from evalkit.tasks import Request
from tests.conftest import CORPUS, make_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Ask = Callable[..., Request]
Steps = Callable[[Any, str, int], list[int]]

NEW = 4  # generation limit of every request below
PIECES = "word12 story. it 's don't , Fluß über 第一个 文中。 [user] {word: ?"
WORDS = [*PIECES.split(), "  ", "\n", "two  spaces"]

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join)


@cache
def raw(name: str) -> PreTrainedTokenizerFast:
    """A tokenizer that writes BOS, one that appends EOS too, one that eats spaces, one that cleans spaces up."""
    from tokenizers import processors

    if name in ("byte-level", "ends texts"):
        made = make_tokenizer(adds_bos=True)
        if name == "ends texts":
            made.backend_tokenizer.post_processor = processors.TemplateProcessing(
                single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
            )
        return made
    return _sentencepiece_like() if name == "spaces at words" else _word_pieces()


def _sentencepiece_like() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.Unigram())
    core.normalizer = normalizers.Replace(" ", "▁")
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    core.decoder = decoders.Metaspace(prepend_scheme="always")
    special = ["<s>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False)
    core.train_from_iterator([*CORPUS, *WORDS], trainer)
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _word_pieces() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece(cleanup=False)
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[CLS]", "[SEP]", "[UNK]"], show_progress=False)
    core.train_from_iterator([*CORPUS, *WORDS], trainer)
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    return PreTrainedTokenizerFast(tokenizer_object=core, clean_up_tokenization_spaces=True, **special)


TOKENIZERS = ["byte-level", "ends texts", "spaces at words", "cleans spaces"]


def halves(tokenizer: Any, ids: list[int], limit: int) -> str:
    """The text of the first and the last half of a limit."""
    half = int(limit / 2)
    return "".join(tokenizer.decode(part, skip_special_tokens=True) for part in (ids[:half], ids[-half:]))


def longbench(tokenizer: Any, text: str, limit: int) -> list[int]:
    """LongBench's steps: two halves become one text."""
    ids = tokenizer(text)["input_ids"]
    ids = tokenizer(halves(tokenizer, ids, limit) if len(ids) > limit else text)["input_ids"]
    return list(ids)


def longbench_v2(tokenizer: Any, text: str, limit: int) -> list[int]:
    """Version 2: both parts are decoded as one."""
    ids = tokenizer(text)["input_ids"]
    if len(ids) > limit:
        text = tokenizer.decode(ids[: limit // 2] + ids[-limit // 2 :], skip_special_tokens=True)
    return list(tokenizer(text)["input_ids"])


def legacy_class(tokenizer: Any, text: str, limit: int) -> list[int]:
    """OpenCompass's HuggingFace class: the joined text is cut again by the tokenizer, on its left."""
    ids = tokenizer(text)["input_ids"]
    text = halves(tokenizer, ids, limit) if len(ids) > limit else text
    tokenizer.truncation_side = "left"
    try:
        return list(tokenizer(text, truncation=True, max_length=limit)["input_ids"])
    finally:
        tokenizer.backend_tokenizer.no_truncation()


def legacy_vllm(tokenizer: Any, text: str, limit: int) -> list[int]:
    """OpenCompass's vLLM wrapper: every prompt is decoded, and nothing cuts the joined text."""
    ids = tokenizer(text)["input_ids"]
    if len(ids) > limit:
        return list(tokenizer(halves(tokenizer, ids, limit))["input_ids"])
    return list(tokenizer(tokenizer.decode(ids, skip_special_tokens=True))["input_ids"])


MODES: dict[str, Steps] = {
    "longbench-official": longbench,
    "longbench-v2-official": longbench_v2,
    "opencompass-legacy-mid": legacy_class,
    "opencompass-legacy-vllm-mid": legacy_vllm,
}


def built(name: str, mode: str, request: Request, limit: int) -> Prompt:
    """The prompt of one request under one mode, in the window that gives that limit."""
    window = limit + {"longbench-official": 500, "leval-official": 512}.get(mode, NEW)
    builder = PromptBuilder(PromptTokenizer(raw(name)), ChatFormat("none"), TruncationMode(mode), window)
    (prompt,) = builder.build([request])
    return prompt


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=40)
@given(text=texts, limit=st.integers(4, 40))
def test_prompts_are_those_of_the_published_steps(
    request_for: Ask, name: str, mode: str, text: str, limit: int
) -> None:
    """Counting, halves, decoding and encoding again agree; only an EOS behind the prompt is left out."""
    expected = MODES[mode](raw(name), text, limit)

    prompt = built(name, mode, request_for(text), limit)

    ends = PromptTokenizer(raw(name)).suffix_ids
    assert ends == tuple(expected[len(expected) - len(ends) :])
    assert expected[: len(expected) - len(ends)] == prompt.ids.tolist()


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=40)
@given(text=texts, limit=st.integers(4, 40))
def test_a_legacy_prompt_that_grew_at_the_seam_still_fits(request_for: Ask, name: str, text: str, limit: int) -> None:
    """Prompt and answer stay inside the window, whatever decoding and encoding again adds."""
    prompt = built(name, "opencompass-legacy-mid", request_for(text), limit)

    assert len(prompt.ids) <= limit


@pytest.mark.parametrize(("name", "added"), [("byte-level", 1), ("ends texts", 2), ("cleans spaces", 2)])
@pytest.mark.parametrize("excess", [0, 1])
def test_a_leval_document_is_counted_with_what_the_tokenizer_adds(
    request_for: Ask, name: str, added: int, excess: int
) -> None:
    """A document whose plain tokens just fit is too long with its BOS, and loses 250 words at once."""
    document = " ".join(["story."] * 400)
    tokens = len(PromptTokenizer(raw(name)).encode(document))
    request = request_for(f"{document} So?", document)

    prompt = built(name, "leval-official", request, tokens + added - excess)

    assert prompt.ledger is not None
    assert (excess > 0) == prompt.ledger.is_truncated


def test_a_tokenizer_that_cleans_spaces_up_does_so_in_a_cut_prompt() -> None:
    """The published code leaves spaces to the tokenizer, other decoding here keeps them as they are."""
    tokenizer = PromptTokenizer(raw("cleans spaces"))
    ids = tokenizer.encode("story ?")

    texts = tokenizer.decode(ids, skip_special=True), tokenizer.decode_as_upstream(ids)

    assert ("story ?", "story?") == texts
