"""Which field a server's refusal takes away, in the words of many servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalkit.models.endpoint.protocol._meaning import RefusedError, raise_for_status
from evalkit.models.endpoint.protocol._request import RequestShape


def refusal(body: object, status: int = 400) -> RefusedError:
    """What a server's answer of that status is."""
    with pytest.raises(RefusedError) as caught:
        raise_for_status(status, json.dumps(body).encode(), None)
    return caught.value


def error(message: str, **fields: Any) -> dict[str, Any]:
    """A body as OpenAI's."""
    return {"error": {"message": message, "type": "invalid_request_error", **fields}}


def without(body: object, status: int = 400, shape: RequestShape | None = None) -> RequestShape | None:
    """The shape behind that refusal of a request with all fields."""
    shape = shape or RequestShape()
    return shape.without(refusal(body, status), shape.fields(4, ["\n"]))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (error("Only the default (1) is supported.", param="temperature", code="unsupported_value"), 400),
        (error("Unsupported value: 'temperature' does not support 0 with this model.", param=None), 400),
        (error("`temperature` has to be a strictly positive float, but is 0"), 422),
        (error("Temperature is deprecated for this model."), 400),
        (error("Bad request", param="generation_config.temperature"), 400),
        ({"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]}, 422),
        ({"object": "error", "message": "unknown field: temperature"}, 400),
        ({"detail": "litellm.UnsupportedParamsError: toy does not support parameters: {'temperature': 0}"}, 400),
    ],
)
def test_a_refused_temperature_is_left_out(body: object, status: int) -> None:
    """Whatever the spelling; the limit stays, and the decoding is called what it then is."""
    shape = without(body, status)

    assert shape == RequestShape(sends_temperature=False)
    assert "temperature" not in shape.fields(32)
    assert 32 == shape.fields(32)["max_tokens"]
    assert "server's default (temperature refused)" == shape.decoding


@pytest.mark.parametrize(
    "body",
    [
        error("Unsupported parameter: 'stop' is not supported with this model.", param="stop"),
        error("this model takes no stop sequences"),
        {"detail": [{"loc": ["body", "stop"], "msg": "Extra inputs are not permitted"}]},
    ],
)
def test_refused_stop_strings_are_left_out(body: object) -> None:
    """They end the answer on this side in any case."""
    shape = without(body)

    assert RequestShape(sends_stop=False) == shape
    assert "stop" not in shape.fields(32, ["\n"])


@pytest.mark.parametrize(
    "body",
    [
        error("'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."),
        error("max_tokens is deprecated here"),
        error("Unsupported parameter", param="maxTokens"),
        error("use max_completion_tokens, not max_tokens, at this temperature of the year"),
    ],
)
def test_a_limit_under_another_name_is_never_left_out(body: object) -> None:
    """A server that refuses one name of the limit gets the other."""
    shape = without(body)

    assert RequestShape(limit_field="max_completion_tokens") == shape


@pytest.mark.parametrize(
    ("message", "least"),
    [
        ("Invalid 'max_tokens': integer below minimum value. Expected a value >= 16, but got 4 instead.", 16),
        ("max_tokens must be at least 16", 16),
        ("max_tokens: must be greater than 8", 9),
        ("max_tokens: Input should be greater than or equal to 20", 20),
        ("max_tokens is too small for a model that thinks", 1024),
    ],
)
def test_a_least_limit_is_kept(message: str, least: int) -> None:
    """The server's own question is asked with as many tokens as it wants."""
    assert RequestShape(least_limit=least) == without(error(message))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (error("This model's maximum context length is 8192 tokens; you asked for 9000 with max_tokens"), 400),
        (error("temperature and pressure"), 404),
        (error("please stop sending nonsense"), 400),
        (error("prompt must be a string"), 400),
    ],
)
def test_a_refusal_of_something_else_changes_nothing(body: object, status: int) -> None:
    """A long prompt, a wrong address, a wrong prompt."""
    assert without(body, status) is None


def test_fields_of_its_own_are_dropped_where_none_is_named() -> None:
    """A server that only calls itself vLLM gets the fields that all servers know."""
    assert RequestShape() == without(error("no"), shape=RequestShape(extras={"return_token_ids": True}))
