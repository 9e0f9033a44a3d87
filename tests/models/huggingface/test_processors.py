"""Fields of the generation configuration change answers exactly as they do in transformers' own `generate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.errors import CardError
from evalkit.models import GenerationRequest
from evalkit.models._generation import HONOURED
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]
Reference = Callable[..., list[list[int]]]
SaveModel = Callable[..., Path]
NEW = 12

# What each field is set to, given the tokens of the plain answer, so that the answer must change.
CASES: dict[str, Callable[[list[int]], Any]] = {
    "sequence_bias": lambda plain: [[[plain[2]], -30.0], [[plain[0], plain[1]], -30.0]],
    "encoder_repetition_penalty": lambda _: 3.0,
    "repetition_penalty": lambda _: 1.7,
    "no_repeat_ngram_size": lambda _: 1,
    "encoder_no_repeat_ngram_size": lambda _: 1,
    "bad_words_ids": lambda plain: [[plain[1]], plain[3:5]],
    "min_length": lambda _: 52,
    "min_new_tokens": lambda _: 6,
    "forced_bos_token_id": lambda _: 5,
    "forced_eos_token_id": lambda _: 1,
    "exponential_decay_length_penalty": lambda _: [2, 2.5],
    "suppress_tokens": lambda plain: plain[2:4],
    "begin_suppress_tokens": lambda plain: plain[:1],
    "renormalize_logits": lambda _: True,
}
CHANGES_NOTHING_HERE = {"renormalize_logits"}
ENDS_EARLY = {"min_length", "min_new_tokens"}  # the third token of the plain answer is made an end of text
OF_ONE_TOKEN = {"forced_bos_token_id"}  # in force only where one token precedes the answer


def configured(folder: Path, **fields: Any) -> Path:
    """The model with those fields in its generation configuration."""
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **fields}), "utf-8")
    return folder


def answers(model: HuggingFaceModel, requests: list[GenerationRequest]) -> list[tuple[str, int]]:
    """Text and tokens of each answer, in the order of the requests' indexes."""
    done = sorted(model.generate(RopeSetting("native"), requests), key=lambda each: each.index)
    assert [None] * len(done) == [each.error for each in done]
    return [(each.text, each.output_tokens) for each in done]


def test_every_field_that_is_honoured_has_a_case() -> None:
    """Stop strings are no processor and have a test of their own."""
    assert set(HONOURED) - {"stop_strings"} == set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_field_counts_as_in_generate(
    name: str, save_model: SaveModel, load: Load, ask: Ask, target: Reference, prompts: list[list[int]],
    tokenizer: PromptTokenizer,
) -> None:  # fmt: skip
    """Token for token, and the answers are not those without it."""
    asked = [[7], [9]] if name in OF_ONE_TOKEN else prompts[:3]
    folder = save_model()
    (plain, *_) = target(folder, asked[:1], NEW)
    if name in ENDS_EARLY:
        configured(folder, eos_token_id=[1, plain[2]])
    without = answers(load(folder), ask(asked, max_new_tokens=NEW))
    configured(folder, **{name: CASES[name](plain)})
    ids = target(folder, asked, NEW)
    ends = {1, plain[2]} if name in ENDS_EARLY else {1}
    expected = [
        (tokenizer.decode(each[:-1] if each[-1] in ends else each, skip_special=False), len(each)) for each in ids
    ]

    found = answers(load(folder), ask(asked, max_new_tokens=NEW))

    assert expected == found
    assert (name in CHANGES_NOTHING_HERE) == (without == found)


