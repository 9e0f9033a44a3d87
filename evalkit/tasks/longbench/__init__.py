"""LongBench, LongBench-E and LongBench v2, asked and scored by their own rules or OpenCompass's."""

from ._benchmark import LongBench
from ._v2 import LongBenchV2

__all__ = ["LongBench", "LongBenchV2"]
