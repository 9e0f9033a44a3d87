"""The prompts of a run made again, one sample at a time: as the model got them, held against what the run recorded.

A run folder has no prompts, only their digests. They follow from the manifest, the model's tokenizer and the data, so
whoever has these can read them; where the digest is another one, something changed, and it is said what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.cards import (
    Card,
    ChatTemplate,
    Endpoint,
    chat_args_text,
    is_shipped,
    load_card,
    on_this_machine,
    read_chat_args,
)
from evalkit.errors import CardError, DataError, UnknownNameError, UserError
from evalkit.files import user_path
from evalkit.models import UNKNOWN_WINDOW, endpoint_tokenizer, is_address
from evalkit.printable import counted
from evalkit.prompts import (
    TEMPLATE_DATE,
    ChatFormat,
    Ledger,
    Prompt,
    PromptBuilder,
    PromptTokenizer,
    TokenIds,
    chat_format,
    load_tokenizer,
    parse_messages,
    parse_mode,
)
from evalkit.reading import read_text
from evalkit.settings import RunSettings, read_settings
from evalkit.tasks import Benchmark, Message, Sample, load_benchmark, option_identity, resolve_options
from evalkit.versions import environment

from ._identity import pinned_commit
from ._job import markup_tokens, own_window
from ._model import resolve_model
from ._session import LARGEST_TEMPLATE
from .folder import Manifest, SampleRecord, read_manifest

__all__ = ["RebuiltPrompt", "RunPrompts", "open_prompts"]

NAME_IT = "--model PATH says where it is now"
OF_PROMPTS = ("evalkit", "transformers", "tokenizers", "sentencepiece", "tiktoken")
"""Libraries that have a part in token ids."""


@dataclass(frozen=True)
class RebuiltPrompt:
    """The prompt of one step, made again."""

    text: str
    """What the model read, special tokens included; empty where no prompt can be made."""
    messages: tuple[Message, ...]
    """The same as a server was sent it, where the server has the chat format; else empty."""
    ids: TokenIds
    """Token ids, shape (tokens,), int32."""
    ledger: Ledger | None
    """What truncation did; None where no prompt can be made."""
    digest: str
    """sha256 of the ids."""
    recorded: str
    """The digest that the run recorded."""
    error: str | None
    """Why no prompt can be made: what truncation or the window refused in the run, too."""
    doubts: tuple[str, ...] = ()
    """What is otherwise than in the run; only where the digests differ."""

    @property
    def is_same(self) -> bool:
        """Whether it is the prompt that the model got."""
        return self.digest == self.recorded

    @property
    def difference(self) -> str | None:
        """In one line why it is not the prompt that the model got; None where it is."""
        if self.is_same:
            return None
        why = "; ".join(self.doubts) or "tokenizer, template and libraries are those of the run"
        return f"not the prompt that the model got (digest {self.digest[:12]}, recorded {self.recorded[:12]}): {why}"

    def to_json(self) -> dict[str, Any]:
        """The same as JSON, without the ids."""
        messages = [{"role": message.role, "content": message.content} for message in self.messages]
        return {
            "text": None if self.error is not None else self.text,
            **({"messages": messages} if messages else {}),
            "tokens": len(self.ids),
            "prompt_sha256": self.digest,
            "is_same": self.is_same,
            **({"doubts": list(self.doubts)} if self.doubts else {}),
            **({"error": self.error} if self.error is not None else {}),
        }


@dataclass(frozen=True)
class RunPrompts:
    """Makes the prompts of one run: what of a session they need, and nothing else."""

    manifest: Manifest
    """The run's manifest."""
    benchmark: Benchmark
    """Its benchmark, with its options."""
    options: dict[str, str]
    """Every option of the benchmark with its value."""
    tokenizer: PromptTokenizer
    """The model's tokenizer."""
    chat: ChatFormat
    """The chat format in force."""
    builder: PromptBuilder
    """Makes prompts of requests, under the run's truncation and window."""

    def rebuild(self, sample: Sample, records: Sequence[SampleRecord]) -> list[RebuiltPrompt]:
        """The prompt of each step that one draw of a sample has a record of, in step order."""
        found: list[RebuiltPrompt] = []
        said: list[str] = []
        for record in records:
            request = self.benchmark.request(sample, str(self.manifest.identity["protocol"]), said)
            if request is None:
                raise DataError(f"{record.id}: {self.benchmark.spec.name} asks no step {record.step + 1} any more")
            (prompt,) = self.builder.build([request])
            found.append(self._held_against(replace(prompt, draw=record.draw), record))
            said.append(record.text or "")
        return found

    def _held_against(self, prompt: Prompt, record: SampleRecord) -> RebuiltPrompt:
        text = self.tokenizer.decode(prompt.ids.tolist(), skip_special=False) if len(prompt.ids) else ""
        messages = tuple(parse_messages(text)) if self.chat.kind == "messages" and prompt.error is None else ()
        is_same = prompt.digest == record.prompt_sha256
        return RebuiltPrompt(
            text,
            messages,
            prompt.ids,
            prompt.ledger,
            prompt.digest,
            record.prompt_sha256,
            prompt.error,
            () if is_same else tuple(self._doubts(prompt, record)),
        )

    def _doubts(self, prompt: Prompt, record: SampleRecord) -> Iterator[str]:
        """What is known to be otherwise than when the run was made."""
        identity = self.manifest.identity
        if identity.get("tokenizer") != self.tokenizer.digest:
            yield "the tokenizer is another one"
        if identity.get("template") != self.chat.digest:
            yield "the chat template is another one"
        if self.chat.is_dated and identity.get("template_date") != TEMPLATE_DATE.date().isoformat():
            yield f"the chat template was given another date ({identity.get('template_date')})"
        yield from self._changed_options()
        if record.ledger is not None and prompt.ledger is not None and record.ledger.before != prompt.ledger.before:
            yield f"it has {counted(prompt.ledger.before, 'token')} before truncation, then {record.ledger.before:,}"
        now = environment()
        for library in OF_PROMPTS:
            then = self.manifest.environment.get(library)
            if then is not None and library in now and then != now[library]:
                yield f"{library} is {now[library]}, then {then}"

    def _changed_options(self) -> Iterator[str]:
        """Options that are files and hold something else than then: a haystack, needles."""
        spec, recorded = self.benchmark.spec, self.manifest.identity.get("options")
        if not isinstance(recorded, dict):
            return
        for name, value in option_identity(spec, self.options).items():
            if name in recorded and recorded[name] != value:
                yield (
                    f"the file of --{name} holds something else"
                    if spec.options[name].is_path
                    else f"--{name} is {value}"
                )


