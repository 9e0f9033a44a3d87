"""What a line that begins with a slash does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from evalkit.documents import WatchedDocument
from evalkit.errors import UnknownNameError, UserError
from evalkit.files import cannot_write, user_path
from evalkit.printable import counted

from ._lines import cut_line, page_of
from ._talk import Talk

__all__ = ["is_command", "obey"]

HELP = """\
/tokens                    what of the window is taken, and by what
/cut [all]                 what truncation leaves out of the prompt
/reset                     forget the history; the document stays
/file PATH                 ask about another document
/system [TEXT | -]         show the system message, set another one, or none
/save FILE.md              write the conversation
/save FILE.jsonl [GOLD]    add the last exchange as a sample for `evalkit run`, with a right answer
/quit                      end, as Ctrl-D does
A line that ends in \\ goes on in the next one. The file is read again when it changes."""

SAMPLE = re.compile(r"(.+?\.jsonl)(?:\s+(.+))?", re.DOTALL)


def is_command(text: str) -> bool:
    """Whether it is a command and no question."""
    return text.startswith("/")


def obey(talk: Talk, text: str) -> None:
    """Do what the command says; `UserError` for one that does not exist or cannot be done."""
    name, _, rest = text.partition(" ")
    if name not in COMMANDS:
        raise UnknownNameError("command", name, COMMANDS, "/help lists them")
    COMMANDS[name](talk, rest.strip())


def _help(talk: Talk, _: str) -> None:
    for line in HELP.splitlines():
        talk.screen.tell(line)


def _reset(talk: Talk, _: str) -> None:
    turns = len(talk.conversation.turns)
    talk.forget()
    talk.screen.tell(f"{counted(turns, 'answer')} forgotten; the document stays")


def _tokens(talk: Talk, _: str) -> None:
    conversation, model = talk.conversation, talk.model
    measured = model.measure(conversation)
    parts = {
        "system message": talk.count(conversation.system),
        "document": measured.document_tokens,
        "history": sum(talk.count(text) for turn in conversation.turns for text in turn),
    }
    parts["chat format"] = measured.prompt_tokens - sum(parts.values())
    parts |= {"answer": model.max_new_tokens, "window": model.window}
    width = len(f"{max(parts.values()):,}")
    for name, tokens in parts.items():
        talk.screen.tell(f"{name:<15} {tokens:>{width},} {model.unit}")
    if measured.cut is None:
        talk.screen.tell(f"{measured.room:,} {model.unit} are left for questions")
    else:
        talk.screen.tell(cut_line(measured.cut, conversation.document, model.unit))


def _cut(talk: Talk, rest: str) -> None:
    if rest not in {"", "all"}:
        raise UserError(f"/cut {rest}: write /cut, or /cut all")
    cut = talk.model.measure(talk.conversation).cut
    if cut is None:
        talk.screen.tell("nothing is cut")
        return
    talk.show_cut(cut)
    page, more = page_of(cut.text, is_whole=rest == "all")
    talk.screen.show(page)
    if more:
        talk.screen.tell(f"… {counted(more, 'character')} more; /cut all shows all of it")


def _file(talk: Talk, rest: str) -> None:
    if not rest:
        raise UserError("/file PATH: name the document")
    talk.watch(WatchedDocument(user_path(rest)))
    talk.open()


def _system(talk: Talk, rest: str) -> None:
    if rest:
        talk.instruct("" if rest == "-" else rest)
        talk.screen.tell("system message set, history forgotten" if rest != "-" else "no system message any more")
    else:
        talk.screen.tell(f"system message: {talk.conversation.system or '(none)'}")


def _save(talk: Talk, rest: str) -> None:
    if (found := SAMPLE.fullmatch(rest)) is not None:
        talk.screen.tell(talk.save(Path(found[1]), found[2]))
    elif rest.endswith(".md"):
        path = user_path(rest)
        _write(path, _markdown(talk))
        talk.screen.tell(f"written to {path}")
    else:
        raise UserError(f"/save {rest}: name FILE.md for the conversation, or FILE.jsonl for a sample")


def _write(path: Path, text: str) -> None:
    """Write a new file; `UserError` for one that is there or cannot be written."""
    try:
        with path.open("x", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
    except FileExistsError:
        raise UserError(f"{path}: is there already; name another file") from None
    except OSError as error:
        raise cannot_write(path, error) from error


def _markdown(talk: Talk) -> str:
    conversation = talk.conversation
    document = conversation.document
    head = f"# {talk.model.session.card.title}" + (f" about {document.name}" if document else "")
    system = [f"**System**\n\n{conversation.system}"] if conversation.system else []
    turns = [f"**Question**\n\n{turn.question}\n\n**Answer**\n\n{turn.answer}" for turn in conversation.turns]
    return "\n\n".join([head, *system, *turns]) + "\n"


COMMANDS: dict[str, Callable[[Talk, str], None]] = {
    "/help": _help,
    "/tokens": _tokens,
    "/cut": _cut,
    "/reset": _reset,
    "/file": _file,
    "/system": _system,
    "/save": _save,
}
