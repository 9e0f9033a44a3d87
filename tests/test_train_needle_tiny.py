"""needle-tiny: its rows, tokenizer, training and weights."""

from __future__ import annotations

import importlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.paths import shipped
from evalkit.tasks.needle._grammar import Language, haystack, joiner, needle, prompt

torch = pytest.importorskip("torch", reason="training needs the extra 'hf'")
transformers = pytest.importorskip("transformers", reason="training needs the extra 'hf'")

FOLDER = shipped("model_cards") / "needle-tiny"
TINY = ["--layers", "1", "--hidden", "64", "--heads", "2", "--repeats", "0", "--device", "cpu"]
STAGES = ["--stage", "dense:3:96:222:0.7:0.3", "--stage", "short:4:128,192:384:0.2:0.1"]


class Scripts(NamedTuple):
    """The scripts that lie beside the weights; they are no package."""

    make_tokenizer: Any
    samples: Any
    evaluate: Any
    train: Any


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripts]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield Scripts(*(importlib.import_module(name) for name in Scripts._fields))


@pytest.fixture(scope="module")
def text(scripts: Scripts) -> Any:
    from tokenizers import Tokenizer

    return scripts.samples.Text(Tokenizer.from_file(str(FOLDER / "tokenizer.json")))


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return transformers.AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model() -> Any:
    return transformers.LlamaForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()


def test_a_resumed_training_ends_at_the_same_weights(scripts: Scripts, tmp_path: Path) -> None:
    """Stopping in the middle of a stage and giving the same command again changes no bit."""
    calm, rough = tmp_path / "calm", tmp_path / "rough"

    scripts.train.main(["--out", str(calm), *TINY, *STAGES])
    for _ in range(3):
        scripts.train.main(["--out", str(rough), *TINY, *STAGES, "--stop-after", "3"])

    assert (calm / "model.safetensors").read_bytes() == (rough / "model.safetensors").read_bytes()


def test_a_checkpoint_of_other_settings_is_refused(scripts: Scripts, tmp_path: Path) -> None:
    """Changing the seed between two halves of a training would make weights that no command makes."""
    scripts.train.main(["--out", str(tmp_path), *TINY, *STAGES, "--stop-after", "1"])

    with pytest.raises(SystemExit, match="checkpoint of other settings; remove it or give the same flags"):
        scripts.train.main(["--out", str(tmp_path), *TINY, *STAGES, "--seed", "2"])


