"""One benchmark of a run, checked and with its data at hand: what is asked, under which rules, with which identity."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.cards import Card, chat_args_text, read_adapter
from evalkit.data import Located, source
from evalkit.errors import UnknownNameError, UserError
from evalkit.prompts import TEMPLATE_DATE, PromptBuilder, PromptTokenizer, TruncationMode, chat_format, parse_mode
from evalkit.rope import parse_rope
from evalkit.settings import RunSettings
from evalkit.tasks import (
    Benchmark,
    BenchmarkSpec,
    NotedBenchmark,
    Sample,
    SizedBenchmark,
    expected_samples,
    option_identity,
    resolve_options,
)

from ._reasoning import Reasoning, as_begun, check_room, label_parts, reasoning_of
from ._rotary import rope_facts
from ._sampling import draws_of, sampling_identity, sampling_overrides
from ._selection import Selection, asked_tasks, locate_tasks

__all__ = ["Job", "default_folder", "make_job", "markup_tokens", "own_window"]


@dataclass(frozen=True)
class Job:
    """One benchmark under one protocol, with its data at hand."""

    named: str
    """The benchmark as the user named it: its name, or its YAML file."""
    benchmark: Benchmark
    """The benchmark."""
    protocol: str
    """Protocol name."""
    label: str
    """Protocol name with what the user overrode: `opencompass+context-middle`."""
    mode: TruncationMode
    """Truncation mode in force."""
    max_seq_len: int
    """Window in force, in tokens."""
    tasks: tuple[str, ...]
    """Tasks to run, in the benchmark's order."""
    skipped: tuple[str, ...]
    """Tasks the protocol does not have."""
    missing: tuple[str, ...]
    """Tasks whose data is not at hand (`--partial`)."""
    files: dict[str, dict[str, Located]]
    """Task → file name → where it is."""
    limit: int | None
    """First samples of each task."""
    chosen: Mapping[str, frozenset[str]] | None
    """Task → ids of the samples that `--samples` chooses; None = no choice."""
    builder: PromptBuilder
    """Makes prompts of its requests."""
    reasoning: Reasoning
    """How thoughts are told from answers."""
    options: dict[str, str]
    """Every option of the benchmark with its value."""
    draws: int
    """Answers that each sample gets."""
    folder: Path
    """Run folder."""
    identity: dict[str, Any]
    """All that can change a score, but the digest of the weights."""

    @property
    def steps(self) -> int:
        """Most questions asked per sample."""
        return self.benchmark.spec.protocol(self.protocol).steps

    @property
    def name(self) -> str:
        """Benchmark name."""
        return self.benchmark.spec.name

    @property
    def unpinned(self) -> list[str]:
        """Files that are not the pinned ones (`--partial`), sorted."""
        return sorted({name for files in self.files.values() for name, place in files.items() if not place.is_known})

    @property
    def altered(self) -> list[str]:
        """Files whose digest is pinned and another one: a part of the benchmark, or something else. Sorted."""
        if not self.benchmark.spec.source:
            return []
        origin = source(self.benchmark.spec.source)
        return [name for name in self.unpinned if origin.file(name).sha256 is not None]

    @property
    def expected(self) -> int | None:
        """Samples that this run asks, of all tasks; None where that cannot be known before they are read."""
        counts = [expected_samples(self.benchmark, task, self.protocol) for task in self.tasks]
        known = [count for count in counts if count is not None]
        if len(known) < len(counts):
            return None
        return sum(count if self.limit is None else min(count, self.limit) for count in known)

    def samples(self, task: str) -> Iterator[Sample]:
        """The samples of one task that this run asks, streaming."""
        samples = _samples(self.benchmark, task, self.protocol, self.files[task])
        if self.chosen is not None:
            chosen = self.chosen[task]  # behind the last one there is nothing to read
            return itertools.islice((sample for sample in samples if sample.id in chosen), len(chosen))
        return itertools.islice(samples, self.limit)

    def all_samples(self) -> Iterator[Sample]:
        """The samples of all tasks, task by task."""
        for task in self.tasks:
            yield from self.samples(task)


def _samples(benchmark: Benchmark, task: str, protocol: str, files: Mapping[str, Located]) -> Iterator[Sample]:
    return benchmark.samples(task, protocol, {name: located.path for name, located in files.items()})


