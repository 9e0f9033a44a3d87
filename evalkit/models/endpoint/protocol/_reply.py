"""The answer in a body of status 200, or what that body is instead of one. Pure: bytes in, values out.

An answer lost to thoughts is an answer: the model ended, or used up its limit, without a text.

    {"choices": [{"message": {"content": null, "reasoning_content": "Okay, let me"}, "finish_reason": "length"}],
     "usage": {"prompt_tokens": 5000, "completion_tokens": 32}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ._meaning import (
    RefusedError,
    SpoiledError,
    TryAgainError,
    Usage,
    error_message,
    load_json,
    raise_for_status,
    storable,
    usage_of,
)

__all__ = [
    "THOUGHTS",
    "Finish",
    "Reply",
    "UnfinishedError",
    "answer_in",
    "json_object",
    "parse_reply",
    "raise_error",
    "reply_so_far",
]

Finish = Literal["stop", "length", "unknown"]

ENDED = frozenset(
    {"stop", "eos", "eos_token", "end_turn", "stop_sequence", "end_of_text", "completed", "complete", "done"}
)
AT_LIMIT = frozenset({"length", "max_tokens", "max_output_tokens", "max_completion_tokens", "model_length"})
BROKEN_OFF = frozenset({"abort", "aborted", "error", "cancelled", "canceled", "failed", "timeout", "incomplete"})
WITHHELD = frozenset({"content_filter", "safety"})
CALLS = frozenset({"tool_calls", "function_call", "tool_use"})
THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")
"""Where servers put thoughts: DeepSeek and vLLM, OpenRouter and Ollama, OpenRouter's parts, Anthropic's proxies."""
TEXT_PARTS = frozenset({"text", "output_text"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    text: str
    """The generated text; empty where the model ended without one."""
    finish: Finish
    """Why it ended; `unknown` where the server does not say."""
    model: str
    """Who the server says has answered; empty where it does not say."""
    usage: Usage
    """Tokens by the server's count."""
    token_ids: tuple[int, ...] | None
    """Ids of the generated tokens; None where the server does not send them."""
    stop_reason: object = None
    """vLLM: the string or token that ended the answer; None for the end-of-text token."""
    lost_to: Literal["reasoning", "refusal"] | None = None
    """What the generated tokens were, where none of them is text."""
    reasoning: str | None = None
    """Thoughts that the server parsed off; None where it shows none."""


class UnfinishedError(TryAgainError):
    """The answer says `finish_reason: null`, as a stream does between two pieces: it may have been broken off."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("the server broke the answer off (finish_reason null)", reply.usage)
        self.reply = reply
        """What came, which is the whole answer where it comes again the same."""


def parse_reply(body: bytes) -> Reply:
    """The answer in a response of status 200; `TryAgainError` where there is none in it."""
    data = json_object(body)
    usage = usage_of(data)
    choices = data.get("choices")
    if data.get("error"):
        raise_error(data["error"], body, usage, has_choices=bool(choices))
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise SpoiledError("the answer has no choices", usage)
    choice: dict[str, Any] = choices[0]
    if choice.get("error"):
        said = error_message(json.dumps({"error": choice["error"]}).encode())
        raise TryAgainError("the server broke the answer off" + (f": {said}" if said else ""), usage)
    return answer_in(data, choice, usage)


def raise_error(error: object, body: bytes, usage: Usage, *, has_choices: bool) -> None:
    """Raise what an error in a body of status 200 means."""
    if has_choices:
        raise TryAgainError(f"the server broke the answer off: {error_message(body)}", usage)
    code = error.get("code") if isinstance(error, dict) else None
    is_status = isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600
    raise_for_status(code if is_status else 500, body, None)  # type: ignore[arg-type]


def answer_in(data: Mapping[str, Any], choice: Mapping[str, Any], usage: Usage) -> Reply:
    """The answer that a choice of a body is; `AttemptError` where it is none."""
    message = _message_of(choice)
    said = choice.get("finish_reason")
    word = said.lower() if isinstance(said, str) else None
    finish = _finish(said, word, usage)
    content = message.get("content")
    text = _joined(content)
    if text is None and content is not None:
        raise SpoiledError(f"the answer's text is {json.dumps(content)[:40]}{_ending(word)}", usage)
    has_thoughts = any(message.get(name) or choice.get(name) for name in THOUGHTS) or _is_thinking(content)
    lost_to: Literal["reasoning", "refusal"] | None = None
    if not (text or "").strip():
        if word in CALLS or message.get("tool_calls") or message.get("function_call"):
            raise RefusedError("the answer is a call of a tool that nobody offered", usage)
        has_thoughts = has_thoughts or bool(usage.reasoning_tokens) or finish == "length"
        lost_to = "refusal" if message.get("refusal") else "reasoning" if has_thoughts else None
        if text is None and not _is_generated(finish, usage, lost_to):
            raise SpoiledError(f"the answer's text is null and nothing says that any was made{_ending(word)}", usage)
    reply = replace(reply_so_far(data, choice, usage), finish=finish, lost_to=lost_to)
    if said is None and "finish_reason" in choice:
        raise UnfinishedError(reply)
    return reply


def reply_so_far(data: Mapping[str, Any], choice: Mapping[str, Any], usage: Usage) -> Reply:
    """What a choice holds, whether or not it is an answer yet."""
    message, model, ids = _message_of(choice), data.get("model"), choice.get("token_ids")
    return Reply(
        text=storable(_joined(message.get("content")) or ""),
        finish="unknown",
        model=storable(model) if isinstance(model, str) else "",
        usage=usage,
        token_ids=tuple(ids) if isinstance(ids, list) and all(type(each) is int for each in ids) else None,
        stop_reason=choice.get("stop_reason"),
        reasoning=_thoughts(message, choice),
    )


def _message_of(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    return choice["message"] if isinstance(choice.get("message"), dict) else {"content": choice.get("text")}


def _thoughts(message: Mapping[str, Any], choice: Mapping[str, Any]) -> str | None:
    """The text of the thoughts, of the first place that has any; None where they are hidden or there are none."""
    places = [each.get(name) for each in (message, choice) for name in THOUGHTS]
    for place in (*places, [part for part in _parts(message.get("content")) if _is_thought(part)]):
        text = place if isinstance(place, str) else "".join(map(_thought, _parts(place)))
        if text.strip():
            return storable(text)
    return None


def _parts(content: object) -> list[Any]:
    return content if isinstance(content, list) else [content] if isinstance(content, dict) else []


def _thought(part: object) -> str:
    """The text of one part of thoughts: OpenRouter's `text` or `summary`, Anthropic's and Mistral's `thinking`."""
    if not isinstance(part, dict):
        return part if isinstance(part, str) else ""
    found = next((part[name] for name in ("thinking", "text", "summary", "content") if part.get(name)), "")
    return found if isinstance(found, str) else "".join(map(_text_in, _parts(found)))