def test_fields_together_are_applied_in_the_order_of_generate(
    save_model: SaveModel, load: Load, ask: Ask, target: Reference, prompts: list[list[int]], tokenizer: PromptTokenizer
) -> None:
    """A penalty on suppressed tokens, a decay behind a bias: the order decides the winner."""
    folder = save_model()
    (plain, *_) = target(folder, prompts[:1], NEW)
    fields = {
        "suppress_tokens": plain[:1], "repetition_penalty": 1.7, "sequence_bias": [[[plain[1]], 4.0]],
        "encoder_repetition_penalty": 1.3, "exponential_decay_length_penalty": [4, 1.2], "min_new_tokens": 5,
        "no_repeat_ngram_size": 2, "renormalize_logits": True,
    }  # fmt: skip
    configured(folder, **fields)
    ids = target(folder, prompts, NEW)
    expected = [tokenizer.decode(each[:-1] if each[-1] == 1 else each, skip_special=False) for each in ids]

    assert expected == [text for text, _ in answers(load(folder), ask(prompts, max_new_tokens=NEW))]


def test_stop_strings_end_an_answer_where_generate_ends_it(
    save_model: SaveModel, load: Load, ask: Ask, tiny_model: Path, prompts: list[list[int]]
) -> None:
    """With the same token; as every stop string of evalkit, it is not part of the answer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ((plain, _),) = answers(load(tiny_model), ask(prompts[:1], max_new_tokens=NEW))
    folder = configured(save_model(), stop_strings=[plain[2:4]])
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        ids = model.generate(
            torch.tensor(prompts[:1]), do_sample=False, max_new_tokens=NEW, pad_token_id=1,
            tokenizer=AutoTokenizer.from_pretrained(folder),
        )  # fmt: skip

    ((text, tokens),) = answers(load(folder), ask(prompts[:1], max_new_tokens=NEW))

    assert (plain[: plain.index(plain[2:4])], ids.shape[1] - len(prompts[0])) == (text, tokens)
    assert tokens < NEW


def test_what_is_in_force_is_in_the_manifest(save_model: SaveModel, load: Load) -> None:
    """Under the names that the file has."""
    info = load(configured(save_model(), suppress_tokens=[5, 6], repetition_penalty=1.2)).engine_info

    assert ([5, 6], 1.2, 0) == (info["suppress_tokens"], info["repetition_penalty"], info["no_repeat_ngram_size"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_beams", 4), ("guidance_scale", 1.5), ("max_time", 0.5), ("watermarking_config", {"bias": 2.0}),
        ("repetition_penalty", -1.0), ("bad_words_ids", 5), ("sequence_bias", [[[99_999], 1.0]]),
        ("exponential_decay_length_penalty", 3), ("suppress_tokens", "all"),
    ],
)  # fmt: skip
def test_what_cannot_be_obeyed_is_refused_at_load_in_one_line(
    name: str, value: Any, save_model: SaveModel, load: Load
) -> None:
    """It names file and field; no prompt is answered otherwise than the field says."""
    folder = configured(save_model(), **{name: value})

    with pytest.raises(CardError, match=name) as caught:
        load(folder)

    assert 1 == len(str(caught.value).splitlines())
    assert str(folder / "generation_config.json") in str(caught.value)


def test_a_field_in_both_files_must_be_the_same(save_model: SaveModel, load: Load) -> None:
    """Releases of transformers differ on which file is obeyed."""
    folder = configured(save_model(), repetition_penalty=1.2)
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(config | {"repetition_penalty": 1.2, "num_beams": 1}), "utf-8")
    load(folder)
    path.write_text(json.dumps(config | {"repetition_penalty": 1.4}), "utf-8")

    with pytest.raises(CardError, match=r"config\.json: repetition_penalty is 1\.4 beside a generation_config\.json"):
        load(folder)


@pytest.mark.parametrize(("value", "is_taken"), [(1.6, True), (-1.0, False)])
def test_fields_in_config_json_count_where_there_is_no_other_file(
    value: float, is_taken: bool, save_model: SaveModel, load: Load
) -> None:
    """As transformers reads older models; the message names that file."""
    folder = save_model()
    (folder / "generation_config.json").unlink()
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "repetition_penalty": value}), "utf-8")

    if is_taken:
        assert 1.6 == load(folder).engine_info["repetition_penalty"]
    else:
        with pytest.raises(CardError, match=r"config\.json: repetition_penalty is -1\.0") as caught:
            load(folder)
        assert "generation_config" not in str(caught.value)
