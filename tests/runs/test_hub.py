"""Runs of models on the hub: named by their id, bound to a commit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import evalkit as evalkit_package
from tests.hub_server import HubServer, commit_of, set_offline

if TYPE_CHECKING:
    from tests.conftest import Command

NAME = "owner/Tiny-Llama"
FOLDER = Path("results/tiny-llama-toy-plain")


@pytest.fixture
def tiny_hub(hub: HubServer, tiny_model: Path) -> HubServer:
    """The hub with the tiny model, and a pickle beside its weights."""
    hub.push_folder(NAME, tiny_model, **{"pytorch_model.bin": b"pickle"})
    return hub


def test_a_run_binds_itself_to_the_commit(evalkit: Command, toy: str, tiny_hub: HubServer, bare: Path) -> None:
    """The plan fetches no weights, the run no pickle; the manifest holds id and commit, the folder the model's name."""
    planned = evalkit("plan", NAME, toy, "--limit", 1)
    before = {*tiny_hub.downloads()}

    outcome = evalkit("run", NAME, toy, "--limit", 1)

    identity = json.loads((bare / FOLDER / "run.json").read_text())["identity"]
    assert (0, 0) == (planned.code, outcome.code), outcome.err
    assert f"hub:{NAME}@{commit_of(0)}" == identity["weights"]
    assert {"model.safetensors"} == {*tiny_hub.downloads()} - before


def test_a_model_of_the_hub_answers_as_its_folder_does(
    evalkit: Command, toy: str, tiny_hub: HubServer, tiny_model: Path, bare: Path
) -> None:
    """Same prompts, same tokens, same texts."""
    evalkit("run", NAME, toy, "--limit", 2)
    evalkit("run", tiny_model, toy, "--limit", 2, "--out", "local")

    answers = [
        [
            (record["id"], record["prompt_sha256"], record["text"])
            for record in map(json.loads, path.read_text().splitlines())
        ]
        for path in (bare / FOLDER / "samples.jsonl", bare / "local" / "samples.jsonl")
    ]
    assert answers[0] == answers[1]
    assert tiny_hub.requests


def test_main_that_moved_is_refused_with_the_name_that_goes_on(
    evalkit: Command, toy: str, tiny_hub: HubServer, tiny_model: Path
) -> None:
    """Records of two commits never mix; the old one is still to be had, and the plan says so too."""
    evalkit("run", NAME, toy, "--limit", 1)
    tiny_hub.push_folder(NAME, tiny_model, **{"README.md": b"more"})

    refused, planned = evalkit("run", NAME, toy, "--limit", 2), evalkit("plan", NAME, toy, "--limit", 2)
    continued = evalkit("run", f"{NAME}@{commit_of(0)}", toy, "--limit", 2)

    advice = (
        f"holds a run of {NAME} at {commit_of(0)[:12]}, and the hub's is {commit_of(1)[:12]} now; name the model "
        f"{NAME}@{commit_of(0)} to go on"
    )
    assert advice in refused.last_complaint
    assert advice in planned.err
    assert "2 answered, 2 already done" in continued.err


def test_offline_a_run_goes_on_with_the_copy(
    evalkit: Command, toy: str, tiny_hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked, and the commit that is used is said."""
    evalkit("run", NAME, toy, "--limit", 1)
    tiny_hub.requests.clear()
    set_offline(monkeypatch, True)

    outcome = evalkit("run", NAME, toy, "--limit", 2)

    assert 0 == outcome.code, outcome.err
    assert [] == tiny_hub.requests
    assert f"the copy in the hub's cache is used, commit {commit_of(0)}" in outcome.err


def test_weights_of_the_cache_that_were_edited_are_refused(
    evalkit: Command, toy: str, tiny_hub: HubServer, tmp_path: Path
) -> None:
    """Their commit would be a lie."""
    evalkit("run", NAME, toy, "--limit", 1)
    (weights,) = (tmp_path / "hub").rglob("snapshots/*/model.safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.resolve().write_bytes(data)

    outcome = evalkit("run", NAME, toy, "--limit", 2)

    assert "model.safetensors in the hub's cache is not what the hub sent: delete" in outcome.last_complaint
    assert tiny_hub.requests


def test_code_of_the_hub_needs_the_users_word(
    evalkit: Command, toy: str, hub: HubServer, tiny_model: Path, bare: Path
) -> None:
    """Without it nothing of it is even downloaded."""
    config = json.loads((tiny_model / "config.json").read_text())
    del config["model_type"]
    config |= {"auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}, "rope_theta": 1e4}
    code = f"open({str(bare / 'ran')!r}, 'w')\n".encode()
    hub.push_folder(NAME, tiny_model, **{"own.py": code, "config.json": json.dumps(config).encode()})

    outcome = evalkit("run", NAME, toy, "--limit", 1)

    assert "pass --trust-remote-code" in outcome.last_complaint
    assert "own.py" not in hub.downloads()
    assert not (bare / "ran").exists()


@pytest.mark.parametrize("verb", [("show",), ("check",)])
def test_cards_of_the_hub_are_shown_and_checked(evalkit: Command, tiny_hub: HubServer, verb: tuple[str, ...]) -> None:
    """Without weights."""
    outcome = evalkit("cards", *verb, NAME)

    assert 0 == outcome.code
    assert ("title: Tiny-Llama" in outcome.out) == (verb == ("show",))
    assert "model.safetensors" not in tiny_hub.downloads()


def test_a_plan_without_a_tokenizer_on_the_hub_is_one_line(
    evalkit: Command, toy: str, hub: HubServer, tiny_model: Path
) -> None:
    """What is missing and what to do."""
    hub.push(NAME, {"config.json": (tiny_model / "config.json").read_bytes(), "model.safetensors": b"w"})

    assert f"{NAME}: comes without a tokenizer: write a card" in evalkit("plan", NAME, toy).complaint


def test_python_takes_a_hub_id_too(toy: str, tiny_hub: HubServer, bare: Path) -> None:
    """A Path of the same letters is a folder that is not there."""
    with pytest.warns(evalkit_package.EvalkitWarning) as caught:
        result = evalkit_package.evaluate(f"{NAME}@main", toy, limit=1)
    with pytest.raises(evalkit_package.UserError, match="no such file or folder"):
        evalkit_package.evaluate(Path(NAME), toy)

    assert {"toy": FOLDER} == result.folders
    assert [] == [str(warning.message) for warning in caught if "hub" in str(warning.message)]
    assert tiny_hub.requests
    assert (bare / FOLDER).is_dir()