def _text_in(part: object) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else ""


def _is_thought(part: object) -> bool:
    return isinstance(part, dict) and "think" in str(part.get("type"))


def _finish(said: object, word: str | None, usage: Usage) -> Finish:
    """Why the answer ended; raises where it did not end, or was withheld."""
    if word in WITHHELD:
        raise RefusedError("the provider's content filter withheld the answer", usage)
    if said is None:
        return "unknown"
    if word is None or word in BROKEN_OFF:
        raise TryAgainError(f"the server broke the answer off{_ending(word)}", usage)
    return "length" if word in AT_LIMIT else "stop" if word in ENDED else "unknown"


def _ending(word: str | None) -> str:
    return f" (finish_reason {json.dumps(word)[:40]})"


def _is_generated(finish: Finish, usage: Usage, lost_to: str | None) -> bool:
    """Whether an answer without a text shows that the model generated one: it ended, or tokens were counted."""
    return bool(lost_to or usage.output_tokens) or (finish == "stop" and usage.output_tokens is None)


def _joined(content: object) -> str | None:
    """The text of a message's content: a string, or typed parts whose texts are joined; None where it is neither."""
    if isinstance(content, str):
        return content
    parts = [content] if isinstance(content, dict) else content
    if not isinstance(parts, list) or not all(_is_part(part) for part in parts):
        return None
    texts = [part if isinstance(part, str) else part.get("text") for part in parts if _is_text(part)]
    return "".join(text for text in texts if isinstance(text, str))


def _is_part(part: object) -> bool:
    if isinstance(part, dict):
        return isinstance(part.get("type"), str) or isinstance(part.get("text"), str)
    return isinstance(part, str)


def _is_text(part: str | dict[str, Any]) -> bool:
    return isinstance(part, str) or part.get("type", "text") in TEXT_PARTS


def _is_thinking(content: object) -> bool:
    """Whether typed parts hold thoughts (Mistral's `thinking`, Anthropic's `redacted_thinking`)."""
    parts = content if isinstance(content, list) else []
    return any(map(_is_thought, parts))


def json_object(body: bytes, what: str = "the answer") -> dict[str, Any]:
    """The object that those bytes are; `TryAgainError`, which calls them `what`, where they are none."""
    try:
        data = load_json(body)
    except ValueError as error:
        raise TryAgainError(f"{what} is not JSON ({len(body)} bytes)") from error
    if not isinstance(data, dict):
        raise TryAgainError(f"{what} is no JSON object but {type(data).__name__}")
    return data
