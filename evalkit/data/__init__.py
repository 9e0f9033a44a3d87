"""Pinned inputs: fetched, verified and read, never executed.

from evalkit.data import locate, read_records, source

file = locate(source("leval"), "Exam/coursera.jsonl")
for record in read_records(file.path):
    ...
"""

from evalkit.data._locate import Located, MissingFileError, fetch, locate
from evalkit.data._reading import LINE_BYTES, Record, read_array, read_document, read_records, require, require_strings
from evalkit.data._sources import GitOrigin, HubOrigin, Origin, Source, SourceFile, WheelOrigin, source, sources
from evalkit.data._verify import FileCheck, FileState, verify
from evalkit.data.fetching import Progress, Report
from evalkit.data.upstream import (
    COLLECTIONS,
    DatasetConfig,
    Symbol,
    Turn,
    UpstreamCheck,
    assignments,
    call,
    dataset_configs,
    evaluate,
    read_wheel_text,
    verify_upstream,
)

__all__ = [
    "COLLECTIONS",
    "LINE_BYTES",
    "DatasetConfig",
    "FileCheck",
    "FileState",
    "GitOrigin",
    "HubOrigin",
    "Located",
    "MissingFileError",
    "Origin",
    "Progress",
    "Record",
    "Report",
    "Source",
    "SourceFile",
    "Symbol",
    "Turn",
    "UpstreamCheck",
    "WheelOrigin",
    "assignments",
    "call",
    "dataset_configs",
    "evaluate",
    "fetch",
    "locate",
    "read_array",
    "read_document",
    "read_records",
    "read_wheel_text",
    "require",
    "require_strings",
    "source",
    "sources",
    "verify",
    "verify_upstream",
]
