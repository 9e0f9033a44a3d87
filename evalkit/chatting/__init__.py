"""Asking one long document: what a chat asks is what a run asks, with the same chat format, truncation and RoPE."""

from ._conversation import Conversation
from ._cut import Cut, cut_of
from ._model import Asked, ChatModel, Heard, Reply, open_chat

__all__ = ["Asked", "ChatModel", "Conversation", "Cut", "Heard", "Reply", "cut_of", "open_chat"]
