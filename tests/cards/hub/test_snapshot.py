"""A model's commit on a hub of this machine: what is downloaded, what is said where it cannot be."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from evalkit.cards import Card, load_card, on_this_machine
from evalkit.cards.hub import HubName, Snapshot, open_snapshot
from evalkit.cards.hub._client import fetch_file
from evalkit.errors import CardError
from tests.hub_server import ENDLESS_BYTES, HubServer, commit_of, set_offline, unreachable_hub

NAME = HubName("owner/Model-7B", None)
CONFIG = b'{"max_position_embeddings": 512}'
FILES = {
    "config.json": CONFIG,
    "tokenizer.json": b"{}",
    "model.safetensors": b"w" * 4096,
    "pytorch_model.bin": b"pickle",
    "modeling.py": b"print('code')",
    "README.md": b"about",
}


@pytest.fixture
def pushed(hub: HubServer) -> HubServer:
    """The hub with one model."""
    hub.push(NAME.repo, FILES)
    return hub


def names(snapshot: Snapshot) -> set[str]:
    """Files of the snapshot on this machine."""
    return {path.name for path in snapshot.folder.iterdir()}


def complaint(name: HubName = NAME) -> str:
    """The one line that refuses the model."""
    with pytest.raises(CardError) as caught:
        open_snapshot(name).fetch_weights()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_snapshot_brings_configuration_and_tokenizer(pushed: HubServer) -> None:
    """Not weights, not code, nothing pickled."""
    snapshot = open_snapshot(NAME)

    assert {"config.json", "tokenizer.json"} == names(snapshot) == {*pushed.downloads()}
    assert f"hub:owner/Model-7B@{commit_of(0)}" == snapshot.identity


def test_weights_and_code_come_when_they_are_asked_for(pushed: HubServer) -> None:
    """Safetensors with a run, code with the user's word, pickles beside safetensors never."""
    snapshot = open_snapshot(NAME)

    snapshot.fetch_weights()
    snapshot.fetch_code()

    assert {"config.json", "tokenizer.json", "model.safetensors", "modeling.py"} == names(snapshot)
    assert "pytorch_model.bin" not in pushed.downloads()


def test_shards_come_by_the_index(hub: HubServer) -> None:
    """Other safetensors of the repository are not the model's."""
    index = b'{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    shards = {f"model-{number}.safetensors": b"w" for number in (1, 2)}
    hub.push(NAME.repo, {
        "config.json": CONFIG, "model.safetensors.index.json": index, **shards, "consolidated.safetensors": b"w",
    })  # fmt: skip
    snapshot = open_snapshot(NAME)

    snapshot.fetch_weights()

    assert {*shards, "config.json", "model.safetensors.index.json"} == names(snapshot)


@pytest.mark.parametrize("is_sharded", [False, True])
def test_pickled_weights_come_where_there_are_no_others(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, is_sharded: bool
) -> None:
    """One file or the shards of its index, pinned by the hub's digests, and found again without it."""
    shards = [f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2)] if is_sharded else ["pytorch_model.bin"]
    index = json.dumps({"weight_map": dict(enumerate(shards))}).encode()
    hub.push(NAME.repo, {
        "config.json": CONFIG, **dict.fromkeys(shards, b"w" * 4096), "training_args.bin": b"p",
        **({"pytorch_model.bin.index.json": index} if is_sharded else {}),
    })  # fmt: skip
    snapshot = open_snapshot(NAME)

    snapshot.fetch_weights()
    set_offline(monkeypatch, True)
    open_snapshot(NAME).fetch_weights()

    assert {*shards, "config.json"} == names(snapshot) - {"pytorch_model.bin.index.json"}
    assert shards == [path.name for path, _ in snapshot.pinned_weights]


