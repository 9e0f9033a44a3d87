"""Needles with tokenizers as published models have them: each stands where it was asked for, in both languages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.prompts import ChatFormat, PromptBuilder, PromptTokenizer, TruncationMode
from evalkit.runs import open_session, plan_session
from evalkit.settings import read_settings
from evalkit.tasks import encode_inside, load_benchmark, whole_text
from tests.wild import CONFIGS, TOKENIZERS, Shape, cases, write_config

NAMES = ("full stop in bytes", "full stop merged", "sentencepiece", "slow", "added tokens")


@pytest.fixture
def depths(wild_tokenizer_folder: Callable[[str], Path], tmp_path: Path) -> Callable[..., list[float]]:
    """Where the needle begins in prompts of depth 0, 50 and 100, in percent of the text around it."""

    def measure(name: str, language: str, length: int) -> list[float]:
        folder = write_config(CONFIGS["plain, v5"], tmp_path / "model")
        (folder / "tokenizer.json").unlink()
        for file in wild_tokenizer_folder(name).iterdir():
            shutil.copy(file, folder)
        grid = {"lang": language, "lengths": str(length), "depths": "0,50,100", "repeats": "1"}
        values = {"backend": "hf", "trust_remote_code": True, "max_seq_len": length + 64, "options": grid}
        session = open_session(read_settings(folder, ("needle",), values))
        plan = plan_session(session)
        index = {prompt.sample_id: prompt.index for prompt in plan.prompts}
        return [
            depth(session.tokenizer, plan.ids(index[sample.id]).tolist(), sample.evidence[0])
            for sample in sorted(session.jobs[0].all_samples(), key=lambda sample: sample.metadata["depth"])
        ]

    return measure


def depth(tokenizer: PromptTokenizer, ids: list[int], needle: str) -> float:
    """Where the needle begins in percent of all tokens that are not the needle's, the question's included.

    Looked for in tokens but the outermost two: where bytes are tokens, a character cut in half elsewhere can make a
    whole line unreadable.
    """
    (whole,) = encode_inside(tokenizer, [needle])
    inner = whole[2:-2]
    (place,) = [at for at in range(len(ids)) if ids[at : at + len(inner)] == inner]
    return 100 * (place - 2) / (len(ids) - len(whole))


@pytest.mark.parametrize("shape", cases(TOKENIZERS, only=NAMES))
def test_a_chinese_needle_stands_at_its_depth(shape: Shape, depths: Callable[..., list[float]]) -> None:
    """Depth 50 is the middle, not the start, whatever 。 is made of."""
    start, middle, end = depths(shape.name, "zh", 1500)

    assert start < 20 < 35 < middle < 60 < 80 < end


@pytest.mark.parametrize("shape", cases(TOKENIZERS, only=NAMES))
def test_an_english_needle_stands_at_its_depth(shape: Shape, depths: Callable[..., list[float]]) -> None:
    """The same in English."""
    start, middle, end = depths(shape.name, "en", 1500)

    assert start < 20 < 35 < middle < 65 < 75 < end


@pytest.mark.parametrize("insertion", ["sentence", "token"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("shape", cases(TOKENIZERS, only=(*NAMES, "metaspace", "slow remote")))
def test_no_needle_stands_inside_a_character(
    shape: Shape, language: str, insertion: str, wild_tokenizer: Callable[..., PromptTokenizer]
) -> None:
    """The prompt up to the needle's end reads as text that ends with it, and its record says where it stands."""
    tokenizer = wild_tokenizer(shape.name)
    builder = PromptBuilder(tokenizer, ChatFormat("none"), TruncationMode("middle"), 10**6)
    grid = load_benchmark(
        "needle",
        {"lang": language, "lengths": "1500:1502:1", "depths": "0:100:7", "repeats": "1", "insertion": insertion},
    )
    for sample in grid.samples("single", "keyword", {}):
        request = grid.request(sample, "keyword", ())
        assert request is not None
        (prompt,) = builder.build([request])
        assert prompt.ledger is not None
        (start,), (real,) = prompt.ledger.evidence_tokens, prompt.ledger.evidence_depths
        (needle,) = encode_inside(tokenizer, [sample.evidence[0]])

        text = whole_text(tokenizer, prompt.ids[: start + len(needle) + 1].tolist())

        needle_text = tokenizer.decode(needle, skip_special=False).strip()
        assert needle_text in text, (sample.id, real)
        assert "\ufffd" not in text.partition(needle_text)[0]
        assert sample.metadata["depth"] - 10 <= real <= sample.metadata["depth"]
