"""Samples of your own: a JSONL file of questions about documents, as `evalkit chat --save-sample` writes them."""

from ._benchmark import OwnSamples
from ._file import Row, read_rows, task_of
from ._row import SavedSample, Turn, messages_of

__all__ = ["OwnSamples", "Row", "SavedSample", "Turn", "messages_of", "read_rows", "task_of"]
