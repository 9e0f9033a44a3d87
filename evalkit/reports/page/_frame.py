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

from evalkit.files import cannot_write, replace_bytes
from evalkit.printable import printable_lines

from .._names import shown_model
from ._content import Content, PageRun
from ._labels import Labels, labels_of
from ._styles import scoped

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["is_page", "page_html", "write_page"]

STYLES = {
    "page.css": (),
    "tables.css": ("summary", "scores", "published"),
    "summary.css": ("summary",),
    "charts.css": ("heatmaps", "curves", "sweep"),
    "samples.css": (),
    "pairs.css": (),
}
"""Styles in `assets/`, in order → the sections that each is kept to; none: its rules name them, or it is for all."""
EARLY_SCRIPTS = (
    "core.js",  # the namespace, labels, elements, sections, routes
    "frame.js",  # theme, keys, scrolling, printing; shows the section that is asked for
)
"""Files of `assets/` that run before the data is there, so that what needs none is seen at once."""
SCRIPTS = (
    "records.js",  # samples as the data holds them
    "tables.js",
    "scale.js",
    "heatmaps.js",
    "curves.js",
    "sweep.js",
    "texts.js",  # texts of others as nodes
    "filters.js",  # what a query of samples asks for
    "controls.js",  # the fields of those queries
    "samples.js",
    "prompt.js",  # what was sent of a sample's prompt
    "detail.js",
    "flips.js",  # which samples two runs share, and whose scores differ
    "words.js",
    "comparison.js",
    "sides.js",
    "pairs.js",
    "start.js",  # unpacks the data and lets every script draw its section
)
"""Files of `assets/` that run after them, in order."""
SCREEN_ONLY = ("samples",)
"""Sections that are not printed unless they are what is shown."""
TAGS = {"zh": "zh-Hans"}
"""Language of the labels → its tag in HTML, by which a browser chooses the shapes of Chinese characters."""
GENERATOR = b'<meta name="generator" content="evalkit '
"""Stands at the beginning of every page, so that a page can be told from a file of the user's own."""
LOCKED = ("base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'")
"""No other address for links, no form that is sent, and no text that becomes markup or a script: that throws."""
SCHEMA = 1
"""Shape of the data inside the page."""
LOOKED_AT = 500
"""Bytes of a file that tell whether it is a page."""
LEVEL = 6
"""Of gzip: 9 takes three times as long for 1% less."""


def write_page(path: Path, content: Content) -> None:
    """Write the page in one step; `UserError` where that cannot be."""
    try:
        replace_bytes(path, page_html(content).encode("utf-8", "replace"))
    except OSError as error:
        raise cannot_write(path, error) from error


def is_page(path: Path) -> bool:
    """Whether a file is a page of evalkit's, by its first lines; a pipe or a device is none, and is not waited for."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return GENERATOR in stream.read(LOOKED_AT)
    except OSError:
        return False


def page_html(content: Content) -> str:
    """The page."""
    labels = labels_of(content.language)
    styles = [scoped(_asset(name), sections) if sections else _asset(name) for name, sections in STYLES.items()]
    early, scripts = ([_asset(name) for name in names] for names in (EARLY_SCRIPTS, SCRIPTS))
    return _environment().get_template("page.html.j2").render(
        title=content.title,
        tag=TAGS.get(content.language, content.language),
        t=labels,
        parts=content.parts,
        screen_only=SCREEN_ONLY,
        policy=_policy(styles, [*early, *scripts]),
        styles=styles,
        early=early,
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
        "tasks": list(scores.tasks),
        "groups": {
            name: [task for task in group.tasks if task in scores.tasks] for name, group in scores.groups.items()
        },
        "metrics": {task: score.metric for task, score in scores.tasks.items()},
    }


def _policy(styles: list[str], scripts: list[str]) -> str:
    """What the browser may load: these styles and scripts, and nothing else from anywhere."""
    allowed = {"script-src": scripts, "style-src": styles}
    named = [f"{kind} {' '.join(map(_digest, texts))}" for kind, texts in allowed.items()]
    return "; ".join(["default-src 'none'", *named, *LOCKED])


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _packed(data: dict[str, Any]) -> str:
    """JSON → gzip → base64, which holds no sign that means anything in HTML; the same data gives the same text."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), LEVEL, mtime=0)).decode("ascii")


@cache
def _asset(name: str) -> str:
    """A style or script of ours, as it stands in its file."""
    return files(__package__).joinpath("assets", name).read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader("evalkit.reports.page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    made.filters["own"] = Markup  # styles and scripts of `assets/`, and base64: all else is escaped
    return made


def _shown(value: object) -> object:
    """What a template writes: texts with signs that hide or turn round what stands beside them as escapes."""
    return printable_lines(value) if type(value) is str else value
