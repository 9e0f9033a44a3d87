"""A model known only by the address of its server: its tokenizer and its card, as far as the server gives them away."""

from __future__ import annotations

import hashlib
import json
import re
import weakref
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evalkit.cards import Card, Endpoint
from evalkit.errors import UserError
from evalkit.prompts import TEMPLATE_DATE, PromptTokenizer, WithoutSpecialTokens, load_tokenizer

from ._probe import find_server
from .protocol import AttemptError, storable
from .transport import Line, Response, open_line, root_of, send

if TYPE_CHECKING:
    pass

__all__ = ["UNKNOWN_WINDOW", "endpoint_card", "endpoint_tokenizer", "is_address", "named_endpoint"]

UNKNOWN_WINDOW = 2**31 - 1  # tokens or characters: what nobody knows cuts nothing, the server refuses what does not fit

LARGEST_ID = 2**31  # prompts are 32-bit numbers

# Tokenised to tell tokenizers apart: scripts, digits, blanks and signs that vocabularies treat differently.
FINGERPRINT = "The quick brown fox 0123456789 ÀÉÎõü 中文字符 日本語 한국어 🙂 \t\n    def f(x): return x**2 <s> </s>"


def is_address(model: str) -> bool:
    """Whether a model is named by the address of its server."""
    return model.startswith(("http://", "https://"))


def named_endpoint(endpoint: Endpoint) -> Endpoint:
    """The endpoint with the name of its model, asked of the server where none is given."""
    return endpoint if endpoint.model else endpoint.model_copy(update={"model": find_server(endpoint).model})


def endpoint_card(endpoint: Endpoint) -> Card:
    """What a server tells of the one model it serves (or of the one that the endpoint names), as a card."""
    server = find_server(endpoint)
    known = endpoint.model_copy(update={"model": server.model})
    has_template = server.is_tokenizing and ServerText(known).has_template
    return Card(
        name=re.sub(r"[^A-Za-z0-9._-]+", "-", server.model).strip("._-") or "served",
        title=server.model,
        context_length=server.window or UNKNOWN_WINDOW,
        chat="tokenizer" if has_template else "server",
        endpoint=known,
        licence="not stated",
    )


def endpoint_tokenizer(card: Card, *, trust_remote_code: bool = False) -> PromptTokenizer:
    """The tokenizer of a card's weights, else the server's own, else code points in place of tokens."""
    is_unknown = card.weights is None and card.tokenizer is None
    if is_unknown and card.endpoint is not None and find_server(card.endpoint).is_tokenizing:
        return PromptTokenizer(ServerText(card.endpoint), add_bos=card.add_bos)
    return load_tokenizer(card, trust_remote_code=trust_remote_code)


class ServerText(WithoutSpecialTokens):
    """A tokenizer that lives in a vLLM server (`/tokenize`, `/detokenize`)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def encode(self, text: str, *, add_special_tokens: bool = False, **_: Any) -> list[int]:
        """Ids of a text."""
        return self._ids({"prompt": text, "add_special_tokens": add_special_tokens})

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        """Text of those ids, special tokens included."""
        found = self._post("/detokenize", {"tokens": list(ids)}).get("prompt")
        if not isinstance(found, str):
            raise self._unusable("/detokenize gave no text")
        return storable(found)

    def apply_chat_template(
        self,
        messages: Sequence[dict[str, str]],
        *,
        chat_template: str | None = None,
        tokenize: bool = False,  # noqa: ARG002
        add_generation_prompt: bool = True,
        strftime_now: object = None,  # noqa: ARG002
        **arguments: Any,
    ) -> str:
        """The chat text of messages, by the server's template, which is given the arguments."""
        if chat_template is not None:
            raise UserError("--chat FILE needs the model's own tokenizer: give a card that names its weights")
        fields = {
            "messages": list(messages),
            "add_generation_prompt": add_generation_prompt,
            "add_special_tokens": False,
            # The server's own clock would change every prompt overnight; templates that print a date take it from here.
            "chat_template_kwargs": {"date_string": TEMPLATE_DATE.strftime("%d %b %Y"), **arguments},
        }
        return self.decode(self._ids(fields))

    @cached_property
    def has_template(self) -> bool:
        """Whether the server formats chat messages."""
        body = {"messages": [{"role": "user", "content": "a"}], "add_generation_prompt": True}
        return self._send("/tokenize", body).status == 200

    @property
    def chat_template(self) -> str | None:  # type: ignore[override]
        """A stand-in for the server's template, which it does not show: what it makes of one message."""
        if not self.has_template:
            return None
        return self.apply_chat_template([{"role": "user", "content": FINGERPRINT}])

    @cached_property
    def bos_token_id(self) -> int | None:  # type: ignore[override]
        """The token that the server's tokenizer puts before a text by itself; None where it puts none."""
        plain, whole = self.encode("a"), self.encode("a", add_special_tokens=True)
        if not (plain and whole):
            raise self._unusable("/tokenize makes no tokens of a letter")
        return whole[0] if whole[0] != plain[0] else None

    def __len__(self) -> int:
        """What ids are below: the server does not say where its vocabulary ends."""
        return LARGEST_ID

    def get_vocab(self) -> dict[str, int]:
        """A digest of how it splits a text, which stands for its vocabulary."""
        ids = self.encode(FINGERPRINT)
        return {f"server:{hashlib.sha256(json.dumps(ids).encode()).hexdigest()}": len(ids)}

    def _ids(self, fields: dict[str, Any]) -> list[int]:
        found = self._post("/tokenize", fields).get("tokens")
        if not isinstance(found, list):
            raise self._unusable("/tokenize gave no tokens")
        if not all(type(each) is int and 0 <= each < LARGEST_ID for each in found):
            raise self._unusable("/tokenize gave tokens that are none")
        return found

    def _post(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        response = self._send(path, fields)
        try:
            value = response.json()
        except ValueError:
            value = None
        if response.status != 200 or not isinstance(value, dict):
            raise self._unusable(f"{path} answered {response.status}")
        return value

    def _send(self, path: str, fields: dict[str, Any]) -> Response:
        import httpx

        question = {"model": self._endpoint.model, **fields}
        try:
            return send(self._line, "POST", f"{root_of(self._endpoint)}{path}", question)
        except httpx.HTTPError as error:
            raise self._unusable(f"{path} does not answer ({type(error).__name__})") from None
        except AttemptError as error:
            raise self._unusable(f"{path}: {error}") from None

    @cached_property
    def _line(self) -> Line:
        line = open_line(self._endpoint)
        weakref.finalize(self, line.abandon)
        return line

    def _unusable(self, reason: str) -> UserError:
        return UserError(f"{self._endpoint.base_url}: {reason}; is the server still up?")
