"""Model cards: what is known of a model before its weights are touched.

`load_card("index-1.9b-32k")` reads a shipped card, `load_card("./my-model")` a card or a plain model folder.
"""

from evalkit.cards._card import Architecture, Card, ChatRoles, ChatTemplate, FactSource, Rope
from evalkit.cards._check import Finding, check_card, contradictions
from evalkit.cards._load import is_shipped, list_cards, load_card
from evalkit.cards._serving import Endpoint, Engine, Prices
from evalkit.cards._weights import loaded_files

__all__ = [
    "Architecture",
    "Card",
    "ChatRoles",
    "ChatTemplate",
    "Endpoint",
    "Engine",
    "FactSource",
    "Finding",
    "Prices",
    "Rope",
    "check_card",
    "contradictions",
    "is_shipped",
    "list_cards",
    "load_card",
    "loaded_files",
]
