"""`evalkit data lengths`: how long the documents of a data set are, in tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit.prompts import TokenCounter
    from evalkit.reports import CorpusLengths, PartLengths
    from evalkit.tasks import Corpus, CorpusPart

    from .terminal import ProgressMonitor

AT_ONCE = 2_000_000  # characters that are encoded in one go


def lengths(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="A benchmark, or a pinned source of texts.")],
    parts: Annotated[
        list[str] | None, typer.Argument(metavar="TASK", help="Only these tasks, groups or files.  [default: all]")
    ] = None,
    *,
    tokenizer: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="tiktoken encoding, such as cl100k_base; card; model folder; tokenizer.json."
        ),
    ],
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Count whole prompts of the default protocol, not documents.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="STEM", help="Draw a figure: STEM.png and STEM.svg, or FILE.pdf.", parser=o.named_path),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the table: FILE.csv, FILE.md or FILE.tex.")
    ] = None,
    data: o.Data = None,
    json: o.Json = None,
) -> int:
    """Count the documents of a data set in tokens: how many are up to 4K, 8K, 16K, 32K and longer.

    Of the data that is on this machine; none is downloaded.
    """
    from evalkit.reports import check_table_file, draw_lengths_figure, lengths_table, write_lengths_table
    from evalkit.tasks import open_corpus

    from .terminal import check_target, note, print_json, print_table, shown

    check_target(json)
    if table is not None:
        check_table_file(table)
    with shown(f"looking for {name}"):
        corpus = open_corpus(name, parts or (), folder=data, whole_prompts=prompts)
    found = _counted(corpus, tokenizer)
    if json != "-":
        print_table(lengths_table(found))
    for line in found.notes:
        note(line)
    if json is not None:
        print_json(found.to_json(), json)
    if table is not None:
        write_lengths_table(table, found)
        note(f"table: {table}")
    if out is not None:
        with shown(f"drawing {out.name}"):
            paths = draw_lengths_figure(out, found)
        for path in paths:
            note(f"figure: {path}")
    return 0


def _counted(corpus: Corpus, tokenizer: str) -> CorpusLengths:
    from evalkit.prompts import token_counter
    from evalkit.reports import CorpusLengths

    from .terminal import ProgressMonitor, libraries_say

    with ProgressMonitor() as monitor, libraries_say(monitor.note):
        monitor.stage(f"loading tokenizer {tokenizer}")
        counter = token_counter(tokenizer)
        return CorpusLengths(corpus, counter.name, tuple(_of_parts(corpus, counter, monitor)))


def _of_parts(corpus: Corpus, counter: TokenCounter, monitor: ProgressMonitor) -> Iterator[PartLengths]:
    from evalkit.errors import DataError
    from evalkit.reports import PartLengths

    done = 0
    for part in corpus.parts:
        found: list[int] = []
        for texts in _batches(part):
            found += counter.count(texts)
            monitor.stage(f"counting {corpus.noun}s, {part.name}:", done + len(found))
        if not found:
            raise DataError(f"{corpus.name}: {part.name} has no {corpus.noun}s; get its data again")
        done += len(found)
        yield PartLengths(part.name, found)


def _batches(part: CorpusPart) -> Iterator[Sequence[str]]:
    """Its texts, so many at a time that they fill the tokenizer's threads and no memory."""
    batch: list[str] = []
    size = 0
    for document in part.documents():
        batch.append(document.text)
        size += len(document.text)
        if size >= AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
