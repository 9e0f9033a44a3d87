"""LongBench, LongBench-E and LongBench v2, asked and scored by their own rules or OpenCompass's."""

from ._benchmark import LongBench
from ._scoring import BUCKETS, range_of
from ._v2 import LongBenchV2

__all__ = ["BUCKETS", "LongBench", "LongBenchV2", "range_of"]
