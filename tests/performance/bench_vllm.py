"""What evalkit adds to vLLM's own time, what prefix reuse reaches, and whether both engines agree.

    .venv-vllm/bin/python tests/performance/bench_vllm.py [--max-seq-len 8192] [--limit 12]

Three numbers, on the embedded model in float32:

- overhead: wall time of a run (plan, prompts, generation, records; the engine is loaded before) over the engine's own
  `generate` on the same token ids in the same order, in alternating pairs on one engine, its prefix cache empty each
  time, and the part of it that is not spent inside the engine, in seconds of the clock and of the processor. Target: at
  most 3% + 0.2 s outside the engine; on a busy machine only the processor's seconds tell;
- reuse: prompt tokens computed over unique prompt tokens, each stem and branch rounded up to the engine's blocks.
  Target: at most 1.15;
- agreement: samples that transformers answers with the same text. Those it does not are listed with the logit margin at
  the token where they part. Target: 99%.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from evalkit.models import GenerationRequest
    from evalkit.models.vllm._adapter import VllmModel
    from evalkit.runs import Session

ROOT = Path(__file__).resolve().parents[2]
TASKS = ("tpo", "coursera", "multidoc_qa", "quality")
PAIRS = 4
MOST_SHARE, MOST_SECONDS = 0.03, 0.2  # outside the engine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(ROOT / "model_cards" / "needle-tiny"))
    parser.add_argument("--max-seq-len", type=int, default=8192)
    parser.add_argument("--limit", type=int, default=12)
    options = parser.parse_args()
    if importlib.util.find_spec("vllm") is None:
        print("bench_vllm: not run, vLLM is not installed (make test-vllm makes its environment)")
        return
    if "EVALKIT_DATA" not in os.environ:
        print("bench_vllm: not run, EVALKIT_DATA is not set")
        return
    bench(options.model, options.max_seq_len, options.limit)


def bench(card: str, max_seq_len: int, limit: int) -> None:
    from evalkit.models import BackendOptions
    from evalkit.models.vllm._adapter import VllmModel

    with tempfile.TemporaryDirectory() as folder:
        session = open_with(card, max_seq_len, limit, Path(folder) / "run0", "vllm")
        requests, longest = requests_of(session)
        options = BackendOptions(dtype="float32", longest_sequence=longest, note=print)
        model = VllmModel(session.card, session.tokenizer, options)
        list(model.generate(session.rope_of()(longest), requests[:1]))  # load and warm up
        report_overhead(model, card, max_seq_len, limit, requests, Path(folder))
        report_reuse(model, session, requests)
        model.close()
        report_agreement(Path(folder) / "run1", session, card, max_seq_len, limit, Path(folder))


def open_with(card: str, max_seq_len: int, limit: int, out: Path, backend: str) -> Session:
    """A session over L-Eval documents with many questions, extrapolating beyond the model's window."""
    from evalkit.runs import RunSettings, open_session

    return open_session(
        RunSettings(
            model=card, benchmarks=("leval",), tasks=TASKS, limit=limit, max_seq_len=max_seq_len, max_new_tokens=16,
            rope="none", dtype="float32", backend=backend, out=out,
        )
    )  # fmt: skip


def requests_of(session: Session) -> tuple[list[GenerationRequest], int]:
    """The requests of a session's plan in trie order, and the longest prompt with its answer."""
    from evalkit.models import GenerationRequest
    from evalkit.runs import plan_session

    plan = plan_session(session)
    order = [index for group in plan.groups for index in group.order]
    chosen = [plan.prompts[index] for index in order]
    requests = [GenerationRequest(each.index, plan.ids(each.index), each.max_new_tokens, each.stop) for each in chosen]
    return requests, max(each.tokens + each.max_new_tokens for each in chosen)


def report_overhead(
    model: VllmModel, card: str, max_seq_len: int, limit: int, requests: list[GenerationRequest], folder: Path
) -> None:
    from evalkit.models.vllm._order import deepest_first
    from evalkit.runs import SilentMonitor, execute

    engine = model._engine
    ordered = deepest_first(requests)
    prompts = [{"prompt_token_ids": request.ids.tolist()} for request in ordered]
    sampling = [model._sampling(request, model._is_watched(request), None) for request in ordered]
    closing, model.close = model.close, lambda: None  # type: ignore[method-assign]
    pairs = []
    for number in range(1, PAIRS + 1):
        engine.reset_prefix_cache()
        began = time.perf_counter()
        engine.generate(prompts, sampling, use_tqdm=False)
        bare = time.perf_counter() - began
        session = open_with(card, max_seq_len, limit, folder / f"run{number}", "vllm")
        inside = Stopwatch(engine.llm_engine)
        began = Clocks.now()
        execute(session, SilentMonitor(), lambda: model)
        pairs.append((bare, Clocks.now() - began, inside.stop()))
    model.close = closing  # type: ignore[method-assign]
    outside = [ours - in_engine for _, ours, in_engine in pairs]
    for (bare, ours, in_engine), rest in zip(pairs, outside, strict=True):
        print(
            f"overhead: generate {bare:6.2f} s, evalkit {ours.wall:6.2f} s; in the engine {in_engine.wall:6.2f} s "
            f"({in_engine.cpu:5.2f} s of CPU), outside {rest.wall:5.2f} s ({rest.cpu:5.2f} s of CPU)"
        )
    excess = statistics.median(ours.wall - 1.03 * bare for bare, ours, _ in pairs)
    print(f"overhead: paired, median over 1.03 × generate is {excess:+.2f} s")
    for name in Clocks._fields:
        excess = statistics.median(
            getattr(rest, name) - MOST_SHARE * getattr(in_engine, name) - MOST_SECONDS
            for (_, _, in_engine), rest in zip(pairs, outside, strict=True)
        )
        print(f"overhead: outside the engine, {name}, over 3% + 0.2 s: {excess:+.2f} s ({verdict(excess <= 0)}: ≤ 0)")


