"""The page itself: what stands where, and what happens when somebody does something.

Imported only once Gradio may be (`_gradio.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from ._desk import KINDS, Changes, Desk, Settings
from ._guard import LARGEST_REQUEST
from ._views import line_view, title_view

__all__ = ["build_page", "style"]

HIDDEN = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
"""No spinner over what is read, no entry in Gradio's API, no queue of Gradio's: questions have their own."""
SETTINGS = ("system", "rope", "temperature", "top_p", "top_k", "penalty", "count")
"""Parts of the page that go with each question, in the order of `Settings`."""


def style() -> str:
    """The page's own style sheet."""
    return (Path(__file__).parent / "page.css").read_text("utf-8")


def build_page(desk: Desk) -> gr.Blocks:
    """The page over a desk."""
    with gr.Blocks(title=f"{desk.name} · evalkit chat", analytics_enabled=False, fill_width=True) as page:
        status = gr.HTML(title_view(desk.name, "loading the model…"), elem_id="status")
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=5, min_width=420, elem_id="left"):
                parts = _left(desk)
            with gr.Column(scale=2, min_width=280, elem_id="right"):
                parts |= _right(desk)
        _wire(page, desk, {**parts, "status": status})
    return page


def _left(desk: Desk) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Tabs(elem_id="tabs"):
        with gr.Tab("Conversation"), gr.Column(elem_id="talk"):
            parts["now"] = gr.HTML("", elem_id="now")
            parts["past"] = gr.HTML("", elem_id="past")
        with gr.Tab("Document and cut"):
            parts["cut"] = gr.HTML("", elem_id="cut")
    parts["problem"] = gr.HTML("", elem_id="problem")
    parts["question"] = gr.Textbox(
        show_label=False, label="Question", placeholder="Ask a question (Enter sends, Shift+Enter begins a line)",
        lines=1, max_lines=8, autofocus=True, elem_id="question", max_length=LARGEST_REQUEST // 8,
    )  # fmt: skip
    with gr.Row(elem_id="buttons"):
        parts["ask"] = gr.Button("Ask", variant="primary", elem_id="ask", min_width=80)
        parts["stop"] = gr.Button("Stop", elem_id="stop", interactive=False, min_width=80)
        parts["reset"] = gr.Button("New conversation", elem_id="reset", min_width=80)
    with gr.Accordion("Save the last answer as a sample", open=False, elem_id="saving"):
        gr.HTML(line_view(desk.saving_line, "quiet"))
        parts["gold"] = gr.Textbox(label="What is right (gold answer; may stay empty)", lines=1, elem_id="gold")
        with gr.Row():
            parts["kind"] = gr.Dropdown(list(KINDS), value=KINDS[0], label="Scored by", elem_id="kind", min_width=120)
            parts["save"] = gr.Button("Save", elem_id="save", min_width=80)
        parts["saved"] = gr.HTML("", elem_id="saved")
    return parts


def _right(desk: Desk) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Column(elem_classes="panel"):
        parts["upload"] = gr.File(
            label="Document (text, PDF, DOCX)", file_count="single", type="filepath", height=132, elem_id="upload"
        )
        parts["document"] = gr.HTML("", elem_id="document")
        parts["facts"] = gr.HTML("", elem_id="facts")
        parts["drop"] = gr.Button("Remove the document", size="sm", elem_id="drop", visible=False)
    parts["system"] = gr.Textbox(
        label="System message", value=desk.settings.system, lines=2, max_lines=8, elem_id="system"
    )
    with gr.Accordion("Sampling", open=False, elem_id="sampling"), gr.Row():
        drawn = desk.settings
        # No bounds here: Gradio would say them in its own way, with a traceback at the terminal.
        parts["temperature"] = gr.Number(drawn.temperature, label="Temperature (0 = greedy)", step=0.1, min_width=110)
        parts["top_p"] = gr.Number(drawn.top_p, label="Top-p (1 = all)", step=0.05, min_width=110)
        parts["top_k"] = gr.Number(drawn.top_k, label="Top-k (0 = all)", step=1, min_width=110)
        parts["penalty"] = gr.Number(drawn.penalty, label="Repetition penalty (1 = none)", step=0.05, min_width=110)
    with gr.Accordion("RoPE", open=False, elem_id="rope-panel", visible=desk.is_rope_free):
        parts["rope"] = gr.Textbox(
            desk.settings.rope, label="As --rope: native, dynamic:2, yarn:4, ntk:2, base:1000000…", elem_id="rope"
        )
    with gr.Accordion("Role play by examples", open=desk.first.examples is not None, elem_id="role"):
        parts["dialogues"] = gr.File(
            label="File of dialogues", file_count="single", type="filepath", height=132, elem_id="dialogues"
        )
        parts["role"] = gr.HTML("", elem_id="role-name")
        parts["count"] = gr.Slider(1, 10, value=desk.settings.examples, step=1, label="Examples shown to the model")
        parts["leave"] = gr.Button("End role play", size="sm", elem_id="leave", visible=False)
    return parts


def _wire(page: gr.Blocks, desk: Desk, parts: dict[str, Any]) -> None:
    """What each event does."""
    settings = [parts[name] for name in SETTINGS]
    shown = [part for name, part in parts.items() if name not in SETTINGS and name != "kind"]

    async def ask(request: gr.Request, question: str, *given: Any) -> AsyncIterator[dict[Any, Any]]:
        async for changes in desk.ask(request.session_hash, question, Settings.of(*given)):
            yield _updates(parts, changes)

    async def watch() -> AsyncIterator[str]:
        async for line, kind in desk.status():
            yield title_view(desk.name, line, kind)

    def end(request: gr.Request) -> None:
        desk.end(request.session_hash)

    page.load(_event(desk.begin, parts), None, shown, **HIDDEN)
    page.load(watch, None, parts["status"], **HIDDEN)
    page.unload(end)
    asking = [parts["question"].submit, parts["ask"].click]
    gr.on(asking, ask, [parts["question"], *settings], shown, trigger_mode="multiple", **HIDDEN)
    parts["save"].click(_event(desk.save, parts), [parts["gold"], parts["kind"]], shown, **HIDDEN)
    parts["upload"].upload(_event(desk.take_upload, parts), parts["upload"], shown, **HIDDEN)
    parts["dialogues"].upload(_event(desk.take_dialogues, parts), parts["dialogues"], shown, **HIDDEN)
    for name in ("stop", "reset", "drop", "leave"):
        parts[name].click(_event(getattr(desk, name), parts), None, shown, **HIDDEN)


def _event(
    method: Callable[..., Awaitable[Changes]], parts: dict[str, Any]
) -> Callable[..., Awaitable[dict[Any, Any]]]:
    """What Gradio calls for a method of the desk."""

    async def handle(request: gr.Request, *given: Any) -> dict[Any, Any]:
        return _updates(parts, await method(request.session_hash, *given))

    return handle


def _updates(parts: dict[str, Any], changes: Changes) -> dict[Any, Any]:
    return {parts[name]: _update(name, value) for name, value in changes.items()}


def _update(name: str, value: Any) -> Any:
    """A change as Gradio takes it: buttons are switched or shown, everything else has a value."""
    if name in ("ask", "stop"):
        return gr.update(interactive=value)
    if name in ("drop", "leave"):
        return gr.update(visible=value)
    return gr.update(value=value)
