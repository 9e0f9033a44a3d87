"""Model cards: what is known of a model before its weights are touched.

`load_card("index-1.9b-32k")` reads a shipped card, `load_card("./my-model")` a card or a plain model folder,
`load_card("owner/name")` a model on the hub.
"""

from evalkit.cards._adapter import Adapter, check_base, read_adapter
from evalkit.cards._card import Architecture, Card, ChatRoles, ChatTemplate, FactSource, Rope
from evalkit.cards._check import check_card, contradictions
from evalkit.cards._digest import file_digest, weights_digest
from evalkit.cards._finding import Finding
from evalkit.cards._folder import longrope_of
from evalkit.cards._load import card_names, is_shipped, list_cards, load_card, on_this_machine, split_profile
from evalkit.cards._positions import positions_without_rope
from evalkit.cards._sampling import CardSampling
from evalkit.cards._scaling import LongFactors
from evalkit.cards._serving import Endpoint, Engine, Prices
from evalkit.cards._thinking import ChatArgs, Profile, ReasoningTags, chat_args_text, read_chat_args
from evalkit.cards._weights import foreign_code, loaded_files, read_config, weight_files

__all__ = [
    "Adapter",
    "Architecture",
    "Card",
    "CardSampling",
    "ChatArgs",
    "ChatRoles",
    "ChatTemplate",
    "Endpoint",
    "Engine",
    "FactSource",
    "Finding",
    "LongFactors",
    "Prices",
    "Profile",
    "ReasoningTags",
    "Rope",
    "card_names",
    "chat_args_text",
    "check_base",
    "check_card",
    "contradictions",
    "file_digest",
    "foreign_code",
    "is_shipped",
    "list_cards",
    "load_card",
    "loaded_files",
    "longrope_of",
    "on_this_machine",
    "positions_without_rope",
    "read_adapter",
    "read_chat_args",
    "read_config",
    "split_profile",
    "weight_files",
    "weights_digest",
]
