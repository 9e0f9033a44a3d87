"""Configurations as models were published, said in the terms of an architecture that transformers builds in.

Many models of the published tables came with code of 2023 and 2024 that no release of today runs, although their
networks are Llama or GLM under other names. `read_published` tells which, from `config.json` alone.
"""

from evalkit.cards._window import ConfigError

from ._published import read_published
from ._record import Published

__all__ = ["ConfigError", "Published", "read_published"]
