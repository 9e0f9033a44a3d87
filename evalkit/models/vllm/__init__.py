"""Models run by vLLM on this machine, prompts as token ids, RoPE settings switched in place."""

from ._adapter import VllmModel

__all__ = ["VllmModel"]
