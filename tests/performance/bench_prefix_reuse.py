"""Generation time with prefix reuse against the same run without it, and against what `plan` predicts.

    python tests/performance/bench_prefix_reuse.py --data DIR_WITH_leval/Exam/quality.jsonl [--repeats 3]

A 27M-parameter random Llama in float32 on one thread answers 4 questions on each of 2 documents of L-Eval's quality.
Both arms run in this process, in turn. Printed: the ratio that the plan predicts (all prompt tokens over unique ones),
the ratio of generation times, prompt tokens computed over unique ones, and whether the answers are the same.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from evalkit.cards import load_card
from evalkit.data import read_records
from evalkit.models import BackendOptions, Completion, GenerationRequest, ModelAdapter, load_model
from evalkit.planning import Plan, make_plan
from evalkit.prompts import PromptBuilder, PromptTokenizer, TruncationMode, chat_format, load_tokenizer
from evalkit.rope import RopeSetting
from evalkit.tasks import Request, Sample, load_benchmark

DOCUMENTS, QUESTIONS = 2, 4
VOCABULARY = 2000


def make_model(folder: Path, texts: Iterator[str], **sizes: float) -> None:
    """Write a random Llama, of 27M parameters without `sizes`, and a BPE tokenizer trained on the texts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    wrapped.chat_template = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    wrapped.save_pretrained(folder)
    torch.manual_seed(0)
    chosen = {
        "hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 8, "num_attention_heads": 8,
        "num_key_value_heads": 4,
    } | sizes  # fmt: skip
    config = LlamaConfig(
        vocab_size=max(len(wrapped), 600), max_position_embeddings=32768, bos_token_id=0, eos_token_id=1, **chosen
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def requests(path: Path) -> Iterator[Request]:
    """The first questions of the first documents."""
    benchmark = load_benchmark("leval")
    samples = benchmark.samples("quality", "opencompass", {"Exam/quality.jsonl": path})
    by_document: Iterator[tuple[str, Iterator[Sample]]] = itertools.groupby(samples, lambda sample: sample.document)
    for _, members in itertools.islice(by_document, DOCUMENTS):
        for sample in itertools.islice(list(members), QUESTIONS):
            request = benchmark.request(sample, "opencompass", ())
            if request is not None:
                yield request


def generate(model: ModelAdapter, plan: Plan) -> tuple[float, list[Completion]]:
    """Seconds of generation, and the completions in plan order."""
    (group,) = plan.groups
    prompts = [plan.prompts[index] for index in group.order]
    work = [GenerationRequest(prompt.index, plan.ids(prompt.index), prompt.max_new_tokens) for prompt in prompts]
    model._forget()  # type: ignore[attr-defined]  # what an earlier repeat left
    start = time.perf_counter()
    completions = list(model.generate(RopeSetting("native"), work))
    return time.perf_counter() - start, completions


def compare(folder: Path, path: Path, repeats: int) -> dict[str, object]:
    """The figures of the benchmark."""
    import torch

    torch.set_num_threads(1)
    card = load_card(folder)
    tokenizer: PromptTokenizer = load_tokenizer(card)
    builder = PromptBuilder(tokenizer, chat_format(card, tokenizer), TruncationMode.MIDDLE, 32768)
    plan = make_plan((("leval", prompt) for prompt in builder.build(requests(path))), lambda _: RopeSetting("native"))
    counts = plan.counts()
    arms = {
        reuse: load_model("hf", card, tokenizer, BackendOptions(dtype="float32", is_reusing_prefixes=reuse))
        for reuse in (True, False)
    }
    seconds: dict[bool, list[float]] = {True: [], False: []}
    completions: dict[bool, list[Completion]] = {}
    for _ in range(repeats):
        for reuse, model in arms.items():
            taken, completions[reuse] = generate(model, plan)
            seconds[reuse].append(taken)
    computed = counts.prompt_tokens - sum(completion.cached_tokens or 0 for completion in completions[True])
    predicted = counts.prompt_tokens / counts.unique_prompt_tokens
    measured = statistics.median(seconds[False]) / statistics.median(seconds[True])
    return {
        "hardware": f"{platform.processor() or platform.machine()}, 1 thread, torch {torch.__version__}, float32",
        "prompts": counts.samples,
        "prompt_tokens": counts.prompt_tokens,
        "unique_prompt_tokens": counts.unique_prompt_tokens,
        "seconds_without_reuse": seconds[False],
        "seconds_with_reuse": seconds[True],
        "predicted_ratio": round(predicted, 3),
        "measured_ratio": round(measured, 3),
        "measured_over_predicted": round(measured / predicted, 3),
        "computed_over_unique": round(computed / counts.unique_prompt_tokens, 4),
        "same_answers": [c.text for c in completions[True]] == [c.text for c in completions[False]],
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="quality.jsonl, or the folder that holds leval/Exam")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    path = options.data if options.data.is_file() else options.data / "leval" / "Exam" / "quality.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        texts = (str(record.fields["input"]) for record in read_records(path))
        make_model(Path(folder), texts)
        print(json.dumps(compare(Path(folder), path, options.repeats), indent=2))


if __name__ == "__main__":
    main()
