"""An answer that comes in pieces, put together to the body that would have come in one. Pure: data in, values out.

    {"model": "toy", "choices": [{"index": 0, "delta": {"reasoning_content": "Hm"}, "finish_reason": null}]}
    {"model": "toy", "choices": [{"index": 0, "delta": {"content": "By it."}, "finish_reason": null}]}
    {"model": "toy", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    {"model": "toy", "choices": [], "usage": {"prompt_tokens": 5000, "completion_tokens": 7}}
    [DONE]

So a streamed answer is read by the rules of a whole one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ._meaning import SpoiledError, TryAgainError, Usage, error_message, usage_of
from ._reply import THOUGHTS, Reply, answer_in, json_object, raise_error, reply_so_far

__all__ = ["StreamedAnswer"]

DONE = b"[DONE]"
GROWING = frozenset({"content", "text", "refusal", "tool_calls", "function_call", "token_ids", *THOUGHTS})
"""What comes in pieces, in a choice of `/completions` or in the `delta` of one of `/chat/completions`."""
FIRST_HALF = re.compile("[\ud800-\udbff]\\Z")
SAID_ONCE = ("finish_reason", "stop_reason")


class StreamedAnswer:
    """Takes the data of events one by one. Of several choices it reads the first that came."""

    def __init__(self) -> None:
        self._index: object = None
        self._choice: dict[str, Any] | None = None
        self._message: dict[str, Any] | None = None
        self._model = ""
        self._usage: object = None
        self._is_without_ids = False
        self.pieces = 0
        """Pieces of text, thoughts or ids that came, each of at least one token."""
        self.is_done = False
        """Whether the server said that nothing more comes."""

    @property
    def is_finished(self) -> bool:
        """Whether the server said why the answer ended."""
        return self._choice is not None and self._choice.get("finish_reason") is not None

    def take(self, data: bytes) -> None:
        """Add what one event says; `AttemptError` where it cannot be read, or says that there will be no answer."""
        if data.strip() == DONE:
            self.is_done = True
            return
        event = json_object(data, "a part of the answer")
        if event.get("error") or event.get("object") == "error":
            raise_error(event.get("error") or event, data, usage_of(event), has_choices=self._choice is not None)
        model, self._usage = event.get("model"), event.get("usage") or self._usage
        self._model = model if isinstance(model, str) and model else self._model
        choice = self._own(event.get("choices"))
        if choice is not None:
            self._add(choice)

    def _own(self, choices: object) -> dict[str, Any] | None:
        """The part of an event that is of the choice that is read."""
        parts = [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []
        if parts and self._choice is None:
            self._choice, self._index = {}, parts[0].get("index")
        return next((each for each in parts if each.get("index") == self._index), None)

    def _add(self, part: Mapping[str, Any]) -> None:
        assert self._choice is not None
        if part.get("error"):
            said = error_message(json.dumps({"error": part["error"]}).encode())
            raise TryAgainError("the server broke the answer off" + (f": {said}" if said else ""))
        self._usage = part.get("usage") or self._usage  # where Moonshot's servers put it
        for name in SAID_ONCE:
            if name in part and self._choice.get(name) is None:
                self._choice[name] = part[name]
        has_text = _add_pieces(self._choice, {**part, "token_ids": None})
        if isinstance(part.get("delta"), dict):
            message = self._message or {}
            has_text |= _add_pieces(message, part["delta"])
            self._message = message or None
        if isinstance(part.get("message"), dict):  # whole, after pieces or in place of them
            self._message, has_text = dict(part["message"]), True
        has_ids = _add_pieces(self._choice, {"token_ids": part.get("token_ids")})
        self._is_without_ids |= has_text and not has_ids
        self.pieces += has_text or has_ids

    @property
    def usage(self) -> Usage:
        """What the server counted so far."""
        return usage_of({"usage": self._usage})

    def so_far(self) -> Reply:
        """What came so far, without half a sign at its end; nothing where the answer has ended.

        Its last token may be no text then, which the whole answer leaves out.
        """
        choice = {} if self.is_finished else _without_halves(self._whole_choice())
        return reply_so_far({"model": self._model}, choice, self.usage)

    def whole(self) -> Reply:
        """The answer, after its last event; `AttemptError` where it is none, or was broken off."""
        if self._choice is None:
            raise SpoiledError("the answer has no choices", self.usage)
        if not (self.is_done or self.is_finished):
            raise TryAgainError("the server broke the answer off")
        return answer_in({"model": self._model}, self._whole_choice(), self.usage)

    def _whole_choice(self) -> dict[str, Any]:
        """The choice as it would have come whole."""
        choice = dict(self._choice or {})
        if self._is_without_ids:
            choice.pop("token_ids", None)
        return choice if self._message is None else {**choice, "message": self._message}


def _add_pieces(whole: dict[str, Any], part: Mapping[str, Any]) -> bool:
    """Add what grows; whether anything did."""
    pieces = {name: part[name] for name in GROWING & part.keys() if part[name] is not None}
    for name, piece in pieces.items():
        whole[name] = _grown(whole.get(name), piece)
    return any(bool(piece) for piece in pieces.values())


def _grown(begun: Any, piece: Any) -> Any:
    """A text or a list with one more piece; where both mix, a list of parts."""
    if begun is None:
        return piece
    if isinstance(begun, str) and isinstance(piece, str):
        return _joined(begun, piece)
    if isinstance(begun, list):
        begun.extend(_parts(piece))
        return begun
    return [*_parts(begun), *_parts(piece)]


def _parts(piece: Any) -> list[Any]:
    return piece if isinstance(piece, list) else [piece]


def _without_halves(value: Any) -> Any:
    """A choice whose texts do not end in the first half of a sign."""
    if isinstance(value, dict):
        return {name: _without_halves(each) for name, each in value.items()}
    return FIRST_HALF.sub("", value) if isinstance(value, str) else value


def _joined(begun: str, piece: str) -> str:
    """Both texts, with a sign whole of which JSON wrote one half at the end of each."""
    if FIRST_HALF.search(begun) and "\udc00" <= piece[:1] <= "\udfff":
        sign = (begun[-1] + piece[0]).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        return begun[:-1] + sign + piece[1:]
    return begun + piece
