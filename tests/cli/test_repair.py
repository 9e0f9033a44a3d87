"""`evalkit repair`, and what the other verbs say and do in a damaged or read-only run folder."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import EvalkitError
from evalkit.scores import score_run

Command = Callable[..., Any]
FLIPS = 120


@pytest.fixture
def run(evalkit: Command, toy: str, tiny_model: Path) -> Command:
    """`evalkit run` of six samples of the toy benchmark into the folder `run`."""
    return lambda *options: evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "run", "--limit", 3, *options)


def held(folder: Path) -> dict[str, bytes]:
    """All files below the folder but the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


DAMAGED = {
    "empty line": lambda lines: [*lines[:2], b"\n", *lines[2:]],
    "zeros": lambda lines: [*lines, b"\0" * 512 + b"\n"],
    "foreign": lambda lines: [b'{"a": 1}\n', *lines],
    "changed": lambda lines: [lines[0].replace(b'"text": "', b'"text": "!'), *lines[1:]],
    "unknown task": lambda lines: [*lines, old_line(lines[0], id="x/y/z")],
    "unknown sample": lambda lines: [*lines, old_line(lines[0], id="toy/tales/999")],
    "unknown step": lambda lines: [*lines, old_line(lines[0], step=1)],
    "no digest": lambda lines: [*lines, old_line(lines[0], prompt_sha256="")],
    "no outcome": lambda lines: [*lines, old_line(lines[0], text=None)],
}


def old_line(line: bytes, **changes: object) -> bytes:
    """The line with other values, as a release without checksums would have written it."""
    record = json.loads(line) | changes
    del record["crc32"]
    return json.dumps(record).encode() + b"\n"


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_run_names_the_verb_which_makes_it_whole(
    run: Command, evalkit: Command, bare: Path, kind: str
) -> None:
    """Score and report refuse it in one line and touch nothing; repaired and run again it gives the same scores."""
    run()
    scores, log = (bare / "run" / "scores.json").read_bytes(), bare / "run" / "samples.jsonl"
    log.write_bytes(b"".join(DAMAGED[kind](log.read_bytes().splitlines(keepends=True))))
    before = held(bare / "run")

    for verb in ("score", "report"):
        complaint = evalkit(verb, "run").complaint
        assert "samples.jsonl:" in complaint and complaint.endswith("repair it: evalkit repair run"), complaint
    assert before == held(bare / "run")
    done = evalkit("repair", "run")

    assert (0, "") == (done.code, done.out)
    assert "1 line moved out" in done.err and "samples.jsonl.damaged-1" in done.err
    assert before["samples.jsonl"] == (bare / "run" / "samples.jsonl.damaged-1").read_bytes()
    assert 0 == run().code
    assert scores == (bare / "run" / "scores.json").read_bytes()
    assert "nothing to repair, 6 records are whole" in evalkit("repair", "run").err


def test_a_run_without_its_log_is_not_called_whole(run: Command, evalkit: Command, bare: Path) -> None:
    """The answers are lost, and no verb says that all is well."""
    run()
    (bare / "run" / "samples.jsonl").unlink()

    assert "samples.jsonl: missing" in evalkit("repair", "run").complaint


@pytest.mark.parametrize("kind", ["empty line", "zeros", "foreign", "changed", "unknown task", "unknown step"])
def test_a_run_does_not_go_on_in_a_damaged_folder(run: Command, bare: Path, kind: str) -> None:
    """It says so before a model is loaded; the folder stays as it is."""
    run()
    log = bare / "run" / "samples.jsonl"
    log.write_bytes(b"".join(DAMAGED[kind](log.read_bytes().splitlines(keepends=True))))
    before = held(bare / "run")

    complaint = run().last_complaint

    assert complaint.endswith("repair it: evalkit repair run"), complaint
    assert before == held(bare / "run")


@pytest.mark.parametrize("content", [b"", b"\0" * 300, b'{"schema_version": 1, "identity": {', None])
@pytest.mark.parametrize("verb", ["run", "score", "report", "repair", "plan"])
def test_every_verb_goes_on_without_a_whole_manifest(
    run: Command, evalkit: Command, toy: str, tiny_model: Path, bare: Path, content: bytes | None, verb: str
) -> None:
    """One line says that it was rebuilt, or read from its copy where nothing may be written; scores are the same."""
    run()
    before, path = held(bare / "run"), bare / "run" / "run.json"
    path.unlink() if content is None else path.write_bytes(content)

    plan = ("plan", tiny_model, toy, "--out", "run", "--limit", 3, "--backend", "toy")
    done = run() if verb == "run" else evalkit(*plan) if verb == "plan" else evalkit(verb, "run")

    assert 0 == done.code, done
    assert 1 == sum("run.copy.json" in line for line in done.err.splitlines()), done.err
    after = {name: text for name, text in held(bare / "run").items() if "damaged" not in name}
    if verb == "plan":
        after["run.json"] = before["run.json"]
    if verb == "report":
        assert "report.html" in after
        del after["report.html"]
    assert before == after


