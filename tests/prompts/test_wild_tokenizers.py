"""Prompts for tokenizers as published models have them: their ids are what transformers itself gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evalkit.errors import CardError
from evalkit.prompts import ChatFormat, PromptBuilder, PromptTokenizer, TruncationMode
from evalkit.tasks import Request
from tests.wild import NAMED, TEMPLATES, TEXTS, TOKENIZERS, Shape, cases

Raw = Callable[[str], Any]
Load = Callable[..., PromptTokenizer]
RequestFor = Callable[..., Request]

LOSSY = ("metaspace", "slow remote")  # unknown characters, or runs of blanks, do not come back
TALK = [{"role": "user", "content": "Read this. So?"}]


def built(tokenizer: PromptTokenizer, requests: list[Request], mode: str = "none") -> list[list[int]]:
    """The prompts' ids, as a base model gets them."""
    builder = PromptBuilder(tokenizer, ChatFormat("none"), TruncationMode(mode), 4096)
    return [prompt.ids.tolist() for prompt in builder.build(requests)]


@pytest.mark.parametrize("shape", cases(TOKENIZERS))
def test_ids_of_texts_are_those_of_transformers(shape: Shape, wild_raw: Raw, wild_tokenizer: Load) -> None:
    """A batch of texts without special tokens, whatever tokenizer.json says about truncation and padding."""
    expected = [wild_raw(shape.name)(text, add_special_tokens=False)["input_ids"] for text in TEXTS]

    assert expected == wild_tokenizer(shape.name).encode_batch(TEXTS)


@pytest.mark.parametrize("shape", cases(TOKENIZERS))
def test_a_plain_prompt_is_what_transformers_makes_of_it_but_an_end_of_text(
    shape: Shape, wild_raw: Raw, wild_tokenizer: Load, request_for: RequestFor
) -> None:
    """BOS and prefix as the tokenizer puts them; an EOS behind the text is left out, as it would end the prompt."""
    raw = wild_raw(shape.name)
    expected = [raw(text)["input_ids"] for text in TEXTS]
    if shape.name in {"eos appended", "metaspace", "slow"}:
        assert {raw.eos_token_id} == {ids.pop() for ids in expected}

    assert expected == built(wild_tokenizer(shape.name), [request_for(text) for text in TEXTS])


@pytest.mark.parametrize("shape", cases(TOKENIZERS))
def test_a_prompts_ids_do_not_depend_on_its_batch_mates(
    shape: Shape, wild_tokenizer: Load, request_for: RequestFor
) -> None:
    """Equal requests, equal prompts: alone, in a batch, and in another order."""
    requests = [request_for(text) for text in TEXTS]
    alone = [built(wild_tokenizer(shape.name), [request])[0] for request in requests]

    together = built(wild_tokenizer(shape.name), requests)
    turned = built(wild_tokenizer(shape.name), requests[::-1])[::-1]

    assert (alone, alone) == (together, turned)


@pytest.mark.parametrize("shape", cases(TOKENIZERS))
def test_encoding_one_text_first_changes_no_other(shape: Shape, wild_tokenizer: Load) -> None:
    """Results do not depend on the order of calls."""
    fresh, used = wild_tokenizer(shape.name), wild_tokenizer(shape.name)
    used.encode("word")

    assert fresh.encode_batch(TEXTS) == used.encode_batch(TEXTS)


@pytest.mark.parametrize("shape", cases({name: shape for name, shape in TOKENIZERS.items() if name not in LOSSY}))
def test_text_comes_back_with_its_blanks(shape: Shape, wild_tokenizer: Load) -> None:
    """Decoding cleans nothing up, also where the tokenizer's own configuration says so."""
    tokenizer = wild_tokenizer(shape.name)

    assert list(TEXTS) == [tokenizer.decode(tokenizer.encode(text), skip_special=False) for text in TEXTS]


@pytest.mark.parametrize("shape", cases({name: shape for name, shape in TOKENIZERS.items() if name != "no template"}))
def test_a_chat_prompt_is_what_transformers_makes_of_it(shape: Shape, wild_raw: Raw, wild_tokenizer: Load) -> None:
    """The tokenizer's own template and ids; a template without BOS gets one where the tokenizer begins texts so."""
    raw, tokenizer = wild_raw(shape.name), wild_tokenizer(shape.name)
    expected = raw.apply_chat_template(TALK, add_generation_prompt=True, return_dict=False)
    if shape.name == "bos by processor, template without":
        expected = [raw.bos_token_id, *expected]

    found = tokenizer.start(tokenizer.encode_batch([tokenizer.render(TALK, None), *TEXTS])[0], is_wrapped=True)

    assert expected == found


