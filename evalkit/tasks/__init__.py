"""Tasks: benchmark data in, samples and requests out, and how each task is scored."""

from ._benchmark import (
    Benchmark,
    CountedBenchmark,
    NotedBenchmark,
    SizedBenchmark,
    expected_samples,
    load_benchmark,
    load_benchmarks,
)
from ._catalogue import (
    InstalledBenchmarks,
    benchmark_names,
    find_definition,
    installed_benchmarks,
    is_definition,
    is_sample_file,
)
from ._context import CONTEXT_MARK, BuiltContext, ContextBuilder, Encoder, forget_lengths
from ._corpus import Corpus, CorpusPart, Document, open_corpus
from ._options import join_options, option_identity, option_number, option_numbers, resolve_options
from ._records import Answer, Message, Request, Sample, Scorer, StopRule, single
from ._spec import BenchmarkSpec, GroupSpec, OptionSpec, ProtocolSpec, TaskSpec, benchmarks_with_task, load_spec
from ._token_text import whole_characters, whole_text
from .needle import Haystack, NeedleContext, encode_inside, length_tokenizer

__all__ = [
    "CONTEXT_MARK",
    "Answer",
    "Benchmark",
    "BenchmarkSpec",
    "BuiltContext",
    "ContextBuilder",
    "Corpus",
    "CorpusPart",
    "CountedBenchmark",
    "Document",
    "Encoder",
    "GroupSpec",
    "Haystack",
    "InstalledBenchmarks",
    "Message",
    "NeedleContext",
    "NotedBenchmark",
    "OptionSpec",
    "ProtocolSpec",
    "Request",
    "Sample",
    "Scorer",
    "SizedBenchmark",
    "StopRule",
    "TaskSpec",
    "benchmark_names",
    "benchmarks_with_task",
    "encode_inside",
    "expected_samples",
    "find_definition",
    "forget_lengths",
    "installed_benchmarks",
    "is_definition",
    "is_sample_file",
    "join_options",
    "length_tokenizer",
    "load_benchmark",
    "load_benchmarks",
    "load_spec",
    "open_corpus",
    "option_identity",
    "option_number",
    "option_numbers",
    "resolve_options",
    "single",
    "whole_characters",
    "whole_text",
]
