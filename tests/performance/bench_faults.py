"""2,000 requests against a server of which every fifth answer is broken: time, losses, duplicates, false answers.

    python tests/performance/bench_faults.py [--requests 2000] [--share 0.2]

Printed: how often each fault was met, how the samples ended, and how long it took beside the same run without faults.
Targets: every sample ends once, finished or failed with its reason; no error text among the answers; bounded time.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from evalkit.cards import Card  # noqa: E402
from evalkit.models import BackendOptions, Completion, GenerationRequest  # noqa: E402
from evalkit.models.endpoint._adapter import EndpointModel  # noqa: E402
from evalkit.models.endpoint.transport import _client as client  # noqa: E402
from evalkit.prompts import load_tokenizer, token_array  # noqa: E402
from evalkit.rope import RopeSetting  # noqa: E402
from tests.models.endpoint.scripted_server import FAULTS, ScriptedServer, answer_to  # noqa: E402

PERMANENT = "null-content"  # what every 50th prompt meets however often it is asked
TIMEOUT_SECONDS = 2.0


def fault_of(prompt: str, earlier: int, share: float) -> str:
    """The fault that a request meets, drawn from its text and attempt."""
    if prompt.startswith("Say"):
        return ""
    if int(prompt.split()[-1]) % 50 == 7:
        return PERMANENT
    draw = int(hashlib.sha256(f"{prompt}/{earlier}".encode()).hexdigest(), 16)
    return FAULTS[draw // 10**6 % len(FAULTS)] if draw % 10**6 < share * 10**6 else ""


def run(count: int, share: float) -> tuple[list[Completion], Counter[str], float]:
    """Completions in the order they came, faults met, and seconds."""
    with ScriptedServer() as server:
        server.behaviour.script = lambda prompt, earlier: fault_of(prompt, earlier, share)
        endpoint = {"base_url": server.base_url, "model": "toy", "timeout_seconds": TIMEOUT_SECONDS, "concurrency": 64}
        values = {"name": "toy", "title": "Toy", "context_length": 4096, "chat": "server", "licence": "none"}
        card = Card.model_validate(values | {"endpoint": endpoint})
        texts = [f"prompt {number}" for number in range(count)]
        requests = [GenerationRequest(i, token_array([*map(ord, text)]), 64) for i, text in enumerate(texts)]
        model = EndpointModel(card, load_tokenizer(card), BackendOptions())
        began = time.perf_counter()
        found = list(model.generate(RopeSetting("native"), requests))
        return found, server.met, time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--share", type=float, default=0.2)
    options = parser.parse_args()
    client.LARGEST_BODY = 2 * 2**20  # the scripted server's huge body is 3 MiB
    _, _, calm = run(options.requests, 0.0)
    found, met, seconds = run(options.requests, options.share)
    answered = [each for each in found if each.error is None]
    failed = [each for each in found if each.error is not None]
    wrong = [each for each in answered if each.text != answer_to(f"prompt {each.index}")]
    print(f"faults met: {', '.join(f'{name} {count}' for name, count in sorted(met.items()) if name)}")
    print(f"{len(found)} ended, {len(answered)} answered, {len(failed)} failed, {len(wrong)} answered wrongly")
    print(f"{len(found) - len({each.index for each in found})} twice, {options.requests - len(found)} lost")
    print(f"{seconds:.1f} s with faults, {calm:.1f} s without")
    for reason, count in Counter(str(each.error) for each in failed).most_common(5):
        print(f"  {count} failed: {reason}")
    is_well = sorted(each.index for each in found) == list(range(options.requests)) and not wrong
    is_well &= all(each.index % 50 == 7 or each.error is None or "attempts" in each.error for each in failed)
    print("holds" if is_well else "FALLS SHORT")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
