"""The documents of a benchmark, or of a source of texts, as far as its data is on this machine.

A document is what a sample is asked about, its field `context`; several questions about one document are one document.
Of a source without a benchmark that has such samples, NeedleBench's haystacks for example, it is a record's `text`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from evalkit.data import Located, MissingFileError, Source, locate, read_records, source, sources
from evalkit.errors import DataError, UnknownNameError, UserError

from ._benchmark import Benchmark, load_benchmark
from ._catalogue import benchmark_names, installed_benchmarks, is_sample_file

__all__ = ["Corpus", "CorpusPart", "Document", "open_corpus"]

CONTEXT, TEXT = "context", "text"


class Document(NamedTuple):
    """One text."""

    id: str
    """What tells it from the others of its part."""
    text: str
    """The text itself."""


@dataclass(frozen=True)
class CorpusPart:
    """A task of a benchmark, or a file of a source."""

    name: str
    """Name of the task; of a file, without its ending."""
    files: dict[str, Path]
    """The files that it is read from."""
    _benchmark: Benchmark | None = None
    _is_whole: bool = False

    def documents(self) -> Iterator[Document]:
        """Its documents in file order, each once, streaming; whole prompts where these were asked for."""
        if self._benchmark is None:
            yield from self._records()
        elif self._is_whole:
            yield from self._prompts(self._benchmark)
        else:
            yield from self._contexts(self._benchmark)

    def _records(self) -> Iterator[Document]:
        for path in self.files.values():
            for record in read_records(path):
                text = record.fields.get(TEXT)
                if not isinstance(text, str):
                    raise DataError(f"{record.place}: no field {TEXT!r} with a string; get the file again")
                yield Document(f"{self.name}/{record.line}", text)

    def _contexts(self, benchmark: Benchmark) -> Iterator[Document]:
        seen = set[str | bytes]()
        for sample in benchmark.samples(self.name, benchmark.spec.default_protocol, self.files):
            if CONTEXT not in sample.fields or "repeat" in sample.metadata:
                raise UserError(
                    f"{benchmark.spec.name}: its samples have no document of their own (haystacks are cut to lengths); "
                    "--prompts counts whole prompts"
                )
            if sample.document in seen:
                continue
            text = sample.fields[CONTEXT]
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            if digest not in seen:  # gsm100 asks each of its 100 questions in a record of its own, behind one text
                yield Document(sample.document, text)
            seen |= {sample.document, digest}

    def _prompts(self, benchmark: Benchmark) -> Iterator[Document]:
        protocol = benchmark.spec.default_protocol
        for sample in benchmark.samples(self.name, protocol, self.files):
            request = benchmark.request(sample, protocol, ())
            if request is None:
                continue
            if request.context_builder is not None:
                raise UserError(
                    f"{benchmark.spec.name}: its prompts are made to a length by the model's tokenizer; "
                    f"see evalkit plan CARD {benchmark.spec.name}"
                )
            yield Document(sample.id, request.text)


@dataclass(frozen=True)
class Corpus:
    """Texts whose lengths may be asked for."""

    name: str
    """Benchmark or source."""
    title: str
    """The same for people."""
    about: str
    """Which text of it counts, for people."""
    noun: str
    """What one text is: `document` or `prompt`."""
    parts: tuple[CorpusPart, ...]
    """Those whose data is here, in the order of the benchmark."""
    missing: tuple[str, ...] = ()
    """Names of those whose data is not."""
    unknown: tuple[str, ...] = field(default=())
    """Files that are not known to be the pinned ones."""


def open_corpus(
    name: str, parts: Sequence[str] = (), *, folder: Path | None = None, whole_prompts: bool = False
) -> Corpus:
    """The documents of a benchmark or of a pinned source, of these tasks, groups or files alone where any are named.

    `folder` is a folder of data to look in first; nothing is downloaded. `whole_prompts`: the prompts of the default
    protocol instead, before the chat format. `UnknownNameError` for names that are not there, `UserError` where none
    of the data is on this machine.
    """
    benchmark = _benchmark_of(name)
    found = (
        _of_source(source(name), parts, folder)
        if benchmark is None
        else _of_benchmark(benchmark, parts, folder, whole_prompts=whole_prompts)
    )
    if benchmark is None and whole_prompts:
        raise UserError(f"--prompts: {name} is a source of texts and asks nothing; name a benchmark")
    if not found.parts and not found.missing:
        raise UserError(f"{name}: its files hold no records with a field {TEXT!r} to count; name a benchmark")
    if not found.parts:
        raise UserError(
            f"{name}: no data of {', '.join(found.missing)} is on this machine: run: evalkit data fetch "
            f"{name if benchmark is None else benchmark.spec.source}, or name the folder that has it with --data"
        )
    return found


def _benchmark_of(name: str) -> Benchmark | None:
    """The benchmark of that name, or of a source's name written with dashes; None for a source of texts."""
    known = [*benchmark_names(), *installed_benchmarks().found]
    if name in known or is_sample_file(name) or Path(name.partition("#")[0]).suffix in {".yaml", ".yml"}:
        return load_benchmark(name)
    if (spelled := name.replace("_", "-")) in known:
        return load_benchmark(spelled)
    names = [each.name for each in sources()]
    if name not in names:
        raise UnknownNameError("source or benchmark", name, [*names, *known])
    return None


def _of_benchmark(benchmark: Benchmark, names: Sequence[str], folder: Path | None, *, whole_prompts: bool) -> Corpus:
    spec = benchmark.spec
    wanted = {task for name in names for task in spec.task_names(name)} or set(spec.tasks)
    parts, missing, unknown = list[CorpusPart](), list[str](), list[str]()
    for task in (task for task in spec.tasks if task in wanted):
        try:
            located = {file: _located(source(spec.source), file, folder) for file in benchmark.files(task)}
        except MissingFileError:
            missing.append(task)
            continue
        unknown += [file for file, each in located.items() if not each.is_known]
        files = {file: each.path for file, each in located.items()}
        parts.append(CorpusPart(task, files, benchmark, whole_prompts))
    about = (
        f"prompts of protocol {spec.default_protocol}, before the chat format"
        if whole_prompts
        else "documents, without question and instruction, each counted once for all its questions"
    )
    noun = "prompt" if whole_prompts else "document"
    return Corpus(spec.name, spec.title, about, noun, tuple(parts), tuple(missing), tuple(unknown))


def _of_source(found: Source, names: Sequence[str], folder: Path | None) -> Corpus:
    """A source's files of records with texts."""
    parts, missing, unknown = list[CorpusPart](), list[str](), list[str]()
    known = {Path(file.path).stem: file.path for file in found.files if file.path.endswith(".jsonl")}
    for name in names:
        if name not in known:
            raise UnknownNameError(f"file of {found.name}", name, known)
    for stem, path in known.items():
        if names and stem not in names:
            continue
        try:
            located = _located(found, path, folder)
        except MissingFileError:
            missing.append(stem)
            continue
        if not _has_texts(located.path):
            if names:
                raise UserError(f"{found.name}: the records of {stem} have no field {TEXT!r} to count")
            continue
        unknown += [] if located.is_known else [path]
        parts.append(CorpusPart(stem, {path: located.path}))
    return Corpus(
        found.name, found.title, f"records of its files, field {TEXT!r}", "document", tuple(parts), tuple(missing),
        tuple(unknown),
    )  # fmt: skip


def _has_texts(path: Path) -> bool:
    return isinstance(next(read_records(path)).fields.get(TEXT), str)


def _located(found: Source, file: str, folder: Path | None) -> Located:
    return locate(found, file, folder=folder, partial=True, download=False)
