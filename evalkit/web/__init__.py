"""The chat as a page in the browser, on this machine."""

from ._serve import serve

__all__ = ["serve"]
