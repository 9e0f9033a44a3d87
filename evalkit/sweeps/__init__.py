"""Sweeps: one benchmark under several RoPE conditions, and what the differences are worth."""

from ._sweep import BenchmarkSweep, LengthEstimate, SpecSweep, Sweep, SweepCell

__all__ = ["BenchmarkSweep", "LengthEstimate", "SpecSweep", "Sweep", "SweepCell"]
