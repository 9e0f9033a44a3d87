"""Keeps transformers from fetching and running kernels of the hub that the user has not asked for.

A model folder names some by its configuration, transformers adds others of itself: for quantised weights, experts and
running states, wherever the package `kernels` is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evalkit.errors import CardError

from .._base import BackendOptions
from .._folder_code import IMPLEMENTATIONS

__all__ = ["HubCodeError", "no_hub_code", "strip_implementations"]


class HubCodeError(CardError, FileNotFoundError):
    """A kernel that may not be fetched; transformers takes it for one that is not there, and computes without."""


@contextmanager
def no_hub_code(options: BackendOptions) -> Iterator[None]:
    """Within it only the kernel that `--attention` names is fetched, or any where code of others may run."""
    from transformers.integrations import hub_kernels

    fetch = getattr(hub_kernels, "get_kernel", None)
    if fetch is None or options.trust_remote_code:
        yield
        return

    def refuse(kernel_name: str, *arguments: Any, **asked: Any) -> Any:
        if _is_asked_for(kernel_name, options.attention):
            return fetch(kernel_name, *arguments, **asked)
        raise HubCodeError(
            f"{kernel_name} on the hub is code that is not run unasked: pass --trust-remote-code to run it, or "
            "uninstall the package kernels to compute without"
        )

    hub_kernels.get_kernel = refuse
    try:
        yield
    finally:
        hub_kernels.get_kernel = fetch


def _is_asked_for(kernel_name: str, attention: str) -> bool:
    """Whether `--attention` names that kernel, or a flash attention that stands for it."""
    from transformers.modeling_flash_attention_utils import FLASH_ATTN_KERNEL_FALLBACK

    repository = attention.rpartition("|")[2].partition(":")[0].partition("@")[0].strip()
    return kernel_name in {repository, FLASH_ATTN_KERNEL_FALLBACK.get(attention)}


def strip_implementations(config: Any) -> None:
    """Take from a configuration of transformers, and from those inside it, what chooses an implementation."""
    for each in _nested(config, set()):
        each._attn_implementation_internal = None
        each._experts_implementation_internal = None
        for name in IMPLEMENTATIONS & vars(each).keys():
            if not name.endswith("_internal"):
                delattr(each, name)


def _nested(value: Any, seen: set[int]) -> Iterator[Any]:
    """Configurations in a value, whatever holds them; fields of plain objects are taken out on the way."""
    from transformers import PretrainedConfig

    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, PretrainedConfig):
        yield value
        value = vars(value)
    elif isinstance(value, dict):
        for name in IMPLEMENTATIONS & value.keys():
            del value[name]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for each in list(inner):
        yield from _nested(each, seen)
