"""Chat templates rendered within bounds of time, memory and size, by a process that is started when one is needed."""

from __future__ import annotations

import atexit
import datetime
import functools
import json
from collections.abc import Mapping
from typing import Any

from evalkit.errors import MissingDependencyError
from evalkit.sandbox import Bounds, Sandbox, SandboxError, folders_of

from . import _worker as worker

__all__ = ["TEMPLATE_DATE", "TemplateFailedError", "new_sandbox", "render_template", "rendered"]

TEMPLATE_DATE = datetime.datetime(2024, 7, 26)
"""The day that chat templates print, whatever day it is: with today's date every prompt would change overnight, and no
run could be continued or compared. It is the one that the templates of Llama 3.1 to 3.3 fall back on themselves."""

BOUNDS = Bounds(cpu_seconds=5, wait_seconds=120, memory_bytes=2**30, output_bytes=2**26)


class TemplateFailedError(Exception):
    """The template raised an error, or went beyond a bound; the message says which, in one line."""


def render_template(template: str, variables: Mapping[str, Any]) -> str:
    """The text of a chat template, rendered as transformers renders it; `TemplateFailedError` where there is none.

    Safe to call from any thread. One template has 5 seconds of computing, 1 GiB of memory and 64 MiB of text.
    """
    return rendered(_sandbox(), template, variables)


def rendered(sandbox: Sandbox, template: str, variables: Mapping[str, Any]) -> str:
    """As `render_template`, by the process of that sandbox."""
    content = json.dumps({"template": template, "variables": variables}, ensure_ascii=False)
    try:
        answer = sandbox.ask(content.encode("utf-8", "surrogatepass"))
    except SandboxError as error:
        raise TemplateFailedError(str(error)) from None
    return answer.decode("utf-8", "surrogatepass")


def new_sandbox(bounds: Bounds = BOUNDS) -> Sandbox:
    """A sandbox whose process renders templates."""
    try:
        folders = folders_of("jinja2", "markupsafe")
    except ModuleNotFoundError as error:
        raise MissingDependencyError("jinja2", "hf", "rendering a chat template") from error
    return Sandbox(worker.__file__, bounds, folders, TEMPLATE_DATE.isoformat())


@functools.cache
def _sandbox() -> Sandbox:
    sandbox = new_sandbox()
    atexit.register(sandbox.stop)
    return sandbox
