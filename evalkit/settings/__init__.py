"""What a user may set: each setting written once, for the command line, for Python and for configuration files.

Imports nothing heavy, so that the command line can make its help of it.
"""

from ._file import read_config, write_config, yaml_text
from ._flag import Flag, Setting, settings_of
from ._read import fold_options, merge_values, read_settings
from ._run import MOST_DRAWS, MOST_REPLICAS, MOST_TOKENS, BenchmarkOptions, RunOptions, RunSettings

__all__ = [
    "MOST_DRAWS",
    "MOST_REPLICAS",
    "MOST_TOKENS",
    "BenchmarkOptions",
    "Flag",
    "RunOptions",
    "RunSettings",
    "Setting",
    "fold_options",
    "merge_values",
    "read_config",
    "read_settings",
    "settings_of",
    "write_config",
    "yaml_text",
]
