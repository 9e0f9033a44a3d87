"""From the files of a published model folder to its tokenizer, without code of its own and without transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import CardError, shown
from evalkit.reading import read_json

from ._classes import BY_ARCHITECTURE, BY_MODEL_TYPE, CLASSES, TokenizerClass
from ._marked import GUARDS
from ._sentencepiece import Blanks, SentencePieceCore
from ._text import Core, PublishedText, Special
from ._tiktoken import TiktokenCore

__all__ = ["read_published_tokenizer"]

MODEL = "tokenizer.model"
LARGEST_ID = 2**31

# In the order in which transformers adds those that the vocabulary lacks.
NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")

# Settings that these classes had, at the one value that is followed here; any other needs the class itself.
_ONLY: Mapping[str, tuple[Any, ...]] = {
    "sp_model_kwargs": ({}, None), "do_lower_case": (False, None), "remove_space": (False, None),
    "split_special_tokens": (False, None), "encode_special_tokens": (False, None),
}  # fmt: skip
_FLAGS = ("lstrip", "rstrip", "single_word")  # of an added token: what they do to the text around it is not followed

Values = Mapping[str, Any]


def read_published_tokenizer(
    folder: Path,
    special_tokens: Mapping[str, int],
    *,
    template: Callable[[Values], Any],
    clean_up: Callable[[str], str],
    use_fast: bool,
    trust_remote_code: bool,
) -> PublishedText | None:
    """The tokenizer of a folder whose class is known; None where another reader has to be asked.

    `special_tokens` are those of the card, `template` finds the chat template given tokenizer_config.json. Raises
    `CardError` for files that cannot be what they should be.
    """
    if (folder / "tokenizer.json").is_file() and (use_fast or not (folder / MODEL).is_file()):
        return None
    config, values = _object(folder / "config.json"), _object(folder / "tokenizer_config.json")
    facts = _class_of(config, values)
    has_code = _has_own_code(config) or _has_own_code(values)
    if facts is None or (trust_remote_code and has_code) or not _is_followed(values):
        return None
    if facts.encoding is None and not (folder / MODEL).is_file():
        if has_code and not (folder / "tokenizer.json").is_file():  # else its code would be asked for, in vain
            raise CardError(f"{folder}: no {MODEL}, which {facts.name} reads: copy it there from the model's files")
        return None
    core = _core(folder, facts, values)
    special = _Tokens(folder, facts, core, values).resolved(special_tokens)
    asks = facts.encoding is None and bool(values.get("clean_up_tokenization_spaces"))  # XGen's class never does
    cleans_up = asks or facts.cleans_up
    return PublishedText(facts.name, core, special, template(values), clean_up if cleans_up else None)


def _object(path: Path) -> Values:
    """The object of a JSON file; empty where there is none."""
    if not path.is_file():
        return {}
    found = read_json(path, refuse=CardError, advice="get the model's file again", most=2**26, is_foreign=True)
    if not isinstance(found, dict):
        raise CardError(f"{path}: expected an object, found {shown(found)}: get the model's file again")
    return found


def _class_of(config: Values, values: Values) -> TokenizerClass | None:
    """The class that the files name, or that models of this kind had."""
    named = values.get("tokenizer_class", config.get("tokenizer_class"))
    if isinstance(named, str) and named:
        return CLASSES.get(named.removesuffix("Fast"))
    listed = config.get("architectures")
    first = listed[0] if isinstance(listed, list) and listed else None
    kind = config.get("model_type")
    by_kind = BY_MODEL_TYPE.get(kind) if isinstance(kind, str) else None
    found = by_kind or (BY_ARCHITECTURE.get(first) if isinstance(first, str) else None)
    return CLASSES.get(found or "")


def _has_own_code(values: Values) -> bool:
    found = values.get("auto_map")
    return isinstance(found, dict) and "AutoTokenizer" in found


def _is_followed(values: Values) -> bool:
    return all(values.get(key) in followed for key, followed in _ONLY.items())


def _core(folder: Path, facts: TokenizerClass, values: Values) -> Core:
    if facts.encoding is not None:
        is_extended = values.get("add_special_tokens", True) is not False
        return TiktokenCore(facts.encoding, facts.runs if is_extended else (), facts.beyond if is_extended else ())
    blanks: Blanks = "model"
    has_prefix = not facts.knows_legacy or bool(values.get("add_prefix_space", True))
    if facts.knows_legacy and values.get("legacy") is False:
        blanks = "first" if has_prefix else "never"
    return SentencePieceCore(folder / MODEL, blanks, drops_first_blank=facts.drops_first_blank and has_prefix)


class _Tokens:
    """The control tokens that a folder's files name, with their ids."""

    def __init__(self, folder: Path, facts: TokenizerClass, core: Core, values: Values) -> None:
        self._place = folder / "tokenizer_config.json"
        self._facts = facts
        self._core = core
        self._values = values
        has_list = isinstance(values.get("added_tokens_decoder"), dict)
        # As transformers reads them: files of older releases count where the newer one lists no added tokens.
        self._older = {} if has_list else _object(folder / "special_tokens_map.json")
        self._added_file = {} if has_list else _object(folder / "added_tokens.json")
        start = core.size if facts.encoding is None else 0  # those of tiktoken lie inside its size
        self._beyond = {text: start + place for place, text in enumerate(facts.beyond)} if start else {}

    def resolved(self, card: Mapping[str, int]) -> Special:
        """All of them, with those of the card, which have to agree."""
        written = dict(self._added())
        named = dict(self._named())
        additional = self._additional()
        for text in (*named.values(), *additional):
            if text not in written:
                written[text] = self._id_of(text, written)
        if isinstance(self._core, TiktokenCore):
            written = {**self._core.special, **written}
        for text, number in card.items():
            self._check_card(text, number, written)
            written[text] = number
        adds_bos = self._switch("add_bos_token", self._facts.adds_bos, named, "bos_token")
        adds_eos = self._switch("add_eos_token", False, named, "eos_token")
        bos = (written[named["bos_token"]],) if adds_bos else ()
        eos = (written[named["eos_token"]],) if adds_eos else ()
        before = tuple(self._beyond[text] for text in self._facts.prefix)
        # transformers 4.45 `all_special_ids`; what ChatGLM's class numbers itself it spells as nothing.
        skipped = {written[text] for text in (*named.values(), *additional)} | set(self._beyond.values())
        return Special(written, self._beyond, named, (*bos, *before), eos, self._facts.hidden, frozenset(skipped))

    def _switch(self, key: str, default: bool, named: Mapping[str, str], name: str) -> bool:
        found = self._values.get(key, default)
        if found is not None and not isinstance(found, bool):
            raise self._odd(key, "true or false", found)
        if found and name not in named:
            raise CardError(f"{self._place}: {key} is true, but there is no {name}: add it")
        return bool(found)

    def _added(self) -> Iterator[tuple[str, int]]:
        """Texts and ids of tokens that the files add to the vocabulary or mark in it."""
        listed = self._values.get("added_tokens_decoder") or {}
        if not isinstance(listed, dict):
            raise self._odd("added_tokens_decoder", "an object of ids", listed)
        pairs = [(self._text(f"added_tokens_decoder.{key}", state), key) for key, state in listed.items()]
        for text, key in [*pairs, *self._added_file.items()]:
            number = int(key) if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 11 else key
            if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < LARGEST_ID:
                raise self._odd("an added token", "its id", key)
            self._check_id(text, number, self._place, "added token")
            yield text, number

    def _named(self) -> Iterator[tuple[str, str]]:
        """Special tokens by name; null in a file takes the class's own away."""
        for key in NAMED:
            found = self._older.get(key, self._values.get(key, self._facts.named.get(key)))
            if found is not None:
                yield key, self._text(key, found, checks_flags=False)

    def _additional(self) -> list[str]:
        key = "additional_special_tokens"
        found = self._older.get(key, self._values.get(key)) or []
        if not isinstance(found, list):
            raise self._odd(key, "a list", found)
        return [self._text(key, each) for each in found]

    def _text(self, key: str, value: object, *, checks_flags: bool = True) -> str:
        """The text of a token, which the files write as it is or as an object."""
        state = value if isinstance(value, dict) else {"content": value}
        text = state.get("content")
        if not isinstance(text, str) or len(text) < 2 or not GUARDS.isdisjoint(text):
            raise self._odd(key, "the text of a token", value)
        odd = [flag for flag in _FLAGS if state.get(flag)] if checks_flags else []
        if odd:
            raise CardError(
                f"{self._place}: {key}: {odd[0]} takes text around {shown(text)} away, which evalkit does not follow: "
                "pass --trust-remote-code to read the model's tokenizer by its own code"
            )
        return text

    def _id_of(self, text: str, known: Mapping[str, int]) -> int:
        """The id of a named token: its place in the vocabulary, or the next free one, as transformers adds it."""
        found = self._beyond.get(text, self._core.id_of(text))
        taken = [*self._beyond.values(), *known.values(), self._core.size - 1]
        return found if found is not None else max(taken) + 1

    def _check_card(self, text: str, number: int, known: Mapping[str, int]) -> None:
        place = "special_tokens of the card"
        if known.get(text, number) != number:
            theirs = f"{known[text]} in {self._place}"
            raise CardError(f"{place}: {shown(text)} is {number} there, and {theirs}: correct one")
        other = next((each for each, taken in known.items() if taken == number and each != text), None)
        if other is not None:
            raise CardError(f"{place}: {shown(text)} is {number}, which is {shown(other)}: correct the card")
        self._check_id(text, number, place, "token")

    def _check_id(self, text: str, number: int, place: object, what: str) -> None:
        """Raise a `CardError` where an id stands for another text."""
        if number >= self._core.size:
            stated = next((each for each, taken in self._beyond.items() if taken == number), None)
            is_known = stated == text if stated is not None else what == "added token"
            found = shown(stated) if stated is not None else f"beyond the vocabulary of {self._core.size:,} tokens"
        else:
            is_known, found = self._core.text_of(number) == text, shown(self._core.text_of(number))
        if not is_known:
            raise CardError(f"{place}: {what} {shown(text)} has id {number}, which is {found}: correct one")

    def _odd(self, key: str, expected: str, found: object) -> CardError:
        return CardError(f"{self._place}: {key}: expected {expected}, found {shown(found)}: get the model's file again")
