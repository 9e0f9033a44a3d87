"""The one name of a model in tables and figures, and the protocol in a label."""

from __future__ import annotations

__all__ = ["base_protocol", "shown_model"]


def base_protocol(label: str) -> str:
    """The protocol in the label of a run: `index` of `index+rope-dynamic:4`."""
    return label.partition("+")[0].partition(" ")[0]


def shown_model(name: str, title: str) -> str:
    """The card's title, with the card's name behind it where the title does not contain that already.

    People look for the title; the name is what commands, folders and score files call the model.
    """
    if not title:
        return name
    return title if name.casefold() in title.casefold() else f"{title} [{name}]"
