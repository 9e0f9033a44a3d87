"""A run of a published checkpoint, from the command line to its manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.cards import load_card, weights_digest
from tests.conftest import Command
from tests.hub_server import HubServer
from tests.models.conversion.checkpoints import INDEX, llama_state
from tests.models.conversion.conftest import Publish

NEEDLE = ("needle", "--lengths", "128", "--depths", "0,100", "--repeats", "1", "--chat", "none", "--dtype", "float32")


@pytest.fixture
def index(publish: Publish) -> Path:
    """A published Index that reads 4,096 tokens."""
    return publish(INDEX, llama_state(INDEX))


def test_the_manifest_says_what_ran(index: Path, evalkit: Command, tmp_path: Path) -> None:
    """The identity is that of the published files, the engine that of the stand-in; the note comes once."""
    done = evalkit("run", index, *NEEDLE, "--out", tmp_path / "out")

    assert 0 == done.code, done.err
    manifest = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert ("llama", "on") == tuple(manifest["environment"]["engine"][key] for key in ("runs_as", "prefix_reuse"))
    assert weights_digest(load_card(index)) in json.dumps(manifest["identity"])
    assert 1 == done.err.count("IndexForCausalLM runs as llama; converted copy in")


def test_the_same_command_again_continues(index: Path, evalkit: Command, tmp_path: Path) -> None:
    """The copy in the cache is no part of the run, and is not made again."""
    evalkit("run", index, *NEEDLE, "--out", tmp_path / "out")
    before = (tmp_path / "out" / "samples.jsonl").read_bytes()

    done = evalkit("run", index, *NEEDLE, "--out", tmp_path / "out")

    assert 0 == done.code, done.err
    assert before == (tmp_path / "out" / "samples.jsonl").read_bytes()
    assert "converted copy" not in done.err


def test_a_rope_condition_runs_on_the_converted_model(index: Path, evalkit: Command, tmp_path: Path) -> None:
    """As on any Llama."""
    done = evalkit("run", index, *NEEDLE, "--rope", "dynamic:8", "--out", tmp_path / "out")

    assert 0 == done.code, done.err


def test_weights_with_anything_but_tensors_stop_the_run_in_one_line(
    index: Path, evalkit: Command, tmp_path: Path
) -> None:
    """File and entry are named, and no record is written."""
    import torch

    torch.save({"lm_head.weight": torch.ones(2), "step": 7}, index / "pytorch_model-00001-of-00002.bin")

    done = evalkit("run", index, *NEEDLE, "--out", tmp_path / "out")

    assert "pytorch_model-00001-of-00002.bin: 'step' is of type int, no plain tensor" in done.last_complaint


def test_a_model_of_the_hub_is_converted_from_its_commit(
    publish: Publish, evalkit: Command, hub: HubServer, tmp_path: Path
) -> None:
    """The identity is the commit; asked again, the copy of it is there."""
    commit = hub.push_folder("IndexTeam/Index-tiny", publish(INDEX, llama_state(INDEX)))

    done = evalkit("run", "IndexTeam/Index-tiny", *NEEDLE, "--out", tmp_path / "out")
    again = evalkit("run", "IndexTeam/Index-tiny", *NEEDLE, "--out", tmp_path / "again")

    assert (0, 0) == (done.code, again.code), done.err + again.err
    manifest = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert f"hub:IndexTeam/Index-tiny@{commit}" in json.dumps(manifest["identity"])
    assert "llama" == manifest["environment"]["engine"]["runs_as"]
    assert (1, 0) == tuple(each.err.count("IndexForCausalLM runs as llama; converted copy") for each in (done, again))
