"""Shapes of the wild: tokenizers, templates, configurations, models and replies as published models have them.

The other tests use clean inputs, which show what a function does; these show whether it does so with what people
have. All are made by code, random and small, and every one says where it is met (`shape.met`).

| what | from where | how to use |
| --- | --- | --- |
| tokenizers | `TOKENIZERS`, `TEXTS` | `cases(TOKENIZERS)`; fixtures `wild_tokenizer(name)`, `wild_raw(name)` |
| chat templates | `TEMPLATES`, `NAMED` | text of one: `TEMPLATES["date"].text` |
| configurations | `CONFIGS`, `write_config` | `cases(CONFIGS)`: `shape.window`, `shape.original`, … |
| models | `MODELS`, `save_random` | fixture `wild_model(name)` gives a folder |
| replies | `tests.models.endpoint.scripted_server` | `REPLY_SHAPES` by script, ceilings and refusals by `Behaviour` |

`cases(shapes, {name: reason})` marks what the product gets wrong as an expected failure, strictly: the mend must take
the mark away. README.md beside this file lists the shapes.
"""

from tests.wild._shape import Shape, cases
from tests.wild.configs import CONFIGS, PLAIN, ConfigShape, write_config
from tests.wild.models import MODELS, save_random, write_model
from tests.wild.templates import NAMED, TEMPLATES, Template
from tests.wild.tokenizers import TEXTS, TOKENIZERS, load_raw, write_tokenizer

__all__ = [
    "CONFIGS",
    "MODELS",
    "NAMED",
    "PLAIN",
    "TEMPLATES",
    "TEXTS",
    "TOKENIZERS",
    "ConfigShape",
    "Shape",
    "Template",
    "cases",
    "load_raw",
    "save_random",
    "write_config",
    "write_model",
    "write_tokenizer",
]
