"""`evalkit data`: the pinned inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.printable import counted
from evalkit.tables import listing

from . import _options as o
from ._lengths import lengths

if TYPE_CHECKING:
    from evalkit.data import FileCheck, Progress

app = typer.Typer(help="List, fetch and verify the pinned inputs.", no_args_is_help=True)

app.command("lengths")(lengths)

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Sources; none = all.")]


@app.command("list")
def list_sources() -> int:
    """Show every source: where it comes from, how many files, how many are here."""
    from evalkit.data import sources, verify

    from .terminal import print_table

    headings = ("source", "what", "origin", "files here", "licence")
    table = listing(headings, texts=("what", "origin", "licence"), numbers=("files here",))
    for source in sources():
        here = sum(check.state in {"ok", "recorded", "unpinned"} for check in verify(source))
        table.add_row(source.name, source.title, source.homepage, f"{here}/{len(source.files)}", source.licence)
    print_table(table)
    return 0


@app.command("fetch")
def fetch_sources(names: Names = None) -> int:
    """Download what is missing, verified; the same command again continues."""
    from evalkit.data import fetch, source, sources

    from .terminal import note

    for each in [source(name) for name in names or ()] or sources():
        seen: set[str] = set()

        def show(progress: Progress, seen: set[str] = seen) -> None:
            if progress.file not in seen:
                seen.add(progress.file)
                note(f"fetching {progress.file}")

        located = fetch(each, show)
        recorded = sum(file.recorded for file in located)
        less = f", {recorded} of them as at the first download: no digest is published" if recorded else ""
        note(f"{each.name}: {counted(len(located), 'file')} here and verified{less}")
    return 0


@app.command("verify")
def verify_sources(names: Names = None, data: o.Data = None) -> int:
    """Check every file at hand against its pinned digest, and the prompt cache against the pinned release."""
    from evalkit.data import source, sources, verify

    from .terminal import shown

    checks: list[FileCheck] = []
    for each in [source(name) for name in names or ()] or sources():
        with shown(f"verifying {each.name}"):
            checks += verify(each, folder=data)
    _print_checks(checks)
    is_upstream_wrong = not names and _has_wrong_prompts()
    return 1 if is_upstream_wrong or any(check.state in {"missing", "differs"} for check in checks) else 0


def _print_checks(checks: list[FileCheck]) -> None:
    from .terminal import print_table

    table = listing(("source", "file", "state", "found in", "detail"), texts=("found in", "detail"))
    for check in checks:
        table.add_row(check.source, check.file, check.state, check.where or "", check.detail)
    print_table(table)


def _has_wrong_prompts() -> bool:
    """Whether the cached upstream prompts differ from the pinned release; says what was checked."""
    from evalkit.data import verify_upstream

    from .terminal import note

    checks = verify_upstream()
    for check in checks:
        note(f"upstream prompts, {check.collection}: {check.state}{f' ({check.detail})' if check.detail else ''}")
    return any(check.state not in {"ok", "missing"} for check in checks)
