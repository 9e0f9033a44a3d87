"""`evalkit chat`: questions about one document, asked as a run asks them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalkit.errors import MissingDependencyError, UserError
from evalkit.files import user_path

from . import _options as o

if TYPE_CHECKING:
    from evalkit.chatting import ChatModel
    from evalkit.chatting.roleplay import Examples
    from evalkit.documents import WatchedDocument
    from evalkit.settings import RunSettings

    from .chat import Talk

TAKEN = (
    "max_seq_len",
    "max_new_tokens",
    "max_reasoning_tokens",
    "temperature",
    "top_p",
    "top_k",
    "repetition_penalty",
    "sampling_seed",
    "truncation",
    "rope",
    "rope_grid",
    "rope_mode",
    "rope_replaces_native",
    "rope_stacks_on_native",
    "chat",
    "chat_args",
    "backend",
    "base_url",
    "engine",
    "send_key_to",
    "max_cost",
    "dtype",
    "device",
    "device_map",
    "adapter",
    "attention",
    "is_reusing_prefixes",
    "trust_remote_code",
)
HELPS = {
    "max_new_tokens": "Generation limit, in tokens; default a sixteenth of the window, from 64 to 1,024.",
    "temperature": "Draw tokens at this temperature, 0 = greedy; default the card's.",
    "top_p": "Draw from the likeliest tokens that hold this share of probability; default the card's.",
    "top_k": "Draw from so many of the likeliest tokens; default the card's.",
    "repetition_penalty": "Penalty on tokens seen before, of draws; default the card's.",
    "truncation": "How prompts that are too long are cut; default middle.",
    "is_reusing_prefixes": "Compute the document again for every question.",
}

Card = Annotated[
    str, typer.Argument(metavar="CARD", help="Card (name or YAML), model folder, hub id (owner/name), or server URL.")
]
File = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Document to ask about: text, PDF, DOCX; read again when it changes.", parser=o.named_path
    ),
]
System = Annotated[str | None, typer.Option(metavar="TEXT", help="System message; @FILE reads it from a file.")]
Questions = Annotated[
    list[str] | None,
    typer.Option("--question", metavar="TEXT", help="Ask this and end; - = each line of standard input. Repeatable."),
]
Samples = Annotated[
    Path | None,
    typer.Option(
        "--save-sample", metavar="FILE", help="Add each exchange to a *.jsonl that `evalkit run` takes as benchmark.",
        parser=o.named_path,
    ),
]  # fmt: skip
Gold = Annotated[str | None, typer.Option(metavar="TEXT", help="Right answer of the sample that is saved.")]
Role = Annotated[
    Path | None,
    typer.Option(
        "--examples", metavar="FILE", help="Dialogues; the nearest ones are shown before each question (role play).",
        parser=o.named_path,
    ),
]  # fmt: skip
Web = Annotated[bool, typer.Option("--web", help="Talk on a page in the browser.")]
Port = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=65535, help="Port of the page; default the next free one from 7860."),
]
Host = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where the page listens; default this machine only.")]


@dataclass(frozen=True)
class Asking:
    """What the verb's own options say."""

    file: Path | None
    system: str | None
    questions: tuple[str, ...]
    samples: Path | None
    gold: str | None
    examples: Path | None
    web: bool
    host: str | None
    port: int | None
    json: str | None

    @property
    def is_talk(self) -> bool:
        """Whether somebody types at a terminal."""
        return not self.questions and sys.stdin is not None and sys.stdin.isatty()

    def check(self) -> None:
        """Raise `UserError` for options that exclude each other or say nothing."""
        for flag, values in (("--question", self.questions), ("--system", (self.system,)), ("--gold", (self.gold,))):
            for text in values:
                _check_text(flag, text)
        if self.web:
            self._check_page()
        elif self.host is not None or self.port is not None:
            raise UserError(f"{'--port' if self.host is None else '--host'} is the page's; add --web, or leave it out")
        if self.gold is not None and (self.samples is None or len(self.questions) != 1 or "-" in self.questions):
            raise UserError("--gold is the right answer to one --question that --save-sample saves; add both")
        if self.json is not None and self.is_talk:
            raise UserError("--json is for scripts; add --question TEXT, or - for the lines of standard input")
        self._check_json()

    def _check_json(self) -> None:
        """Raise `UserError` where the JSON would be written over a file that another option names."""
        if self.json in (None, "-"):
            return
        system = Path(self.system[1:]) if self.system is not None and self.system.startswith("@") else None
        named = {"--file": self.file, "--system": system, "--examples": self.examples, "--save-sample": self.samples}
        for flag, path in named.items():
            if path is not None and realpath(user_path(path)) == realpath(self.json):
                raise UserError(f"--json {self.json}: is the file of {flag}, which would be lost; name another one")

    def _check_page(self) -> None:
        for flag, value in (("--question", self.questions), ("--gold", self.gold), ("--json", self.json)):
            if value:
                raise UserError(f"--web and {flag}: the page asks its own questions; leave one of them out")


