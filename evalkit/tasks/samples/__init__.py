"""Samples of your own: a JSONL file of questions about documents, as `evalkit chat --save-sample` writes them."""

from ._benchmark import OwnSamples
from ._file import Row, read_rows, task_of
from ._row import SavedSample, Turn, messages_of
from ._scoring import check_gold

__all__ = ["OwnSamples", "Row", "SavedSample", "Turn", "check_gold", "messages_of", "read_rows", "task_of"]
