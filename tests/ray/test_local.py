"""A Ray of this process alone: what its replicas answer, whom it listens to, and what is left of it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.cards import Card
from evalkit.errors import CardError, UserError
from evalkit.models import BackendOptions, Completion, GenerationRequest, RopeGroup, load_model
from evalkit.models.replicas import Replica, ReplicaLostError
from evalkit.models.replicas.ray import Placement, ray_replicas
from evalkit.models.replicas.ray._reaper import marked
from evalkit.prompts import load_tokenizer
from evalkit.rope import RopeSetting
from tests.ray.conftest import NEEDLE_TINY, Open, asked
from tests.ray.probe.ray_probe import ANSWER, BUG, CHILD, KILL, NOTE, PRINT, SLEEP, USER_ERROR

NATIVE = RopeSetting("native")
DOUBLED = RopeSetting("linear", base=10_000.0, factor=2.0)


@pytest.fixture(scope="module")
def shared(card: Card, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Replica], list[str], Path]]:
    """Two replicas of the probe on one local Ray, what they noted, and their logs."""
    logs = tmp_path_factory.mktemp("logs")
    notes: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "192.0.2.1:6379")  # of some cluster: a local Ray is none of its business
        patch.setenv("SOME_API_KEY", "a-secret-of-the-user")
        made = ray_replicas("probe", card, BackendOptions(note=notes.append, logs=logs), Placement(replicas=2))
    yield made, notes, logs
    for replica in made:
        replica.close()


@pytest.fixture
def first(shared: tuple[list[Replica], list[str], Path]) -> Replica:
    """One of them."""
    return shared[0][0]


def test_answers_are_those_of_the_same_adapter_in_this_process(
    replicas: Open, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Field by field, but for the time they took."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # before torch is imported: the model is tiny
    tokenizer = load_tokenizer(card)
    text = "The magic number of the blue fox is 4711. " * 12 + "What is the magic number of the blue fox?"
    ids = np.array(tokenizer.encode(text), np.int32)
    requests = [GenerationRequest(index, ids[index % 7 :], 8) for index in range(40)]
    options = BackendOptions(device="cpu", longest_sequence=len(ids) + 8)
    here = load_model("hf", card, tokenizer, options)
    (replica,) = replicas(backend="hf", replicas=1, device="cpu", longest_sequence=len(ids) + 8)

    there = replica.open()
    found, expected = (sorted(map(_timeless, model.generate(NATIVE, requests))) for model in (there, here))

    assert expected == found
    assert any("4711" in fields for fields in map(str, expected)), "the model answers at all"
    assert {"dtype": "float32", "device": "cpu"}.items() <= there.engine_info.items()


def _timeless(completion: Completion) -> tuple[Any, ...]:
    fields = {name: getattr(completion, name) for name in completion.__slots__ if name != "seconds"}
    return tuple(map(str, fields.items()))


@pytest.mark.usefixtures("shared")
def test_only_loopback_is_listened_on() -> None:
    """By none of the processes of this Ray: whoever else reaches the machine reaches none of them."""
    (mark,) = {_mark_of(process) for process in _children_of(os.getpid()) if _mark_of(process)}
    sockets = {name for process in (os.getpid(), *marked(mark)) for name in _sockets_of(process)}

    addresses = [address for address, socket in _listeners() if socket in sockets]

    assert len(addresses) > 4, "the control store, the node, and workers"
    assert {"127.0.0.1"} == set(addresses)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    ("mode", "token", "is_let_in"), [("disabled", "", False), ("token", "guess", False), ("token", None, True)]
)
def test_only_who_has_the_token_is_let_in(mode: str, token: str | None, is_let_in: bool) -> None:
    """Other users of the machine reach loopback, and Ray would run what they send."""
    import ray

    (node,) = ray.nodes()
    folder = Path(node["RayletSocketName"]).parents[3]
    assert 0o700 == folder.stat().st_mode & 0o777, "sockets that are files are nobody else's either"
    code = (
        "import sys, ray._raylet\n"
        "client = ray._raylet.GcsClient(address=sys.argv[1])\n"
        "print(client.internal_kv_keys(b'', namespace=None, timeout=10))\n"
    )
    settings = {"RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": (folder / "token").read_text() if token is None else token}

    tried = subprocess.run(
        [sys.executable, "-c", code, ray.get_runtime_context().gcs_address],
        env={**os.environ, **settings},
        capture_output=True,
        timeout=60,
    )

    assert is_let_in == (b"ray_cluster_id" in tried.stdout)
    assert is_let_in != (b"token" in tried.stdout + tried.stderr)


def test_what_an_engine_raises_comes_as_itself(first: Replica) -> None:
    """What the user can change in the words that say so; a bug with its kind; both behind the answers before."""
    for what, kind, words in (
        (USER_ERROR, UserError, "the engine says what to do"),
        (BUG, RuntimeError, "ZeroDivisionError: a bug"),
    ):
        answers = first.open().generate(NATIVE, asked([5], [what], [ANSWER]))

        assert Completion(0, "native: 5", 1) == next(answers)
        with pytest.raises(kind, match=f"^{words}"):
            next(answers)


@pytest.mark.usefixtures("shared")
def test_a_model_that_cannot_be_loaded_says_why(replicas: Open, card: Card) -> None:
    """As it would here, in a process that is connected to a Ray already, which stays."""
    import ray

    (replica,) = replicas(replicas=1, device="refused")

    with pytest.raises(CardError, match=f"^{card.name}: cannot be loaded$"):
        replica.open()
    replica.close()
    assert ray.is_initialized()


def test_notes_prints_and_facts_travel(shared: tuple[list[Replica], list[str], Path], capfd: Any) -> None:
    """Notes to whoever takes them, in their place; what libraries print to the log; facts with the answers."""
    made, notes, logs = shared
    model = made[0].open()
    before = len(notes)

    answers = list(model.generate(NATIVE, asked([ANSWER], [NOTE], [PRINT])))

    assert [0, 1, 2] == [each.index for each in answers]
    assert ["worth knowing"] == notes[before:]
    assert "printed by a library" in (logs / "replica-1.out").read_text()
    assert 3 == model.engine_info["answered"]
    assert ("", "") == capfd.readouterr()


def test_exit_codes_of_processes_stay(shared: tuple[list[Replica], list[str], Path]) -> None:
    """Of those that an engine starts, and of those that this process does: Ray would have all of them be 0."""
    made, notes, _ = shared

    list(made[0].open().generate(NATIVE, asked([CHILD])))

    assert "its child ended with 1" == notes[-1]
    assert 1 == subprocess.run(["false"], check=False).returncode


def test_groups_are_answered_together_where_the_engine_holds_them(first: Replica) -> None:
    """It is asked which it holds, and answers each under its own setting."""
    model = first.open()
    groups = [RopeGroup(RopeSetting("linear", base=10_000.0, factor=each), asked([7])) for each in (2.0, 4.0)]

    texts = [each.text for each in model.generate_together(groups)]

    assert [f"{group.rope.key}: 7" for group in groups] == texts
    assert [True, False] == [model.holds(rope) for rope in (DOUBLED, NATIVE)]


def test_an_engine_knows_neither_secrets_nor_the_working_folder(first: Replica) -> None:
    """Its threads are its part of the machine's cores."""
    info = first.open().engine_info

    assert info["secret"] is None
    assert info["path"].count(str(Path.cwd())) <= 1, "only as PYTHONPATH has it"
    assert str(max(1, len(os.sched_getaffinity(0)) // 2)) == info["threads"]


def test_an_engine_that_dies_is_lost_and_opened_anew(first: Replica, capfd: Any) -> None:
    """In one line, by its own doing or by a signal; what it answered just before may be lost with it."""
    model = first.open()
    process = model.engine_info["process"]
    seen: list[int] = []
    with pytest.raises(ReplicaLostError, match=r"^replica 1 is lost: its process ended$"):
        seen.extend(each.index for each in model.generate(NATIVE, asked([ANSWER], [KILL], [ANSWER])))
    assert seen in ([], [0])

    model = first.open()
    assert process != model.engine_info["process"]
    answers = model.generate(NATIVE, asked([ANSWER], [SLEEP]))
    assert 0 == next(answers).index
    threading.Timer(0.5, os.kill, (model.engine_info["process"], signal.SIGKILL)).start()
    with pytest.raises(ReplicaLostError, match="its process ended"):
        next(answers)
    assert ("", "") == capfd.readouterr()


def test_answers_wait_for_their_taker(first: Replica) -> None:
    """An engine does not finish a whole run before the first answer is written."""
    model = first.open()
    answers = model.generate(NATIVE, asked(*[[ANSWER]] * 400))
    next(answers)
    time.sleep(1.0)
    next(answers)

    assert 400 > model.engine_info["answered"]
    seen = 0
    for _ in answers:
        seen += 1
    assert (398, 400) == (seen, model.engine_info["answered"])


def test_a_call_that_is_left_ends_its_engine(first: Replica) -> None:
    """Else it would go on with what nobody takes."""
    model = first.open()
    answers = model.generate(NATIVE, asked([ANSWER], [SLEEP]))
    next(answers)
    answers.close()  # type: ignore[attr-defined]

    _until(lambda: not Path(f"/proc/{model.engine_info['process']}").exists())


RUN = (
    sys.executable, "-m", "evalkit", "run", str(NEEDLE_TINY), "needle", "--lengths", "256", "--repeats", "200",
    "--backend", "probe", "--replicas", "2",
)  # fmt: skip


@pytest.mark.parametrize(("end", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 15)])
def test_nothing_is_left_of_it(tmp_path: Path, end: signal.Signals, code: int) -> None:
    """Whatever ends the command: no process, no file. Its exit code is never that of a run that was finished."""
    (tmp_path / "torch.py").write_text("raise SystemExit('imported from the working folder')")
    run = subprocess.Popen(
        [*RUN, "--out", "run"],
        cwd=tmp_path,
        env={**os.environ, "PROBE_SECONDS": "0.05"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    )
    _until(lambda: _size(tmp_path / "run/samples.jsonl") or run.poll() is not None, 180)
    assert run.poll() is None, run.communicate()
    (mark,) = {_mark_of(process) for process in _children_of(run.pid) if _mark_of(process)}
    assert len(marked(mark)) > 5
    folder = _folder_of(mark)
    assert folder.is_dir()

    os.killpg(run.pid, end) if end == signal.SIGINT else run.send_signal(end)
    said, _ = run.communicate(timeout=60)

    assert code == run.returncode, said
    _until(lambda: not marked(mark))
    _until(lambda: not folder.exists())
    assert b"Traceback" not in said
    assert b"ray" not in said.lower()


def _hear_ctrl_c() -> None:
    """Jobs in the background of a shell ignore it, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _folder_of(mark: str) -> Path:
    """Where the Ray of that mark keeps its files: what its reaper is told to remove."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            if mark in (words := each.read_bytes().decode(errors="replace").split("\0")):
                return Path(words[words.index(mark) + 1])
    raise AssertionError("there is no reaper")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _until(holds: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def _children_of(process: int) -> list[int]:
    """Its children, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_children_of(child)]
    return found


def _mark_of(process: int) -> str | None:
    """The entry in a process's environment that tells to which local Ray it belongs."""
    entries = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    return next((entry for entry in entries if entry.startswith("EVALKIT_LOCAL_RAY=")), None)


def _sockets_of(process: int) -> list[str]:
    """Inodes of the sockets that a process has open."""
    found = []
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(link.readlink()))
    return [name[8:-1] for name in found if name.startswith("socket:[")]


def _listeners() -> Iterator[tuple[str, str]]:
    """Address and inode of every socket of the machine that TCP connections are taken on."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                yield _address(fields[1].partition(":")[0]), fields[9]


def _address(words: str) -> str:
    """An address as the kernel writes it: words of 32 bits in the order of the processor."""
    raw = b"".join(bytes.fromhex(words[at : at + 8])[::-1] for at in range(0, len(words), 8))
    address = ipaddress.ip_address(raw)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
