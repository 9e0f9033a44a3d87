"""Outputs made elsewhere, read as answers: one module per format, one table of formats."""

from ._read import FORMATS, find_outputs, output_benchmark, read_outputs

__all__ = ["FORMATS", "find_outputs", "output_benchmark", "read_outputs"]
