"""Models run by transformers on this machine, one prompt at a time over one moving KV cache."""

from ._adapter import HuggingFaceModel

__all__ = ["HuggingFaceModel"]
