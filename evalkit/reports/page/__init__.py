"""One HTML page of runs: self-contained, opened by double-click, with every sample behind every number."""

from ._compose import content_of
from ._content import Content, PageRun, Part
from ._frame import is_page, page_html, write_page
from ._labels import LANGUAGES, Labels, labels_of
from ._read import read_runs
from ._sweep import sweep_folders

__all__ = [
    "LANGUAGES",
    "Content",
    "Labels",
    "PageRun",
    "Part",
    "content_of",
    "is_page",
    "labels_of",
    "page_html",
    "read_runs",
    "sweep_folders",
    "write_page",
]