@pytest.mark.parametrize(
    "stage", ["long:1:1025:2048:0:0", "none:1:0:2048:0:0", "few:1:128:256:0", "word:x:128:256:0:0"]
)
def test_a_stage_beyond_the_window_is_refused(
    stage: str, scripts: Scripts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The window means something only if nothing longer was trained on; the message repeats the flag."""
    with pytest.raises(SystemExit, match="2"):
        scripts.train.main(["--out", str(tmp_path), "--stage", stage])

    assert stage in capsys.readouterr().err


@pytest.mark.parametrize("length", [128, 192, 512, 1024])
def test_training_rows_never_exceed_their_length(length: int, scripts: Scripts, text: Any) -> None:
    """No position beyond the window is ever trained, and full rows come close to it."""
    sizes = [len(scripts.samples.training_row(index, length, text).ids) for index in range(200)]

    assert length >= max(sizes) > length - 3
    assert sum(size > length - 4 for size in sizes) > 60


def test_dense_rows_ask_every_pair_again(scripts: Scripts, text: Any) -> None:
    """Both halves of a dense row hold the same pairs, and the loss is on the second half's digits."""
    row = scripts.samples.dense(9, 74, text)

    half = (len(row.ids) - 1) // 2
    told, asked = row.ids[1 : half + 1], row.ids[half + 1 :]
    learned = [token for token, weight in zip(row.ids, row.weights, strict=True) if weight]
    assert Counter(told) == Counter(asked)
    assert learned == [token for token in asked if token in text.digits]


def test_echo_rows_never_ask_for_a_value(scripts: Scripts, text: Any) -> None:
    """Without a haystack a value cannot be known, so no digit carries loss; every name does."""
    rows = [scripts.samples.echo(index, 74, text) for index in range(100)]

    learned = {token for row in rows for token, weight in zip(row.ids, row.weights, strict=True) if weight}
    assert text.digits.isdisjoint(learned)
    assert all(1.0 in row.weights and len(row.ids) <= 74 for row in rows)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_probe_is_the_prompt_of_the_chat_template(
    language: Language, scripts: Scripts, text: Any, tokenizer: Any
) -> None:
    """The rows' ids are those that the harness gets from grammar, tokenizer and chat template."""
    fact = needle(11, language)
    row = scripts.samples.probe_row(11, 256, 0.0, text, language)

    content = text.tokenizer.decode(row.ids[: row.ids.index(text.assistant)])
    count = len(re.findall(r"[.。]", content.split("\n\n")[1])) - 1
    context = joiner(language).join([fact.statement, *itertools.islice(haystack(11, language), count)])
    user = {"role": "user", "content": prompt(context, fact.question, language)}
    turns = [user, {"role": "assistant", "content": fact.answer}]
    assert tokenizer.apply_chat_template(turns, return_dict=False) == row.ids


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_survives_the_tokenizer(tokenizer: Any, sample: str) -> None:
    """Every byte is an entry, so other benchmarks' prompts pass without loss."""
    ids = tokenizer.encode(sample, add_special_tokens=False, split_special_tokens=True)

    assert tokenizer.decode(ids) == sample


def test_every_digit_is_a_token_of_its_own(tokenizer: Any) -> None:
    """A value's digits are copied one by one, with or without a blank before them."""
    ids = tokenizer.encode("is 40271, 号是40271", add_special_tokens=False)

    assert [token for token in tokenizer.convert_ids_to_tokens(ids) if token.isdigit()] == list("4027140271")


def test_the_shipped_tokenizer_is_what_the_script_builds(scripts: Scripts, tmp_path: Path) -> None:
    """tokenizer.json and tokenizer_config.json follow from the grammar, byte for byte."""
    scripts.make_tokenizer.save(scripts.make_tokenizer.build(), tmp_path)

    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_encoding_adds_one_bos(tokenizer: Any) -> None:
    """A plain prompt and a chat prompt both start with exactly one BOS."""
    plain = tokenizer.encode("One.")
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "One."}], add_generation_prompt=True, return_dict=False
    )

    assert [ids.count(tokenizer.bos_token_id) for ids in (plain, chat)] == [1, 1]
    assert tokenizer.bos_token_id == plain[0] == chat[0]


def test_the_configuration_is_readable_by_old_and_new_readers() -> None:
    """The rotary base stands in both places where readers look, and the head width is one that vLLM accepts."""
    config = json.loads((FOLDER / "config.json").read_text())

    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 10000
    assert config["max_position_embeddings"] == 1024
    assert config["hidden_size"] // config["num_attention_heads"] == config["head_dim"] == 32


def test_needles_are_found_inside_the_window_and_not_beyond(scripts: Scripts, text: Any, model: Any) -> None:
    """The shipped weights answer nearly all probes of 512 tokens, and few of 4,096."""
    accuracy = scripts.evaluate.grid(model, text, lengths=(512, 4096), depths=(0.0, 0.5), languages=("en",), repeats=3)

    exact = {length: sum(a.exact for cell, a in accuracy.items() if cell.length == length) for length in (512, 4096)}
    assert exact[512] >= 5
    assert exact[4096] <= 3


def test_greedy_decoding_agrees_with_the_one_pass_score(scripts: Scripts, text: Any, model: Any) -> None:
    """What evaluate.py counts as exact is what generation gives, end marker included."""
    rows = [scripts.samples.probe_row(seed, 200, seed / 7, text) for seed in range(8)]
    starts = [row.ids.index(text.assistant) + 1 for row in rows]

    made = [_generate(model, row.ids[:start]) for row, start in zip(rows, starts, strict=True)]

    answers = [row.ids[start:] for row, start in zip(rows, starts, strict=True)]
    exact = [bool(found.exact) for found in scripts.evaluate.score(model, rows, text)]
    assert exact == [one == other for one, other in zip(made, answers, strict=True)]


def _generate(model: Any, prompt_ids: list[int]) -> list[int]:
    ids = torch.tensor([prompt_ids])
    made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False)
    return [int(token) for token in made[0, len(prompt_ids) :]]
