"""Clusters that others started: several nodes on this machine, with accelerators that are only declared."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import Card
from evalkit.errors import MissingDependencyError, UserError
from evalkit.models import BackendOptions
from evalkit.models.replicas import ReplicaLostError
from evalkit.models.replicas.ray import Placement, _cluster, _replica, ray_replicas
from evalkit.models.replicas.ray._connection import read_settings
from evalkit.rope import RopeSetting
from tests.ray.conftest import HERE, NEEDLE_TINY, ROOT, Open, asked
from tests.ray.probe.ray_probe import ANSWER, SLEEP

NATIVE = RopeSetting("native")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with four accelerators and four processors that Ray believes in, behind a token."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "the-token-of-this-cluster-of-the-tests")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        read_settings()
        made = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 4, "num_gpus": 4, "node_name": "head", "include_dashboard": False},
        )
        yield made
        made.shutdown()


@pytest.fixture
def node(cluster: Any) -> Iterator[Callable[..., Any]]:
    """Adder of a node, which goes at the end of the test; `path` comes before all else on its workers' import path."""
    added: list[Any] = []

    def add(name: str, *, path: Path | None = None, **arguments: Any) -> Any:
        inherited = os.environ["PYTHONPATH"]
        found = inherited if path is None else os.pathsep.join([str(path), inherited])
        added.append(cluster.add_node(node_name=name, env_vars={"PYTHONPATH": found}, **arguments))
        return added[-1]

    yield add
    for each in added:
        if each in cluster.worker_nodes:
            cluster.remove_node(each)


def test_auto_without_a_ray_of_the_machine_says_so(
    replicas: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first of the file: it starts before the cluster."""
    _without_others(set())
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))  # where Ray keeps which cluster was the last one

    with pytest.raises(UserError, match=r"^--ray auto: no Ray runs on this machine: give HOST:PORT") as caught:
        replicas(address="auto")
    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize("is_named", [True, False])
def test_auto_is_the_cluster_of_the_environment_or_of_the_machine(
    cluster: Any, replicas: Open, monkeypatch: pytest.MonkeyPatch, is_named: bool
) -> None:
    """Its replicas answer."""
    if is_named:
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    else:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        _without_others({cluster.address})

    (replica,) = replicas(replicas=1, address="auto")

    assert ["native: 7"] == [each.text for each in replica.open().generate(NATIVE, asked([7]))]


def _without_others(known: set[str]) -> None:
    """Skip the test where others run a Ray on this machine, which `auto` would find."""
    code = "from ray._private.services import find_gcs_addresses as found; print(*found())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    if set(found) - known:
        pytest.skip("another Ray runs on this machine")


def test_replicas_stand_on_accelerators_of_their_own(cluster: Any, replicas: Open, capfd: Any) -> None:
    """As many as there are room for, each sees its own only; all are free again behind them."""
    for _ in range(2):
        made = replicas(gpus_per_replica=2, address=cluster.address)
        infos = [replica.open().engine_info for replica in made]

        assert ["replica 1", "replica 2"] == [replica.label for replica in made]
        assert [{"distributed_executor_backend": "mp"}] * 2 == [info["vllm"] for info in infos], "no actors of its own"
        assert ["0,1", "2,3"] == sorted(info["accelerators"] for info in infos)
        for replica in made:
            replica.close()
    assert ("", "") == capfd.readouterr()


@pytest.mark.parametrize(
    ("asked_for", "words"),
    [
        ({"replicas": 5}, r"^5 replicas with 1 GPU each.* room for 4 \(1 machine with 4 GPUs, 4 CPUs free\)"),
        ({"gpus_per_replica": 8}, r"^1 replica with 8 GPUs each.* room for 0 "),
        ({"replicas": 5, "gpus_per_replica": 0}, r"^5 replicas with a CPU each: the cluster has fewer"),
    ],
)
def test_what_the_cluster_has_not_is_said(cluster: Any, replicas: Open, asked_for: dict[str, int], words: str) -> None:
    """Before anything is loaded."""
    with pytest.raises(UserError, match=words):
        replicas(address=cluster.address, **asked_for)


def test_a_node_that_goes_takes_its_replica_with_it(
    cluster: Any, node: Callable[..., Any], replicas: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line; no other is to be had while there is no room, and one is as soon as there is."""
    monkeypatch.setattr(_replica, "ROOM_SECONDS", 3.0)
    second = node("second", num_cpus=4, num_gpus=4)
    made = replicas(replicas=2, gpus_per_replica=4, address=cluster.address)
    models = [replica.open() for replica in made]
    gone = next(at for at, model in enumerate(models) if _node_of(model.engine_info["process"]) == second.node_id)
    answers = models[gone].generate(NATIVE, asked([ANSWER], [SLEEP]))
    assert 0 == next(answers).index

    threading.Timer(0.5, cluster.remove_node, (second,)).start()
    with pytest.raises(ReplicaLostError, match=rf"^replica {gone + 1} is lost: its (machine is gone|process ended)$"):
        next(answers)
    with pytest.raises(ReplicaLostError, match="cannot be had: no machine has had 4 GPUs and 1 CPU free"):
        made[gone].open()
    node("third", num_cpus=4, num_gpus=4)
    assert 1 == len(list(made[gone].open().generate(NATIVE, asked([ANSWER]))))
    assert 1 == len(list(models[1 - gone].generate(NATIVE, asked([ANSWER]))))


def _node_of(process: int) -> str:
    """Ray's identity of the node that a worker's process belongs to."""
    entries = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    raylet = next(entry.partition("=")[2] for entry in entries if entry.startswith("RAY_RAYLET_PID="))
    command = Path(f"/proc/{raylet}/cmdline").read_bytes().decode().split("\0")
    return next(each.partition("=")[2] for each in command if each.startswith("--node_id="))


def test_a_node_without_evalkit_is_named(
    cluster: Any, node: Callable[..., Any], replicas: Open, tmp_path: Path
) -> None:
    """Its replicas could not be loaded."""
    (tmp_path / "evalkit.py").write_text("raise ImportError('not here')\n")
    node("bare", path=tmp_path, num_cpus=4)

    with pytest.raises(UserError, match=r"^--ray: node bare: evalkit is not installed there: install the same version"):
        replicas(replicas=1, address=cluster.address)


def test_a_node_with_another_version_is_named(
    cluster: Any, node: Callable[..., Any], replicas: Open, tmp_path: Path
) -> None:
    """Its answers could be others."""
    package = tmp_path / "torch-0.1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.1\n")
    node("old", path=tmp_path, num_cpus=4)

    with pytest.raises(UserError, match=r"^--ray: node old: has torch 0\.1, and this machine .*: install the same"):
        replicas(replicas=1, address=cluster.address)


