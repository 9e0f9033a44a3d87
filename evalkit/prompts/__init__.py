"""Prompts: chat wrapping, one tokenisation, truncation, ledger."""

from ._build import PromptBuilder, first_words
from ._chat import ChatFormat, chat_format, parse_messages
from ._counter import TokenCounter, token_counter
from ._foreign import WithoutSpecialTokens
from ._load import load_tokenizer
from ._records import Ledger, Prompt, TokenIds, digest_ids, token_array
from ._tokenizer import PromptTokenizer
from ._truncation import (
    CUT_AS_TEXT,
    Budget,
    Range,
    TruncationMode,
    drops_tokens,
    kept_ranges,
    leval_word_count,
    parse_mode,
    require_room,
)
from .published import MarkedText
from .reasoning import KNOWN_TAGS, Split, Thinking, find_tags, names_tags, opens_thoughts, split_reasoning, thinking_of
from .templates import TEMPLATE_DATE

__all__ = [
    "CUT_AS_TEXT",
    "KNOWN_TAGS",
    "TEMPLATE_DATE",
    "Budget",
    "ChatFormat",
    "Ledger",
    "MarkedText",
    "Prompt",
    "PromptBuilder",
    "PromptTokenizer",
    "Range",
    "Split",
    "Thinking",
    "TokenCounter",
    "TokenIds",
    "TruncationMode",
    "WithoutSpecialTokens",
    "chat_format",
    "digest_ids",
    "drops_tokens",
    "find_tags",
    "first_words",
    "kept_ranges",
    "leval_word_count",
    "load_tokenizer",
    "names_tags",
    "opens_thoughts",
    "parse_messages",
    "parse_mode",
    "require_room",
    "split_reasoning",
    "thinking_of",
    "token_array",
    "token_counter",
]
