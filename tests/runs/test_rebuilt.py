"""Prompts of runs made again: the ids that the model got, or what is otherwise than it was."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.errors import CardError, DataError, UserError
from evalkit.prompts import PromptBuilder, digest_ids
from evalkit.runs import RebuiltPrompt, RunOutcome, RunSettings, execute, open_prompts, open_session, read_manifest
from evalkit.runs import read_records_of_run as read
from evalkit.scores import look_at
from tests.hub_server import HubServer, commit_of, set_offline
from tests.models.endpoint.scripted_server import ScriptedServer

DATA = os.environ.get("EVALKIT_DATA", "")  # which `bare` takes away
CHAT = "{% for message in messages %}<<{{ message.content }}>>{% if tone is defined %}{{ tone }}{% endif %}{% endfor %}"
ROLES = "chat: {system: Be brief., roles: [USER, ASSISTANT], separators: [' ', '</s>']}\n"
DRAWN = {"temperature": 0.7, "samples_per_question": 3}

Start = Callable[..., RunOutcome]


def rebuilt(folder: Path, model: str | None = None, ids: tuple[str, ...] = ()) -> list[RebuiltPrompt]:
    """Every recorded prompt of a run, or of some of its samples, made again."""
    prompts = open_prompts(folder, model)
    return [prompt for each in look_at(folder, ids) for prompt in prompts.rebuild(each.sample, each.records)]


def asked(adapter: Any) -> set[str]:
    """Digests of the ids that a model really got."""
    return {digest_ids(np.asarray(ids, dtype=np.int32)) for ids in adapter.asked}


@pytest.fixture
def own_files(bare: Path) -> Path:
    """Files that settings of a run name, in the folder where it works."""
    (bare / "own.jinja").write_text(CHAT)
    (bare / "text.txt").write_text(" ".join(f"It rained on day {day}." for day in range(200)))
    (bare / "own.yaml").write_text("- {needle: The key is 7241., question: What is the key?, keyword: '7241'}\n")
    return bare


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"protocol": "chain", "max_seq_len": 200},
        {"truncation": "index", "max_seq_len": 150, "max_new_tokens": 30},
        {"truncation": "context-middle", "max_seq_len": 150},
        {"truncation": "longbench-official", "max_seq_len": 700},
        {"truncation": "leval-official", "max_seq_len": 700},
        {"truncation": "opencompass-legacy-mid", "max_seq_len": 150},
        {"truncation": "opencompass-left", "max_seq_len": 150},
        {"chat": "none"},
        {"chat": "own.jinja", "chat_args": {"tone": "soft, and so on"}},
        {"benchmarks": ("needle",), "options": {"lengths": "300,400", "depths": "0,50,100"}, "max_seq_len": 250},
        {
            "benchmarks": ("needle",),
            "options": {"lengths": "400", "seed": "5", "repeats": "1", "haystack": "text.txt", "needles": "own.yaml"},
            "truncation": "index",
            "max_seq_len": 250,
            "chat": "none",
        },
    ],
    ids=lambda settings: ", ".join(f"{name}={value}" for name, value in settings.items()) or "as it is",
)
def test_every_prompt_of_a_run_is_made_again(
    start: Start, new_adapter: Any, own_files: Path, settings: dict[str, Any]
) -> None:
    """The ids that the model was given, whatever cut and wrapped them, with the ledger of the record."""
    adapter = new_adapter()
    start(adapter, **{"limit": 4} | settings)

    found = rebuilt(own_files / "run")

    records = list(read(own_files / "run"))
    assert len(records) == len(found) > 2
    assert [None] * len(found) == [each.difference for each in found]
    assert asked(adapter) == {digest_ids(each.ids) for each in found}
    ledgers = {(each.ledger.before, tuple(each.ledger.kept)) for each in found if each.ledger is not None}
    assert ledgers == {(record.ledger.before, tuple(record.ledger.kept)) for record in records if record.ledger}


@pytest.mark.skipif(not DATA, reason="EVALKIT_DATA is not set")
@pytest.mark.parametrize(
    ("benchmark", "mode", "chat"),
    [
        ("leval", "middle", None),
        ("leval", "longbench-official", "none"),
        ("longbench", "index", "none"),
        ("longbench", "longbench-official", None),
        ("needlebench-8k", "index", None),
        ("needlebench-8k", "middle", "none"),
    ],
)
def test_prompts_of_published_data_are_made_again(
    watcher: Any, new_adapter: Any, bare: Path, monkeypatch: pytest.MonkeyPatch, benchmark: str, mode: str, chat: str
) -> None:
    """From the data at hand, with the tokenizer of the model that ships."""
    if not Path(DATA, benchmark.partition("-")[0]).is_dir():
        pytest.skip(f"EVALKIT_DATA has no data of {benchmark}")
    monkeypatch.setenv("EVALKIT_DATA", DATA)
    adapter, folder = new_adapter(), bare / "run"
    settings = RunSettings(
        "needle-tiny", (benchmark,), limit=1, partial=True, max_seq_len=2048, truncation=mode, chat=chat, out=folder
    )
    execute(open_session(settings), watcher, lambda: adapter)

    found = rebuilt(folder)

    assert [] == [each.difference for each in found if not each.is_same]
    assert asked(adapter) == {each.digest for each in found}
    assert any(each.ledger is not None and each.ledger.is_truncated for each in found)


def test_the_second_step_of_a_draw_holds_its_own_answer(
    start: Start, bare: Path, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draws share the first prompt and go on from different answers."""
    import toy_plugin

    assert toy
    monkeypatch.setattr(toy_plugin.ToyModel, "can_sample", True, raising=False)
    count = itertools.count()
    monkeypatch.setattr(toy_plugin, "digest_ids", lambda _: f"say {next(count):04}")
    start(toy_plugin.ToyModel(), protocol="chain", tasks=("tales",), limit=1, **DRAWN)

    draws = [
        (each.records, open_prompts(bare / "run").rebuild(each.sample, each.records)) for each in look_at(bare / "run")
    ]

    assert 3 == len(draws) == len({prompts[1].digest for _, prompts in draws})
    assert 1 == len({prompts[0].digest for _, prompts in draws})
    assert all(f"You said: {records[0].text}\nSo?" in prompts[1].text for records, prompts in draws)
    assert all(prompt.is_same for _, prompts in draws for prompt in prompts)