def test_a_node_with_other_weights_is_named(
    cluster: Any, node: Callable[..., Any], card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that every machine has may hold other files on each; of one machine's folders, the one a process is in."""
    for name in ("here", "there"):
        shutil.copytree(NEEDLE_TINY, tmp_path / name / "model", ignore=shutil.ignore_patterns("answers", "sweep"))
    config = tmp_path / "there/model/config.json"
    config.write_text(config.read_text() + "\n")
    monkeypatch.chdir(tmp_path / "there")
    node("stale", num_cpus=4)
    monkeypatch.chdir(tmp_path / "here")
    own = card.model_copy(update={"weights": "/proc/self/cwd/model"})
    monkeypatch.setattr(Card, "weights_path", property(lambda card: Path(card.weights)))

    with pytest.raises(
        UserError, match=r"^--ray: node stale: weights at /proc/self/cwd/model there: .*sha256"
    ) as caught:
        ray_replicas("probe", own, BackendOptions(), Placement(1, address=cluster.address))
    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:1", "nothing answers there"),
        ("nowhere.invalid:6379", "nothing answers there"),
    ],
)
def test_where_no_cluster_is_one_line_says_so(replicas: Open, address: str, words: str) -> None:
    """At once."""
    begun = time.monotonic()

    with pytest.raises(UserError, match=rf"^--ray {address}: .*{words}") as caught:
        replicas(address=address)
    assert 1 == len(str(caught.value).splitlines())
    assert 20 > time.monotonic() - begun


def test_a_server_that_is_no_ray_is_not_waited_for(replicas: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would ask it for minutes, and then end the process."""
    monkeypatch.setattr(_cluster, "JOINING_SECONDS", 6.0)
    with http.server.HTTPServer(("", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(UserError, match="no Ray answers there within 6 seconds"):
            replicas(address=f"127.0.0.1:{server.server_port}")
        server.shutdown()


def test_a_token_that_lacks_is_said(cluster: Any, replicas: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variables that hold it, whatever Ray logs of it."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another-than-that-of-the-cluster")

    with pytest.raises(UserError, match=r"^--ray [\d.:]+: its token is not this command's: set .*RAY_AUTH_TOKEN"):
        replicas(address=cluster.address)


def test_without_ray_the_extra_is_named(replicas: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that installs it."""
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'evalkit\[ray\]'"):
        replicas(replicas=1)


def test_a_served_model_has_no_replicas(replicas: Open) -> None:
    """Its server is where it is."""
    with pytest.raises(UserError, match="give several addresses"):
        replicas(backend="openai", replicas=2)


def test_a_ray_of_the_users_own_is_used_and_left(tmp_path: Path) -> None:
    """In a notebook, say."""
    script = tmp_path / "notebook.py"
    script.write_text(
        "import ray, sys\n"
        "from evalkit.cards import load_card\n"
        "from evalkit.models import BackendOptions\n"
        "from evalkit.models.replicas.ray import Placement, ray_replicas\n"
        "def main():\n"
        "    ray.init(address='local', num_cpus=2, include_dashboard=False, log_to_driver=False)\n"
        "    made = ray_replicas('probe', load_card(sys.argv[1]), BackendOptions(note=print), Placement(2))\n"
        "    print(made[1].open().engine_info['threads'])\n"
        "    for replica in made:\n"
        "        replica.close()\n"
        "    print(ray.get(ray.remote(lambda: 'still there').remote()))\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE / "probe")]), "HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, str(script), str(NEEDLE_TINY)], env=environment, capture_output=True, text=True, timeout=120
    )

    assert ["1", "still there"] == done.stdout.splitlines()[-2:], done.stderr
    assert "connected to a Ray already" in done.stdout
