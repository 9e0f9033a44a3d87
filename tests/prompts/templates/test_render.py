"""Chat templates: the text is transformers', and no template computes, grows or writes without an end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import CardError
from evalkit.prompts import PromptTokenizer
from evalkit.prompts.templates._render import (
    BOUNDS,
    TEMPLATE_DATE,
    TemplateFailedError,
    new_sandbox,
    render_template,
    rendered,
)
from evalkit.sandbox import Sandbox
from tests.wild import TEMPLATES

TALKS = (
    [{"role": "user", "content": "Read this. So?"}],
    [
        {"role": "system", "content": " Be <brief> & 'kind'. "},
        {"role": "user", "content": "Hello 中文 🙂\n"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "So?"},
    ],
)
CONSTRUCTS = {
    "json": "{{ messages | tojson }}{{ messages | tojson(indent=2) }}",
    "sorted json": "{{ {'b': 1, 'a': '<é>'} | tojson(sort_keys=True, separators=(',', ':'), ensure_ascii=True) }}",
    "loop controls": "{% for m in messages %}{% if loop.last %}{% break %}{% endif %}{% continue %}x{% endfor %}",
    "generation": "{% for m in messages %}{% generation %}{% set x = 1 %}{{ x }}\n  {% endgeneration %}|{% endfor %}",
    "blocks": "  {% if true %}\n  a\n  {% endif %}\n\n  {%- if true +%}\n b {% endif -%}\n c\n",
    "tools": "{% if tools is none %}no tools{% endif %}{% if documents is defined and not documents %}none{% endif %}",
    "namespace": "{% set n = namespace(x=0) %}{% for m in messages %}{% set n.x = n.x + 1 %}{% endfor %}{{ n.x }}",
    "macros": "{% macro f(a, b='z') %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(messages[0].role, b=none) }}",
    "slices": "{{ messages[::-1][0].content[1:4] }}{{ messages[-1]['content'].split(' ')[-1].lstrip('\\n') }}",
    "special tokens": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ add_generation_prompt }}",
    "escapes": "{{ '<&\"' }}{{ '<&>' | e }}{{ '\\u00e9' }}",
    "date": "{{ strftime_now('%d %b %Y') }}",
}


@pytest.mark.parametrize("talk", TALKS, ids=["one turn", "four turns"])
@pytest.mark.parametrize(
    "source", [*(each.text for name, each in TEMPLATES.items() if name != "endless"), *CONSTRUCTS.values()],
    ids=[*(name for name in TEMPLATES if name != "endless"), *CONSTRUCTS],
)  # fmt: skip
def test_the_text_is_what_transformers_writes(
    source: str, talk: list[dict[str, str]], new_tokenizer: Callable[..., Any]
) -> None:
    """White space, JSON, tags and special tokens included; where it refuses, so does evalkit, with its reason."""
    raw = new_tokenizer(source)
    try:
        expected = raw.apply_chat_template(
            talk, tokenize=False, add_generation_prompt=True, strftime_now=TEMPLATE_DATE.strftime
        )
    except Exception as error:
        with pytest.raises(CardError, match="cannot write this prompt") as caught:
            PromptTokenizer(raw).render(talk, None)
        assert str(error) in str(caught.value)
        return

    assert expected == PromptTokenizer(raw).render(talk, None)


ENDLESS = {
    "nested loops": TEMPLATES["endless"].text,
    "power": "{{ 9**(9**9) }}",
    "words": "{{ lipsum(n=10**8) }}",
    "filter in a loop": "{% for a in range(9999) %}{% for b in range(9999) %}{{ b|abs }}{% endfor %}{% endfor %}",
}
LARGE = {
    "repetition": "{{ 'a' * (3 * 10**9) }}",
    "format": "{{ '%01999999999d' | format(1) }}",
    "centre": "{{ 'a'.center(10**9) }}",
    "doubling": "{% set n = namespace(x='ab') %}{% for a in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "join": "{{ (['a'] * 10**5) | join('b' * 10**5) }}",
    "bytes": "{{ (1).to_bytes(3 * 10**9, 'big') }}",
}
MESSAGES = {"messages": TALKS[0], "bos_token": "<s>"}


@pytest.fixture
def hasty() -> Iterator[Sandbox]:
    """A process whose templates have one second."""
    with new_sandbox(BOUNDS._replace(cpu_seconds=0)) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", ENDLESS)
def test_a_template_without_an_end_is_ended(name: str, hasty: Sandbox) -> None:
    """Whatever it does meanwhile, in Jinja or in C."""
    with pytest.raises(TemplateFailedError, match="did not end within"):
        rendered(hasty, ENDLESS[name], MESSAGES)

    assert "<s>" == rendered(hasty, "{{ bos_token }}", MESSAGES)


@pytest.mark.parametrize("name", LARGE)
def test_a_template_without_a_size_is_refused(name: str) -> None:
    """Memory is bounded, and the next template is rendered as ever."""
    with pytest.raises(TemplateFailedError, match=r"more than 1 GiB of memory|did not end within"):
        render_template(LARGE[name], MESSAGES)

    assert "<s>" == render_template("{{ bos_token }}", MESSAGES)


def test_a_text_without_a_size_is_refused() -> None:
    """What fits into memory and into no model."""
    with pytest.raises(TemplateFailedError, match="more than 64 MiB of text"):
        render_template("{{ 'a' * (65 * 2**20) }}", MESSAGES)


def test_a_template_that_calls_itself_is_refused() -> None:
    """An error of the template, not a crash."""
    with pytest.raises(TemplateFailedError, match="calls itself without an end"):
        render_template("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", MESSAGES)


def test_memory_is_watched_where_the_system_does_not_limit_it() -> None:
    """As on macOS, which accepts the limit and does not keep it."""
    with new_sandbox() as sandbox, pytest.raises(TemplateFailedError, match="more than 1 GiB of memory"):
        sandbox.is_limiting_memory = False
        rendered(sandbox, "{% set a = 'a' * (2 * 10**9) %}{% for i in range(99999) %}{{ a }}{% endfor %}", MESSAGES)


def test_a_template_sees_neither_keys_nor_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `jinja2.py` beside the model is not run, and the process has no environment of ours."""
    (tmp_path / "jinja2.py").write_text("raise SystemExit('run')")
    (tmp_path / "json.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_API_KEY", "secret")

    with new_sandbox() as sandbox:
        text = rendered(sandbox, "{{ bos_token }}", MESSAGES)
        process = sandbox._process
        assert process is not None
        environment = Path(f"/proc/{process.pid}/environ")
        seen = environment.read_bytes() if environment.exists() else b""

    assert "<s>" == text
    assert b"secret" not in seen


