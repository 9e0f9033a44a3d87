"""Wrong input of every kind: one line on standard error, exit code 2, never a traceback, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[[str, bytes], Path]

CARD = {"name": "mine", "title": "Mine", "weights": "./weights", "context_length": 512, "licence": "none"}
DOCUMENT = {"instructions": ["Who?"], "outputs": ["A"], "input": "Long ago…", "evaluation": "exam"}


@pytest.fixture
def write(bare: Path) -> Write:
    """Writer of files in the empty working folder."""

    def go(name: str, content: bytes) -> Path:
        path = bare / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return go


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["run", "index-1.9b-32", "leval"], "unknown card 'index-1.9b-32': did you mean 'index-1.9b-32k'?"),
        (["run", "./nowhere", "leval"], "./nowhere: no such file or folder"),
        (["run", "./no\nwhere", "leval"], "./no where: no such file or folder"),
        (["run", "MODEL", "levl"], "unknown benchmark 'levl': did you mean 'leval'?"),
        (["run", "MODEL", "leval", "--task", "courser"], "did you mean 'coursera'?"),
        (["run", "MODEL", "leval", "--protocol", "oficial"], "did you mean 'official'?"),
        (["run", "MODEL", "leval", "--protocol", "official"], "its prompts exist only in GPL code"),
        (["run", "MODEL", "TOY", "--limit", "0"], "--limit 0: must be 1 or more"),
        (["run", "MODEL", "TOY", "--limit", "-5"], "--limit -5: must be 1 or more"),
        (["run", "MODEL", "TOY", "--limit", "few"], "Invalid value for '--limit'"),
        (["run", "MODEL", "TOY", "--truncation", "midle"], "did you mean 'middle'?"),
        (["run", "MODEL", "TOY", "--rope", "dynamic:x"], "RoPE spec 'dynamic:x' is not one of"),
        (["run", "MODEL", "TOY", "--dtype", "int4"], "--dtype int4: must be one of"),
        (["run", "MODEL", "TOY", "--backend", "tois"], "unknown backend 'tois': did you mean 'toy'?"),
        (["run", "MODEL", "TOY", "--chat", "no.jinja"], "--chat no.jinja"),
        (["run", "MODEL", "TOY", "--speed", "9"], "No such option: --speed"),
        (["run", "MODEL"], "Missing argument 'BENCHMARK...'"),
        (["run", "MODEL", "leval", "--partial"], "leval: no data of coursera, gsm100, quality, tpo… at hand"),
        (["run", "MODEL", "leval", "--partial", "--data", "nowhere"], "nowhere, which is not a folder"),
        (["run", "MODEL", "TOY", "--data", "."], "--data .: toy is made here and reads no data; leave it out"),
        (["plan", "MODEL", "levl"], "did you mean 'leval'?"),
        (["score", "nowhere"], "nowhere: not a run folder"),
        (["score", "nowhere", "--format", "leval"], "nowhere: no such folder"),
        (["score", ".", "--format", "leval"], "no *.jsonl file"),
        (["score", ".", "--format", "lval"], "'lval'"),
        (["report", "nowhere"], "nowhere: not a run folder"),
        (["data", "verify", "levl"], "unknown data source 'levl': did you mean 'leval'?"),
        (["cards", "show", "index"], "unknown card 'index'"),
        (["benchmarks", "show", "levl"], "did you mean 'leval'?"),
        (["scor", "."], "No such command 'scor'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_one_line(
    evalkit: Command, toy: str, tiny_model: Path, bare: Path, arguments: list[str], problem: str
) -> None:
    """What is wrong and what there is instead; no run folder is made for it."""
    named = {"MODEL": str(tiny_model), "TOY": toy}

    complaint = evalkit(*(named.get(argument, argument) for argument in arguments)).complaint

    assert problem in complaint
    assert [] == [path for path in bare.rglob("*") if path.name != "results"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({key: value for key, value in CARD.items() if key != "context_length"}, "context_length: missing"),
        (CARD | {"context_lenght": 5}, "context_lenght: unknown field: did you mean 'context_length'?"),
        (CARD | {"context_length": "long"}, "context_length:"),
        (CARD | {"dtype": "int4"}, "dtype:"),
        (CARD | {"rope": {"theta": 1e4}}, "rope.theta has no source"),
        ([1, 2], "a card is a mapping of fields"),
        (CARD, "no such folder"),
    ],
)
def test_a_bad_card_is_one_line(evalkit: Command, toy: str, write: Write, content: object, problem: str) -> None:
    """Missing or malformed fields by name, and a card whose weights are not there."""
    path = write("card.yaml", json.dumps(content).encode())

    complaint = evalkit("run", path, toy, "--backend", "toy").complaint

    assert problem in complaint


def test_a_card_without_weights_is_one_line_and_leaves_no_run(
    evalkit: Command, toy: str, save_model: Callable[..., Path], bare: Path
) -> None:
    """The tokenizer alone plans; a run needs the weights."""
    folder = save_model()
    (folder / "model.safetensors").unlink()

    assert 0 == evalkit("plan", folder, toy).code
    assert "no weights (*.safetensors, pytorch_model.bin)" in evalkit("run", folder, toy, "--out", "run").complaint
    assert not (bare / "run" / "run.json").exists()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("model-Q4_K_M.gguf", "found model-Q4_K_M.gguf: serve it with llama.cpp and give the address"),
        (
            "consolidated.00.pth",
            "found consolidated.00.pth, pickled in another layout: save the model again as safetensors",
        ),
        ("adapter_config.json", "holds adapter_config.json: an adapter (LoRA)"),
    ],
)
def test_weights_of_another_kind_are_named_for_what_they_are(
    evalkit: Command, toy: str, save_model: Callable[..., Path], tmp_path: Path, name: str, problem: str
) -> None:
    """Beside the configuration and the tokenizer of a model."""
    folder = save_model(folder=tmp_path / "other")
    (folder / "model.safetensors").rename(tmp_path / "gone")
    (folder / name).write_text("{}")

    assert problem in evalkit("run", folder, toy, "--out", "run").last_complaint


def test_a_model_without_a_chat_template_is_one_line_with_the_way_out(
    evalkit: Command, toy: str, save_model: Callable[..., Path]
) -> None:
    """The user decides whether prompts go without one; `--chat none` is that decision."""
    folder = save_model(None)

    complaint = evalkit("run", folder, toy, "--backend", "toy", "--out", "run").complaint

    assert "pass --chat none" in complaint
    assert 0 == evalkit("run", folder, toy, "--backend", "toy", "--out", "run", "--chat", "none").code


def test_a_broken_chat_template_is_one_line(evalkit: Command, toy: str, tiny_model: Path, write: Write) -> None:
    """A Jinja file with a mistake."""
    path = write("chat.jinja", b"{% for message in messages %}{{ message.content }}")

    assert "chat template" in evalkit("run", tiny_model, toy, "--backend", "toy", "--chat", path).complaint


def leval(**changes: object) -> bytes:
    """One record of L-Eval."""
    return json.dumps(DOCUMENT | changes).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{broken\n", "coursera.jsonl:1: not JSON"),
        (leval()[:40], "coursera.jsonl:1: the last line is cut off"),
        (b"", "has no records"),
        (b"[]\n", "coursera.jsonl:1: a list instead of a JSON object"),
        (leval().replace("…".encode("ascii", "backslashreplace"), b"\xe9"), "coursera.jsonl:1: not UTF-8"),
        (json.dumps(DOCUMENT).encode("utf-16"), "the file is UTF-16"),
        (leval(instructions="Who?"), "coursera.jsonl:1: field 'instructions' is a string"),
        (leval(instructions=["Who?", "When?"]), "coursera.jsonl:1: 2 instructions but 1 outputs"),
        (leval(input=None), "coursera.jsonl:1: field 'input' is null"),
        (b'{"input": NaN}\n', "coursera.jsonl:1: NaN is not JSON"),
    ],
)
def test_bad_data_is_named_by_file_line_and_field(
    evalkit: Command, tiny_model: Path, write: Write, content: bytes, problem: str
) -> None:
    """In a folder of the user's own (`--data`, `--partial`)."""
    folder = write("mine/coursera.jsonl", content).parent

    complaint = evalkit("run", tiny_model, "leval", "--task", "coursera", "--partial", "--data", folder).last_complaint

    assert problem in complaint


