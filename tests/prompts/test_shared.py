"""Texts that begin alike have the ids that they have alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers

from evalkit.prompts._shared import PATTERNS, can_share, encode_sharing
from tests.wild import TEXTS

NEEDLE_TINY = Path(__file__).parents[2] / "model_cards/needle-tiny/tokenizer.json"
WORDS = (
    "a", "an", "I'm", "don't", "DON'T", "river", "Bridge", "naïve", "e\u0301t\u0301e", "中文", "第一个", "🙂", "12",
    "3456", "<eos>", "<|user|>", "x\u0301", "\u0301y", "ﬁ", "\n", "\n\n", "  ", "\t", "\r\n", "\u00a0", "'s", "'ll",
    "…", "---", "。",
)  # fmt: skip


def texts(seed: int) -> list[str]:
    """Runs of texts with a common beginning, most of it words, blanks and odd signs in any order."""
    chance = random.Random(seed)

    def odd(words: int) -> str:
        return "".join(chance.choice(WORDS) + chance.choice(("", " ", " ", " ")) for _ in range(words))

    found: list[str] = []
    for _ in range(6):
        document = odd(chance.choice((20, 900, 2000)))
        found += [document + odd(chance.randrange(30)) for _ in range(chance.randrange(1, 4))]
    return found


def split_by(pattern: str) -> Tokenizer:
    """The embedded model's vocabulary behind another splitting pattern."""
    core = Tokenizer.from_file(str(NEEDLE_TINY))
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), level])
    return core


def byte_level() -> Tokenizer:
    """The embedded model's vocabulary behind GPT-2's splitting."""
    core = Tokenizer.from_file(str(NEEDLE_TINY))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return core


def composed() -> Tokenizer:
    """The same with Qwen's normaliser."""
    core = byte_level()
    core.normalizer = normalizers.NFC()
    return core


MAKERS: dict[str, Callable[[], Tokenizer]] = {
    **{f"pattern {number}": (lambda text=text: split_by(text)) for number, text in enumerate(sorted(PATTERNS))},
    "GPT-2": byte_level,
    "NFC": composed,
}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", MAKERS)
def test_a_shared_beginning_changes_no_id(name: str, seed: int) -> None:
    """Word by word as each text alone, whatever stands around the cut."""
    core, given = MAKERS[name](), texts(seed)

    assert can_share(core)
    assert [core.encode(text, add_special_tokens=False).ids for text in given] == encode_sharing(core, given)


def test_a_document_is_encoded_once() -> None:
    """Of five questions about it, four encode the question alone."""
    core = byte_level()
    seen: list[str] = []

    class Counting:
        def encode_batch_fast(self, pieces: list[str], **options: Any) -> Any:
            seen.extend(pieces)
            return core.encode_batch_fast(pieces, **options)

    document = "The river and the bridge over the river. " * 200
    encode_sharing(Counting(), [f"{document}Question {number}?" for number in range(5)])

    assert sum(map(len, seen)) < 1.2 * len(document)


def reaching(core: Tokenizer, change: str) -> Tokenizer:
    """A tokenizer with something that could reach across a cut."""
    if change == "added token with a blank":
        core.add_tokens([AddedToken("river and")])
    elif change == "added token that takes blanks":
        core.add_tokens([AddedToken("<x>", rstrip=True)])
    elif change == "normaliser":
        core.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Strip()])
    elif change == "prefix":
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    elif change == "no splitting":
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    else:
        core.pre_tokenizer = pre_tokenizers.Metaspace()
    return core


@pytest.mark.parametrize(
    "change",
    [
        "added token with a blank",
        "added token that takes blanks",
        "normaliser",
        "prefix space",
        "no splitting",
        "other",
    ],
)
def test_what_could_reach_across_a_cut_keeps_texts_whole(change: str) -> None:
    """Nothing is shared then."""
    assert not can_share(reaching(byte_level(), change))


def test_a_splitter_of_no_steps_keeps_texts_whole() -> None:
    """Damaged files may have one."""
    core = byte_level()
    core.pre_tokenizer = pre_tokenizers.Sequence([])

    assert not can_share(core)


def test_short_texts_are_left_alone() -> None:
    """They would not be worth the search."""
    core = byte_level()

    assert [core.encode(text, add_special_tokens=False).ids for text in TEXTS] == encode_sharing(core, list(TEXTS))
