"""Everything a run or a plan needs, found and checked before any work begins: card, tokenizer, benchmarks, data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.cards import Card, ChatTemplate, check_base, contradictions, foreign_code, read_adapter, read_chat_args
from evalkit.errors import UnknownNameError, UserError
from evalkit.models import (
    BackendOptions,
    LiveCheck,
    Sampling,
    backend_names,
    endpoint_key,
    examine,
    key_notes,
    load_model,
)
from evalkit.prompts import (
    Prompt,
    PromptTokenizer,
    chat_format,
)
from evalkit.reading import read_text
from evalkit.rope import RopeModel, RopeSetting, RopeSpec, engine_setting, parse_rope, rope_setting
from evalkit.settings import RunSettings
from evalkit.tasks import (
    NotedBenchmark,
    load_benchmarks,
)

from ._job import Job, make_job
from ._model import length_notes, resolve_lengths, resolve_model, resolve_tokenizer, server_cards
from ._monitor import Monitor, tell
from ._reasoning import argument_notes, thinking_notes
from ._rotary import rope_model
from ._sampling import sampling_of
from ._selection import left_out, parse_samples

__all__ = [
    "LARGEST_TEMPLATE",
    "Job",
    "Session",
    "check_live",
    "of_several",
    "of_specs",
    "open_model",
    "open_session",
    "spec_words",
    "with_overrides",
]

LARGEST_TEMPLATE = 2**22  # bytes; published ones have under 100,000
SHORT_WINDOW = 128  # tokens; prompts of every benchmark are longer


@dataclass(frozen=True)
class Session:
    """A run, checked and complete: what was asked for and all that was found for it."""

    settings: RunSettings
    """What was asked for."""
    card: Card
    """The model's card, with overrides applied."""
    tokenizer: PromptTokenizer
    """The model's tokenizer."""
    rope: RopeSpec
    """RoPE condition."""
    jobs: tuple[Job, ...]
    """One per benchmark."""
    notes: tuple[str, ...]
    """What the user should know before the run."""

    @property
    def backend(self) -> str:
        """Name of the model adapter, decided."""
        return self.settings.backend or "hf"

    @property
    def sampling(self) -> Sampling | None:
        """How answers are drawn; None where the likeliest tokens are chosen."""
        return sampling_of(self.settings)

    @property
    def kv_bytes_per_token(self) -> int | None:
        """Bytes of keys and values that one token takes at 16 bits a number; None where the card lacks a fact."""
        return self.card.kv_bytes_per_token

    def rope_of(self) -> Callable[[int], RopeSetting]:
        """From prompt + max_new_tokens to the RoPE setting of a prompt."""
        model, spec, grid = self._rope_model, self.rope, self.settings.rope_grid
        if model is None:
            return lambda _: RopeSetting("native")
        if self.settings.rope_mode == "engine":
            default = self.settings.max_seq_len or self.card.default_max_seq_len
            window = max((job.max_seq_len for job in self.jobs), default=default)
            own = engine_setting(spec, model, self.backend, window)
            return lambda _: own
        return lambda tokens: rope_setting(spec, model, tokens, grid)

    @property
    def expected(self) -> int | None:
        """Prompts of the first step, of all benchmarks; None where that cannot be known before samples are read."""
        counts = [None if job.expected is None else job.expected * job.draws for job in self.jobs]
        return None if None in counts else sum(filter(None, counts))

    def first_prompts(self) -> Iterator[tuple[str, Prompt]]:
        """The prompt of the first step of every draw, with the name of its benchmark, streaming."""
        for job in self.jobs:
            requests = (job.benchmark.request(sample, job.protocol, ()) for sample in job.all_samples())
            for prompt in job.builder.build(request for request in requests if request is not None):
                for draw in range(job.draws):
                    yield job.name, replace(prompt, draw=draw) if draw else prompt

    def backend_options(self, *, longest_sequence: int, note: Callable[[str], None]) -> BackendOptions:
        """What the backend of this run is told; `note` takes what it says meanwhile."""
        settings = self.settings
        return BackendOptions(
            dtype=self.card.dtype,
            device=settings.device,
            device_map=settings.device_map,
            adapter=None if settings.adapter is None else read_adapter(settings.adapter),
            attention=settings.attention,
            is_reusing_prefixes=settings.is_reusing_prefixes,
            batch=settings.most_rows,
            trust_remote_code=settings.trust_remote_code,
            longest_sequence=longest_sequence,
            max_cost=settings.max_cost,
            rope_model=self._rope_model,
            note=note,
            logs=self.logs,
        )

    @property
    def logs(self) -> Path | None:
        """Where several replicas keep their logs: in the run's folder, or the one that the runs of `--out` share."""
        folders = {job.folder for job in self.jobs}
        above = {folder.parent for folder in folders}
        is_shared = len(folders) > 1 and len(above) == 1 and self.settings.out is not None
        place = above.pop() if is_shared else next((job.folder for job in self.jobs), None)
        return None if place is None else place / "logs"

    @property
    def _rope_model(self) -> RopeModel | None:
        return rope_model(self.card, self.rope, is_stacked=self.settings.rope_stacks_on_native)

    @property
    def touched_scaling(self) -> str | None:
        """The scaling that the model was released with and that `--rope` would change; None where it stays as it is."""
        released = self.card.rope.scaling
        if released is None or self.rope.kind == "native":
            return None
        is_its_own = self.rope.means(parse_rope(released)) and not self.settings.rope_stacks_on_native
        return None if is_its_own else released

    @property
    def scaling_note(self) -> str | None:
        """What becomes of the scaling that the model was released with; None where it stays as it is."""
        if self.touched_scaling is None:
            return None
        does = "stands on" if self.settings.rope_stacks_on_native else "replaces"
        return (
            f"--rope {self.rope} {does} the scaling that {self.card.name} was released with ({self.card.rope.scaling})"
        )

    def check_rope(self) -> None:
        """Raise `UserError` where `--rope` cannot be, or would change the model's own scaling and nobody said how.

        `none` says so by itself.
        """
        self.rope_of()  # a model that no spec can turn is not told of a scaling first
        released, settings = self.touched_scaling, self.settings
        is_said = settings.rope_replaces_native or settings.rope_stacks_on_native
        if released is None or self.rope.kind == "none" or is_said:
            return
        shown = "a scaling of its own" if released == "native" else f"scaling {released}"
        raise UserError(
            f"--rope {self.rope}: {self.card.name} was released with {shown}, which this would replace; --rope native "
            "runs it as released; add --rope-replaces-native to switch its own off, or --rope-stacks-on-native to keep "
            "it beneath"
        )


