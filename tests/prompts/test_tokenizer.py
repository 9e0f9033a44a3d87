"""Encoding, the one BOS, and what identifies a tokenizer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cards import Card
from evalkit.errors import CardError
from evalkit.prompts import TEMPLATE_DATE, PromptTokenizer, load_tokenizer
from tests.hub_server import unreachable_hub

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

NewTokenizer = Callable[..., "PreTrainedTokenizerFast"]

MESSAGES = [{"role": "user", "content": "Read this. So?"}]


def template(bos: int) -> str:
    """A chat template that writes that many BOS itself."""
    return (
        "{{ bos_token }}" * bos + "{% for message in messages %}[user] {{ message.content }}\n{% endfor %}[assistant]"
    )


def first_ids(tokenizer: PromptTokenizer) -> list[int]:
    """Ids of the wrapped messages."""
    return tokenizer.start(tokenizer.encode(tokenizer.render(MESSAGES, None)), is_wrapped=True)


def leading(ids: list[int], bos: int = 0) -> int:
    """How many BOS stand at the start; none may stand later."""
    count = len(list(itertools.takewhile(lambda token: token == bos, ids)))
    assert count == ids.count(bos)
    return count


@pytest.mark.parametrize("adds_bos", [False, True], ids=["plain tokenizer", "tokenizer with BOS"])
@pytest.mark.parametrize("written", [0, 1, 2], ids=["template writes none", "one", "two"])
@pytest.mark.parametrize("add_bos", ["auto", True, False])
def test_a_chat_prompt_starts_with_one_bos_or_none(
    new_tokenizer: NewTokenizer, written: int, adds_bos: bool, add_bos: bool | str
) -> None:
    """One where the card says so, or where the template or the tokenizer writes any; never two."""
    tokenizer = PromptTokenizer(new_tokenizer(template(written), adds_bos=adds_bos), add_bos=add_bos)  # type: ignore[arg-type]
    wanted = (written > 0 or adds_bos) if add_bos == "auto" else add_bos

    ids = first_ids(tokenizer)

    assert int(wanted) == leading(ids)
    assert tokenizer.encode(tokenizer.render(MESSAGES, template(0))) == ids[int(wanted) :]


@pytest.mark.parametrize(
    ("adds_bos", "add_bos", "expected"),
    [(False, "auto", 0), (True, "auto", 1), (False, True, 1), (True, True, 1), (True, False, 0), (False, False, 0)],
)
def test_a_plain_prompt_starts_as_the_tokenizer_starts_texts(
    new_tokenizer: NewTokenizer, adds_bos: bool, add_bos: bool | str, expected: int
) -> None:
    """Base models get what their tokenizer puts before a text, unless the card decides."""
    tokenizer = PromptTokenizer(new_tokenizer(adds_bos=adds_bos), add_bos=add_bos)  # type: ignore[arg-type]

    ids = tokenizer.start(tokenizer.encode("Read this."), is_wrapped=False)

    assert expected == leading(ids)


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_starting_twice_changes_nothing(new_tokenizer: NewTokenizer, is_wrapped: bool) -> None:
    """A text that was decoded with its BOS and encoded again does not collect a second one."""
    tokenizer = PromptTokenizer(new_tokenizer(adds_bos=True))
    once = tokenizer.start(tokenizer.encode("Read this."), is_wrapped=is_wrapped)

    assert once == tokenizer.start(once, is_wrapped=is_wrapped)


def test_an_end_of_text_that_the_tokenizer_appends_is_left_out(new_tokenizer: NewTokenizer) -> None:
    """A prompt that ends the text would get no answer."""
    from tokenizers import processors

    raw = new_tokenizer(adds_bos=True)
    raw.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer = PromptTokenizer(raw)

    ids = tokenizer.start(tokenizer.encode("Read this."), is_wrapped=False)

    assert (0,) == tokenizer.prefix_ids
    assert 1 not in ids


@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_a_batch_is_what_its_texts_are_alone(tokenizer: PromptTokenizer, texts: list[str]) -> None:
    """Batch order and batch mates change nothing, and byte-level text comes back as it was."""
    batch = tokenizer.encode_batch(texts)

    assert [tokenizer.encode(text) for text in texts] == batch
    assert texts == [tokenizer.decode(ids, skip_special=False) for ids in batch]


def test_decoding_skips_special_tokens_only_when_told(tokenizer: PromptTokenizer) -> None:
    """OpenCompass leaves special tokens in answers, LongBench drops them when it cuts."""
    ids = [0, *tokenizer.encode("So?"), 1]

    assert "<s>So?</s>" == tokenizer.decode(ids, skip_special=False)
    assert "So?" == tokenizer.decode(ids, skip_special=True)


def test_the_digest_changes_with_anything_that_decides_ids(new_tokenizer: NewTokenizer) -> None:
    """Equal tokenizers have equal digests in every process; another post-processor or vocabulary has another."""
    grown = new_tokenizer()
    grown.add_tokens(["needle"])

    same = {PromptTokenizer(new_tokenizer()).digest for _ in range(2)}
    others = {PromptTokenizer(new_tokenizer(adds_bos=True)).digest, PromptTokenizer(grown).digest}

    assert 1 == len(same)
    assert 3 == len(same | others)


def test_a_folder_without_a_tokenizer_is_one_line(card: Callable[..., Card], tmp_path: Path) -> None:
    """The error names the folder."""
    with pytest.raises(CardError, match="no usable tokenizer") as caught:
        load_tokenizer(card(weights=str(tmp_path)))

    assert str(tmp_path) in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.usefixtures("bare")
def test_a_tokenizer_that_cannot_be_fetched_is_told_how_to_go_on(card: Callable[..., Card]) -> None:
    """A folder, or a mirror; no page of links."""
    with pytest.raises(CardError) as caught:
        load_tokenizer(card(weights="nobody/such-a-model"))

    assert (
        "nobody/such-a-model: no usable tokenizer: it is not on this machine and the hub cannot be reached: give a "
        "folder that has the model, or set HF_ENDPOINT to a mirror"
    ) == str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
@pytest.mark.usefixtures("bare")
def test_tries_at_a_hub_that_does_not_answer_are_one_line(
    card: Callable[..., Card], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of the hub's client on each try reach nobody."""
    written = unreachable_hub(monkeypatch, address)

    with pytest.raises(CardError, match="the hub cannot be reached") as caught:
        load_tokenizer(card(weights="nobody/such-a-model"))

    assert ("", False) == (written.getvalue(), "\n" in str(caught.value))


