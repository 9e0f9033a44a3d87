"""Samples of your own: a JSONL file of questions about documents, as `evalkit chat --save-sample` writes them."""

from ._row import SavedSample, Turn, messages_of

__all__ = ["SavedSample", "Turn", "messages_of"]