def make_job(
    named: str,
    benchmark: Benchmark,
    settings: RunSettings,
    card: Card,
    tokenizer: PromptTokenizer,
    selection: Selection | None = None,
) -> Job:
    """The job of one benchmark, named so by the user; raises a `UserError` for the first thing that is wrong."""
    spec = benchmark.spec
    protocol = settings.protocol or spec.default_protocol
    rules = spec.protocol(protocol)
    if not rules.prompts:
        raise UserError(f"{spec.name}: nothing can be generated under protocol {protocol!r}: {rules.refusal}")
    given = {name: value for name, value in settings.options.items() if name in spec.options}
    options = resolve_options(spec, given)
    tasks, skipped = _chosen_tasks(spec, protocol, asked_tasks(spec, settings, selection), options)
    mode = parse_mode(settings.truncation or rules.truncation)
    chat = chat_format(card, tokenizer)
    files, missing = locate_tasks(benchmark, tasks, settings)
    limit = settings.max_seq_len or (rules.max_seq_len if tokenizer.unit == "tokens" else None)
    window = limit or own_window(benchmark, protocol, settings, card)
    room = window - markup_tokens(card)
    check_room(settings, room)
    label = _label(spec, protocol, settings, options)
    folder = _folder(spec.name, label, settings, card)
    reasoning = as_begun(reasoning_of(settings, card, tokenizer, chat, rules.reasoning), settings, card, folder)
    limit_new, thoughts = settings.max_new_tokens, settings.max_reasoning_tokens or 0
    builder = PromptBuilder(tokenizer, chat, mode, room, max_new_tokens=limit_new, max_reasoning_tokens=thoughts)
    _check_lengths(benchmark, protocol, builder, tokenizer)
    return Job(
        named=named,
        benchmark=benchmark,
        protocol=protocol,
        label=label,
        mode=mode,
        max_seq_len=window,
        tasks=tuple(files),
        skipped=skipped,
        missing=missing,
        files=files,
        limit=settings.limit,
        chosen=None if selection is None else _chosen(benchmark, protocol, files, selection),
        builder=builder,
        reasoning=reasoning,
        options=options,
        draws=draws_of(settings),
        folder=folder,
        identity={
            "benchmark": spec.name,
            "protocol": protocol,
            "prompt_source": rules.source,
            "truncation": str(mode),
            "max_seq_len": None if limit is None and isinstance(benchmark, SizedBenchmark) else window,
            "tokenizer": tokenizer.digest,
            "template": chat.digest,
            **({"template_date": TEMPLATE_DATE.date().isoformat()} if chat.is_dated else {}),
            "data": {name: located.sha256 for places in files.values() for name, located in places.items()},
            **({"options": option_identity(spec, options)} if options else {}),
            **({"seeding": benchmark.seeding(tasks)} if isinstance(benchmark, NotedBenchmark) else {}),
            **_model_identity(settings, card),
            **reasoning.identity,
        },
    )


def _check_lengths(benchmark: Benchmark, protocol: str, builder: PromptBuilder, tokenizer: PromptTokenizer) -> None:
    """Raise where a benchmark of set lengths cannot make one of them, as soon as a few prompts tell."""
    if not isinstance(benchmark, SizedBenchmark):
        return
    if tokenizer.unit != "tokens":
        name = benchmark.spec.name
        raise UserError(f"{name}: its lengths are tokens, and nobody here knows the tokenizer: give a card")
    for _ in builder.build(benchmark.extremes(protocol)):
        pass


def markup_tokens(card: Card) -> int:
    """Tokens that a server's chat format adds to the messages, kept free."""
    return card.endpoint.markup_tokens if card.chat == "server" and card.endpoint is not None else 0


def own_window(benchmark: Benchmark, protocol: str, settings: RunSettings, card: Card) -> int:
    """The window where none is asked for: the model's, or as much as a benchmark of set lengths takes."""
    if not isinstance(benchmark, SizedBenchmark):
        return card.default_max_seq_len
    longest = benchmark.window(protocol, settings.max_new_tokens)
    thoughts = settings.max_reasoning_tokens or 0
    return max(0 if longest is None else longest + thoughts, card.default_max_seq_len)


def _chosen(
    benchmark: Benchmark, protocol: str, files: Mapping[str, Mapping[str, Located]], selection: Selection
) -> dict[str, frozenset[str]]:
    """Task → ids of the chosen samples; reads the data of these tasks once."""
    name = benchmark.spec.name

    def chosen(task: str) -> frozenset[str]:
        found = _samples(benchmark, task, protocol, files[task])
        return selection.chosen(name, task, lambda: (sample.id for sample in found))

    return {task: chosen(task) for task in files}


