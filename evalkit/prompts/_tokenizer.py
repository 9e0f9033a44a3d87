"""One tokenizer interface for prompts: encode, decode, chat format, digests.

Wraps a tokenizer read from `tokenizer.json` or `tokenizer.model` here, or a Hugging Face one (fast or slow) where only
transformers can tell what its ids are.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from evalkit.errors import CardError, MissingDependencyError, one_line
from evalkit.tasks import forget_lengths

from ._panics import named
from ._remembered import Remembered
from ._shared import can_share, encode_sharing, pieces_of
from .published import MarkedText, PublishedText, guarded, marked
from .templates import TEMPLATE_DATE, TemplateFailedError, render_template

__all__ = ["PromptTokenizer"]


class PromptTokenizer:
    """A model's tokenizer as prompts need it."""

    def __init__(
        self, tokenizer: Any, *, add_bos: bool | Literal["auto"] = "auto", place: str | Path = "tokenizer.json"
    ) -> None:
        """`place` is the folder or hub id that messages name."""
        tokenizer.model_max_length = int(1e12)  # lengths are this package's business; no warning per prompt
        if getattr(tokenizer, "is_fast", False):
            forget_lengths(tokenizer.backend_tokenizer)
        self._tokenizer = tokenizer
        self._add_bos = add_bos
        self._place = place
        self._remembered: Remembered | None = None

    def remembering(self) -> PromptTokenizer:
        """The same tokenizer, with the ids of texts that it encoded lately; not for several threads at once."""
        other = copy.copy(self)
        other._remembered = Remembered(self.encode_marked, self._pieces)
        return other

    def _pieces(self, text: MarkedText) -> Iterator[MarkedText]:
        """Pieces whose ids in a row are those of the text."""
        is_cut = self._can_share and not text.marks
        yield from map(MarkedText, pieces_of(text.text)) if is_cut else (text,)

    def encode(self, text: str) -> list[int]:
        """Token ids of `text` alone, without special tokens."""
        # Special tokens are added once, by `start`, whatever the tokenizer would add by itself.
        with named(self._file):
            ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text without special tokens, in order; fast tokenizers work in parallel.

        `encode_batch_fast` gives the same ids as the tokenizer's own call without the character offsets that nobody
        here reads, in about half the time; a document that several texts begin with is encoded once.
        """
        with named(self._file):
            if self._can_share:
                return encode_sharing(self._tokenizer.backend_tokenizer, texts)
            if getattr(self._tokenizer, "is_fast", False):
                encodings = self._tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
                return [encoding.ids for encoding in encodings]
            batch: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return batch

    def encode_marked(self, texts: Sequence[MarkedText]) -> list[list[int]]:
        """Token ids of each text, its marks as the control tokens they are, in order."""
        if self._remembered is not None:
            return [self._remembered.ids(text) for text in texts]
        if any(text.marks for text in texts):
            batch: list[list[int]] = self._tokenizer.encode_marked(texts)
            return batch
        return self.encode_batch([text.text for text in texts])

    def guarded(self, content: str) -> str:
        """What a chat format is given in place of a message: no text in it can become a control token by `marked`.

        The content itself for tokenizers that find control tokens in texts by themselves.
        """
        return guarded(content, self._control_tokens) if self._control_tokens else content

    def marked(self, text: str) -> MarkedText:
        """The text that a chat format wrote around guarded contents, with the control tokens that it wrote."""
        return marked(text, self._control_tokens)

    @cached_property
    def _control_tokens(self) -> Mapping[str, int]:
        """Texts that are control tokens where a chat format writes them, and nowhere else."""
        return self._tokenizer.special_tokens if isinstance(self._tokenizer, PublishedText) else {}

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text of those ids, spaces as they are."""
        # Cleaning up would join " ," to "," and change what metrics and truncated prompts see.
        with named(self._file):
            text: str = self._tokenizer.decode(
                list(ids), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False
            )
        return text

    def decode_as_upstream(self, ids: Sequence[int]) -> str:
        """The text of those ids as published code decodes them: no special tokens, spaces as the tokenizer is set.

        That code names no clean-up flag, so a tokenizer that ships it on ("meaning 'x" → "meaning'x") cleans up.
        """
        with named(self._file):
            text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def decode_marked(self, ids: Sequence[int]) -> MarkedText:
        """The text of `decode_as_upstream`, with the control tokens that it leaves in and encoding finds again."""
        if not isinstance(self._tokenizer, PublishedText):  # which find them in texts by themselves
            return MarkedText(self.decode_as_upstream(ids))
        with named(self._file):
            return self._tokenizer.decode_marked(ids)

    def render(
        self,
        messages: Sequence[dict[str, str]],
        template: str | None,
        place: str = "",
        arguments: Mapping[str, bool | int | float | str] = MappingProxyType({}),
    ) -> str:
        """The chat text of `messages` up to where the model answers, by `template` or the tokenizer's own.

        `place` is where a `template` comes from, `arguments` is what it is given besides the messages. Raises
        `CardError` for a template that cannot write it within bounds.
        """
        # With the header of the answer: without it models go on with the question.
        given = {"messages": list(messages), "tools": None, "documents": None, "add_generation_prompt": True}
        try:
            if _formats_itself(self._tokenizer):
                own: str = self._tokenizer.apply_chat_template(
                    list(messages), chat_template=template, tokenize=False, add_generation_prompt=True,
                    **{"strftime_now": TEMPLATE_DATE.strftime, **arguments},
                )  # fmt: skip
                return own
            variables = {**self._tokenizer.special_tokens_map, **arguments, **given}
            return render_template(self._source(template), variables)
        except MissingDependencyError:
            raise
        except Exception as error:  # a template is a program: besides Jinja's errors it can raise any
            reason = one_line(error)
            raise CardError(
                f"{self.template_place if template is None else place or 'the card'}: the chat template cannot write "
                f"this prompt ({reason}); correct it, or pass another with --chat"
            ) from error

    def _source(self, template: str | None) -> str:
        """The template text: that one, or the tokenizer's; of several named ones the default is meant."""
        own = self._tokenizer.chat_template
        if isinstance(own, dict):
            if template is None and "default" not in own:
                raise TemplateFailedError(f"there are several templates and no default: {', '.join(sorted(own))}")
            return str(own.get(template, template) if template is not None else own["default"])
        return str(own if template is None else template)

    @cached_property
    def _can_share(self) -> bool:
        return bool(getattr(self._tokenizer, "is_fast", False)) and can_share(self._tokenizer.backend_tokenizer)

    @property
    def template_place(self) -> str:
        """The file of the tokenizer's own chat template."""
        folder = Path(self._place)
        if not folder.is_dir():
            return str(self._place)
        names = ("chat_template.jinja", "additional_chat_templates")
        return str(folder / next((name for name in names if (folder / name).exists()), "tokenizer_config.json"))

    @cached_property
    def _file(self) -> str:
        paths = (Path(self._place) / name for name in ("tokenizer.json", "tokenizer.model"))
        return str(next((path for path in paths if path.is_file()), self._place))

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
    def shown_template(self) -> str | None:
        """The template's text where it can be read; None where a server or code of a repository formats messages."""
        return None if _formats_itself(self._tokenizer) else self.chat_template or ""

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
        with named(self._file):
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
        prefix = [token for token in self.prefix_ids if token != bos]
        if isinstance(self._tokenizer, PublishedText):  # whose own code puts it before every prompt
            is_wrapped = ids[skip : skip + len(prefix)] == prefix
        return ([bos] if wants_bos and bos is not None else []) + ([] if is_wrapped else prefix) + ids[skip:]

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


def _formats_itself(tokenizer: Any) -> bool:
    """Whether the tokenizer has a chat format of its own making: a server's, or code of a repository."""
    method = getattr(type(tokenizer), "apply_chat_template", None)
    return method is not None and method.__module__ != "transformers.tokenization_utils_base"
