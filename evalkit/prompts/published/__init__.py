"""Tokenizers of models as they were published: SentencePiece and tiktoken themselves, and facts of the old classes.

Ids of plain text are the library's own. Control tokens stand where a chat format writes them, never where a message or
a document happens to hold their text.
"""

from ._folder import read_published_tokenizer
from ._marked import Mark, MarkedText, guarded, marked, spelled
from ._text import PublishedText

__all__ = ["Mark", "MarkedText", "PublishedText", "guarded", "marked", "read_published_tokenizer", "spelled"]