def test_answers_of_another_run_are_refused(run: Command, evalkit: Command, bare: Path) -> None:
    """Same samples, same prompts, another setting: their lines look alike, and say of which run they are."""
    run()
    run("--max-new-tokens", 7, "--out", "other")
    log, other = bare / "run" / "samples.jsonl", (bare / "other" / "samples.jsonl").read_bytes()
    whole = log.read_bytes()
    lines = other.splitlines(keepends=True)

    for content in (other, whole + lines[0]):
        log.write_bytes(content)
        for done in (evalkit("score", "run"), evalkit("report", "run"), run()):
            assert 2 == done.code
            assert "was answered for a run with another identity than that of run.json" in done.err
    assert "1 line moved out, 6 records kept" in evalkit("repair", "run").err
    assert whole == log.read_bytes()


def test_a_log_without_any_record_of_its_run_is_left_as_it_is(run: Command, evalkit: Command, bare: Path) -> None:
    """The wrong file is then more likely the manifest, and its answers must not be moved away."""
    run()
    run("--max-new-tokens", 7, "--out", "other")
    for name in ("run.json", "run.copy.json"):
        (bare / "run" / name).write_bytes((bare / "other" / name).read_bytes())
    before = held(bare / "run")

    done = evalkit("repair", "run")

    assert "one of the two files is another run's" in done.complaint
    assert before == held(bare / "run")


def test_answers_that_name_no_run_count(run: Command, evalkit: Command, bare: Path) -> None:
    """Older releases wrote none; such a folder goes on, and its new answers name the run."""
    whole = run().out
    log = bare / "run" / "samples.jsonl"
    old = [old_line(line, identity_digest="") for line in log.read_bytes().splitlines()]
    log.write_bytes(b"".join(old[:2]))
    for name in ("run.json", "run.copy.json"):
        said = json.loads((bare / "run" / name).read_text())
        del said["crc32"], said["identity_digest"]
        (bare / "run" / name).write_text(json.dumps(said))

    done = run()

    assert (0, whole) == (done.code, done.out)
    named = [json.loads(line)["identity_digest"] for line in log.read_bytes().splitlines()]
    assert ["", ""] == named[:2] and len(named) == len(old)
    assert {json.loads((bare / "run" / "run.json").read_text())["identity_digest"]} == set(named[2:])
    assert 0 == evalkit("score", "run").code


def test_a_damaged_manifest_with_a_damaged_log_is_repaired_in_one_go(
    run: Command, evalkit: Command, bare: Path
) -> None:
    """A power cut takes both."""
    run()
    log = bare / "run" / "samples.jsonl"
    log.write_bytes(log.read_bytes() + b"\0" * 512 + b"\n")
    (bare / "run" / "run.json").write_bytes(b"")

    done = evalkit("repair", "run")

    assert 0 == done.code
    assert ["is rebuilt from run.copy.json", "as a power cut leaves them; moved out", "1 line moved out"] == [
        words for words, line in zip(
            ("is rebuilt from run.copy.json", "as a power cut leaves them; moved out", "1 line moved out"),
            done.err.splitlines(), strict=True,
        ) if words in line
    ]  # fmt: skip
    assert 0 == evalkit("score", "run").code


def test_a_folder_that_is_no_run_is_not_repaired(evalkit: Command, bare: Path) -> None:
    """One line each; nothing is touched."""
    (bare / "mine").mkdir()
    (bare / "mine" / "samples.jsonl").write_text('{"a": 1}\n')

    assert "neither run.json nor run.copy.json can be read" in evalkit("repair", "mine").complaint
    assert "no such folder" in evalkit("repair", "nowhere").complaint
    assert {"samples.jsonl": b'{"a": 1}\n'} == held(bare / "mine")


