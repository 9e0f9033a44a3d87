"""The words of the page: a folder for each language, in it a file for each section."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from evalkit.errors import UnknownNameError

__all__ = ["LANGUAGES", "Labels", "labels_of"]

LANGUAGES = ("en", "zh")
"""Languages that the page speaks."""

Labels = Mapping[str, str]
"""Key → text; `{name}` in a text stands for a value."""


@cache
def labels_of(language: str) -> Labels:
    """The words of a language; `UnknownNameError` for one that the page does not speak."""
    import yaml

    if language not in LANGUAGES:
        raise UnknownNameError("language", language, LANGUAGES)
    assert __package__ is not None
    folder = files(__package__).joinpath("labels", language)
    texts = sorted(file.name for file in folder.iterdir() if file.name.endswith(".yaml"))
    return {
        key: text for name in texts for key, text in yaml.safe_load(folder.joinpath(name).read_text("utf-8")).items()
    }
