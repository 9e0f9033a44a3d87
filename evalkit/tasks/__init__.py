"""Tasks: benchmark data in, samples and requests out, and how each task is scored."""

from ._benchmark import Benchmark, NotedBenchmark, SizedBenchmark, load_benchmark, load_benchmarks
from ._context import CONTEXT_MARK, BuiltContext, ContextBuilder, Encoder, forget_lengths
from ._options import join_options, option_identity, resolve_options
from ._records import Answer, Message, Request, Sample, Scorer, StopRule, single
from ._spec import BenchmarkSpec, GroupSpec, OptionSpec, ProtocolSpec, TaskSpec, benchmark_names, load_spec
from .needle._haystack import encode_inside

__all__ = [
    "CONTEXT_MARK",
    "Answer",
    "Benchmark",
    "BenchmarkSpec",
    "BuiltContext",
    "ContextBuilder",
    "Encoder",
    "GroupSpec",
    "Message",
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
    "encode_inside",
    "forget_lengths",
    "join_options",
    "load_benchmark",
    "load_benchmarks",
    "load_spec",
    "option_identity",
    "resolve_options",
    "single",
]