def open_prompts(folder: Path, model: str | None = None, *, trust_remote_code: bool = False) -> RunPrompts:
    """What makes the prompts of a run folder's samples. Loads a tokenizer, no weights, and no data yet.

    `model` says where the tokenizer is now: a folder, a card, a hub id or the address of a server. Code that comes with
    a model is run only where the caller says so, and a server asked only where the caller names it: a run folder may be
    another's. Raises `UserError` for the first thing that is missing.
    """
    manifest = read_manifest(folder)
    identity = manifest.identity
    given = manifest.settings.get("options") or {}
    benchmark = load_benchmark(str(manifest.settings["benchmark"]), given)
    settings = _settings(manifest, benchmark, model, trust_remote_code=trust_remote_code)
    try:
        card, tokenizer = _model(manifest, settings, model)
        card = _as_recorded(card, identity)
        chat = _chat(card, tokenizer, manifest)
    except (CardError, UnknownNameError) as error:
        advice = "" if model is not None else f"; {NAME_IT}"
        raise CardError(
            f"{folder}: the tokenizer that its prompts were made with is needed: {error}{advice}"
        ) from error
    protocol = str(identity["protocol"])
    window = settings.max_seq_len or own_window(benchmark, protocol, settings, card)
    builder = PromptBuilder(
        tokenizer,
        chat,
        parse_mode(str(identity.get("truncation"))),
        window - _markup(manifest, card),
        max_new_tokens=settings.max_new_tokens,
        max_reasoning_tokens=settings.max_reasoning_tokens or 0,
    )
    return RunPrompts(manifest, benchmark, resolve_options(benchmark.spec, given), tokenizer, chat, builder)


def _settings(manifest: Manifest, benchmark: Benchmark, model: str | None, *, trust_remote_code: bool) -> RunSettings:
    """What of the run's settings its prompts depend on."""
    recorded = ("max_new_tokens", "max_reasoning_tokens", "max_seq_len")
    return read_settings(
        model or str(manifest.settings.get("model") or manifest.identity["model"]),
        (benchmark.spec.name,),
        {**{name: manifest.identity.get(name) for name in recorded}, "trust_remote_code": trust_remote_code},
    )