@pytest.mark.parametrize("content", ["{", "[]", '{"version": "1.0", "model": {"type": "Nothing"}}'])
def test_a_damaged_tokenizer_file_is_one_line(
    tiny_model: Path, card: Callable[..., Card], tmp_path: Path, content: str
) -> None:
    """A file that was cut or replaced is the user's to fix, not a traceback."""
    for file in tiny_model.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "tokenizer.json").write_text(content)

    with pytest.raises(CardError, match="no usable tokenizer") as caught:
        load_tokenizer(card(weights=str(tmp_path)))

    assert 1 == len(str(caught.value).splitlines())


LONG = "word " * 100


@pytest.mark.parametrize("block", ["truncation", "padding"])
def test_truncation_and_padding_of_a_tokenizer_file_never_act(new_tokenizer: NewTokenizer, block: str) -> None:
    """A file that a training script saved encodes as one without those blocks, alone and in a batch."""
    plain, saved = PromptTokenizer(new_tokenizer()), new_tokenizer()
    if block == "truncation":
        saved.backend_tokenizer.enable_truncation(8)
    else:
        saved.backend_tokenizer.enable_padding(length=512)

    tokenizer = PromptTokenizer(saved)

    assert plain.encode_batch(["a", LONG]) == tokenizer.encode_batch(["a", LONG])
    assert plain.encode(LONG) == tokenizer.encode(LONG)
    assert plain.digest == tokenizer.digest


@pytest.mark.parametrize("form", ["%d %b %Y", "%B %d, %Y", "%Y-%m-%d", "%d %B %Y", "%H:%M:%S"])
def test_a_template_prints_the_same_date_every_day(new_tokenizer: NewTokenizer, form: str) -> None:
    """Whatever the clock says, so that a run of more than a day asks the same prompts."""
    dated = PromptTokenizer(new_tokenizer("{{ strftime_now('" + form + "') }}"))

    assert TEMPLATE_DATE.strftime(form) == dated.render(MESSAGES, None)
