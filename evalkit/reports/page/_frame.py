"""The frame of the page: styles, scripts and data put into one file, and what a browser may do with it.

Nothing is asked from anywhere: the Content-Security-Policy names the digests of the styles and scripts inside, and
forbids all else. Data stands as JSON, compressed and in base64, in a block that no browser runs; the scripts unpack it
with the browser's own `DecompressionStream` and write texts as text nodes. Templates escape all that they are given.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.files import replace_bytes

from .._names import shown_model
from ._content import Content, PageRun
from ._labels import Labels, labels_of

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["SCRIPTS", "STYLES", "page_html", "write_page"]

STYLES = ("page.css", "tables.css", "charts.css", "samples.css", "pairs.css")
"""Files of `assets/` that make the page's style, in order."""
SCRIPTS = (
    "core.js",  # the namespace, labels, elements, sections, routes
    "records.js",  # samples as the data holds them
    "tables.js",
    "scale.js",
    "heatmaps.js",
    "curves.js",
    "samples.js",
    "detail.js",
    "flips.js",  # which samples two runs share, and whose scores differ
    "words.js",
    "comparison.js",
    "sides.js",
    "pairs.js",
    "start.js",  # unpacks the data and lets every script draw its section
)
"""Files of `assets/` that run, in order."""
SCHEMA = 1
"""Shape of the data inside the page."""
LEVEL = 6
"""Of gzip: 9 takes three times as long for 1% less."""


def write_page(path: Path, content: Content) -> None:
    """Write the page in one step; `UserError` where that cannot be."""
    replace_bytes(path, page_html(content).encode("utf-8"))


def page_html(content: Content) -> str:
    """The page."""
    labels = labels_of(content.language)
    styles, scripts = [_asset(name) for name in STYLES], [_asset(name) for name in SCRIPTS]
    return _environment().get_template("page.html.j2").render(
        title=content.title,
        language=content.language,
        t=labels,
        parts=content.parts,
        policy=_policy(styles, scripts),
        styles=styles,
        scripts=scripts,
        data=_packed(_data(content, labels)),
        version=version("evalkit"),
    )  # fmt: skip


def _data(content: Content, labels: Labels) -> dict[str, Any]:
    """What scripts draw from: the words, what every run is, and what the sections add."""
    found: dict[str, Any] = {"schema": SCHEMA, "language": content.language, "labels": dict(labels)}
    found["runs"] = [_run(run) for run in content.runs]
    for part in content.parts:
        found |= part.data
    return found


def _run(run: PageRun) -> dict[str, Any]:
    scores = run.scores
    return {
        "name": run.name,
        "folder": str(run.folder),
        "model": shown_model(scores.model, scores.model_title),
        "benchmark": scores.benchmark,
        "title": run.spec.title,
        "protocol": scores.protocol,
        "tasks": list(scores.tasks),
        "metrics": {task: score.metric for task, score in scores.tasks.items()},
    }


def _policy(styles: list[str], scripts: list[str]) -> str:
    """What the browser may load: these styles and scripts, and nothing else from anywhere."""
    allowed = {"script-src": scripts, "style-src": styles}
    named = [f"{kind} {' '.join(map(_digest, texts))}" for kind, texts in allowed.items()]
    return "; ".join(["default-src 'none'", *named, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _packed(data: dict[str, Any]) -> str:
    """JSON → gzip → base64, which holds no sign that means anything in HTML; the same data gives the same text."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), LEVEL, mtime=0)).decode("ascii")


@cache
def _asset(name: str) -> str:
    """A style or script of ours, as it stands in its file; the digests are of this text."""
    return files(__package__).joinpath("assets", name).read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader("evalkit.reports.page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["own"] = Markup  # styles and scripts of `assets/` only: all else is escaped
    return made