def test_offline_a_missing_pickled_shard_is_named(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that was stopped, and the hub out of reach since."""
    shards = ["pytorch_model-1.bin", "pytorch_model-2.bin"]
    index = json.dumps({"weight_map": dict(enumerate(shards))}).encode()
    hub.push(NAME.repo, {"config.json": CONFIG, shards[0]: b"w", "pytorch_model.bin.index.json": index})
    open_snapshot(NAME).fetch_weights()
    set_offline(monkeypatch, True)

    assert "pytorch_model-2.bin is not in the hub's cache, and the hub was not asked" in complaint()


def test_what_is_here_is_not_downloaded_again(pushed: HubServer) -> None:
    """A second opening asks which commit it is, and nothing else."""
    open_snapshot(NAME).fetch_weights()
    before = pushed.downloads()

    open_snapshot(NAME).fetch_weights()

    assert before == pushed.downloads()


def test_a_download_that_was_cut_goes_on(pushed: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """From where it was cut, and the bytes are whole."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    pushed.faults["model.safetensors"] = "cut"
    snapshot = open_snapshot(NAME)

    snapshot.fetch_weights()

    assert FILES["model.safetensors"] == (snapshot.folder / "model.safetensors").read_bytes()
    assert 2 == pushed.downloads().count("model.safetensors")


def test_a_download_that_ended_goes_on_with_the_missing_files(
    pushed: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came before a server failed stays."""
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the hub's client tries again after seconds
    pushed.faults["model.safetensors"] = "500"
    assert "model.safetensors cannot be had" in complaint()
    pushed.faults.clear()

    open_snapshot(NAME).fetch_weights()

    assert 1 == pushed.downloads().count("config.json")


def test_main_that_moves_is_another_commit(pushed: HubServer) -> None:
    """The old one is still there by its name."""
    first = open_snapshot(NAME)
    pushed.push(NAME.repo, FILES | {"README.md": b"new"})

    assert [commit_of(1), commit_of(0)] == [
        open_snapshot(NAME).commit, open_snapshot(HubName(NAME.repo, first.commit)).commit
    ]  # fmt: skip


# Without the hub


def test_offline_the_copy_in_the_cache_is_used(pushed: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit that was last seen, which is said; nothing is asked."""
    open_snapshot(NAME).fetch_weights()
    pushed.requests.clear()
    set_offline(monkeypatch, True)

    snapshot = open_snapshot(NAME)
    snapshot.fetch_weights()

    assert [] == pushed.requests
    assert commit_of(0) == snapshot.commit
    assert ("HF_HUB_OFFLINE is set; the copy in the hub's cache is used, commit " + commit_of(0),) == tuple(
        remark.removeprefix(f"{NAME}: ") for remark in snapshot.remarks
    )


def test_offline_without_a_copy_is_one_line(pushed: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to give instead."""
    set_offline(monkeypatch, True)

    assert complaint() == (
        "owner/Model-7B: HF_HUB_OFFLINE is set, and no copy is in the hub's cache: unset it, or give a model folder"
    )
    with pytest.raises(CardError, match=r"unset it.* \(owner/Model-7B: no such file or folder here\)"):
        load_card("owner/Model-7B")
    assert [] == pushed.requests


def test_offline_without_weights_is_one_line(pushed: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan was made online, the weights were never fetched."""
    open_snapshot(NAME)
    set_offline(monkeypatch, True)

    assert "model.safetensors is not in the hub's cache, and the hub was not asked: run once" in complaint()
    assert pushed.requests


def test_a_hub_out_of_reach_leaves_the_copy(pushed: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so; without a copy it is one line with the way out."""
    open_snapshot(NAME)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    (remark,) = open_snapshot(NAME).remarks

    assert "the hub cannot be reached at http://127.0.0.1:9" in remark
    assert f"the copy in the hub's cache is used, commit {commit_of(0)}" in remark
    assert complaint(HubName("owner/other", None)).endswith("give a model folder, or set HF_ENDPOINT to a mirror")
    assert pushed.requests


# Refusals


def test_a_restricted_model_says_where_to_ask(pushed: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token; with one it comes, and the token was sent."""
    pushed.gated.add(NAME.repo)

    assert f"ask for it at {pushed.address}/owner/Model-7B, and set HF_TOKEN" in complaint()

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert commit_of(0) == open_snapshot(NAME).commit
    assert "Bearer hf_secret" == pushed.tokens[-1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (HubName("owner/none", None), "no such model at http://127.0.0.1"),
        (HubName(NAME.repo, "gone"), "has no such commit, tag or branch"),
    ],
)
def test_what_is_not_there_is_one_line(pushed: HubServer, name: HubName, words: str) -> None:
    """Model and revision are told apart."""
    assert words in complaint(name)
    assert str(name) in complaint(name)
    assert pushed.requests


def test_a_renamed_model_is_followed_and_said(pushed: HubServer) -> None:
    """The name as typed stays the run's."""
    pushed.renamed["old/name"] = NAME.repo

    snapshot = open_snapshot(HubName("old/name", None))

    assert ("old/name is called owner/Model-7B on the hub now",) == snapshot.remarks
    assert f"hub:old/name@{commit_of(0)}" == snapshot.identity


@pytest.mark.parametrize("status", ["403", "429", "500", "503"])
def test_a_hub_that_is_not_well_is_one_line(pushed: HubServer, status: str) -> None:
    """With what it answered, or where to ask for access."""
    pushed.faults["list"] = status

    assert ("restricted" if status == "403" else f"answered {status}") in complaint()


def test_a_hub_that_says_nothing_is_given_up(pushed: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, as one out of reach."""
    monkeypatch.setattr("evalkit.cards.hub._client.TIMEOUT_SECONDS", 0.05)
    pushed.faults["list"] = "silent"

    assert "the hub cannot be reached" in complaint()


@pytest.mark.parametrize("part", ["list", "config.json", "model.safetensors"])
def test_a_body_without_an_end_ends(pushed: HubServer, part: str) -> None:
    """Neither memory nor disk fills up."""
    pushed.faults[part] = "endless"

    line = complaint()

    assert ("does not end" if part == "list" else "longer than the server said") in line
    assert pushed.swallowed < ENDLESS_BYTES


def test_another_server_than_a_hub_is_one_line(hub: HubServer) -> None:
    """A commit that is none never becomes a path."""
    hub.commits[NAME.repo] = {"../../x": FILES}
    hub.branches[NAME.repo] = "../../x"

    assert "is no list of files: is HF_ENDPOINT a hub?" in complaint()


def test_paths_that_leave_the_folder_are_not_asked_for(hub: HubServer, tmp_path: Path) -> None:
    """Whatever a hub lists."""
    hub.push(NAME.repo, FILES | {"../../evil.json": b"{}", "/tmp/evil.json": b"{}", "a\\..\\evil.json": b"{}"})

    open_snapshot(NAME)

    assert [] == list(tmp_path.rglob("*evil*"))
    assert {"config.json", "tokenizer.json"} == {*hub.downloads()}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"model.gguf": b"g"}, "no config.json at http://127.0.0.1:[0-9]+; found model.gguf: serve it with llama.cpp"),
        ({"adapter_config.json": b"{}"}, r"an adapter \(LoRA\), no model: merge it"),
        ({"config.json": CONFIG, "model.pt": b"p"}, "found model.pt, pickled in another layout: save the model again"),
        ({"config.json": CONFIG, "training_args.bin": b"p"}, r"no weights that evalkit reads \(.*: is it a model?"),
        (
            {"config.json": CONFIG, "consolidated.safetensors": b"p"},
            "found consolidated.safetensors: weights in another",
        ),
        ({"data.csv": b""}, "is it a model?"),
    ],
)
def test_a_repository_without_a_model_says_what_it_has(hub: HubServer, files: dict[str, bytes], words: str) -> None:
    """And what to do with that."""
    hub.push(NAME.repo, files)

    with pytest.raises(CardError, match=words):
        open_snapshot(NAME).fetch_weights()


def test_a_file_of_the_cache_that_was_edited_is_refused(pushed: HubServer) -> None:
    """The commit would say what the model is not."""
    path = open_snapshot(NAME).folder / "config.json"
    path.resolve().write_bytes(CONFIG + b" ")

    assert f"config.json in the hub's cache is not what the hub sent: delete {path.resolve()}" in complaint()
    assert pushed.requests


# Cards


def test_a_hub_id_becomes_a_card(pushed: HubServer) -> None:
    """Its facts are the files', its name fit for a folder, its source the commit."""
    card = load_card("owner/Model-7B")

    assert ("model-7b", "Model-7B", "owner/Model-7B", commit_of(0), 512, "mit") == (
        card.name, card.title, card.weights, card.revision, card.context_length, card.licence,
    )  # fmt: skip
    assert f"config.json of owner/Model-7B at {commit_of(0)}" == card.sources[0].source
    assert pushed.requests


def test_a_shipped_card_of_that_model_is_used(hub: HubServer) -> None:
    """Said, with the revision as asked, and without a word to the hub."""
    card = load_card("qwen/qwen2-1.5b-instruct@v1")

    assert ("qwen2-1.5b-instruct", "v1") == (card.name, card.revision)
    assert ("qwen/qwen2-1.5b-instruct@v1: the shipped card qwen2-1.5b-instruct describes this model and is used",) == (
        card.remarks
    )
    assert [] == hub.requests


def test_a_model_folder_of_that_name_wins(hub: HubServer, bare: Path) -> None:
    """It is said; a folder without a model does not."""
    (bare / "owner" / "Model-7B").mkdir(parents=True)
    hub.push(NAME.repo, FILES)
    from_hub = load_card("owner/Model-7B")
    (bare / "owner" / "Model-7B" / "config.json").write_bytes(CONFIG)

    local = load_card("owner/Model-7B")

    assert (commit_of(0), None) == (from_hub.revision, local.revision)
    assert (
        "owner/Model-7B is a folder here and is used, not the hub's model of that name (./owner/Model-7B says so)",
    ) == local.remarks


def test_a_path_object_is_never_a_hub_id(hub: HubServer) -> None:
    """A Path means a file."""
    with pytest.raises(CardError, match="no such file or folder"):
        load_card(Path("owner/Model-7B"))

    assert [] == hub.requests


def test_a_card_of_hub_weights_is_bound_to_the_commit_of_today(pushed: HubServer) -> None:
    """Where a run begins; a card of local weights stays as it is."""
    values = {"name": "m", "title": "M", "weights": NAME.repo, "context_length": 8, "licence": "none"}
    card = on_this_machine(Card.model_validate(values))

    assert (commit_of(0), "config.json") == (card.revision, (card.weights_path or Path()).joinpath("config.json").name)
    assert card == on_this_machine(card)
    assert pushed.requests


def test_a_model_without_a_tokenizer_is_one_line(hub: HubServer) -> None:
    """Before anything is loaded."""
    hub.push(NAME.repo, {"config.json": CONFIG, "model.safetensors": b"w"})

    with pytest.raises(CardError, match="owner/Model-7B: comes without a tokenizer: write a card that names one"):
        open_snapshot(NAME).check_tokenizer()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_tries_at_a_hub_that_does_not_answer_are_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own lines on each try reach nobody."""
    written = unreachable_hub(monkeypatch, address)

    with pytest.raises(CardError, match="cannot be had from") as caught:
        fetch_file(NAME, commit_of(0), "config.json")

    assert ("", False) == (written.getvalue(), "\n" in str(caught.value))