def test_only_what_is_asked_for_is_built(start: Start, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sample of many costs one prompt."""
    start(limit=20)
    built: list[str] = []
    build = PromptBuilder.build

    def counting(self: PromptBuilder, requests: Any) -> Iterator[Any]:
        requests = list(requests)
        built.extend(request.sample.id for request in requests)
        return build(self, requests)

    monkeypatch.setattr(PromptBuilder, "build", counting)

    rebuilt(bare / "run", ids=("toy/sagas/17",))

    assert ["toy/sagas/17"] == built


def test_failed_samples_have_the_prompt_that_failed_or_the_reason(start: Start, new_adapter: Any, bare: Path) -> None:
    """A kernel that gave up had a prompt; one that found no room had none."""
    start(new_adapter(failing=(0,)), limit=1, tasks=("tales",))
    start(limit=1, tasks=("tales",), max_new_tokens=600, max_seq_len=500, out=bare / "full")

    (failed,), (impossible,) = rebuilt(bare / "run"), rebuilt(bare / "full")

    assert (True, None) == (failed.is_same, failed.error)
    assert "Which word is number 0?" in failed.text
    assert impossible.is_same
    assert str(impossible.error).startswith("no room for a prompt")


def test_a_run_that_is_being_written_can_be_read(start: Start, new_adapter: Any, bare: Path) -> None:
    """What is recorded so far, a torn line left out."""
    with pytest.raises(KeyboardInterrupt):
        start(new_adapter(stop_after=2), limit=4)
    with (bare / "run" / "samples.jsonl").open("a") as log:
        log.write('{"id": "toy/ta')

    assert [True, True] == [each.is_same for each in rebuilt(bare / "run")]


def test_another_chat_template_is_said(start: Start, tiny_model: Path, tmp_path: Path, bare: Path) -> None:
    """And the prompt is never passed off as the one that the model got."""
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    start(model=str(model), limit=1)
    for path in (model / "chat_template.jinja", model / "tokenizer_config.json"):
        if path.exists():
            path.write_text(path.read_text().replace("[assistant]", "[model]"))

    (first, *_) = rebuilt(bare / "run")

    assert (False, "the chat template is another one") == (first.is_same, first.doubts[0])
    assert first.text.endswith("[model]")
    assert str(first.difference).startswith(f"not the prompt that the model got (digest {first.digest[:12]}, recorded ")


def test_another_tokenizer_is_said(start: Start, tiny_model: Path, tmp_path: Path, bare: Path) -> None:
    """The model's folder holds another vocabulary by now."""
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    start(model=str(model), limit=1)
    core = json.loads((model / "tokenizer.json").read_text())
    core["model"]["merges"] = core["model"]["merges"][:-40]
    (model / "tokenizer.json").write_text(json.dumps(core))

    (first, *_) = rebuilt(bare / "run")

    assert "the tokenizer is another one" in first.doubts
    assert any("tokens before truncation, then" in doubt for doubt in first.doubts)


def test_another_haystack_is_said(start: Start, own_files: Path) -> None:
    """The text that needles were hidden in was changed since."""
    options = {"lengths": "300", "depths": "50", "repeats": "1", "haystack": "text.txt", "needles": "own.yaml"}
    start(benchmarks=("needle",), options=options)
    text = own_files / "text.txt"
    text.write_text(text.read_text().replace("rained", "snowed"))

    (found,) = rebuilt(own_files / "run")

    assert (False, ("the file of --haystack holds something else",)) == (found.is_same, found.doubts)


def test_other_data_is_refused(watcher: Any, new_adapter: Any, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not the run's has other questions."""
    monkeypatch.setenv("EVALKIT_DATA", str(bare / "data"))
    path = bare / "data" / "longbench" / "qasper.jsonl"
    path.parent.mkdir(parents=True)
    line = {"input": "Where?", "context": "In Paris.", "answers": ["Paris"], "length": 2, "language": "en"}
    path.write_text(json.dumps(line) + "\n")
    settings = RunSettings("needle-tiny", ("longbench",), tasks=("qasper",), partial=True, out=bare / "run")
    execute(open_session(settings), watcher, new_adapter)
    assert [True] == [each.is_same for each in rebuilt(bare / "run")]
    path.write_text(json.dumps(line | {"context": "In Rome."}) + "\n")

    with pytest.raises(DataError, match="not the file this run used"):
        rebuilt(bare / "run")


def test_a_model_that_moved_is_named_by_the_caller(start: Start, tiny_model: Path, tmp_path: Path, bare: Path) -> None:
    """Without it the message says how; a card keeps its own chat format, and a tokenizer alone will do."""
    model = Path(shutil.copytree(tiny_model, bare / "mine"))
    card = tmp_path / "card.yaml"
    card.write_text(f"name: mine\ntitle: Mine\nweights: {model}\ncontext_length: 512\nlicence: none\n{ROLES}")
    start(model="mine", limit=1)
    start(model=str(card), limit=1, out=bare / "carded")
    moved = model.rename(tmp_path / "elsewhere")

    for folder in ("run", "carded"):
        with pytest.raises(CardError, match="--model PATH says where it is now"):
            open_prompts(bare / folder)
        assert all(each.is_same for each in rebuilt(bare / folder, str(moved)))
    (moved / "config.json").unlink()
    assert all(each.is_same for each in rebuilt(bare / "run", str(moved)))


def test_a_commit_of_the_hub_stays_the_runs(
    start: Start, hub: HubServer, tiny_model: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch moved on to another template since; weights are not downloaded for prompts."""
    hub.push_folder("owner/Tiny-Llama", tiny_model)
    start(model="owner/Tiny-Llama", limit=1)
    template = b"{% for message in messages %}{{ message.content }}{% endfor %}"
    hub.push_folder("owner/Tiny-Llama", tiny_model, **{"chat_template.jinja": template})
    assert f"hub:owner/Tiny-Llama@{commit_of(0)}" == read_manifest(bare / "run").identity["weights"]

    assert all(each.is_same for each in rebuilt(bare / "run"))

    set_offline(monkeypatch, True)
    hub.requests.clear()
    assert all(each.is_same for each in rebuilt(bare / "run"))
    assert [] == hub.requests


@pytest.fixture
def served(evalkit: Any, toy: str, bare: Path) -> Callable[[ScriptedServer], Path]:
    """Runs the toy benchmark on a server."""

    def run(server: ScriptedServer) -> Path:
        done = evalkit("run", server.base_url, toy, "--limit", 1, "--out", "run")
        assert 0 == done.code, done
        return bare / "run"

    return run


def test_a_server_that_nobody_knows_the_tokenizer_of_is_not_asked(served: Any) -> None:
    """Its prompts are messages and characters, which need nobody."""
    with ScriptedServer() as server:
        folder = served(server)
        payloads = [payload["messages"][-1]["content"] for payload in server.payloads if "messages" in payload]
        payloads += [payload["prompt"] for payload in server.payloads if "prompt" in payload]

    found = rebuilt(folder)

    assert all(each.is_same for each in found)
    assert {each.text for each in found} <= set(payloads)


def test_a_servers_own_tokenizer_is_asked_where_the_caller_names_it(served: Any) -> None:
    """A run folder may be another's, and so may the address in it."""
    with ScriptedServer() as server:
        server.behaviour.owned_by, server.behaviour.tokenizes, server.behaviour.window = "vllm", True, 2048
        folder = served(server)
        before = len(server.payloads)

        with pytest.raises(UserError, match=r"the tokenizer of the server of http://127.*asked only where it is named"):
            rebuilt(folder)

        assert before == len(server.payloads)
        assert all(each.is_same for each in rebuilt(folder, server.base_url))
