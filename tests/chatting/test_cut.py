"""The cut as ranges of the document, against the text of the prompt that the model reads."""

from __future__ import annotations

import itertools
import json
import random
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from evalkit.cards import Card, load_card
from evalkit.chatting import Cut, Gap, cut_of
from evalkit.prompts import (
    ChatFormat,
    Ledger,
    Prompt,
    PromptBuilder,
    PromptTokenizer,
    TruncationMode,
    chat_format,
    load_tokenizer,
)
from evalkit.tasks import Request, Sample, whole_text
from evalkit.tasks.samples import Turn, messages_of

MODES = [mode for mode in TruncationMode if mode is not TruncationMode.NONE]
PLAIN = ChatFormat("none")
AROUND = 40  # characters, which hold a number


def tale(words: int, *, seed: int = 0) -> str:
    """A document in several scripts of which no stretch of a few words stands twice."""
    draw = random.Random(seed)
    signs = [
        "中文字符测试",
        "🙂👩\u200d👧",
        "naïve café",
        "ﬁne Ａｂｃ",
        "don't stop,",
        "  two blanks",
        "\nnext line",
        "e\u0301tude",
    ]
    return " ".join(f"{number} {draw.choice(signs)}" for number in range(words))


def bpe(normaliser: Any = None, level: str = "bytes") -> PromptTokenizer:
    """A tokenizer trained on a tale: of bytes, or of words with ▁ and byte fallback."""
    core = Tokenizer(models.BPE(byte_fallback=level != "bytes", unk_token=None if level == "bytes" else "<unk>"))
    core.normalizer = normaliser
    special = ["<s>", "</s>", "<unk>"]
    if level == "bytes":
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        core.pre_tokenizer = pre_tokenizers.Metaspace()
        core.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789▁'.,:")
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    text = tale(300, seed=5)
    core.train_from_iterator([text if level == "bytes" else text.encode("ascii", "ignore").decode()], trainer)
    if level != "bytes":
        state = json.loads(core.to_str())
        vocabulary = state["model"]["vocab"]
        vocabulary |= {f"<0x{number:02X}>": len(vocabulary) + number for number in range(256)}
        core = Tokenizer.from_str(json.dumps(state))
    return PromptTokenizer(PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>"))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> PromptTokenizer:
    """A folder with a SentencePiece model that normalises (NFKC) and strips blanks, as its own class reads it."""
    folder = tmp_path_factory.mktemp("published")
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(tale(40, seed=number) for number in range(20)), "utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "tokenizer"), vocab_size=420, byte_fallback=True, model_type="bpe",
        minloglevel=2, num_threads=1, character_coverage=0.99,
    )  # fmt: skip
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer"}', "utf-8")
    values = {"name": "tiny", "title": "Tiny", "weights": str(folder), "context_length": 512, "licence": "none"}
    return load_tokenizer(Card.model_validate(values | {"use_fast_tokenizer": False}))


@pytest.fixture(scope="session")
def tokenizers(published: PromptTokenizer) -> dict[str, PromptTokenizer]:
    """Tokenizers by what is odd of them."""
    return {
        "needle-tiny": load_tokenizer(load_card("needle-tiny")),
        "bytes": bpe(),
        "blanks, byte fallback": bpe(level="words"),
        "NFC": bpe(normalizers.NFC()),
        "NFKC, lower case": bpe(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])),
        "published": published,
    }


def asked(document: str, *, turns: tuple[Turn, ...] = (), limit: int = 8) -> tuple[Request, str]:
    """The request of a question about the document, and the message that begins with it."""
    messages = messages_of("Which one is it?", document=document, turns=turns)
    sample = Sample("chat/question/0", "question", "chat/document", {}, ())
    text = "\n\n".join(message.content for message in messages)
    return Request(sample, 0, messages, text, limit, context=document), messages[0].content