def _model(manifest: Manifest, settings: RunSettings, model: str | None) -> tuple[Card, PromptTokenizer]:
    """The card and its tokenizer, on this machine or of a server that the caller named."""
    is_unknown = manifest.settings.get("unit") == "characters"
    if is_unknown and is_address(settings.model):  # nobody knew the tokenizer, so no server has to be asked
        card = _unknown()
    elif model is not None and is_address(model):
        settings, card = resolve_model(settings)
        return card, endpoint_tokenizer(card)
    elif is_address(settings.model):
        raise _of_server(manifest)
    else:
        card = _found(manifest, settings, model)
        if card.weights is None and card.tokenizer is None and not is_unknown:
            raise _of_server(manifest)
    return card, load_tokenizer(card, trust_remote_code=settings.trust_remote_code)


def _unknown() -> Card:
    """A card of a model of which nothing has to be known, and whose server is not asked."""
    return Card(
        name="served",
        title="served",
        context_length=UNKNOWN_WINDOW,
        chat="server",
        endpoint=Endpoint(base_url="http://server.invalid/v1"),
        licence="not stated",
    )


def _of_server(manifest: Manifest) -> UserError:
    named = manifest.settings.get("model") or manifest.identity["model"]
    return UserError(
        f"the prompts were made with the tokenizer of the server of {named}, which is asked only where it is named: "
        "give its address (--model http://HOST:PORT/v1), or a folder with the same tokenizer (--model PATH)"
    )


def _found(manifest: Manifest, settings: RunSettings, model: str | None) -> Card:
    """The card that the run had, with the tokenizer of the folder that the caller names; files of the hub at hand."""
    named = str(manifest.settings.get("model"))
    if model is not None and user_path(model).is_dir():
        place = {"tokenizer": str(user_path(model).resolve())}
        if is_shipped(named) or _is_card_file(named):
            # The card's own chat format and special tokens count; only where the files are is new.
            return load_card(named).model_copy(update=place)
        if not any((user_path(model) / name).is_file() for name in ("card.yaml", "config.json")):
            return _unknown().model_copy(update={"chat": "tokenizer", **place})
    pinned = None if model is not None else pinned_commit(str(manifest.identity.get("weights")))
    repository, commit = pinned or ("", "")
    is_its_name = named.partition("@")[0].casefold() == repository.casefold()
    card = load_card(f"{repository}@{commit}" if is_its_name else settings.model)
    if card.weights == repository and card.snapshot is None:
        card = card.model_copy(update={"revision": commit})
    if card.tokenizer is None:
        card = on_this_machine(card)
        if card.snapshot is not None:
            if settings.trust_remote_code:
                card.snapshot.fetch_code()
            card.snapshot.check_tokenizer()
    return card


def _is_card_file(named: str) -> bool:
    return Path(named).suffix in {".yaml", ".yml"} and user_path(named).is_file()


def _as_recorded(card: Card, identity: dict[str, Any]) -> Card:
    """The card with what the run's command line said of prompts instead of it."""
    given = str(identity.get("chat_args") or "")
    changes: dict[str, Any] = {"add_bos": identity.get("add_bos", "auto")}
    if given != chat_args_text(card.chat_args):
        pairs = (each.partition("=") for each in re.split(r", (?=\w+=)", given) if each)
        changes["chat_args"] = read_chat_args({name: value for name, _, value in pairs})
    return card.model_copy(update=changes)


def _chat(card: Card, tokenizer: PromptTokenizer, manifest: Manifest) -> ChatFormat:
    """The chat format with the recorded digest, of all that the run may have had; else the likeliest."""
    wanted = manifest.identity.get("template")
    if wanted in {"none", "server"}:
        return chat_format(card.model_copy(update={"chat": wanted}), tokenizer)
    formats: list[ChatFormat] = []
    problems: list[CardError] = []
    for chat in _chats(card, manifest):
        try:
            formats.append(chat_format(card.model_copy(update={"chat": chat}), tokenizer))
        except CardError as error:
            problems.append(error)
    if not formats:
        raise problems[0]
    return next((each for each in formats if each.digest == wanted), formats[0])


def _chats(card: Card, manifest: Manifest) -> Iterator[Any]:
    """What a card's `chat` may have been in the run: that of `--chat`, the card's own, the tokenizer's."""
    given = manifest.settings.get("chat")
    if isinstance(given, str) and given not in {"tokenizer", "none", "server"}:
        try:
            yield ChatTemplate(template=read_text(Path(given), LARGEST_TEMPLATE))
        except (UserError, ValueError) as error:
            raise CardError(f"the chat template of the run is not there any more: {error}") from error
    yield card.chat
    yield "tokenizer"


def _markup(manifest: Manifest, card: Card) -> int:
    """Tokens of the window that a server's chat format was left."""
    recorded = manifest.settings.get("markup_tokens")
    if manifest.identity.get("template") != "server":
        return 0
    return recorded if isinstance(recorded, int) else markup_tokens(card)