@o.takes(*TAKEN, helps=HELPS)
def chat(
    card: Card,
    *,
    file: File = None,
    system: System = None,
    question: Questions = None,
    save_sample: Samples = None,
    gold: Gold = None,
    examples: Role = None,
    web: Web = False,
    host: Host = None,
    port: Port = None,
    given: o.Given,
    json: o.Json = None,
) -> int:
    """Ask a model about one long document, with the prompts of a run: chat format, truncation and RoPE are the same.

    At a terminal it is a conversation (/help lists its commands). With --question, or a pipe, the answers alone go to
    the standard output; exit code 1 where the model fails.
    """
    from evalkit.settings import RunSettings

    from .chat import INTERRUPTED
    from .terminal import check_target, note

    check_target(json)
    asking = Asking(
        file, system, tuple(question or ()), save_sample, gold, examples, web, host, port, json
    )  # fmt: skip
    asking.check()
    try:
        return _chat(RunSettings(**{"model": card, "benchmarks": (), **given}), asking)
    except KeyboardInterrupt:  # said here: unlike a run, the same command would begin anew
        note("interrupted")
        raise SystemExit(INTERRUPTED) from None


def _chat(settings: RunSettings, asking: Asking) -> int:
    """Check everything, then talk."""
    from evalkit.chatting import open_chat
    from evalkit.documents import WatchedDocument

    from .chat import Screen, Talk, system_message

    samples = None if asking.samples is None else _samples(asking.samples)
    system = system_message(asking.system or "")
    watched = None if asking.file is None else WatchedDocument(user_path(asking.file))
    examples = None if asking.examples is None else _examples(user_path(asking.examples))
    if asking.web:
        _check_gradio()
    screen = Screen(is_talk=asking.is_talk, is_silent=asking.json == "-")
    for each in () if examples is None else examples.notes:
        screen.tell(each)
    model = open_chat(settings, screen.tell, is_rope_free=asking.web)
    try:
        if asking.web:
            return _serve(model, asking, watched, system, examples, samples)
        return _talk(Talk(model, screen, watched, system, examples, samples, asking.gold), asking)
    finally:
        model.close()


def _talk(talk: Talk, asking: Asking) -> int:
    from .chat import ask_all, converse, questions_of
    from .terminal import print_json

    if asking.is_talk:
        return converse(talk)
    exchanges: list[dict[str, Any]] = []
    try:
        return ask_all(talk, questions_of(asking.questions or ("-",)), exchanges)
    finally:
        if asking.json is not None and exchanges:
            document = talk.document
            name = None if document is None else document.name
            found = {"schema": 1, "model": talk.model.session.card.name, "document": name, "exchanges": exchanges}
            print_json(found, asking.json)


def _serve(
    model: ChatModel,
    asking: Asking,
    watched: WatchedDocument | None,
    system: str,
    examples: Examples | None,
    samples: Path | None,
) -> int:
    from evalkit.web import serve

    from .terminal import note

    document = None if watched is None else watched.document
    serve(
        model, document=document, system=system, examples=examples, samples=samples, host=asking.host,
        port=asking.port, note=note,
    )  # fmt: skip
    return 0


def _check_gradio() -> None:
    from importlib.util import find_spec

    if find_spec("gradio") is None:
        raise MissingDependencyError("gradio", "web", "--web")


def _check_text(flag: str, text: str | None) -> None:
    """Raise `UserError` for an empty text, and for bytes that are none."""
    if text is None:
        return
    if not text.strip():
        raise UserError(f"{flag}: the text is empty; write one, or leave the option out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{flag}: not text in UTF-8") from None


def _examples(path: Path) -> Examples:
    from evalkit.chatting.roleplay import read_examples

    return read_examples(path)


def _samples(path: Path) -> Path:
    from evalkit.chatting import check_samples_place

    return check_samples_place(path)
