"""Renders chat templates, in a process of its own: a template is a program that arrives with a model.

Jinja's sandbox keeps it from files and code, but not from computing for ever or filling the memory, and what runs in C
(`9**(9**9)`, `'a'*(3*10**9)`) cannot be interrupted from inside. This process has little memory and little time for
each template, and whoever started it outlives it. Run as a script by `_render.py`; nothing of evalkit is imported.

A request is a length (4 bytes) and a JSON object with `template` and `variables`; an answer is a letter (T = text,
E = error), a length and a text. The environment is that of transformers 5.19 (`_cached_compile_jinja_template`).
"""

from __future__ import annotations

import json
import signal
import sys
import time
from datetime import datetime
from functools import lru_cache
from typing import Any, BinaryIO

MEMORY_BYTES = 2**30
CPU_SECONDS = 5
OUTPUT_BYTES = 2**26


def main(dated: str, is_limited: str, *folders: str) -> None:
    """Answer requests until standard input ends; `dated` is what templates print as today."""
    sys.path += folders  # where the caller's jinja2 is: a process isolated from its folder does not find it otherwise
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is interrupted closes our input
    day = datetime.fromisoformat(dated)
    compiled = lru_cache(maxsize=8)(_environment(day).from_string)
    if is_limited == "limited":
        _limit_memory()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while size := source.read(4):
        request = json.loads(source.read(int.from_bytes(size, "big")).decode("utf-8", "surrogatepass"))
        _allow_seconds()
        _answer(target, compiled, request)


def _answer(target: BinaryIO, compiled: Any, request: dict[str, Any]) -> None:
    letter = b"T"
    try:
        text = compiled(request["template"]).render(request["variables"])
        content = text.encode("utf-8", "surrogatepass")
        if len(content) > OUTPUT_BYTES:
            letter, content = b"E", b"it writes more than 64 MiB of text"
    except MemoryError:
        letter, content = b"E", b"it takes more than 1 GiB of memory"
    except RecursionError:
        letter, content = b"E", b"it calls itself without an end"
    except Exception as error:  # a template is a program: besides Jinja's errors it can raise any
        letter, content = b"E", (str(error) or type(error).__name__)[:4096].encode("utf-8", "replace")
    target.write(letter + len(content).to_bytes(4, "big") + content)
    target.flush()


def _limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _allow_seconds() -> None:
    """Computing time for the next answer; the operating system ends this process at its end, whatever it does."""
    try:
        import resource
    except ImportError:  # Windows, where the caller's own clock has to do
        return
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(time.process_time()) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


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


if __name__ == "__main__":
    main(*sys.argv[1:])