def cut(
    tokenizer: PromptTokenizer, chat: ChatFormat, mode: str, window: int, document: str, **options: Any
) -> tuple[Prompt, Cut | None]:
    """The prompt and its cut."""
    request, turn = asked(document, **options)
    (prompt,) = PromptBuilder(tokenizer, chat, TruncationMode(mode), window).build([request])
    assert prompt.error is None
    return prompt, cut_of(prompt, request, turn, chat, tokenizer, window)


def kept(document: str, gaps: tuple[Gap, ...]) -> Iterator[tuple[int, int]]:
    """The ranges between the gaps."""
    ends = [0, *(end for gap in gaps for end in gap), len(document)]
    return zip(ends[::2], ends[1::2], strict=True)


def spelled(tokenizer: PromptTokenizer, text: str) -> str:
    """The text as the tokenizer spells it."""
    return tokenizer.decode(tokenizer.encode(text), skip_special=False)


def shown(tokenizer: PromptTokenizer, prompt: Prompt) -> str:
    """The prompt's text with a mark where two of its parts meet; a character that is cut there is left out."""
    assert prompt.ledger is not None
    ids, ledger = prompt.ids.tolist(), prompt.ledger
    if "official" in ledger.mode or "legacy" in ledger.mode:  # of a text that was encoded again
        return tokenizer.decode(ids, skip_special=False)
    ends = [0, *itertools.accumulate(span.tokens for span in ledger.kept)]
    return "\0".join(whole_text(tokenizer, ids[a:b]) for a, b in itertools.pairwise(ends))


@pytest.mark.parametrize(
    "name", ["needle-tiny", "bytes", "blanks, byte fallback", "NFC", "NFKC, lower case", "published"]
)
@pytest.mark.parametrize("mode", MODES)
def test_what_is_outside_the_gaps_stands_in_the_prompt(
    mode: TruncationMode, name: str, tokenizers: dict[str, PromptTokenizer]
) -> None:
    """As the tokenizer spells it; and nothing next to a gap, which is as narrow as can be, does."""
    tokenizer, document, told = tokenizers[name], tale(260), 0
    for window in range(600, 640, 9):
        prompt, found = cut(tokenizer, PLAIN, mode, window, document)
        assert found is not None
        if found.gaps is None:
            continue
        told += 1
        text = shown(tokenizer, prompt)
        assert found.gaps
        for start, stop in kept(document, found.gaps):
            assert spelled(tokenizer, document[start:stop]) in text
        for start, stop in found.gaps:
            wider = [document[max(0, start - AROUND) : start + 1], document[stop - 1 : stop + AROUND]]
            same = [document[start] == document[stop : stop + 1], document[start - 1] == document[stop - 1]]
            whole = [a for a, b in zip(wider, same, strict=True) if len(a) > AROUND and a.strip() == a and not b]
            assert [] == [part for part in whole if spelled(tokenizer, part) in text]
    assert told >= (1 if "legacy" in mode or "longbench" in mode else 5)


@pytest.mark.parametrize("mode", MODES)
def test_a_chat_format_around_the_document_moves_nothing(
    mode: TruncationMode, tokenizers: dict[str, PromptTokenizer]
) -> None:
    """The same property behind a template; gaps count characters of the document, not of the prompt."""
    tokenizer, document = tokenizers["needle-tiny"], tale(300)
    chat = chat_format(load_card("needle-tiny"), tokenizer)

    prompt, found = cut(tokenizer, chat, mode, 700, document, turns=(Turn("Which was it?", "the first"),))

    assert found is not None and found.gaps
    text = tokenizer.decode(prompt.ids.tolist(), skip_special=False)
    assert all(document[start:stop] in text for start, stop in kept(document, found.gaps))
    assert (prompt.ledger or Ledger("", 0, 0, (), None)).before == found.before > found.after == len(prompt.ids) or (
        mode in {"leval-official", "longbench-official", "longbench-v2-official"}
    )


