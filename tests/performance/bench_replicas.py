"""Two replicas against one engine, one thread each: answering time, the whole command, computed tokens, texts.

    python tests/performance/bench_replicas.py --data DIR_WITH_leval/Exam/quality.jsonl [--repeats 1] [--small]
        [--only needle|leval]

- needle: the embedded model on its grid (440 prompts of 256 and 512 tokens);
- leval: a random Llama (27M parameters) on the 48 questions to the first four documents of L-Eval's quality.

Both arms answer the same prompts in float32, in turn, with engines that are loaded already; the median of the repeats
counts. Then each command runs once as a user types it, from an empty folder to its scores. Goals: the answers of one
engine, in at most 1/1.8 of its time, from at most 1.02 of its computed prompt tokens. It takes some five minutes on two
processors, which nothing else may use: the load is printed. `--small` only shows that it works, in under a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, here and in the replicas

from bench_prefix_reuse import make_model

from evalkit.data import read_records
from evalkit.models import BackendOptions, Completion, GenerationRequest, ModelAdapter, RopeGroup, load_model
from evalkit.models.replicas import Replica, ReplicatedModel
from evalkit.models.replicas.ray import Placement, ray_replicas
from evalkit.planning import Plan
from evalkit.planning.shards import work_cost
from evalkit.prompts import token_array
from evalkit.rope import RopeSetting
from evalkit.runs import RunSettings, Session, open_session, plan_session

REPLICAS = 2
FASTER, TOKENS = 1.8, 1.02
NEEDLE = {False: {"lengths": "256,512", "repeats": "20"}, True: {"lengths": "128", "repeats": "2"}}
QUESTIONS = {False: 48, True: 2}  # all of the first four documents
SMALL_LLAMA = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}


class Opened:
    """A replica whose engine is loaded before it is timed."""

    def __init__(self, made: Replica) -> None:
        self.label = made.label
        self._adapter = made.open()
        self.close = made.close

    def open(self) -> ModelAdapter:
        """The engine."""
        return self._adapter


class Arm:
    """One way of answering, its times and its completions."""

    def __init__(self, model: ModelAdapter) -> None:
        self.model = model
        self.seconds: list[float] = []
        self.completions: list[Completion] = []
        for length in range(2, 2 + REPLICAS):  # what libraries do at their first call is not timed
            list(model.generate(RopeSetting("native"), [GenerationRequest(0, token_array([5] * length), 1)]))

    def answer(self, groups: Sequence[RopeGroup]) -> None:
        """All prompts, timed."""
        start = time.perf_counter()
        found = [each for group in groups for each in self.model.generate(*group)]
        self.seconds.append(time.perf_counter() - start)
        # Of the first repeat: in later ones an engine may still have a document that it ended with.
        self.completions = self.completions or sorted(found, key=lambda each: each.index)

    @property
    def median(self) -> float:
        """Seconds of the middle repeat."""
        return statistics.median(self.seconds)

    @property
    def cached(self) -> int:
        """Prompt tokens that were not computed."""
        return sum(each.cached_tokens or 0 for each in self.completions)

    @property
    def texts(self) -> list[str | None]:
        """Answers in the order of prompts."""
        return [each.text for each in self.completions]


def groups_of(plan: Plan) -> list[RopeGroup]:
    """The prompts of a plan, as a run hands them over."""
    return [
        RopeGroup(
            group.rope,
            [GenerationRequest(index, plan.ids(index), plan.prompts[index].max_new_tokens) for index in group.order],
        )
        for group in plan.groups
    ]


def arms_of(session: Session) -> Iterator[Arm]:
    """One engine, then the replicas."""
    options = BackendOptions(dtype="float32", device="cpu")
    yield Arm(load_model("hf", session.card, session.tokenizer, options))
    replicas = [Opened(each) for each in ray_replicas("hf", session.card, options, Placement(REPLICAS))]
    yield Arm(ReplicatedModel(replicas, work_cost(session.card), options))


def answering(session: Session, repeats: int) -> bool:
    """Print what both arms gave; whether the goals are met."""
    plan = plan_session(session)
    counts = plan.counts()
    groups = groups_of(plan)
    one, several = arms_of(session)
    try:
        for _ in range(repeats):
            one.answer(groups)
            several.answer(groups)
    finally:
        one.model.close()
        several.model.close()
    computed = [counts.prompt_tokens - arm.cached for arm in (one, several)]
    faster, more = one.median / several.median, computed[1] / computed[0]
    others = sum(mine != theirs for mine, theirs in zip(one.texts, several.texts, strict=True))
    print(f"  {counts.samples:,} prompts, {counts.prompt_tokens:,} tokens, {counts.unique_prompt_tokens:,} unique")
    print(f"  answering: {one.median:.2f} s with one engine, {several.median:.2f} s with {REPLICAS} replicas")
    print(f"  {faster:.2f} times as fast, goal {FASTER}")
    print(f"  computed: {computed[0]:,} and {computed[1]:,} tokens, {more:.4f}, goal {TOKENS}")
    print(f"  answers that differ: {others} of {counts.samples}")
    return faster >= FASTER and more <= TOKENS and not others


def whole(command: Sequence[str], folder: Path) -> bool:
    """Print how long the two commands take from start to end; whether they give the same scores."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment.setdefault("PYTHONPYCACHEPREFIX", str(folder / "bytecode"))  # compiled once, as installed packages are
    seconds, scores = {}, {}
    for name, extra in (("warm", []), ("one", []), ("several", ["--replicas", str(REPLICAS)])):
        limit = ["--limit", "1"] if name == "warm" else []
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "evalkit", *command, *extra, *limit, "--out", str(folder / name)],
            check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        seconds[name] = time.perf_counter() - start
        scores[name] = json.loads((folder / name / "scores.json").read_text())["tasks"]
    is_same = scores["one"] == scores["several"]
    one, several = seconds["one"], seconds["several"]
    print(f"  whole command: {one:.1f} s with one engine, {several:.1f} s with {REPLICAS} replicas")
    print(f"  {one / several:.2f} times as fast; scores {'equal' if is_same else 'DIFFER'}")
    return is_same