@contextmanager
def spec_words() -> Iterator[None]:
    """Errors raised inside say `--spec`, as the verbs call it that take several conditions."""
    try:
        yield
    except UserError as error:
        raise type(error)(of_specs(str(error))) from error


def of_specs(text: str) -> str:
    """The message with `--spec` for `--rope`."""
    return text.replace("--rope ", "--spec ")


def open_session(settings: RunSettings, monitor: Monitor | None = None) -> Session:
    """Find and check everything. Raises a `UserError` for the first thing that is wrong."""
    settings.check()
    tell(monitor, f"reading {settings.model}")
    rope = parse_rope(settings.rope)
    settings, card = resolve_model(settings)
    _check_backend(settings)
    card = with_overrides(card, settings)
    of_adapter = _adapter_notes(settings, card)
    benchmarks = load_benchmarks(settings.benchmarks, settings.options)
    names = [benchmark.spec.name for benchmark in benchmarks]
    if len(set(names)) < len(names):
        raise UserError(f"a benchmark is named twice: {', '.join(names)}")
    tokenizer = resolve_tokenizer(settings, card)
    settings, card = resolve_lengths(settings, card, tokenizer)
    tell(monitor, f"checking {', '.join(names)} and its data")
    selection = parse_samples(settings.samples)
    outside = left_out([benchmark.spec for benchmark in benchmarks], settings.tasks, selection)
    jobs = tuple(
        make_job(named, benchmark, settings, card, tokenizer, selection)
        for named, benchmark in zip(settings.benchmarks, benchmarks, strict=True)
        if benchmark.spec.name not in outside
    )
    sizes = [len(ids) for job in jobs for ids in (job.chosen or {}).values()]
    chosen = [selection.described(sizes)] if selection is not None else []
    omitted = [f"{name}: {reason}" for name, reason in outside.items()]
    of_models = (*_key_notes(settings, card), *of_adapter, *length_notes(card, tokenizer), *_code_notes(card, settings))
    of_chat = argument_notes(card, chat_format(card, tokenizer), tokenizer)
    notes = (*of_models, *of_chat, *chosen, *omitted, *_notes(card, jobs))
    session = Session(settings, card, tokenizer, rope, jobs, notes)
    tell(monitor, "")
    return session if session.scaling_note is None else replace(session, notes=(*notes, session.scaling_note))


def open_model(settings: RunSettings, refusals: Mapping[str, str]) -> Session:
    """The session of a model alone, without benchmarks; `UserError` for the first thing that is wrong with it.

    `refusals`: backend → why it will not do.
    """
    settings.check_values()
    settings, card = resolve_model(settings)
    _check_backend(settings)
    if (why := refusals.get(settings.backend or "hf")) is not None:
        raise UserError(f"{card.name}: {why}")
    card = with_overrides(card, settings)
    if settings.backend == "endpoint" and card.endpoint is not None:
        endpoint_key(card.endpoint)  # a missing one is said before a tokenizer is looked for
    tokenizer = resolve_tokenizer(settings, card)
    settings, card = resolve_lengths(settings, card, tokenizer)
    of_models = (*_key_notes(settings, card), *_adapter_notes(settings, card), *length_notes(card, tokenizer))
    notes = (*of_models, *_code_notes(card, settings), *card.remarks, *contradictions(card))
    return Session(settings, card, tokenizer, parse_rope(settings.rope), jobs=(), notes=notes)