def test_templates_are_rendered_from_any_thread() -> None:
    """Each thread gets the text of its own messages."""
    texts: dict[int, str] = {}

    def work(number: int) -> None:
        for _ in range(20):
            texts[number] = render_template("{{ n }}", {"n": str(number)})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {number: str(number) for number in range(8)} == texts


def test_odd_texts_come_back_as_they_went() -> None:
    """Line ends, NUL, astral characters and lone surrogates."""
    text = "a\r\n\u2028\x00🙂\ud800"

    assert text == render_template("{{ t }}", {"t": text})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_a_renderer_of_its_own() -> None:
    """Two processes on one pipe would read each other's answers."""
    code = (
        "import os\n"
        "from evalkit.prompts.templates._render import render_template as r\n"
        "r('{{ t }}', {'t': 'first'})\n"
        "child = os.fork()\n"
        "name = 'child' if child == 0 else 'parent'\n"
        "good = all(r('{{ t }}', {'t': name}) == name for _ in range(50))\n"
        "if child == 0:\n"
        "    from evalkit.prompts.templates import _render\n"
        "    _render._sandbox().stop()\n"
        "    os._exit(0 if good else 3)\n"
        "assert good and os.waitpid(child, 0)[1] == 0\n"
    )

    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, check=False)

    assert 0 == ended.returncode, ended.stderr


def test_an_endless_template_names_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hasty: Sandbox, new_tokenizer: Callable[..., Any]
) -> None:
    """One line: the file, and what it exceeded."""
    monkeypatch.setattr("evalkit.prompts.templates._render._sandbox", lambda: hasty)
    (tmp_path / "chat_template.jinja").write_text("…")
    tokenizer = PromptTokenizer(new_tokenizer(TEMPLATES["endless"].text), place=tmp_path)

    with pytest.raises(CardError, match="did not end within") as caught:
        tokenizer.render(TALKS[0], None)

    assert str(caught.value).startswith(f"{tmp_path / 'chat_template.jinja'}: ")
    assert 1 == len(str(caught.value).splitlines())
