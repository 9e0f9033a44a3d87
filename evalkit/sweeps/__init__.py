"""Sweeps: one benchmark under several RoPE conditions, and what the differences are worth."""

from ._json import SWEEP_FILE, holds_sweep, read_sweep, sweep_json
from ._lengths import bucket_ends, default_lengths, longest_inside
from ._measure import Asked, SpecRun, sweep_benchmark
from ._sweep import BenchmarkSweep, LengthEstimate, SpecSweep, Sweep, SweepCell

__all__ = [
    "SWEEP_FILE",
    "Asked",
    "BenchmarkSweep",
    "LengthEstimate",
    "SpecRun",
    "SpecSweep",
    "Sweep",
    "SweepCell",
    "bucket_ends",
    "default_lengths",
    "holds_sweep",
    "longest_inside",
    "read_sweep",
    "sweep_benchmark",
    "sweep_json",
]