def _check_backend(settings: RunSettings) -> None:
    if settings.backend not in backend_names():
        raise UnknownNameError("backend", str(settings.backend), backend_names())


def of_several(session: Session) -> Session:
    """The session as one of several models of a command: below `--out`, its runs get a folder of the model's name."""
    out = session.settings.out
    if out is None:  # default folders are named after the model anyway
        return session
    below = out / session.card.name
    return replace(
        session, jobs=tuple(replace(job, folder=below / job.folder.relative_to(out)) for job in session.jobs)
    )


def with_overrides(card: Card, settings: RunSettings) -> Card:
    """The card with what the command line says instead of it."""
    changes: dict[str, Any] = {}
    if settings.dtype is not None:
        changes["dtype"] = settings.dtype
    if settings.chat in {"tokenizer", "none", "server"}:
        changes["chat"] = settings.chat
    elif settings.chat is not None:
        try:
            changes["chat"] = ChatTemplate(template=read_text(Path(settings.chat), LARGEST_TEMPLATE))
        except (UserError, ValueError) as error:
            known = "not tokenizer, none, server, or a Jinja file"
            raise UserError(f"--chat {settings.chat}: {known} ({error})") from error
    if settings.chat_args:
        changes["chat_args"] = {**card.chat_args, **read_chat_args(settings.chat_args)}
    return card.model_copy(update=changes)


def _code_notes(card: Card, settings: RunSettings) -> list[str]:
    """What runs with a model and no identity can hold: code of other repositories, as they are on the day."""
    folder = card.weights_path
    if not settings.trust_remote_code or folder is None or not folder.is_dir():
        return []
    return [
        f"{card.name}: its code comes from {repo} on the hub, which this run does not pin: copy it into the model's "
        "folder and correct auto_map"
        for repo in foreign_code(folder)
    ]


def _adapter_notes(settings: RunSettings, card: Card) -> list[str]:
    """What to say of the adapter; `CardError` for one that cannot be computed, or of another model by its name."""
    said = None if settings.adapter is None else check_base(card, read_adapter(settings.adapter))
    return [] if said is None else [said]


def _key_notes(settings: RunSettings, card: Card) -> list[str]:
    if settings.backend != "endpoint":
        return []
    endpoints = [each.endpoint for each in server_cards(settings, card)]
    return [note for endpoint in endpoints if endpoint is not None for note in key_notes(endpoint)]


def _notes(card: Card, jobs: tuple[Job, ...]) -> Iterator[str]:
    yield from card.remarks
    yield from contradictions(card)
    for job in jobs:
        budget = (job.reasoning.rule.budget if job.reasoning.rule is not None else None) or 0
        if job.max_seq_len - budget < SHORT_WINDOW:
            yield (
                f"{job.name}: a window of {job.max_seq_len - budget} tokens for prompt and answer leaves next to "
                "nothing of any prompt; check --max-seq-len"
            )
        yield from thinking_notes(job.name, job.reasoning)
        if job.max_seq_len > card.context_length:
            made_for = f"the {card.context_length} tokens {card.name} was made for"
            whole = "" if job.identity["max_seq_len"] else "; longer prompts run whole, --max-seq-len would cut them"
            yield f"{job.name}: window {job.max_seq_len} exceeds {made_for}{whole}"
        if job.missing:
            yield f"{job.name}: partial, no data for {', '.join(job.missing)}"
        if job.skipped:
            yield f"{job.name}: protocol {job.protocol} does not have {', '.join(job.skipped)}"
        if job.unpinned:
            yield f"{job.name}: not known to be the pinned data: {', '.join(job.unpinned)}"
        if isinstance(job.benchmark, NotedBenchmark):
            yield from (f"{job.name}: {note}" for note in job.benchmark.notes(job.tasks, job.max_seq_len))


def check_live(settings: RunSettings, note: Callable[[str], None]) -> Iterator[LiveCheck]:
    """What holds and what does not on the loaded model, each as it is found; `benchmarks` may be empty."""
    settings.check_values()
    if len(settings.base_url) > 1:
        raise UserError(f"--base-url: one server at a time is checked, and {len(settings.base_url)} are named")
    settings, card = resolve_model(settings)
    card = with_overrides(card, settings)
    for line in _key_notes(settings, card):
        note(line)
    tokenizer = resolve_tokenizer(settings, card)
    session = Session(settings, card, tokenizer, parse_rope(settings.rope), jobs=(), notes=())
    window = settings.max_seq_len or card.default_max_seq_len
    options = session.backend_options(longest_sequence=window, note=note)
    model = load_model(session.backend, card, tokenizer, options)
    try:
        yield from examine(model, card, tokenizer, chat_format(card, tokenizer), window)
    finally:
        model.close()