def test_a_benchmark_that_is_gone_is_said_and_lines_are_repaired(
    evalkit: Command, toy: str, bare: Path, tiny_model: Path
) -> None:
    """What is wrong with a line by itself needs no benchmark."""
    own = bare / "own.yaml"
    own.write_text(Path(toy).read_text())
    evalkit("run", tiny_model, own, "--backend", "toy", "--out", "run", "--limit", 1)
    own.unlink()
    log = bare / "run" / "samples.jsonl"
    log.write_bytes(log.read_bytes() + b"\n")

    done = evalkit("repair", "run")

    assert 0 == done.code
    assert "1 line moved out" in done.err
    assert "ids were not held against the benchmark (" in done.err.splitlines()[-1]


@pytest.mark.parametrize("verb", ["run", "plan", "score", "report", "repair"])
def test_a_run_of_a_later_release_is_one_line(
    run: Command, evalkit: Command, toy: str, tiny_model: Path, bare: Path, verb: str
) -> None:
    """No verb reads or changes it."""
    run()
    path = bare / "run" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    before = held(bare / "run")

    plan = ("plan", tiny_model, toy, "--out", "run", "--backend", "toy")
    done = run() if verb == "run" else evalkit(*plan) if verb == "plan" else evalkit(verb, "run")

    assert "written by a later evalkit (schema_version 99" in done.complaint
    assert done.complaint.endswith("upgrade evalkit")
    assert before == held(bare / "run")


@pytest.mark.parametrize(
    "files",
    [
        {"samples.jsonl": b'{"a":1}\n{"precious": "no newline at end"}'},
        {"scores.json": b"{}", "tables/scores.csv": b"a,b\n"},
        {"run.json": b'{"name": "mine"}', "figures/x.png": b"\x89PNG"},
    ],
)
@pytest.mark.parametrize("verb", ["run", "demo", "score", "report", "repair", "score --out", "report --out"])
def test_a_folder_of_the_users_own_is_not_touched_by_any_verb(
    run: Command, evalkit: Command, toy: str, tiny_model: Path, bare: Path, verb: str, files: dict[str, bytes]
) -> None:
    """One line, exit code 2, not a byte changed, no lock left."""
    for name, content in files.items():
        (bare / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (bare / "mine" / name).write_bytes(content)
    if verb.endswith("--out"):
        run()
        done = evalkit(verb.split()[0], "run", "--out", "mine")
    elif verb == "run":
        done = evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "mine")
    elif verb == "demo":
        done = evalkit("demo", "--out", "mine")
    else:
        done = evalkit(verb, "mine")

    assert "mine" in done.complaint
    assert files == held(bare / "mine")
    assert not (bare / "mine" / ".lock").exists()


@pytest.mark.parametrize("command", [("run",), ("plan",), ("score",), ("report",), ("demo",)])
def test_an_empty_out_is_one_line(
    evalkit: Command, toy: str, tiny_model: Path, bare: Path, command: tuple[str, ...]
) -> None:
    """It would be the current folder: the slip of a script with an unset variable."""
    verb = command[0]
    arguments = {"run": (tiny_model, toy), "plan": (tiny_model, toy), "score": ("x",), "report": ("x",), "demo": ()}

    complaint = evalkit(verb, *arguments[verb], "--out", "").complaint

    assert "'--out': the path is empty; name it, or leave the option out" in complaint
    assert [] == list(bare.iterdir())


