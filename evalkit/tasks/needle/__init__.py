"""Needle grids: one fact hidden at a depth of a haystack of a length, in tokens exactly, and asked for.

Every rule and its source: `docs/benchmarks/needle.md`.
"""

from ._benchmark import NeedleGrid
from ._context import NeedleContext
from ._haystack import Haystack, encode_inside
from ._length_tokenizer import length_tokenizer

__all__ = ["Haystack", "NeedleContext", "NeedleGrid", "encode_inside", "length_tokenizer"]
