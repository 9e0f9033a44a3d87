"""Facts read from a plain Hugging Face model folder (`config.json`, `tokenizer_config.json`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from evalkit.cards._card import Architecture, Card, FactSource, Rope
from evalkit.cards._class import completed, head_dim, is_by_layer, rotary_dim, stated_theta
from evalkit.cards._drawing import FILE as GENERATION_CONFIG
from evalkit.cards._drawing import drawing_of
from evalkit.cards._scaling import LongFactors, long_factors, spec_of
from evalkit.cards._weights import check_no_adapter, read_config
from evalkit.cards._window import KEYS, ConfigError, Lengths, language_config, lengths_of, rope_parameters
from evalkit.cards._window import count as _count
from evalkit.cards.hub import Snapshot
from evalkit.cards.published import Published, read_published
from evalkit.errors import CardError
from evalkit.records import explain

__all__ = ["FolderFacts", "card_of_folder", "card_of_snapshot", "longrope_of", "read_facts"]

_TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")


@dataclass(frozen=True)
class FolderFacts:
    """What the files of a model folder say; None where they do not say it."""

    lengths: Mapping[str, int]
    """Context lengths by the key that states them, the one to use first."""
    window: int | None
    """Tokens of prompt and answer that the model takes as released."""
    rope: Rope
    """Rotary base and scaling."""
    longrope: LongFactors | None
    """The factors that it was released with under LongRoPE."""
    architecture: Architecture
    """Widths and counts."""
    named: str | None
    """Class of the architecture as config.json names it, else its type; None where it names neither."""
    kind: str | None
    """`model_type` of config.json; None where it states none."""
    published: Published | None
    """What that is as an architecture that transformers builds in; None where it is one itself, or is not known."""
    needs_remote_code: bool
    """config.json maps a model class to code of the repository, and nothing that is built in computes the same."""
    has_chat_template: bool
    """The tokenizer brings a chat template."""
    has_tokenizer: bool
    """Tokenizer files are present."""


def card_of_folder(folder: Path) -> Card:
    """A card derived from a model folder that has none."""
    path = folder / "config.json"
    check_no_adapter(folder)
    facts = read_facts(folder)
    if facts.window is None:
        keys = ", ".join(KEYS)
        raise CardError(
            f"{path}: no context length ({keys}): write a card.yaml beside it with name, title, weights: ., licence "
            "and context_length"
        )
    sampling, remark = drawing_of(folder)
    values = {
        "name": re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).lstrip("._-") or "model",
        "title": folder.resolve().name or "model",
        "weights": ".",
        "context_length": facts.window,
        "architecture": facts.architecture,
        "rope": facts.rope,
        "chat": "tokenizer",  # whether a model without a template may go without one is the user's decision
        "sampling": sampling,
        "trust_remote_code_required": facts.needs_remote_code,
        "licence": "not stated",
        "sources": (
            FactSource(facts=("context_length", "architecture", "rope"), source="config.json"),
            *([] if sampling is None else [FactSource(facts=("sampling",), source=GENERATION_CONFIG)]),
        ),
    }
    return Card.model_validate(values, context=path).found(*([] if remark is None else [remark]))


def card_of_snapshot(snapshot: Snapshot) -> Card:
    """A card derived from a model on the hub, bound to that commit of it."""
    derived = card_of_folder(snapshot.folder)
    title = snapshot.name.repo.partition("/")[2]
    place = f"of {snapshot.name.repo} at {snapshot.commit}"
    changes = {
        "name": re.sub(r"[^a-z0-9._-]+", "-", title.lower()).lstrip("._-") or "model",
        "title": title,
        "weights": snapshot.name.repo,
        "licence": snapshot.licence or "not stated",
        "sources": tuple(entry.model_copy(update={"source": f"{entry.source} {place}"}) for entry in derived.sources),
    }
    return derived.model_copy(update=changes).found(snapshot=snapshot)


def longrope_of(card: Card) -> LongFactors | None:
    """The LongRoPE factors in the configuration of a card's weights; None where there are none on this machine."""
    folder = card.weights_path
    return read_facts(folder).longrope if folder is not None and (folder / "config.json").is_file() else None


def read_facts(folder: Path) -> FolderFacts:
    """What `config.json` and the tokenizer files of `folder` say; `CardError` for values they cannot have."""
    path = folder / "config.json"
    whole = read_config(path)
    try:
        published = read_published(whole)
        is_built_in = published is not None and not published.obstacles
        config = published.config if published and is_built_in else completed(folder, language_config(whole))
        lengths = lengths_of(config)
        return FolderFacts(
            lengths=_stated(whole, lengths) if is_built_in else lengths.stated,
            window=lengths.window,
            rope=_rope(config, lengths.original),
            longrope=long_factors(config, lengths.original, rotary_dim(config) or head_dim(config)),
            architecture=_architecture(config, published.runs_as if published and is_built_in else None),
            named=_named(whole),
            kind=kind if isinstance(kind := whole.get("model_type"), str) else None,
            published=published,
            needs_remote_code=not is_built_in and (published is not None or isinstance(whole.get("auto_map"), dict)),
            has_chat_template=_has_chat_template(folder),
            has_tokenizer=_has_tokenizer(folder),
        )
    except ConfigError as error:
        raise CardError(f"{path}: {error}") from None
    except ValidationError as error:
        raise CardError(f"{path}: {explain(error)}") from None


def _stated(whole: Mapping[str, object], lengths: Lengths) -> dict[str, int]:
    """The lengths under the keys of the published file; what the original length is called elsewhere is not in it."""
    made = {key: value for key, value in lengths.stated.items() if key in whole or value != lengths.original}
    return {**lengths_of(whole).stated, **made}


def _rope(config: Mapping[str, object], original_length: int | None) -> Rope:
    """The base and the scaling as a spec, in the spelling of transformers 5 or 4."""
    parameters = rope_parameters(config)
    if is_by_layer(parameters) or "rope_local_base_freq" in config:
        return Rope(theta=None, scaling="native", original_length=original_length)  # no single base, no spec
    scaling = spec_of(config, original_length, rotary_dim(config) or head_dim(config))
    return Rope(theta=stated_theta(config), scaling=scaling, original_length=original_length)


def _named(config: Mapping[str, object]) -> str | None:
    """The architecture by the name of its class, else by its type."""
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names else config.get("model_type")
    return name if isinstance(name, str) else None


def _architecture(config: Mapping[str, object], runs_as: str | None) -> Architecture:
    return Architecture(
        runs_as=runs_as,
        layers=_count(config, "num_hidden_layers"),
        hidden=_count(config, "hidden_size"),
        feed_forward=_feed_forward(config),
        heads=_count(config, "num_attention_heads"),
        kv_heads=_count(config, "num_key_value_heads"),
        head_dim=head_dim(config),
        rotary_dim=rotary_dim(config),
        vocabulary=_count(config, "vocab_size"),
    )


def _feed_forward(config: Mapping[str, object]) -> int | None:
    """The width of the feed-forward layers; None where they differ (a list, one number for each layer)."""
    return None if isinstance(config.get("intermediate_size"), list) else _count(config, "intermediate_size")


def _has_tokenizer(folder: Path) -> bool:
    if any(any(folder.glob(name)) for name in ("tokenizer.json", "*.model", "vocab.*")):
        return True
    path = folder / "tokenizer_config.json"  # XGen's vocabulary is one of tiktoken's
    return path.is_file() and read_config(path).get("tokenizer_class") == "XgenTokenizer"


def _has_chat_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in _TEMPLATE_FILES):
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(read_config(path).get("chat_template"))
