"""Which published architectures run as a built-in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ._chatglm import read_chatglm
from ._index import read_index
from ._internlm import read_internlm
from ._llama import legacy_llama
from ._record import Published
from ._xverse import read_xverse

__all__ = ["read_published"]

Config = Mapping[str, object]
Read = Callable[[Config], Published | None]

_BY_ARCHITECTURE: dict[str, Read] = {
    "ChatGLMForConditionalGeneration": read_chatglm,
    "ChatGLMModel": read_chatglm,
    "IndexForCausalLM": read_index,
    "InternLMForCausalLM": read_internlm,
    "LlamaForCausalLM": legacy_llama,
    "XverseForCausalLM": read_xverse,
}
_BY_MODEL_TYPE: dict[str, Read] = {
    "chatglm": read_chatglm,
    "index": read_index,
    "internlm": read_internlm,
    "llama": legacy_llama,
    "xverse": read_xverse,
}


def read_published(config: Config) -> Published | None:
    """What a `config.json` is as a built-in architecture.

    None where it is built in as it stands, and where nothing is known of it. `ConfigError` for values that a field
    cannot have.
    """
    names, kind = config.get("architectures"), config.get("model_type")
    first = names[0] if isinstance(names, list) and names else None
    read: Read | None = None
    if isinstance(first, str):
        read = _BY_ARCHITECTURE.get(first)
    elif not names and isinstance(kind, str):
        read = _BY_MODEL_TYPE.get(kind)
    found = read(config) if read is not None else None
    return replace(found, name=first) if found is not None and isinstance(first, str) else found
