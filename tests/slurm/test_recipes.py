"""The scripts in docs/scale, run as docs/scale.md says, give what one process gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import MODEL, SCRIPTS, Slurm

SMALL = ("needle", "--lengths", "128,256", "--repeats", "4")
LARGE = ("needle", "--lengths", "256,512", "--repeats", "20")


def one_process(grid: tuple[str, ...], out: Path) -> Path:
    """The run that one command makes."""
    subprocess.run([sys.executable, "-m", "evalkit", "run", MODEL, *grid, "--out", out], check=True)
    return out


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small grid's run, of one process."""
    return one_process(SMALL, tmp_path_factory.mktemp("one") / "run")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The large grid's run, of one process."""
    return one_process(LARGE, tmp_path_factory.mktemp("one") / "run")


def scores(run: Path) -> dict[str, Any]:
    """What `scores.json` says of the tasks."""
    said: dict[str, Any] = json.loads((run / "scores.json").read_text())
    return said["tasks"]


def answers(run: Path) -> list[tuple[str, str]]:
    """Each record's sample and text, in the order of samples: a sample that is there twice shows."""
    records = map(json.loads, (run / "samples.jsonl").read_text().splitlines())
    return sorted((record["id"], record["text"]) for record in records)


def read(path: Path) -> str:
    """What is in a file so far; nothing before there is one."""
    return path.read_text() if path.exists() else ""


def lines(run: Path) -> list[str]:
    """The records so far."""
    return read(run / "samples.jsonl").splitlines()


def test_an_array_and_its_merge_make_the_run_of_one_process(slurm: Slurm, small: Path) -> None:
    """Two tasks answer a part each, the job behind them joins the parts."""
    run = slurm.folder / "run"
    array = slurm("sbatch", "--parsable", "--array=1-2", SCRIPTS / "shards.sbatch", 2, MODEL, *SMALL, "--out", run)
    slurm("sbatch", "--wait", f"--dependency=afterany:{array}", SCRIPTS / "merge.sbatch", run)

    assert scores(small) == scores(run)
    assert answers(small) == answers(run)
    parts = [answers(run / "shards" / part) for part in ("1-of-2", "2-of-2")]
    assert all(parts)
    assert answers(small) == sorted(parts[0] + parts[1])


def test_a_merge_with_a_part_missing_says_which(slurm: Slurm) -> None:
    """Its job fails; submitting the missing task alone and the merge again makes the run whole."""
    run = slurm.folder / "run"
    submit = ("sbatch", "--wait", "--parsable")
    shards = (SCRIPTS / "shards.sbatch", 2, MODEL, *SMALL, "--out", run)
    slurm(*submit, "--array=1", *shards)

    assert 1 == slurm.code(*submit, SCRIPTS / "merge.sbatch", run)
    assert "part 2 of 2 was never run" in slurm.logs()
    slurm(*submit, "--array=2", *shards)
    slurm(*submit, SCRIPTS / "merge.sbatch", run)


def test_a_requeued_task_goes_on(slurm: Slurm, large: Path) -> None:
    """A task that Slurm takes away while it answers keeps its answers, and is started again by Slurm."""
    run = slurm.folder / "run"
    array = slurm("sbatch", "--parsable", "--array=1-2", SCRIPTS / "shards.sbatch", 2, MODEL, *LARGE, "--out", run)
    merge = slurm("sbatch", "--parsable", f"--dependency=afterany:{array}", SCRIPTS / "merge.sbatch", run)
    part = run / "shards" / "1-of-2"
    slurm.until(lambda: len(lines(part)) > 5, "no answers")
    slurm("scontrol", "requeue", f"{array}_1")
    slurm.until(lambda: "Restarts=1" in slurm("scontrol", "show", "job", f"{array}_1"), "not requeued")
    kept = lines(part)
    slurm.wait(merge)

    assert len(kept) < len(lines(part))
    assert kept == lines(part)[: len(kept)]
    assert scores(large) == scores(run)
    assert answers(large) == answers(run)


def test_ray_over_the_nodes_of_a_job(slurm: Slurm, small: Path) -> None:
    """Each of two nodes holds a replica."""
    run = slurm.folder / "run"
    slurm("sbatch", "--wait", "--nodes=2", SCRIPTS / "ray.sbatch", MODEL, *SMALL, "--out", run, "--replicas", 2)

    assert scores(small) == scores(run)
    assert answers(small) == answers(run)
    assert 2 == json.loads((run / "run.json").read_text())["environment"]["engine"]["replicas"]
    assert {"replica-1.log", "replica-2.log"} <= {path.name for path in (run / "logs").iterdir()}


def test_a_node_of_the_ray_may_be_lost(slurm: Slurm, large: Path) -> None:
    """The step of the second node is killed while it answers; the first one answers the rest."""
    run = slurm.folder / "run"
    job = slurm(
        "sbatch", "--parsable", "--nodes=2", SCRIPTS / "ray.sbatch", MODEL, *LARGE, "--out", run, "--replicas", 2
    )
    slurm.until(lambda: all("is asked" in read(run / f"logs/replica-{number}.log") for number in (1, 2)), "no answers")
    steps = slurm("squeue", "--steps", "--noheader", "--format=%i %N", "--jobs", job).splitlines()
    (step,) = [
        step for step, node in map(str.split, steps) if node == "node2" and not step.endswith(("batch", "extern"))
    ]
    slurm("scancel", "--signal=KILL", step)
    slurm.wait(job)

    assert "ExitCode=0:0" in slurm("scontrol", "show", "job", job), slurm.logs()
    assert "is lost" in slurm.logs()
    assert scores(large) == scores(run)
    assert answers(large) == answers(run)