def measure(settings: RunSettings, command: Sequence[str], folder: Path, repeats: int) -> bool:
    """Print one workload; whether its goals are met."""
    settings = replace(settings, dtype="float32", device="cpu", out=folder / "planned")
    is_met = answering(open_session(settings), repeats)
    return whole(["run", *command, "--dtype", "float32", "--device", "cpu"], folder) and is_met


def needle(folder: Path, asked: argparse.Namespace) -> bool:
    """The embedded model on its grid."""
    options = NEEDLE[asked.small]
    settings = RunSettings(model="needle-tiny", benchmarks=("needle",), options=options)
    flags = [word for name, value in options.items() for word in (f"--{name}", value)]
    return measure(settings, ["needle-tiny", "needle", *flags], folder, asked.repeats)


def leval(folder: Path, asked: argparse.Namespace) -> bool:
    """A random Llama on L-Eval's documents."""
    path: Path = asked.data / "leval" / "Exam" / "quality.jsonl"
    texts = (str(record.fields["input"]) for record in read_records(path))
    make_model(folder / "llama", texts, **(SMALL_LLAMA if asked.small else {}))
    limit, data = QUESTIONS[asked.small], asked.data / "leval"
    settings = RunSettings(
        model=str(folder / "llama"), benchmarks=("leval",), tasks=("quality",), limit=limit, data=data
    )
    command = [str(folder / "llama"), "leval", "--task", "quality", "--limit", str(limit), "--data", str(data)]
    return measure(settings, command, folder, asked.repeats)


def main() -> int:
    """Print both workloads and whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds leval/Exam")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="sizes that only show that it works")
    parser.add_argument("--only", choices=("needle", "leval"))
    asked = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.2f} before; one thread for each engine, float32")
    are_met = []
    for workload in (needle, leval):
        if asked.only in {None, workload.__name__}:
            with tempfile.TemporaryDirectory() as folder:
                print(f"{workload.__name__}:")
                are_met.append(workload(Path(folder), asked))
    print("holds" if all(are_met) else "FALLS SHORT")
    return 0 if all(are_met) else 1


if __name__ == "__main__":
    sys.exit(main())
