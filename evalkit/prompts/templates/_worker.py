"""Renders chat templates, as the job of a sandbox: a template is a program that arrives with a model.

Jinja's own sandbox keeps it from files and code, but not from computing for ever or filling the memory. A request is a
JSON object with `template` and `variables`, an answer is the text. The environment is that of transformers 5.19
(`_cached_compile_jinja_template`). Nothing of evalkit is imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any


def start(dated: str) -> Callable[[bytes], bytes]:
    """What renders a request; `dated` is what templates print as today."""
    compiled = lru_cache(maxsize=8)(_environment(datetime.fromisoformat(dated)).from_string)

    def render(content: bytes) -> bytes:
        request = json.loads(content.decode("utf-8", "surrogatepass"))
        text: str = compiled(request["template"]).render(request["variables"])
        return text.encode("utf-8", "surrogatepass")

    return render


def _environment(day: datetime) -> Any:
    import jinja2.ext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(jinja2.ext.Extension):
        """`{% generation %}`: marks what a model wrote in training data; the text stays as it is."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

        def _text(self, caller: Any) -> Any:
            return caller()

    def refuse(message: str) -> None:
        raise jinja2.exceptions.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = day.strftime
    return environment


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """JSON as it is, where Jinja's own filter writes `<` as an escape."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