def test_the_default_of_named_templates_is_meant(wild_raw: Raw) -> None:
    """A tokenizer with a list of templates is asked through the one named `default`."""
    raw = wild_raw("bos by template only")
    raw.chat_template = {each["name"]: each["template"] for each in NAMED}

    assert "<s>[user] Read this. So?\n[assistant]" == PromptTokenizer(raw).render(TALK, None)


@pytest.mark.parametrize("name", ["no system", "alternating only"])
def test_a_template_that_refuses_a_system_message_is_one_line(name: str, wild_tokenizer: Load) -> None:
    """The template's own reason stands in the message."""
    talk = [{"role": "system", "content": "Be brief."}, *TALK]

    with pytest.raises(CardError, match=r"System role not supported|must alternate") as caught:
        wild_tokenizer("bos by processor").render(talk, TEMPLATES[name].text)

    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(
    "template", cases(TEMPLATES, only=("plain", "no bos", "date", "date, older", "date, always", "time", "thinking"))
)
def test_a_prompt_is_the_same_tomorrow(template: Any, wild_tokenizer: Load, tomorrow: Callable[[], None]) -> None:
    """Equal requests give equal prompts on every day."""
    tokenizer = wild_tokenizer("bos by processor")
    today = tokenizer.render(TALK, template.text)

    tomorrow()

    assert today == tokenizer.render(TALK, template.text)


@pytest.mark.parametrize("mode", ["middle", "opencompass-legacy-mid"])
@pytest.mark.parametrize("shape", cases(TOKENIZERS))
def test_a_ledger_counts_the_tokens_that_transformers_counts(
    shape: Shape, mode: str, wild_raw: Raw, wild_tokenizer: Load, request_for: RequestFor
) -> None:
    """What truncation says it saw is the whole prompt, and what it left fits."""
    whole = " ".join(TEXTS)
    ids = wild_raw(shape.name)(whole)["input_ids"]
    expected = len(ids) - (shape.name in {"eos appended", "metaspace", "slow"})
    builder = PromptBuilder(wild_tokenizer(shape.name), ChatFormat("none"), TruncationMode(mode), 64)

    (prompt,) = builder.build([request_for(whole)])

    assert prompt.ledger is not None
    assert expected == prompt.ledger.before
    assert prompt.ledger.is_truncated


@pytest.mark.parametrize("window", range(300, 312))
@pytest.mark.parametrize("name", ["sentencepiece", "full stop in bytes", "slow"])
def test_evidence_beside_a_cut_character_is_not_lost(
    name: str, window: int, wild_tokenizer: Load, request_for: RequestFor
) -> None:
    """A seam inside a character makes a whole line of bytes unreadable; what stands in that line is still there."""
    tokenizer, text = (
        wild_tokenizer(name),
        "她走了很远。" * 4 + "钥匙在花园里。" + "她走了很远。" * 40 + "盒子在桥下。" + "她走了。",
    )
    builder = PromptBuilder(tokenizer, ChatFormat("none"), TruncationMode("middle"), window)

    (prompt,) = builder.build([request_for(text, "", ("钥匙在花园里。", "盒子在桥下。"))])

    assert prompt.ledger is not None
    assert (True, True, ()) == (
        prompt.ledger.is_truncated, prompt.ledger.evidence_kept, prompt.ledger.evidence_lost
    )  # fmt: skip


@pytest.mark.parametrize("name", ["sentencepiece", "full stop in bytes"])
def test_evidence_that_a_cut_goes_through_is_lost(name: str, wild_tokenizer: Load, request_for: RequestFor) -> None:
    """One byte less of its last character, and it is no longer whole."""
    tokenizer, before = wild_tokenizer(name), "她走了很远。" * 4
    end = len(tokenizer.start(tokenizer.encode(before + "钥匙"), is_wrapped=False))
    request = request_for(before + "钥匙" + "她走了很远。" * 40, "", ("钥匙",))

    kept = []
    for head in (end, end - 1):
        builder = PromptBuilder(tokenizer, ChatFormat("none"), TruncationMode("middle"), 2 * head + 4)
        (prompt,) = builder.build([request])
        assert prompt.ledger is not None
        kept.append((prompt.ledger.kept[0].stop, prompt.ledger.evidence_kept))

    assert [(end, True), (end - 1, False)] == kept