def _chosen_tasks(
    spec: BenchmarkSpec, protocol: str, named: list[str], options: Mapping[str, str]
) -> tuple[list[str], tuple[str, ...]]:
    """The tasks to run, and those asked for that the protocol does not have."""
    selected = spec.selected(options)
    wanted = [task for task in named if task in selected]
    if not wanted:
        chosen = ", ".join(f"--{name} {options[name]}" for name, option in spec.options.items() if option.selects)
        raise UserError(f"{spec.name}: {chosen} leaves none of the tasks asked for ({', '.join(named)})")
    there = [task for task in spec.tasks if spec.has_task(task, protocol)]
    tasks = [task for task in there if task in wanted]
    if not tasks:
        raise UnknownNameError(f"task of {spec.name} under protocol {protocol}", wanted[0], there)
    return tasks, tuple(task for task in spec.tasks if task in wanted and task not in there)


def _label(spec: BenchmarkSpec, protocol: str, settings: RunSettings, options: Mapping[str, str]) -> str:
    """The protocol with every override that can change a score: `opencompass+context-middle+rope-dynamic:8`."""
    extras = [settings.truncation] if settings.truncation else []
    overrides = {
        "rope": None if settings.rope == "native" else settings.rope,
        "rope-grid": settings.rope_grid,
        "rope-mode": None if settings.rope_mode == "effective-base" else settings.rope_mode,
        "rope-replaces-native": "yes" if settings.rope_replaces_native else None,
        "rope-stacks-on-native": "yes" if settings.rope_stacks_on_native else None,
        "max-seq-len": settings.max_seq_len,
        "max-new-tokens": settings.max_new_tokens,
        "max-reasoning-tokens": settings.max_reasoning_tokens,
        "reasoning": settings.reasoning,
        **sampling_overrides(settings),
        "chat": settings.chat,
        "dtype": settings.dtype,
        "attention": None if settings.attention == "auto" else settings.attention,
        "adapter": None if settings.adapter is None else read_adapter(settings.adapter).label,
        **_changed_options(spec, options),
    }
    extras += [f"{name}-{value}" for name, value in overrides.items() if value is not None]
    return "+".join([protocol, *extras, *label_parts(settings)])


def _changed_options(spec: BenchmarkSpec, options: Mapping[str, str]) -> dict[str, str]:
    """Options that can change a score and are not at their default; files by their names."""
    return {
        name: Path(options[name]).name if spec.options[name].is_path else options[name]
        for name in option_identity(spec, options)
        if options[name] != spec.options[name].default
    }


MOST_NAME = 120  # bytes of a folder's name; file systems take 255


def _folder(name: str, label: str, settings: RunSettings, card: Card) -> Path:
    """Where the run goes: `--out`, else a name with all that the label says: two experiments are two folders."""
    if settings.out is not None:
        return settings.out / name if len(settings.benchmarks) > 1 else settings.out
    protocol, *extras = label.split("+")
    parts = [card.name, name, protocol, *(extra.removeprefix("rope-") for extra in extras)]
    if settings.backend == "vllm" or (settings.base_url and card.weights is not None):
        parts.append("vllm" if settings.backend == "vllm" else "endpoint")
    return default_folder(parts)


def default_folder(parts: Sequence[str]) -> Path:
    """Where results of that name go without `--out`: below `results`, in signs and a length that file systems take."""
    text = re.sub(r"[^\w.,=-]+", "-", "-".join(parts))
    if len(raw := text.encode()) > MOST_NAME:
        text = f"{raw[: MOST_NAME - 9].decode(errors='ignore')}-{hashlib.sha256(raw).hexdigest()[:8]}"
    return Path("results") / text


def _model_identity(settings: RunSettings, card: Card) -> dict[str, Any]:
    """The model's part but the weights, whose digest costs time and is added by `execute`."""
    return {
        "model": card.name,
        # Known before the weights are here, so that a plan sees that a branch moved.
        **({"weights": card.snapshot.identity} if card.snapshot and settings.backend != "endpoint" else {}),
        "stop": list(card.stop),
        "max_new_tokens": settings.max_new_tokens,
        "rope": settings.rope,
        "rope_grid": settings.rope_grid,
        "rope_mode": settings.rope_mode,
        **sampling_identity(settings),
        "dtype": card.dtype,
        "quantization": card.engine.quantization,
        "backend": settings.backend,
        # Only where they are set, so that runs from before they counted go on.
        **({"chat_args": chat_args_text(card.chat_args)} if card.chat_args else {}),
        **({"trust_remote_code": True} if settings.trust_remote_code else {}),
        **({"add_bos": card.add_bos} if card.add_bos != "auto" else {}),
        **({"attention": settings.attention} if settings.attention != "auto" else {}),  # kernels round otherwise
        **({"adapter": read_adapter(settings.adapter).digest} if settings.adapter is not None else {}),
        **({"rope_replaces_native": True} if settings.rope_replaces_native else {}),
        **({"rope_stacks_on_native": True} if settings.rope_stacks_on_native else {}),
        **rope_facts(card, parse_rope(settings.rope), is_stacked=settings.rope_stacks_on_native),
    }