def test_an_empty_out_of_a_configuration_is_one_line(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:
    """As on the command line."""
    (bare / "run.yaml").write_text("out: ''\n")

    assert "out='': the path is empty" in evalkit("run", tiny_model, toy, "--config", "run.yaml").complaint


READ_ONLY = OSError(30, "Read-only file system")


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch, bare: Path) -> Callable[[], None]:
    """Makes the folder `run` a medium that takes no byte, also from root."""
    frozen = bare / "run"
    opened, made, written = os.open, Path.mkdir, Path.write_bytes

    def is_frozen(path: object) -> bool:
        return frozen in Path(str(path)).absolute().parents

    def freeze() -> None:
        def guarded_open(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if is_frozen(path) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                raise READ_ONLY
            return opened(path, flags, *rest, **named)

        def guarded_write(path: Path, content: bytes) -> int:
            if is_frozen(path):
                raise READ_ONLY
            return written(path, content)

        def guarded_mkdir(path: Path, *rest: Any, **named: Any) -> None:
            if is_frozen(path) and not path.exists():
                raise READ_ONLY
            made(path, *rest, **named)

        monkeypatch.setattr(os, "open", guarded_open)
        monkeypatch.setattr(Path, "write_bytes", guarded_write)
        monkeypatch.setattr(Path, "mkdir", guarded_mkdir)

    return freeze


def test_a_run_on_a_read_only_medium_is_scored(
    run: Command, evalkit: Command, bare: Path, read_only: Callable[[], None]
) -> None:
    """The table is printed, one line says what could not be written, and where it can go."""
    run()
    before = held(bare / "run")
    read_only()

    scored, reported = evalkit("score", "run"), evalkit("report", "run")

    line = "run: scores, tables and figures were not written there (Read-only file system); --out DIR writes them"
    assert (0, 2) == (scored.code, reported.code)
    for done in (scored, reported):
        assert "Toy · tiny · protocol plain" in done.out
        assert 1 == sum(line in each for each in done.err.splitlines()), done.err
    assert before == held(bare / "run")


@pytest.mark.parametrize("command", [("score",), ("report",), ("score", "--protocol", "plain")])
def test_scores_of_a_read_only_run_go_elsewhere(
    run: Command, evalkit: Command, bare: Path, read_only: Callable[[], None], command: tuple[str, ...]
) -> None:
    """All that the run folder would get; the same command again writes it anew."""
    run()
    (bare / "run" / "run.json").write_bytes(b"")  # and read from its copy
    before = held(bare / "run")
    read_only()

    for _ in range(2):
        done = evalkit(command[0], "run", *command[1:], "--out", "elsewhere")
        assert 0 == done.code, done
        assert 1 == sum("run.copy.json is read in its place" in line for line in done.err.splitlines())

    assert before == held(bare / "run")
    written = held(bare / "elsewhere")
    tables = {"tables/scores.csv", "tables/scores.md", "tables/scores.tex"}
    assert {"outputs.json", "scores.json", "scores.jsonl", *tables} == {*written}
    assert tables == {name for name in written if name.startswith("tables") and written[name] == before[name]}


def test_several_runs_are_reported_into_folders_of_their_own(
    run: Command, evalkit: Command, toy: str, tiny_model: Path, bare: Path
) -> None:
    """Named as the runs; two of one name are refused."""
    run()
    evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "deep/run", "--limit", 1)
    evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "other", "--limit", 1)

    assert 0 == evalkit("report", "run", "other", "--out", "all").code
    assert {"run", "other"} == {path.name for path in (bare / "all").iterdir()}
    assert "two of the runs have one name" in evalkit("report", "run", "deep/run", "--out", "all").complaint


def test_a_single_bit_changes_no_score_without_a_word(run: Command, bare: Path) -> None:
    """Anywhere in the log, the manifest and its copy: refused, said, or the same score to the last digit."""
    run()
    folder, chance = bare / "run", random.Random(120)
    scores, rows = score_run(folder)
    outcomes: Counter[str] = Counter()

    for _ in range(FLIPS):
        path = folder / chance.choice(["samples.jsonl"] * 4 + ["run.json", "run.copy.json"])
        content = path.read_bytes()
        flipped, bit = bytearray(content), chance.randrange(8 * len(content))
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            again, rows_again = score_run(folder)
            is_same = (scores.tasks, scores.overall, rows) == (again.tasks, again.overall, rows_again)
            outcomes["same" if is_same else "said" if again.notes else "silent"] += 1
        except EvalkitError:
            outcomes["refused"] += 1
        path.write_bytes(content)

    assert 0 == outcomes["silent"]
    assert outcomes["refused"] > FLIPS / 3 and outcomes["same"]


def test_a_torn_last_line_is_said_by_the_score(run: Command, evalkit: Command, bare: Path) -> None:
    """The sample is missing, the table says PARTIAL, and the line says why and what to do."""
    run()
    log = bare / "run" / "samples.jsonl"
    log.write_bytes(log.read_bytes()[:-3])

    done = evalkit("score", "run")

    assert 0 == done.code
    assert "its last line is torn and left out; the same `evalkit run` makes it again" in done.err
    assert "1 answered, 5 already done" in run().err


def test_reports_of_one_run_at_once_do_not_meet(run: Command, bare: Path) -> None:
    """Several processes score and draw the same folder: none fails, no file is torn, nothing half-written stays."""
    run()
    before = held(bare / "run")
    program = (
        "from pathlib import Path\nfrom evalkit._api import report_run\n"
        "for _ in range(8): report_run(Path('run'))\n"
    )  # fmt: skip
    command = [sys.executable, "-c", program]
    reports = [subprocess.Popen(command, cwd=bare, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    while any(each.poll() is None for each in reports):
        assert json.loads((bare / "run" / "scores.json").read_bytes())

    assert [(0, "")] * 3 == [(each.returncode, each.communicate()[1]) for each in reports]
    assert before == held(bare / "run")
