"""Time to the first token of the second question about a document, over that of the first.

    python tests/performance/bench_chat.py [--repeats 5] [--threads 1] [--tokens 8000]

- needle-tiny: a document of 900 tokens in its own window.
- 27M: a random Llama of 27M parameters in float32, a document of 8,000 tokens.

Each repeat opens a conversation about another document, so that the first question finds nothing cached, and asks two
questions. The control asks the same second questions with prefix reuse switched off. Printed: medians in milliseconds
and their ratios. Goal: the second question's first token in at most a fifth of the first's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bench_batching import hardware, words
from bench_prefix_reuse import make_model

from evalkit.chatting import ChatModel, Conversation, Reply, open_chat
from evalkit.documents import Document
from evalkit.settings import RunSettings

GOAL = 0.2
FIRST, SECOND = "What is this about?", "And how does it end?"


@dataclass
class Times:
    """Seconds to the first token, of each repeat."""

    first: list[float] = field(default_factory=list)
    """Of the first question."""
    second: list[float] = field(default_factory=list)
    """Of the second one."""
    computed: list[float] = field(default_factory=list)
    """Share of the second prompt's tokens that were computed."""


def document(model: ChatModel, tokens: int, seed: int) -> Document:
    """A document of about so many tokens that begins like no other."""
    vocabulary = np.array(words().split())
    drawn = " ".join(np.random.default_rng(seed).choice(vocabulary, tokens))
    ids = model.session.tokenizer.encode(drawn)[:tokens]
    return Document(f"{seed}.txt", model.session.tokenizer.decode(ids, skip_special=True))


def answered(model: ChatModel, conversation: Conversation, question: str) -> Reply:
    """The reply to a question."""
    *_, reply = model.ask(model.prepare(conversation, question))
    assert isinstance(reply, Reply) and reply.error is None and reply.first_token_seconds is not None, reply
    return reply


def measured(model: ChatModel, tokens: int, repeats: int) -> Times:
    """Both questions about so many documents; one before them warms the engine up."""
    times = Times()
    for seed in range(repeats + 1):
        conversation = Conversation(document(model, tokens, seed))
        first = answered(model, conversation, FIRST)
        second = answered(model, conversation.and_then(FIRST, first.text), SECOND)
        if seed:
            times.first.append(first.first_token_seconds or 0)
            times.second.append(second.first_token_seconds or 0)
            times.computed.append(1 - (second.cached_tokens or 0) / second.prompt_tokens)
    return times


def compared(name: str, settings: RunSettings, tokens: int, repeats: int) -> float:
    """Print one row for each arm; the ratio with prefix reuse."""
    ratios = []
    for label, reuse in (("reuse", True), ("control", False)):
        model = open_chat(RunSettings(settings.model, (), max_new_tokens=16, is_reusing_prefixes=reuse), print)
        times = measured(model, tokens, repeats)
        first, second = statistics.median(times.first), statistics.median(times.second)
        ratios.append(second / first)
        print(
            f"{name:12} {label:8} first {1000 * first:8.1f} ms, second {1000 * second:8.1f} ms, ratio "
            f"{second / first:.3f}, computed of the second prompt {statistics.median(times.computed):.3f}"
        )
        model.close()
    return ratios[0]


def main() -> int:
    """Measure, print, and say whether the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=8000, help="of the long document")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    print(hardware("cpu", "float32"))
    ratios = [compared("needle-tiny", RunSettings("needle-tiny", ()), 900, options.repeats)]
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), iter([words()]))
        ratios.append(compared("27M", RunSettings(folder, ()), options.tokens, options.repeats))
    print(f"goal, at most {GOAL} for each: {'met' if max(ratios) <= GOAL else 'MISSED'}")
    return int(max(ratios) > GOAL)


if __name__ == "__main__":
    sys.exit(main())
