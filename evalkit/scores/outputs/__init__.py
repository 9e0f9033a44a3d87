"""Outputs made elsewhere, read as answers: one module per format, one table of formats."""

from ._advice import likely_command
from ._formats import FORMATS, ReadOutputs, default_protocol, find_outputs, output_benchmark, read_outputs

__all__ = [
    "FORMATS",
    "ReadOutputs",
    "default_protocol",
    "find_outputs",
    "likely_command",
    "output_benchmark",
    "read_outputs",
]
