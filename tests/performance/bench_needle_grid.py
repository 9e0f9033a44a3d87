"""Building the prompts of the XVERSE needle grid: encoded once and spliced, against encoding each prompt's haystack.

    python tests/performance/bench_needle_grid.py [--tokenizer FOLDER] [--every 64]

2,176 prompts of 8,000 to 256,000 tokens from a folder of text files written here. The control does the same work the
plain way: it encodes the haystack as far as the length needs it, splices the needle in, for one prompt in `--every`,
and is scaled by tokens (`--every 1` builds all of them, which takes many minutes). Goal: at most 1/20 of its time.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

from evalkit.cards import load_card
from evalkit.paths import shipped
from evalkit.prompts import PromptBuilder, PromptTokenizer, TruncationMode, chat_format, load_tokenizer
from evalkit.tasks import Benchmark, Sample, load_benchmark
from evalkit.tasks.needle._grammar import haystack

PROTOCOL = "keyword"
SENTENCES = 26_000  # more than 256,000 tokens at 13 tokens each
FILES = 20
GOAL = 20.0


def write_haystack(folder: Path) -> None:
    """Text files that hold the longest haystack."""
    sentences = haystack(7)
    for number in range(FILES):
        text = " ".join(itertools.islice(sentences, SENTENCES // FILES))
        (folder / f"{number:03}.txt").write_text(text, encoding="utf-8")


def build_all(benchmark: Benchmark, builder: PromptBuilder, samples: list[Sample]) -> int:
    """Tokens of all prompts, built by splicing; the haystack is encoded within this time."""
    requests = (benchmark.request(sample, PROTOCOL, ()) for sample in samples)
    return sum(len(prompt.ids) for prompt in builder.build(request for request in requests if request is not None))


def encode_again(tokenizer: PromptTokenizer, text: str, sample: Sample, characters_per_token: float) -> int:
    """Tokens of one prompt whose haystack is encoded for it alone."""
    length, depth = sample.metadata["length"], sample.metadata["depth"]
    ids = tokenizer.encode(text[: int(length * characters_per_token * 1.05)])
    needle, question = tokenizer.encode(sample.evidence[0]), tokenizer.encode(sample.fields["question"])
    room = length - len(needle) - len(question)
    place = int(room * depth / 100)
    return len(ids[:place] + needle + ids[place:room] + question)


def main() -> int:
    """Print both times and whether the goal holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", default=str(shipped("model_cards") / "needle-tiny"), help="model folder or card")
    parser.add_argument("--every", type=int, default=64, help="the control builds one prompt in so many")
    flags = parser.parse_args()
    card = load_card(flags.tokenizer)
    tokenizer = load_tokenizer(card)
    with tempfile.TemporaryDirectory() as folder:
        write_haystack(Path(folder))
        text = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.txt")))
        benchmark = load_benchmark("needle-xverse-256k", {"haystack": folder})
        samples = list(benchmark.samples("single", PROTOCOL, {}))
        builder = PromptBuilder(tokenizer, chat_format(card, tokenizer), TruncationMode.MIDDLE, 262_144)
        start = time.perf_counter()
        tokens = build_all(benchmark, builder, samples)
        spliced = time.perf_counter() - start
    per_token = len(text) / len(tokenizer.encode(text))
    chosen = samples[:: flags.every]
    start = time.perf_counter()
    done = sum(encode_again(tokenizer, text, sample, per_token) for sample in chosen)
    control = (time.perf_counter() - start) * tokens / done
    print(f"{len(samples):,} prompts, {tokens:,} tokens")
    print(f"encode once, splice: {spliced:8.1f} s  ({tokens / spliced:,.0f} tokens/s)")
    print(f"encode each prompt:  {control:8.1f} s  (from {len(chosen)} prompts, scaled by tokens)")
    print(f"ratio {control / spliced:.0f}x, goal {GOAL:.0f}x")
    return 0 if control / spliced >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