class Clocks(NamedTuple):
    """Seconds of the clock and of the processor, all threads of this process together."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Clocks:
        """Both, now."""
        return cls(time.perf_counter(), time.process_time())

    def __add__(self, other: Any) -> Clocks:
        return Clocks(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Clocks) -> Clocks:
        return Clocks(self.wall - other.wall, self.cpu - other.cpu)


class Stopwatch:
    """Counts the seconds inside an engine: on a busy machine two runs of the same work differ by more than evalkit."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._whole = (engine.step, engine.add_request)
        self.spent = Clocks(0.0, 0.0)
        engine.step, engine.add_request = (self._timed(function) for function in self._whole)

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            began = Clocks.now()
            try:
                return function(*args)
            finally:
                self.spent += Clocks.now() - began

        return call

    def stop(self) -> Clocks:
        """Seconds spent inside; the engine is as it was."""
        self._engine.step, self._engine.add_request = self._whole
        return self.spent


def verdict(holds: bool) -> str:
    return "holds" if holds else "FALLS SHORT"


def report_reuse(model: VllmModel, session: Session, requests: list[GenerationRequest]) -> None:
    from evalkit.planning import common_prefix

    longest = max(len(request.ids) for request in requests)
    found = {each.index: each for each in model.generate(session.rope_of()(longest), requests)}
    block = model.engine_info["block_size"]
    computed = sum(len(request.ids) - (found[request.index].cached_tokens or 0) for request in requests)
    unique = rounded = 0
    before: Any = requests[0].ids[:0]
    for request in requests:
        shared = min(common_prefix(before, request.ids), len(request.ids) - 1)
        unique += len(request.ids) - shared
        rounded += (-(-len(request.ids) // block) - shared // block) * block
        before = request.ids
    total = sum(len(request.ids) for request in requests)
    print(f"reuse: {len(requests)} prompts, {total:,} tokens, {unique:,} unique, {rounded:,} in blocks of {block}")
    holds = verdict(computed <= 1.15 * rounded)
    print(f"reuse: {computed:,} computed, {computed / rounded:.3f} of those in blocks ({holds}: ≤ 1.15)")
    print(f"reuse: {computed / unique:.3f} of the unique tokens without rounding")


def report_agreement(run: Path, session: Session, card: str, max_seq_len: int, limit: int, folder: Path) -> None:
    from evalkit.runs import SilentMonitor, execute, plan_session

    other = open_with(card, max_seq_len, limit, folder / "hf", "hf")
    execute(other, SilentMonitor())
    ours, theirs = answers(run), answers(folder / "hf")
    plan = plan_session(session)
    prompts = {prompt.sample_id: plan.ids(prompt.index) for prompt in plan.prompts}
    parted = [key for key in ours if ours[key] != theirs[key]]
    share = 1 - len(parted) / len(ours)
    print(f"agreement: {len(ours) - len(parted)} of {len(ours)} ({share:.1%}; {verdict(share >= 0.99)}: ≥ 99%)")
    for key in parted:
        print(f"  {key}: margin {margin(session, prompts[key], ours[key], theirs[key])}")


def answers(folder: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text("utf-8").splitlines()]
    return {line["id"]: line["text"] for line in lines}


def margin(session: Session, ids: Any, ours: str, theirs: str) -> str:
    """How far apart the two candidates' logits lie where the answers part, by transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    left, right = (session.tokenizer.encode(text) for text in (ours, theirs))
    same = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    model = AutoModelForCausalLM.from_pretrained(session.card.require_weights(), dtype=torch.float32).eval()
    with torch.inference_mode():
        logits = model(torch.tensor([[*ids.tolist(), *left[:same]]]), logits_to_keep=1).logits[0, -1]
    best = torch.topk(logits, 2).values.tolist()
    return f"{best[0] - best[1]:.2e} at token {same}"


if __name__ == "__main__":
    sys.exit(main())
