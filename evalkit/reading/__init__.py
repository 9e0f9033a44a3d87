"""Files that people and models hand in, read within bounds: a value, or one line that says what is wrong and where."""

from ._bytes import read_bytes, read_text
from ._json import (
    DEEPEST,
    JsonError,
    check_depth,
    distinct,
    finite_number,
    load_json,
    read_json,
    refuse_constant,
    whole_number,
)
from ._yaml import YamlWords, read_yaml

__all__ = [
    "DEEPEST",
    "JsonError",
    "YamlWords",
    "check_depth",
    "distinct",
    "finite_number",
    "load_json",
    "read_bytes",
    "read_json",
    "read_text",
    "read_yaml",
    "refuse_constant",
    "whole_number",
]
