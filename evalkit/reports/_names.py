"""The one name of a model in tables and figures."""

from __future__ import annotations

__all__ = ["shown_model"]


def shown_model(name: str, title: str) -> str:
    """The card's title, with the card's name behind it where the title does not contain that already.

    People look for the title; the name is what commands, folders and score files call the model.
    """
    if not title:
        return name
    return title if name.casefold() in title.casefold() else f"{title} [{name}]"
