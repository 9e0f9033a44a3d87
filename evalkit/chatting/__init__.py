"""Asking one long document: what a chat asks is what a run asks, with the same chat format, truncation and RoPE."""

from ._conversation import Conversation
from ._cut import Cut, Gap, Seam, cut_of
from ._model import ChatModel, open_chat
from ._records import Asked, Heard, Measured, Reply

__all__ = [
    "Asked",
    "ChatModel",
    "Conversation",
    "Cut",
    "Gap",
    "Heard",
    "Measured",
    "Reply",
    "Seam",
    "cut_of",
    "open_chat",
]
