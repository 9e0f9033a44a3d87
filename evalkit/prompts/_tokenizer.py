"""One tokenizer interface for prompts: encode, decode, chat format, digests.

Wraps a Hugging Face tokenizer (fast or slow). Nothing else in evalkit talks to `transformers` about text.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

from evalkit.cards import Card
from evalkit.errors import CardError, MissingDependencyError, one_line
from evalkit.tasks import forget_lengths

from ._foreign import Characters, TiktokenText

__all__ = ["TEMPLATE_DATE", "PromptTokenizer", "load_tokenizer"]

TEMPLATE_DATE = datetime.datetime(2024, 7, 26)
"""The day that chat templates print, whatever day it is: with today's date every prompt would change overnight, and no
run could be continued or compared. It is the one that the templates of Llama 3.1 to 3.3 fall back on themselves."""


UNREACHABLE = ("couldn't connect to", "offline mode is enabled", "HF_HUB_OFFLINE")
"""What transformers and the hub's client say without a network or in offline mode, before a page of links."""


class PromptTokenizer:
    """A model's tokenizer as prompts need it."""

    def __init__(self, tokenizer: Any, *, add_bos: bool | Literal["auto"] = "auto") -> None:
        tokenizer.model_max_length = int(1e12)  # lengths are this package's business; no warning per prompt
        if getattr(tokenizer, "is_fast", False):
            forget_lengths(tokenizer.backend_tokenizer)
        self._tokenizer = tokenizer
        self._add_bos = add_bos

    def encode(self, text: str) -> list[int]:
        """Token ids of `text` alone, without special tokens."""
        # Special tokens are added once, by `start`, whatever the tokenizer would add by itself.
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text without special tokens, in order; fast tokenizers work in parallel.

        `encode_batch_fast` gives the same ids as the tokenizer's own call without the character offsets that nobody
        here reads, in about half the time.
        """
        if getattr(self._tokenizer, "is_fast", False):
            encodings = self._tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
            return [encoding.ids for encoding in encodings]
        batch: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return batch

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text of those ids, spaces as they are."""
        # Cleaning up would join " ," to "," and change what metrics and truncated prompts see.
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False
        )
        return text

    def decode_as_upstream(self, ids: Sequence[int]) -> str:
        """The text of those ids as published code decodes them: no special tokens, spaces as the tokenizer is set.

        That code names no clean-up flag, so a tokenizer that ships it on ("meaning 'x" → "meaning'x") cleans up.
        """
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def render(self, messages: Sequence[dict[str, str]], template: str | None) -> str:
        """The chat text of `messages` up to where the model answers, by `template` or the tokenizer's own."""
        try:
            # With the header of the answer: without it models go on with the question.
            text: str = self._tokenizer.apply_chat_template(
                list(messages),
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
                strftime_now=TEMPLATE_DATE.strftime,
            )
        except Exception as error:  # a template is a program: besides Jinja's errors it can raise any
            reason = one_line(error)
            raise CardError(
                f"the chat template cannot write this prompt ({reason}); correct `chat` in the card, or pass --chat"
            ) from error
        return text

    @property
    def unit(self) -> str:
        """What lengths count: `tokens`, or `characters` where nobody knows the model's tokenizer."""
        return str(getattr(self._tokenizer, "unit", "tokens"))

    @property
    def chat_template(self) -> str | None:
        """The tokenizer's own Jinja chat template, or None."""
        template = self._tokenizer.chat_template
        return template if isinstance(template, str) or template is None else json.dumps(template, sort_keys=True)

    @property
    def bos_id(self) -> int | None:
        """Id of the begin-of-sequence token, or None."""
        bos: int | None = self._tokenizer.bos_token_id
        return bos

    @cached_property
    def prefix_ids(self) -> tuple[int, ...]:
        """What the tokenizer puts before a plain text by itself: BOS mostly, nothing for some models.

        What it would put behind (an EOS) is left out: a prompt that ends the text gets no answer.
        """
        return self._affixes[0]

    @cached_property
    def suffix_ids(self) -> tuple[int, ...]:
        """What the tokenizer puts behind a plain text by itself: an EOS for some models, mostly nothing."""
        return self._affixes[1]

    @cached_property
    def _affixes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        plain = self.encode("a")
        whole: list[int] = self._tokenizer.encode("a", add_special_tokens=True)
        found = (i for i in range(len(whole)) if whole[i : i + len(plain)] == plain)
        start = next(found, None)
        return ((), ()) if start is None else (tuple(whole[:start]), tuple(whole[start + len(plain) :]))

    def as_upstream(self, text: str) -> list[int]:
        """The ids of a plain text with all that the tokenizer adds by itself: what published code counts and cuts."""
        return [*self.start(self.encode(text), is_wrapped=False), *self.suffix_ids]

    def start(self, ids: list[int], *, is_wrapped: bool) -> list[int]:
        """The ids of a whole prompt with exactly one BOS where the model wants one.

        A chat template that writes BOS itself is left alone, one that writes none gets it, and two become one.
        """
        bos = self.bos_id
        skip = next((i for i, token in enumerate(ids) if token != bos), len(ids))
        wants_bos = (skip > 0 or bos in self.prefix_ids) if self._add_bos == "auto" else self._add_bos
        # What besides BOS stands before plain texts (ChatGLM's [gMASK]) a chat template writes itself.
        prefix = [] if is_wrapped else [token for token in self.prefix_ids if token != bos]
        return ([bos] if wants_bos and bos is not None else []) + prefix + ids[skip:]

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Ids that end a text, as far as the tokenizer knows."""
        eos = self._tokenizer.eos_token_id
        return () if eos is None else (eos,) if isinstance(eos, int) else tuple(eos)

    def __len__(self) -> int:
        """Size of the vocabulary, added tokens included."""
        return len(self._tokenizer)

    @cached_property
    def digest(self) -> str:
        """sha256 over what decides token ids: vocabulary, merges, normalisation, special tokens."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None) or getattr(self._tokenizer, "_tokenizer", None)
        if backend is not None and hasattr(backend, "to_str"):
            content = backend.to_str()
        else:
            content = json.dumps(sorted(self._tokenizer.get_vocab().items()), ensure_ascii=False)
        special = json.dumps(self._tokenizer.special_tokens_map, sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256((content + special).encode()).hexdigest()


def load_tokenizer(card: Card, *, trust_remote_code: bool = False) -> PromptTokenizer:
    """The tokenizer of a card's weights; `CardError` where there is none or it needs code that was not allowed."""
    if card.tokenizer is not None and card.tokenizer.startswith("tiktoken:"):
        return PromptTokenizer(TiktokenText(card.tokenizer.removeprefix("tiktoken:")))
    if card.tokenizer is None and card.weights is None:
        return PromptTokenizer(Characters())
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingDependencyError("transformers", "hf", "reading a tokenizer") from error
    for module in ("base", "tokenizers"):  # lengths are ours; a BPE tokenizer that ignores its clean-up flag is no news
        logging.getLogger(f"transformers.tokenization_utils_{module}").setLevel(logging.ERROR)
    place = card.tokenizer or str(card.weights_path or card.weights)
    if card.tokenizer is None and card.weights_path is not None and not card.weights_path.is_dir():
        raise CardError(f"{place}: no such folder: put the weights there, or correct `weights` in card {card.name}")
    try:
        loaded = AutoTokenizer.from_pretrained(
            place,
            revision=card.revision if card.tokenizer is None else None,
            trust_remote_code=trust_remote_code,
            use_fast=card.use_fast_tokenizer,
        )
    except Exception as error:  # transformers and tokenizers raise every kind for a damaged file
        reason = one_line(error)
        if "trust_remote_code" in str(error):  # before it is cut to a line
            reason = "it ships its own code; pass --trust-remote-code to run it"
        elif any(sign in reason for sign in UNREACHABLE):
            reason = (
                "it is not on this machine and the hub cannot be reached: give a folder that has the model, or set "
                "HF_ENDPOINT to a mirror"
            )
        raise CardError(f"{place}: no usable tokenizer: {reason}") from error
    return PromptTokenizer(loaded, add_bos=card.add_bos)
