"""How a card's model is served: by an engine on this machine, or by somebody's OpenAI-compatible endpoint."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import ConfigDict, Field, field_validator

from evalkit.records import Amount, Count, FrozenRecord, Number

HOST = re.compile(r"[^\W_]([\w.-]*[^\W_])?\.?|[0-9a-f:.]+(%\w+)?", re.IGNORECASE)  # letters of any script; IPv6

__all__ = ["CardRecord", "Endpoint", "Engine", "Prices"]


LARGEST_GROUP = 10_000  # devices, or requests at once
LONGEST_WAIT = 604_800  # seconds: a week

Price = Annotated[Number, Field(ge=0)]


class CardRecord(FrozenRecord):
    """A part of a card: numbers are finite, and the docstrings below its fields are their descriptions."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)


class Engine(CardRecord):
    """Settings of a serving engine (vLLM)."""

    tensor_parallel: Annotated[Count, Field(le=LARGEST_GROUP)] = 1
    """Devices that each layer is spread over."""
    pipeline_parallel: Annotated[Count, Field(le=LARGEST_GROUP)] = 1
    """Groups of devices that the layers are dealt out to."""
    memory_fraction: Annotated[Number, Field(gt=0, le=1)] = 0.9
    """Share of each device's memory that the engine may take."""
    quantization: str | None = Field(default=None, min_length=1)
    """Quantisation method of the engine; null = as the weights are stored. Changes scores."""
    eager: bool | None = None
    """Run without compiled graphs; null = on a CPU only, where compiling takes longer than it saves."""


class Prices(CardRecord):
    """What a provider charges, per million tokens."""

    input: Price
    """For prompt tokens."""
    output: Price
    """For generated tokens."""
    cached_input: Price | None = None
    """For prompt tokens that came from the provider's cache; null = as `input`."""
    currency: str = "USD"
    """Currency of the numbers."""

    def cost(self, prompt_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """What those tokens cost, in `currency`."""
        cached_price = self.input if self.cached_input is None else self.cached_input
        fresh = prompt_tokens - cached_tokens
        return (fresh * self.input + cached_tokens * cached_price + output_tokens * self.output) / 1e6


class Endpoint(CardRecord):
    """An OpenAI-compatible server."""

    base_url: str
    """Address up to and including the version (`https://api.openai.com/v1`)."""
    model: str | None = Field(default=None, min_length=1)
    """Name the server knows the model by; null = the only one it serves."""
    key_env: str = Field(default="EVALKIT_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the key; the key itself is never written anywhere."""
    is_key_required: bool = False
    """Whether the server refuses requests without a key."""
    markup_tokens: Amount = 0
    """Tokens kept free for what the server's chat format adds to the messages."""
    concurrency: Annotated[Count, Field(le=LARGEST_GROUP)] = 64
    """Most requests under way at once; the adapter starts low and finds what the server bears."""
    timeout_seconds: Annotated[Number, Field(gt=0, le=LONGEST_WAIT)] = 600.0
    """Longest wait for one answer."""
    rope: str | None = Field(default=None, min_length=1)
    """RoPE group the server was started for, as `evalkit run` names it; null = the model's own configuration."""
    prices: Prices | None = None
    """What the provider charges; null = nothing is counted."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Name of the request field that limits generation."""

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            is_right = _is_address(value, parts)
        except ValueError:  # a port that is none, a bracket that is not closed
            is_right = False
        if not is_right:
            raise ValueError("expected an address such as http://127.0.0.1:8000/v1")
        if "@" in parts.netloc or parts.query or parts.fragment:  # an empty user too: `:@` hides the host
            raise ValueError("the address must not carry a user, a key or a query: keys belong into the environment")
        return value.rstrip("/")


def _is_address(value: str, parts: SplitResult) -> bool:
    """Whether the address is one, and nobody would read another host in it."""
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host) or parts.port == 0:
        return False
    if not value.isprintable() or set(value) & set(' \\"<>'):
        return False
    return (host.isascii() and "xn--" not in host) or _is_international(value)


def _is_international(value: str) -> bool:
    """Whether the client knows a host in other scripts than Latin."""
    import httpx

    try:
        return bool(httpx.URL(value).host)
    except (httpx.InvalidURL, ValueError):
        return False
