"""The record of a model card; the descriptions below its fields are the documentation of the YAML file.

A card as `load_card` reads it:

    name: index-1.9b-32k
    title: Index-1.9B-32K
    weights: IndexTeam/Index-1.9B-32K
    context_length: 32768
    rope: {theta: 320000}
    licence: INDEX_MODEL_LICENSE
    sources:
      - facts: [weights, context_length, rope.theta, licence]
        source: Index-1.9B-32K technical report
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, PrivateAttr, Tag, field_validator, model_validator

from evalkit.cards._sampling import CardSampling
from evalkit.cards._scaling import SPEC
from evalkit.cards._serving import CardRecord, Endpoint, Engine
from evalkit.cards._thinking import ChatArgs, Profile, ReasoningTags
from evalkit.cards._weights import check_weights
from evalkit.cards.hub import Snapshot
from evalkit.errors import CardError, UnknownNameError
from evalkit.files import user_path
from evalkit.paths import from_home
from evalkit.records import Count, Number

__all__ = ["FACTS", "Architecture", "Card", "ChatRoles", "ChatTemplate", "FactSource", "Rope"]

_HUB_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?"  # old repositories have no owner
_PATH_SIGNS = (".", "/", "~")  # a path says so by its first character, so that it is never taken for a hub id
_TokenText = Annotated[str, Field(min_length=2, max_length=100)]  # one character leaves no place for a guard
_TokenId = Annotated[int, Field(ge=0, lt=2**31)]
_ProfileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]


class Architecture(CardRecord):
    """Facts of the network; every one may be left out."""

    runs_as: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    """Architecture of transformers (`llama`, `glm`) that computes the same under other names; null = its own class."""
    parameters: Count | None = None
    """Number of parameters, counted as the source counts them."""
    layers: Count | None = None
    """Number of transformer layers."""
    hidden: Count | None = None
    """Width of the residual stream."""
    feed_forward: Count | None = None
    """Width of the feed-forward layer."""
    heads: Count | None = None
    """Number of query heads."""
    kv_heads: Count | None = None
    """Number of key and value heads."""
    head_dim: Count | None = None
    """Width of one head."""
    rotary_dim: Count | None = None
    """Dimensions of a head that RoPE turns; null = all of `head_dim`."""
    vocabulary: Count | None = None
    """Number of tokens the output layer knows."""


class Rope(CardRecord):
    """The rotary position embedding of the released weights."""

    theta: Annotated[Number, Field(gt=0)] | None = None
    """Base of the rotation; null where the weights' own configuration does not state it."""
    scaling: str | None = None
    """Scaling the weights were released with, as a spec (`linear:8`); null = none, `native` = one no spec expresses."""
    original_length: Count | None = None
    """Tokens that the scaling extends: L of the RoPE formulas; null = `context_length`."""

    @field_validator("scaling")
    @classmethod
    def _check_scaling(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(SPEC, value):
            raise ValueError(
                "expected linear:8, ntk:8, dynamic:8, yarn:8, llama3:8 (any factor), longrope, native or null"
            )
        return value


class ChatTemplate(CardRecord):
    """A chat template that replaces the tokenizer's own."""

    template: str = Field(min_length=1)
    """Jinja source, with the variables that tokenizers pass (`messages`, `add_generation_prompt`, `bos_token`, …)."""


class ChatRoles(CardRecord):
    """A conversation as FastChat writes it: `{system}{sep 1}{role 1}: {text}{sep 1}{role 2}:`."""

    system: str
    """Text before the first turn; empty = nothing and no separator after it."""
    roles: tuple[str, str]
    """Names of the user and of the model."""
    separators: tuple[str, str]
    """What ends the system text and a user turn, and what ends a turn of the model."""


class FactSource(CardRecord):
    """Where facts of a card come from."""

    facts: tuple[str, ...] = Field(min_length=1)
    """Fields of the card (`context_length`, `rope.theta`; `architecture` stands for all below it)."""
    source: str = Field(min_length=1)
    """Address, document or reasoning."""


def _chat_kind(value: object) -> str:
    if isinstance(value, ChatTemplate) or (isinstance(value, dict) and "template" in value):
        return "~template"
    return "~roles" if isinstance(value, ChatRoles | dict) else "~word"


# The tags start with "~" so that error messages can leave them out of the field's path.
Chat = Annotated[
    Annotated[Literal["tokenizer", "none", "server"], Tag("~word")]
    | Annotated[ChatTemplate, Tag("~template")]
    | Annotated[ChatRoles, Tag("~roles")],
    Discriminator(_chat_kind),
]


class Card(CardRecord):
    """What is known of one model; read by `load_card`, never changed afterwards."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name on the command line and in run folders; a shipped card's file has the same name."""
    title: str = Field(min_length=1)
    """Name as its makers write it, for tables and figures."""
    weights: str | None = None
    """Hub id (`owner/name`), or a path that starts with `.`, `/` or `~`, relative to the card's folder; null = nobody
    outside the endpoint has them."""
    tokenizer: str | None = Field(default=None, min_length=1)
    """Tokenizer where it is not that of the weights: `tiktoken:NAME`, a hub id or a path; null = theirs."""
    revision: str | None = Field(default=None, min_length=1)
    """Commit, tag or branch of the hub repository; null = its default branch."""
    context_length: Count
    """Tokens of prompt and answer that the released model takes, with the scaling it was released with."""
    architecture: Architecture = Architecture()
    """Facts of the network."""
    rope: Rope = Rope()
    """Rotary position embedding of the released weights; every fact given here needs a source."""
    chat: Chat = "tokenizer"
    """`tokenizer` = the tokenizer's own chat template, `none` = base model, prompts are sent as they are, `server` = an
    endpoint gets the messages and formats them itself, or a mapping with `template`, or one with `system`, `roles` and
    `separators`."""
    chat_args: ChatArgs = {}
    """Arguments of the chat template besides the messages, such as `enable_thinking: false`."""
    reasoning: ReasoningTags | None = None
    """Where the thoughts of an answer begin and end; null = as the tokenizer's template and tokens show."""
    profiles: dict[_ProfileName, Profile] = {}
    """Ways to run the model by name: `CARD@PROFILE`."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """Number format to load the weights in; `auto` = the one they are stored in."""
    trust_remote_code_required: bool = False
    """The weights run only with code from their repository; the user still has to allow it for each run."""
    use_fast_tokenizer: bool = True
    """Load the tokenizer's Rust implementation; false = SentencePiece with `tokenizer.model`, or the Python one."""
    special_tokens: dict[_TokenText, _TokenId] = {}
    """Texts of the chat format that are one token each, with their ids; elsewhere the same text is plain text."""
    sampling: CardSampling | None = None
    """How the makers draw answers, for `evalkit chat`; null = greedily."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Strings that end an answer, besides the end-of-text tokens of the weights."""
    add_bos: Literal["auto", True, False] = "auto"
    """Whether a prompt starts with the beginning-of-text token; `auto` = as the tokenizer or its template does."""
    max_seq_len: Count | None = None
    """Window (prompt and answer) of the published run, used as the default; null = `context_length`."""
    engine: Engine = Engine()
    """Settings of a serving engine on this machine."""
    endpoint: Endpoint | None = None
    """The OpenAI-compatible server that answers for this model."""
    licence: str = Field(min_length=1)
    """Licence of the weights."""
    sources: tuple[FactSource, ...] = ()
    """Where the facts come from."""
    unconfirmed: tuple[FactSource, ...] = ()
    """Facts that were not seen in a primary source, and why they are believed."""
    notes: str = ""
    """What a user of this model should know."""

    _origin: Path | None = PrivateAttr(None)
    _snapshot: Snapshot | None = PrivateAttr(None)
    _remarks: tuple[str, ...] = PrivateAttr(())

    def model_post_init(self, context: Any, /) -> None:
        """Remembers the file the card was read from, which the loader passes as validation context."""
        self._origin = context if isinstance(context, Path) else None

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, value: str | None) -> str | None:
        if value is not None and not value.isprintable():
            raise ValueError("expected a name without line ends and control characters")
        if value is not None and not value.startswith(_PATH_SIGNS) and not re.fullmatch(_HUB_ID, value):
            raise ValueError("expected a hub id (owner/name) or a path that starts with '.', '/' or '~'")
        return value

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if self.weights is None and self.endpoint is None:
            raise ValueError("weights: missing: add them, or an endpoint that serves the model")
        if self.revision is not None and not self.is_on_hub:
            raise ValueError("revision belongs to a hub id, but weights is a path: remove one of the two")
        _check_fact_names(self)
        known = self.facts_of("sources") | self.facts_of("unconfirmed")
        for fact in sorted(self.rope.model_fields_set):
            if getattr(self.rope, fact) is not None and not {"rope", f"rope.{fact}"} & known:
                raise ValueError(f"rope.{fact} has no source: name it under sources, or under unconfirmed")
        return self

    @property
    def origin(self) -> Path | None:
        """The file this card was read from; None for a card made in code."""
        return self._origin

    @property
    def snapshot(self) -> Snapshot | None:
        """The commit of the hub that the weights are taken from; None for local weights, and until it is looked up."""
        return self._snapshot

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know of how this card was found."""
        return self._remarks

    def found(self, *remarks: str, snapshot: Snapshot | None = None) -> Card:
        """The card with more to say of how it was found, and bound to a commit of the hub."""
        card = self.model_copy(update={"revision": snapshot.commit} if snapshot is not None else {})
        card._snapshot = snapshot or self._snapshot
        card._remarks = (*self._remarks, *remarks, *(snapshot.remarks if snapshot is not None else ()))
        return card

    def with_profile(self, name: str) -> Card:
        """The card with what its profile of that name says instead; `UnknownNameError` where it has none."""
        if name not in self.profiles:
            hint = "" if self.profiles else "the card has no profiles"
            raise UnknownNameError(f"profile of card {self.name}", name, self.profiles, hint=hint)
        profile = self.profiles[name]
        changes: dict[str, Any] = {
            "name": f"{self.name}@{name}",
            "title": profile.title or f"{self.title} ({name})",
            "chat_args": {**self.chat_args, **profile.chat_args},
            "notes": "\n".join(filter(None, (self.notes, profile.notes))),
            "profiles": {},
        }
        given = {field: getattr(profile, field) for field in ("reasoning", "stop", "sampling", "max_seq_len")}
        return self.model_copy(update=changes | {field: value for field, value in given.items() if value is not None})

    @property
    def is_on_hub(self) -> bool:
        """The weights are named by a hub id, not by a path."""
        return self.weights is not None and not self.weights.startswith(_PATH_SIGNS)

    @property
    def weights_path(self) -> Path | None:
        """The absolute folder of local weights (it may not exist), or of a commit's files in the hub's cache.

        None where they are on the hub, and no commit was looked up.
        """
        if self._snapshot is not None:
            return self._snapshot.folder
        if self.weights is None or self.is_on_hub:
            return None
        folder = self._origin.parent if self._origin else Path()
        return user_path(folder / from_home(Path(self.weights))).resolve()

    @property
    def default_max_seq_len(self) -> int:
        """The window to run with when the user gives none."""
        return self.max_seq_len or self.context_length

    @property
    def original_length(self) -> int:
        """Tokens that RoPE scaling counts from: those before any scaling that the weights were released with."""
        return self.rope.original_length or self.context_length

    @property
    def turned_dimensions(self) -> int | None:
        """Dimensions of a head that RoPE turns; None where the card does not say."""
        return self.architecture.rotary_dim or self.architecture.head_dim

    @property
    def kv_bytes_per_token(self) -> int | None:
        """Bytes of keys and values that one token takes, 16 bits a number or the card's 32; None where a fact lacks."""
        shape = self.architecture
        heads = shape.kv_heads or shape.heads
        if not (shape.layers and heads and shape.head_dim):
            return None
        return 2 * shape.layers * heads * shape.head_dim * (4 if self.dtype == "float32" else 2)

    def facts_of(self, listing: Literal["sources", "unconfirmed"]) -> frozenset[str]:
        """The names of all facts under `sources` or under `unconfirmed`."""
        entries = self.sources if listing == "sources" else self.unconfirmed
        return frozenset(fact for entry in entries for fact in entry.facts)

    def require_weights(self) -> str:
        """What `from_pretrained` takes: the folder, checked to hold safetensors weights, or the hub id.

        Weights of a commit that was looked up are downloaded where they are not here.
        """
        if self.weights is None:
            raise CardError(f"card {self.name}: an endpoint serves this model and its weights are not published")
        folder = self.weights_path
        if folder is None:
            return self.weights
        if self._snapshot is not None:
            self._snapshot.fetch_weights()
        check_weights(folder, f"card {self.name}")
        return str(folder)


#: Every field that `sources` can name.
FACTS = frozenset(Card.model_fields).union(
    (f"architecture.{field}" for field in Architecture.model_fields),
    (f"rope.{field}" for field in Rope.model_fields),
)


def _check_fact_names(card: Card) -> None:
    unknown = sorted((card.facts_of("sources") | card.facts_of("unconfirmed")) - FACTS)
    if unknown:
        raise ValueError(f"sources or unconfirmed name {unknown[0]!r}, which is no field of a card")
    both = sorted(card.facts_of("sources") & card.facts_of("unconfirmed"))
    if both:
        raise ValueError(f"{both[0]} stands under sources and under unconfirmed: keep one")