def test_a_cut_that_reaches_the_question_says_so(tokenizers: dict[str, PromptTokenizer]) -> None:
    """A long answer before the question falls to the same rule, and is no part of the document."""
    tokenizer, document = tokenizers["bytes"], tale(20)
    turns = (Turn("What?", tale(300, seed=3)),)

    _, found = cut(tokenizer, PLAIN, "middle", 700, document, turns=turns)
    _, short = cut(tokenizer, PLAIN, "middle", 500, tale(300))

    assert found is not None and short is not None
    assert (True, ()) == (found.is_beyond, found.gaps)
    assert found.text and found.text in turns[0].answer
    assert (None, None, 0) == (found.start, found.stop, found.characters)
    assert not short.is_beyond


def test_several_gaps_are_told_apart(tokenizers: dict[str, PromptTokenizer]) -> None:
    """`index` cuts the window from the left first, then the middle out of it."""
    document = tale(400)
    _, found = cut(tokenizers["bytes"], PLAIN, "index", 600, document, limit=200)

    assert found is not None and found.gaps is not None
    first, second = found.gaps
    assert 0 == first.start < first.stop < second.start < second.stop < len(document)
    assert (found.start, found.stop) == (0, second.stop)
    assert found.text == document[: first.stop] + document[second.start : second.stop]


def test_a_template_that_strips_its_contents_moves_the_places(tokenizers: dict[str, PromptTokenizer]) -> None:
    """Blanks before the document are the template's to drop; characters are still those of the document."""
    template = "{{ bos_token }}{% for m in messages %}[{{ m['content'] | trim }}]{% endfor %}"
    tokenizer, document = tokenizers["bytes"], "\n\n   " + tale(200)

    prompt, found = cut(tokenizer, ChatFormat("template", template), "middle", 400, document)

    assert found is not None and found.gaps is not None
    text = tokenizer.decode(prompt.ids.tolist(), skip_special=False)
    ((start, stop),) = found.gaps
    assert f"<s>[{document[:start].lstrip()}" in text
    assert text.startswith(f"<s>[{document[:start].lstrip()}")
    assert document[stop:] in text and document[:start].strip()


def test_a_document_that_stands_twice_in_the_prompt_has_no_place(tokenizers: dict[str, PromptTokenizer]) -> None:
    """Which copy was cut nobody knows; that something was is still said."""
    document = tale(200)
    turns = (Turn("A", "B"), Turn(f"{document}\n\nA", "C"))

    _, found = cut(tokenizers["bytes"], PLAIN, "middle", 400, document, turns=turns)

    assert found is not None
    assert found.gaps is None and found.start is None and found.text


def test_nothing_is_cut_of_what_fits(tokenizers: dict[str, PromptTokenizer]) -> None:
    """No cut at all."""
    assert all(cut(tokenizers["bytes"], PLAIN, mode, 4000, tale(40))[1] is None for mode in MODES)


def test_the_text_around_a_gap() -> None:
    """Both seams, with the ends of what is left out; a short gap is told once."""
    document = "abcdefghij" * 3
    found = Cut(10, 5, (Gap(5, 7), Gap(12, 28)))

    short, long = found.seams(document, 4)

    assert ("bcde", "fg", "", "hija") == short
    assert ("ijab", "cdef", "efgh", "ij") == long
    assert 18 == found.characters


def test_the_words_of_a_document_that_normalises_are_found_by_their_spelling(
    tokenizers: dict[str, PromptTokenizer],
) -> None:
    """NFKC makes two letters of one: counting characters of the decoded text would be off by one for each."""
    tokenizer = tokenizers["NFKC, lower case"]
    document = " ".join(f"ﬁ{number}" for number in range(400))

    prompt, found = cut(tokenizer, PLAIN, "middle", 500, document)

    assert found is not None and found.gaps is not None
    ((start, stop),) = found.gaps
    text = tokenizer.decode(prompt.ids.tolist(), skip_special=False).removeprefix("<s>")
    assert text.startswith(unicodedata.normalize("NFKC", document[:start]))
    assert unicodedata.normalize("NFKC", document[stop:]) in text
