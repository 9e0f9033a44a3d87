"""How the model of a session is opened: one engine in this process, or several side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalkit.models import BackendOptions, ModelAdapter, ServersModel, load_model
from evalkit.models.replicas import Replica, replicated
from evalkit.planning.shards import work_cost

from ._model import server_cards
from ._session import Session

__all__ = ["OpenModel", "opener"]

OpenModel = Callable[[], ModelAdapter]


def opener(session: Session, options: BackendOptions) -> OpenModel:
    """What loads the model of a session."""
    if session.settings.is_replicated:
        return lambda: replicated(lambda told: _on_ray(session, told), work_cost(session.card), options)
    if len(session.settings.base_url) > 1:
        cards = server_cards(session.settings, session.card)
        return lambda: ServersModel(cards, session.tokenizer, work_cost(session.card), options)
    return lambda: load_model(session.backend, session.card, session.tokenizer, options)


def _on_ray(session: Session, options: BackendOptions) -> Sequence[Replica]:
    from evalkit.models.replicas.ray import Placement, ray_replicas

    settings = session.settings
    placement = Placement(settings.replicas, settings.gpus_per_replica, settings.ray)
    return ray_replicas(session.backend, session.card, options, placement)
