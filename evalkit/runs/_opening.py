"""How the model of a session is opened: one engine in this process, or several side by side."""

from __future__ import annotations

from collections.abc import Callable

from evalkit.models import BackendOptions, ModelAdapter, load_model

from ._session import Session

__all__ = ["OpenModel", "opener"]

OpenModel = Callable[[], ModelAdapter]


def opener(session: Session, options: BackendOptions) -> OpenModel:
    """What loads the model of a session."""
    return lambda: load_model(session.backend, session.card, session.tokenizer, options)
