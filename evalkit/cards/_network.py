"""Whether a card has its weights run as what they are, and with whose code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.cards._card import Card
from evalkit.cards._finding import Finding
from evalkit.cards._folder import FolderFacts
from evalkit.cards._weights import weight_files
from evalkit.errors import CardError, shown
from evalkit.paths import cache_root
from evalkit.printable import amount, counted

__all__ = ["compare_code", "compare_network", "tell_conversion"]

_MOST_FIELDS = 8  # that a line names


def compare_network(card: Card, facts: FolderFacts, folder: Path) -> Iterator[Finding]:
    """Whether the card has the weights run as what they are; without `runs_as` it leaves that to config.json."""
    ours, published = card.architecture.runs_as, facts.published
    if ours is None or ours == facts.architecture.runs_as or (published is None and facts.kind in {ours, None}):
        return
    place = f"architecture.runs_as: {ours}, but config.json in {folder} is of {shown(facts.named)}"
    if published is not None and published.obstacles:
        yield Finding("error", f"{place}, which runs with its own code alone: {_ways(published.obstacles)}")
    elif published is not None:
        yield Finding(
            "error", f"{place}, which runs as {published.runs_as}: correct the card, or get the right weights"
        )
    else:
        yield Finding("error", f"{place}, which does not run as {ours}: correct the card, or get the right weights")


def compare_code(card: Card, facts: FolderFacts, folder: Path) -> Iterator[Finding]:
    """Whether code of the repository is needed, and which fields nobody here knows."""
    published = facts.published
    if published is not None and published.obstacles and card.architecture.runs_as is None:
        is_said = card.trust_remote_code_required and card.origin is not None and card.origin.name != "config.json"
        place = f"{folder / 'config.json'}: {published.name} here runs with its own code alone"
        yield Finding("note" if is_said else "error", f"{place}: {_ways(published.obstacles)}")
    elif facts.needs_remote_code and not card.trust_remote_code_required:
        yield Finding(
            "warning", "trust_remote_code_required: false, but config.json maps a class to code of the repository"
        )
    elif published is not None and card.trust_remote_code_required:
        yield Finding(
            "note", f"trust_remote_code_required: true, but {published.name} runs as {published.runs_as} without it"
        )
    if published is not None and published.unknown:
        fields = ", ".join(shown(field) for field in published.unknown[:_MOST_FIELDS])
        more = f" and {len(published.unknown) - _MOST_FIELDS} more" if len(published.unknown) > _MOST_FIELDS else ""
        yield Finding(
            "note",
            f"{folder / 'config.json'}: not known here, and left out as {published.runs_as}: {fields}{more}",
        )


def tell_conversion(facts: FolderFacts, folder: Path) -> Iterator[Finding]:
    """As what the weights run, and which copy of them a run makes."""
    published, pickled = facts.published, _pickled(folder)
    if facts.architecture.runs_as and published and not published.name.lower().startswith(published.runs_as):
        yield Finding("note", f"{published.name} runs as {published.runs_as}, without its own code")
    if pickled and not facts.needs_remote_code:
        size = amount(sum(path.stat().st_size for path in pickled))
        yield Finding(
            "note",
            f"{counted(len(pickled), 'pickled file')} of weights ({size}): without --trust-remote-code the first run "
            f"writes them as safetensors to {cache_root() / 'converted'}, and later ones read that copy",
        )


def _pickled(folder: Path) -> list[Path]:
    """The pickled files among the weights here; none where an index cannot be read, which is told elsewhere."""
    try:
        return [path for path in weight_files(folder) if path.suffix != ".safetensors" and path.is_file()]
    except CardError:
        return []


def _ways(obstacles: tuple[str, ...]) -> str:
    """What stands in the way, and the way out."""
    more = f" (and {len(obstacles) - 1} more)" if len(obstacles) > 1 else ""
    return f"{obstacles[0]}{more}: run it with --trust-remote-code, or name other weights"
