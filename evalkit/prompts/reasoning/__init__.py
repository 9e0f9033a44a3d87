"""Models that think before they answer: the tags of their thoughts, and where these end in a text."""

from ._find import Thinking, find_tags, names_tags, opens_thoughts, thinking_of
from ._known import KNOWN_TAGS
from ._split import Split, split_reasoning

__all__ = [
    "KNOWN_TAGS",
    "Split",
    "Thinking",
    "find_tags",
    "names_tags",
    "opens_thoughts",
    "split_reasoning",
    "thinking_of",
]
