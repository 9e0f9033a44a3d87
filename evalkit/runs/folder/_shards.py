"""Parts of a run that are answered apart: `shards/I-of-N` in the run's folder, each a run folder of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from evalkit.errors import DataError, one_line
from evalkit.records import LARGEST_COUNT, StoredRecord
from evalkit.settings import MOST_REPLICAS

from ._records import Manifest

__all__ = [
    "ENDED",
    "PART",
    "SHARDS",
    "Part",
    "digest_of_prompts",
    "holds_shards_only",
    "only_parts",
    "part_folder",
    "part_of",
    "parts_in",
    "run_of_part",
    "sum_of_digests",
    "was_begun",
]

SHARDS = "shards"
PART = "part"
"""Name in a manifest's settings of what a part says of itself."""
ENDED = "ended"
"""Name in a run's settings of the `digest_of_prompts` of which all later steps were asked."""

FILES = ("run.json", "run.copy.json", "samples.jsonl")
"""Of which any run or part that was begun has one that is not empty."""

_NAME = re.compile(r"([1-9][0-9]{0,5})-of-([1-9][0-9]{0,5})")
_DIGEST = r"^[0-9a-f]{32}$"

Number = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]
Amount = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]


class Part(StoredRecord):
    """What the manifest of a part says of it, outside the identity; prompts are those of the first step."""

    index: Number
    """Which part it is, from 1."""
    count: Number
    """Of how many."""
    prompts: Amount
    """Prompts that are this part's."""
    whole: Amount
    """Prompts of all parts."""
    digest: Annotated[str, Field(pattern=_DIGEST)]
    """`digest_of_prompts` of the part's."""
    plan: Annotated[str, Field(pattern=_DIGEST)]
    """`digest_of_prompts` of all parts' prompts."""
    pending: Amount
    """Prompts that had no answer when the part was last begun."""
    had: Amount
    """Answers to first steps that its log held then."""
    is_ended: bool = False
    """Whether all steps of all its prompts were asked."""
    held: Amount = 0
    """Steps that its log had a record of when it had ended; one that has fewer was lost in part, or copied in part."""

    @property
    def named(self) -> str:
        """The part in words."""
        return f"part {self.index} of {self.count}"


def digest_of_prompts(prompts: Iterable[tuple[tuple[str, int, int], str]]) -> str:
    """Digest of keys and prompt digests in any order, 32 hexadecimal digits.

    It adds up: parts that hold every prompt once have the digest of the whole as the sum of theirs.
    """
    total = sum(
        int.from_bytes(hashlib.sha256(f"{name}\0{step}\0{draw}\0{digest}".encode()).digest()[:16])
        for (name, step, draw), digest in prompts
    )
    return sum_of_digests([f"{total:x}"])


def sum_of_digests(digests: Iterable[str]) -> str:
    """The digest of all prompts together that several digests are of."""
    return f"{sum(int(digest, 16) for digest in digests) % 2**128:032x}"


def part_folder(run: Path, index: int, count: int) -> Path:
    """Where part `index` of `count` of a run is answered."""
    return run / SHARDS / f"{index}-of-{count}"


def run_of_part(folder: Path) -> Path:
    """The folder of the run that a part's folder belongs to."""
    return folder.parent.parent


def parts_in(run: Path) -> list[Path]:
    """The parts in a run's folder that were begun, in their order."""
    places = {}
    for path in _inside(run / SHARDS):
        if (found := _NAME.fullmatch(path.name)) and was_begun(path):
            places[int(found[2]), int(found[1])] = path
    return [places[place] for place in sorted(places)]


def only_parts(run: Path) -> str | None:
    """What to do with a folder that holds parts and no run that they were joined to; None where it holds none."""
    if not parts_in(run) or was_begun(run):
        return None
    return f"only parts of a run so far, which are not joined: evalkit merge {run}"


def was_begun(folder: Path) -> bool:
    """Whether a run's or a part's folder holds more than the empty files that a full disk leaves."""
    return any((folder / name).is_file() and (folder / name).stat().st_size > 0 for name in FILES)


def _inside(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it is none."""
    try:
        return list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error


def holds_shards_only(folder: Path) -> bool:
    """Whether nothing but folders of parts is in a folder that is called as theirs is; once a part was begun, other
    files beside them are no matter.
    """
    if folder.name != SHARDS or not folder.is_dir():
        return False
    return bool(parts_in(folder.parent)) or all(_NAME.fullmatch(path.name) for path in _inside(folder))


def part_of(folder: Path, manifest: Manifest) -> Part | None:
    """Which part of a run a folder is by its manifest; None for a whole run."""
    said = manifest.settings.get(PART)
    if said is None:
        return None
    try:
        return Part.model_validate(said)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(["settings", PART, *map(str, problem["loc"])])
        raise DataError(
            f"{folder / 'run.json'}: {where}: {one_line(problem['msg'], 120)}; the same `evalkit run --shard` mends it"
        ) from error
