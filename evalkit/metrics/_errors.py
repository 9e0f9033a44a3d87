"""The error of a prediction that the official scorer itself cannot score."""

from __future__ import annotations

from evalkit.errors import EvalkitError

__all__ = ["UnscorableError"]


class UnscorableError(EvalkitError):
    """The official scorer raises on this prediction or target: the sample fails, it does not score 0."""
