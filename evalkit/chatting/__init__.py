"""Asking one long document: what a chat asks is what a run asks, with the same chat format, truncation and RoPE."""

from ._conversation import Conversation
from ._cut import Cut, Gap, Seam, cut_of
from ._model import ChatModel, open_chat
from ._records import Asked, Heard, Measured, Reply
from ._saving import check_samples_place, run_command, save_sample

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
    "check_samples_place",
    "cut_of",
    "open_chat",
    "run_command",
    "save_sample",
]