def test_data_that_is_not_the_pinned_one_is_refused(evalkit: Command, tiny_model: Path, write: Write) -> None:
    """Both digests are shown; `--partial` is the way to use a part of the data knowingly."""
    folder = write("mine/coursera.jsonl", leval()).parent

    complaint = evalkit("run", tiny_model, "leval", "--task", "coursera", "--data", folder).complaint

    assert "has sha256" in complaint
    assert "expected 03ef77fcbd19" in complaint
    assert "--partial" in complaint


@pytest.mark.parametrize("place", ["run", "run/samples.jsonl", "run/run.json", "run/.lock"])
def test_results_that_cannot_be_written_are_one_line(
    evalkit: Command, toy: str, tiny_model: Path, bare: Path, place: str
) -> None:
    """A file where a folder should be, or a folder where a file should be."""
    target = bare / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("mine") if place == "run" else target.mkdir()

    complaint = evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "run").complaint

    assert "run" in complaint


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize("place", ["no/such/folder.json", "."])
def test_a_json_file_that_cannot_be_written_is_one_line_before_the_work(
    evalkit: Command, toy: str, tiny_model: Path, bare: Path, verb: str, place: str
) -> None:
    """Nobody waits hours to hear of a mistyped path."""
    backend = ["--backend", "toy"] if verb == "run" else []

    complaint = evalkit(verb, tiny_model, toy, *backend, "--out", "run", "--json", place).complaint

    assert complaint.startswith(f"--json {place}: cannot be written")
    assert not (bare / "run").exists()


def test_the_folder_of_another_run_is_refused_with_the_field_that_differs(
    evalkit: Command, toy: str, tiny_model: Path
) -> None:
    """Settings that can change a score never share a folder."""
    command = ("run", tiny_model, toy, "--backend", "toy", "--out", "run", "--limit", "1")
    assert 0 == evalkit(*command).code

    complaint = evalkit(*command, "--max-seq-len", "300").complaint

    assert "run: holds a run with another max_seq_len (512, now 300); give this run its own --out" == complaint


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"{broken\n", "samples.jsonl:1"), (b'{"id": "toy/tales/0"}\n', "samples.jsonl:1: step")],
)
def test_a_damaged_log_is_named_by_line(
    evalkit: Command, toy: str, tiny_model: Path, bare: Path, content: bytes, problem: str
) -> None:
    """When the run goes on, and when it is scored."""
    assert 0 == evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "run", "--limit", "1").code
    log = bare / "run" / "samples.jsonl"
    log.write_bytes(content + log.read_bytes())

    assert problem in evalkit("score", "run").complaint
    assert problem in evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "run").complaint


@pytest.mark.usefixtures("bare")
def test_wrong_input_in_a_real_process_is_one_line_too() -> None:
    """Nothing of the libraries below writes to standard error."""
    command = [sys.executable, "-m", "evalkit", "run", "./nowhere", "leval"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (2, "") == (done.returncode, done.stdout)
    assert 1 == len(done.stderr.splitlines())
