"""Runs with models as they are published: dated templates, tokenizers with habits, scalings, files beside weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import load_card, weights_digest
from evalkit.errors import CardError, UserError
from evalkit.runs import RunOutcome, RunSettings, open_session, plan_session
from tests.wild import CONFIGS, TEMPLATES, TOKENIZERS, ConfigShape, Shape, Template, cases, write_config

Folder = Callable[[str], Path]
Start = Callable[..., RunOutcome]


@pytest.fixture
def with_tokenizer(wild_tokenizer_folder: Folder, tiny_model: Path, tmp_path: Path) -> Folder:
    """A copy of the tiny model with a tokenizer of that name."""

    def make(name: str) -> Path:
        folder = tmp_path / "with-tokenizer"
        shutil.copytree(wild_tokenizer_folder(name), folder)
        for file in tiny_model.glob("*"):
            if file.suffix in {".safetensors", ".json"} and not file.name.startswith("tokenizer"):
                shutil.copy(file, folder)
        return folder

    return make


@pytest.mark.parametrize("template", cases(TEMPLATES, only=("plain", "date", "date, always")))
def test_the_same_command_continues_tomorrow(
    template: Template, start: Start, new_adapter: Any, bare: Path, tomorrow: Callable[[], None]
) -> None:
    """A run that is stopped goes on the next day with the prompts of the first."""
    (bare / "template.jinja").write_text(template.text, "utf-8")
    first, second = new_adapter(stop_after=5), new_adapter()
    with pytest.raises(KeyboardInterrupt):
        start(first, chat="template.jinja")

    tomorrow()
    start(second, chat="template.jinja")

    assert (5, 43) == (len(first.asked), len(second.asked))


@pytest.mark.parametrize("shape", cases({name: TOKENIZERS[name] for name in TOKENIZERS if name != "no template"}))
def test_the_planned_tokens_are_the_tokens_that_are_run(
    shape: Shape, start: Start, new_adapter: Any, with_tokenizer: Folder, toy: str
) -> None:
    """`plan` counts what the model is asked, token for token, for every tokenizer."""
    values = {"model": str(with_tokenizer(shape.name)), "trust_remote_code": True, "limit": 6}
    plan = plan_session(open_session(RunSettings(benchmarks=(toy,), backend="toy", **values)))
    adapter = new_adapter()

    start(adapter, **values)

    assert plan.counts().prompt_tokens == sum(map(len, adapter.asked))
    assert sorted(plan.ids(prompt.index).tolist() for prompt in plan.prompts) == sorted(adapter.asked)


# transformers 5 refuses the first spelling of longrope, and with it the folder's tokenizer.
ROTATING = {
    name: shape for name, shape in CONFIGS.items() if shape.original and shape.theta is not None and name != "su"
}


@pytest.mark.parametrize("shape", cases(ROTATING))
def test_a_rope_setting_counts_from_the_original_length(
    shape: ConfigShape, toy: str, wild_tokenizer_folder: Folder, tmp_path: Path
) -> None:
    """YaRN's ramp and dynamic NTK begin where the rotary embedding was made to end, or the setting is refused."""
    folder = write_config(shape, tmp_path / "model")
    for file in wild_tokenizer_folder("bos by processor").iterdir():
        shutil.copy(file, folder)
    try:
        session = open_session(RunSettings(str(folder), (toy,), backend="toy", rope="yarn:2"))
    except UserError as error:
        assert shape.scaling is not None and "scaling" in str(error), error
        return

    assert shape.original == session.rope_of()(shape.original).original_length


def test_the_digest_of_weights_covers_shards_in_a_folder(wild_model: Folder, tmp_path: Path) -> None:
    """Shards that the index names by a path are as good as any."""
    folder = shutil.copytree(wild_model("sharded, sub-folder"), tmp_path / "model")
    before = weights_digest(load_card(folder))
    shard = max((folder / "weights").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x7f")

    assert before != weights_digest(load_card(folder))


@pytest.mark.parametrize(
    ("name", "file"),
    [("quantize_config.json", "quantize_config.json"), ("without sdpa", "modeling_tiny.py")],
    ids=["quantisation", "remote code"],
)
def test_the_digest_of_weights_covers_what_changes_the_model(
    name: str, file: str, wild_model: Folder, tmp_path: Path
) -> None:
    """Two folders that compute otherwise are two models."""
    folder = shutil.copytree(wild_model(name), tmp_path / "model")
    before = weights_digest(load_card(folder), trust_remote_code=True)
    path = folder / file
    path.write_text(path.read_text("utf-8").replace("4", "8") + "\n", "utf-8")

    assert before != weights_digest(load_card(folder), trust_remote_code=True)


def test_an_adapter_beside_its_base_is_refused(wild_model: Folder) -> None:
    """The base would be measured under the adapter's name."""
    with pytest.raises(CardError, match=r"adapter"):
        load_card(wild_model("adapter beside base")).require_weights()


@pytest.mark.parametrize("name", ["sharded", "sharded, sub-folder"])
def test_shards_are_found_where_the_index_says(name: str, wild_model: Folder) -> None:
    """In the folder, and in one below it."""
    folder = wild_model(name)

    assert str(folder) == load_card(folder).require_weights()
